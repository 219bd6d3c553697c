"""The picture of a phase diagram: its lines, and the names of the phases between them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.artist import getp
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from meanfield.phases.phase_diagram import PhaseDiagram
from meanfield.phases.phase_line import Line
from meanfield.replicas.solver import solve

MESH = 9
COLOURS = {"rs": "#1f4e79", "1rsb": "#c0504d", "frsb": "#2e8b57"}
STYLES = {"almeida-thouless": "--", "double-wells": ":"}
WORDS = {
    "almeida-thouless": "replica symmetry breaks",
    "double-wells": "double wells begin",
}
LABELS = {"gamma": "$\\gamma$", "j0": "$J_0$", "temperature": "$T$"}
ANSATZ = {"rs": "RS", "1rsb": "1RSB", "frsb": "full RSB"}


def figure(diagram: PhaseDiagram) -> Figure:
    """Transitions as full lines, loss of replica symmetry dashed, onset of double wells dotted."""
    result = Figure(figsize=(8.0, 4.8), layout="constrained")
    FigureCanvasAgg(result)
    axes = result.subplots()
    inverse = diagram.plane.y.inverse
    for line in diagram.lines:
        x, y = line.points[diagram.plane.x.name], line.points[diagram.plane.y.name]
        y = 1.0 / y if inverse else y
        colour = "black" if line.exact else COLOURS[line.ansatz]
        axes.plot(x, y, STYLES.get(line.name, "-"), color=colour, lw=1.8, label=_label(line))
        error = line.points["error"]
        if line.error_of == "gamma" and np.any(error > 0.0):
            gamma = line.points["gamma"]
            band = [1.0 / g if inverse else g for g in (gamma - error, gamma + error)]
            axes.fill_between(x, band[0], band[1], color=colour, alpha=0.2, lw=0)
    bounds = (diagram.plane.y.value(0.0), diagram.plane.y.value(1.0))
    axes.set_xlim(diagram.plane.x.low, diagram.plane.x.high)
    bottom, top = sorted(1.0 / bound if inverse else bound for bound in bounds)
    axes.set_ylim(0.0 if diagram.plane.reaches_zero else bottom, top)
    name = diagram.plane.y.name
    axes.set(xlabel=LABELS[diagram.plane.x.name], ylabel="$1/\\gamma$" if inverse else LABELS[name])
    axes.set_title(_title(diagram), fontsize=10)
    _unique_legend(axes)
    _name_phases(axes, diagram)
    return result


def _label(line: Line) -> str:
    if line.name in WORDS:
        return WORDS[line.name] + ("" if line.exact else f", {ANSATZ[line.ansatz]}")
    words = line.name.replace("-", " to ")
    return words if line.exact else f"{words}, {ANSATZ[line.ansatz]}"


def _name_phases(axes: Axes, diagram: PhaseDiagram) -> None:
    """Write the names of the phases into the plane, each at the middle of the points of a mesh that belong to it.

    Only where solving at the mesh takes no time to speak of: at T = 0 without field and continuous disorder.
    """
    plane = diagram.plane
    if plane.varies_temperature or plane.temperature > 0.0 or plane.model.field or plane.model.a2.continuous:
        return
    steps = (np.arange(MESH) + 0.5) / MESH
    where: dict[str, list[tuple[float, float]]] = {}
    for t in product(steps, steps):
        solution = solve(plane.at(np.array(t))[0])
        mixed = solution.phase == "polarised" and not solution.stable
        where.setdefault("mixed" if mixed else solution.phase, []).append(t)
    for name, mesh in where.items():
        points = np.array(mesh)
        x, y = points[np.argmin(np.sum((points - points.mean(axis=0)) ** 2, axis=1))]
        value = plane.y.value(y)
        at = (plane.x.value(x), 1.0 / value if plane.y.inverse else value)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
        axes.text(*at, name, ha="center", va="center", fontsize=11, style="italic", color="0.25", bbox=box)


def _unique_legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # Lines of one name but another colour differ: each has its entry.
    unique = {(label, getp(handle, "color")): handle for label, handle in zip(labels, handles, strict=True)}
    names = [label for label, _ in unique]
    axes.legend(unique.values(), names, frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _title(diagram: PhaseDiagram) -> str:
    model = diagram.plane.model
    fixed = diagram.to_dict()["fixed"]
    parts = [f"{LABELS[name]} = {value:g}" for name, value in fixed.items()]
    if model.potential == "ising":
        parts = ["Ising spins"]
    if model.field:
        parts.append(f"$F$ = {model.field:g}")
    if model.a2.std:
        parts.append(f"$a_2$ = {model.a2.mean:g} $\\pm$ {model.a2.std:g}")
    return ", ".join(parts)


def save(diagram: PhaseDiagram, path: str | Path) -> None:
    """Write the figure of ``diagram``; the file's ending chooses the format."""
    figure(diagram).savefig(path, dpi=150)
