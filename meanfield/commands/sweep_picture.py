"""The picture of a sweep: order parameters, energy and stability along it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meanfield.replicas.sweep import Sweep

BLUE, RED, GREEN = "#1f4e79", "#c0504d", "#2e8b57"
LABELS = {"gamma": "$\\gamma$", "j0": "$J_0$", "temperature": "$T$"}
# Opacity of the first of several curves, and the most that are named.
FAINTEST, MOST_NAMES = 0.3, 8


def figure(sweep: Sweep) -> Figure:
    """Overlaps with p, responses, and energies over `Sweep.axis`, a curve for each choice of the other parameters."""
    result = Figure(figsize=(11.0, 3.4), layout="constrained")
    FigureCanvasAgg(result)
    overlaps, responses, energy = result.subplots(1, 3)
    x, q = sweep.column(sweep.axis), sweep.levels("q")
    overlap_names = ["$q$"] if q.shape[1] == 1 else ["$q_0, \\ldots, q_K$"] + [""] * (q.shape[1] - 1)
    curves = [(overlaps, q[:, k], BLUE, "-", name) for k, name in enumerate(overlap_names)]
    curves += [
        (overlaps, sweep.column("p"), RED, "-", "$p$"),
        (responses, sweep.column("C"), BLUE, "-", "$C$"),
        (responses, sweep.column("susceptibility"), GREEN, "--", "$\\chi$"),
        (responses, sweep.column("replicon"), RED, ":", "replicon (no jumps)"),
        (energy, sweep.column("free_energy"), BLUE, "-", "$f$"),
        (energy, sweep.column("internal_energy"), RED, "--", "$u$"),
    ]
    opacity = np.linspace(1.0 if len(sweep.curves) == 1 else FAINTEST, 1.0, len(sweep.curves))
    for axes, values, colour, style, name in curves:
        for number, rows in enumerate(sweep.curves):
            label = name if name and number == len(sweep.curves) - 1 else None
            axes.plot(x[rows], values[rows], style, color=colour, lw=1.5, alpha=opacity[number], label=label)
    for axes in (overlaps, responses, energy):
        axes.set_xlabel(LABELS[sweep.axis])
        axes.legend(frameon=False, fontsize=8)
    overlaps.set_title(sweep.ansatz, fontsize=10)
    if len(sweep.curves) > 1:
        shown = np.unique(np.linspace(0, len(sweep.curves) - 1, MOST_NAMES).round().astype(int))
        handles = [Line2D([], [], color="black", alpha=opacity[k], label=_others(sweep, k)) for k in shown]
        result.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8)
    return result


def _others(sweep: Sweep, curve: int) -> str:
    """What is fixed along a curve of several, e.g. "$J_0$ = 0.5"."""
    first = sweep.curves[curve][0]
    names = [name for name in LABELS if name != sweep.axis and len(getattr(sweep, name)) > 1]
    return ", ".join(f"{LABELS[name]} = {sweep.column(name)[first]:.4g}" for name in names)


def save(sweep: Sweep, path: str | Path) -> None:
    """Write the figure of ``sweep``; the file's ending chooses the format."""
    figure(sweep).savefig(path, dpi=150)
