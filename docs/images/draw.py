"""Draw the README's picture of cavity fields from a finished run: python docs/images/draw.py runs/quickstart"""

import sys
from pathlib import Path

from validation.plot_style import style
from validation.report.plots import plots
from validation.simulation import Simulation
from validation.verdicts.comparison import compare_run

here = Path(__file__).parent

with style():
    for plot in plots(compare_run(Simulation.open(Path(sys.argv[1])))):
        if plot.name == "fields":
            plot.figure.savefig(here / f"{plot.name}.png", dpi=160, facecolor="white")
