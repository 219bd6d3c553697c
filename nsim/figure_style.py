"""Look of all pictures of a simulation: Okabe and Ito's colours, told apart by colour-blind readers, and plain axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INK, GREY, LIGHT = "#1a1b1e", "#8a8f99", "#dfe1e6"
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
DPI = 200
SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.5,
    "mathtext.fontset": "dejavusans",
}


@contextmanager
def style() -> Iterator[None]:
    """The settings of every picture, for the time of drawing it."""
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        yield


def figure(columns: int = 1, width: float = 6.4, height: float = 4.0, rows: int = 1) -> tuple[Any, Any]:
    """A figure with one or more panels; no pyplot, which would keep it alive and look for a display."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns)


def save(made: Any, path: Path) -> None:
    """Write a figure to a file."""
    made.savefig(path, dpi=DPI)


def nothing(axes: Any, words: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def plain_ticks(axis: Any) -> None:
    """Numbers in full at 1, 2 and 5 of every decade of a logarithmic axis."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_formatter(NullFormatter())
