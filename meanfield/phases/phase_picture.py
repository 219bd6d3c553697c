"""The picture of a phase diagram: its lines, and the names of the phases between them."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist, getp
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from meanfield.phases.phase_diagram import PhaseDiagram
from meanfield.phases.phase_line import Line
from meanfield.replicas.solver import solve

MESH = 9
BESIDE = (-1 / 3, -1 / 6, 0.0, 1 / 6, 1 / 3)  # of a step of the mesh: where a name may stand beside a point of it
CLEARANCE = 10.0  # pixels between a name and the next line beyond which more is no better
PHASES = {"glassy": "glass"}  # by the phase of a solution, where the name of the region is another
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
    _name_phases(result, axes, diagram)
    return result


def _label(line: Line) -> str:
    if line.name in WORDS:
        return WORDS[line.name] + ("" if line.exact else f", {ANSATZ[line.ansatz]}")
    words = line.name.replace("-", " to ")
    return words if line.exact else f"{words}, {ANSATZ[line.ansatz]}"


def _name_phases(whole: Figure, axes: Axes, diagram: PhaseDiagram) -> None:
    """Write the names of the phases into the plane, each where it stands clear of the lines.

    Places are those points on and around a mesh that belong to the phase; of those equally clear the one next to their
    middle.
    Only where solving at the mesh takes no time to speak of: at T = 0 without field and continuous disorder.
    """
    plane = diagram.plane
    if plane.varies_temperature or plane.temperature > 0.0 or plane.model.field or plane.model.a2.continuous:
        return

    def name_at(t: tuple[float, float]) -> str:
        solution = solve(plane.at(np.array(t))[0])
        mixed = solution.phase == "polarised" and not solution.stable
        return "mixed" if mixed else PHASES.get(solution.phase, solution.phase)

    steps = (np.arange(MESH) + 0.5) / MESH
    where: dict[str, list[tuple[float, float]]] = {}
    for t in product(steps, steps):
        where.setdefault(name_at(t), []).append(t)
    whole.draw_without_rendering()  # settles where the axes lie
    obstacles = _pixels_of_lines(axes)
    for name, mesh in where.items():
        near = [(x + dx / MESH, y + dy / MESH) for x, y in mesh for dx, dy in product(BESIDE, BESIDE)]
        values = [(plane.x.value(x), plane.y.value(y)) for x, y in near]
        points = np.array([(x, 1.0 / y if plane.y.inverse else y) for x, y in values])
        text = axes.text(0.0, 0.0, name, ha="center", va="center", fontsize=11, style="italic", color="0.25")
        pixels, extent = axes.transData.transform(points), text.get_window_extent()
        outside = np.abs(obstacles - pixels[:, None]) - [extent.width / 2, extent.height / 2]
        clear = np.hypot(*np.moveaxis(np.maximum(outside, 0.0), -1, 0)).min(axis=1)
        off_centre = np.hypot(*(pixels - pixels.mean(axis=0)).T)
        order = np.lexsort((off_centre, -np.minimum(clear, CLEARANCE)))
        best = next(k for k in order if name_at(near[k]) == name)
        text.set_position(tuple(points[best]))


def _pixels_of_lines(axes: Axes) -> np.ndarray:
    """Points on all lines and on the frame, a pixel or so apart, shape (points, 2)."""
    frame = axes.transAxes.transform([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    found = []
    for line in [frame, *(axes.transData.transform(line.get_xydata()) for line in axes.lines)]:
        for first, second in pairwise(line):
            count = 2 + int(min(np.abs(second - first).max(), frame.max()))
            found.append(np.linspace(first, second, count))
    return np.concatenate(found)


def _unique_legend(axes: Axes) -> None:
    """One entry for all lines that look alike, with their names below each other."""
    handles, labels = axes.get_legend_handles_labels()
    alike: dict[tuple[str, str], tuple[Artist, dict[str, None]]] = {}
    for label, handle in zip(labels, handles, strict=True):
        look = (getp(handle, "color"), getp(handle, "linestyle"))
        alike.setdefault(look, (handle, {}))[1][label] = None
    shown = [handle for handle, _ in alike.values()]
    words = [",\n".join(names) for _, names in alike.values()]
    axes.legend(shown, words, frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


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
