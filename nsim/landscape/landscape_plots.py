"""Pictures of an energy landscape: of a whole tiny one, and of what surrounds the states of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.tasks import glass_of
from nsim.landscape import path_quantum
from nsim.landscape.gradient_flow import both_sides
from nsim.landscape.landscape_run import read_landscape
from nsim.landscape.minima_graph import Join, disconnectivity
from nsim.sample.glass import Glass

PATHS = 6  # profiles in one picture
PICTURES = ("wells", "participation", "paths", "disconnectivity")


def disconnectivity_graph(path: Path, minima: np.ndarray, saddles: np.ndarray, joins: np.ndarray, title: str) -> None:
    """Draw the disconnectivity tree to a file: each line ends at a minimum, lines meet at the saddle joining them."""
    figure, axes = _figure(max(5.0, min(16.0, 0.25 * len(minima))))
    tree = disconnectivity(minima, saddles, joins)
    place = {minimum: x for x, minimum in enumerate(_order(len(minima), tree))}
    # Of every group of minima joined so far: where its line ends.
    middle: dict[tuple[int, ...], tuple[float, float]] = {
        (i,): (float(place[i]), float(minima[i])) for i in range(len(minima))
    }
    for join in tree:
        (x1, below1), (x2, below2) = middle.pop(join.first), middle.pop(join.second)
        axes.plot([x1, x1, x2, x2], [below1, join.energy, join.energy, below2], color="C0", linewidth=1)
        middle[join.first + join.second] = ((x1 + x2) / 2, join.energy)
    top = max([*(join.energy for join in tree), *minima])
    margin = 0.05 * (top - min(minima)) + 1e-12
    for x, energy in middle.values():  # groups that nothing joins, or the whole
        axes.plot([x, x], [energy, top + margin], color="C0", linewidth=1)
    axes.plot([place[i] for i in range(len(minima))], minima, "o", color="C1", markersize=4)
    axes.set(ylabel="total energy U [E0]", xlabel="minima", title=title, xticks=[])
    figure.savefig(path, dpi=150)


def plot_run(directory: Path) -> list[Path]:
    """Draw what landscape.h5 of a run holds, into its folder ``landscape``; returns the files written."""
    run = RunDirectory(directory).run()
    written: list[Path] = []
    for n, arrays in read_landscape(directory / "landscape.h5"):
        folder = directory / "landscape"
        busiest = int(np.bincount(arrays["minimum_sample"]).argmax())
        files = {name: folder / f"n{n}-{name}.png" for name in PICTURES}
        _wells(files["wells"], arrays)
        _participation(files["participation"], arrays)
        glasses = {int(sample): glass_of(run, n, int(sample)) for sample in arrays["sample"]}
        _paths(files["paths"], arrays, glasses)
        _tree_of_sample(files["disconnectivity"], arrays, busiest, n)
        written += files.values()
    return written


def _wells(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """What U_eff,i foretells against what the landscape has: barrier seen from the state, and asymmetry."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.3), layout="constrained")
    true = arrays["well_connected"] == 1
    colour = np.maximum(arrays["well_localisation"][true], 1e-2)
    for place, (axis, name, words) in enumerate(
        [("log", "climb", "barrier seen from the state [E0]"), ("symlog", "asymmetry", "asymmetry [E0]")]
    ):
        axes = figure.add_subplot(1, 2, place + 1)
        x, y = arrays[f"well_{name}"][true], arrays[f"well_true_{name}"][true]
        shown = axes.scatter(x, y, c=colour, norm=LogNorm(1e-2, 10), cmap="viridis", s=25, zorder=3)
        limits = [min(x.min(), y.min()), max(x.max(), y.max())] if len(x) else [0.1, 1.0]
        axes.plot(limits, limits, color="0.6", linewidth=1)
        scale = {"linthresh": 0.1} if axis == "symlog" else {}
        axes.set_xscale(axis, **scale)
        axes.set_yscale(axis, **scale)
        axes.set(xlabel=f"U_eff: {words}", ylabel=f"landscape: {words}")
    figure.colorbar(shown, label="S2 of the site")
    missing = len(true) - int(true.sum())
    figure.suptitle(f"{int(true.sum())} linear-response wells with a true double well; {missing} without")
    figure.savefig(path, dpi=150)


def _participation(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """How many sites move in each two-level system, against its lower barrier."""
    figure, axes = _figure(6.0)
    good = arrays["saddle_participation"] > 0
    for number, name in enumerate(("Schur complement", "following a well", "soft mode", "elastic band")):
        own = good & (arrays["saddle_found_by"] == number)
        if own.any():
            axes.loglog(
                arrays["saddle_barrier_upper"][own], arrays["saddle_participation"][own], "o", markersize=4, label=name
            )
    axes.set(xlabel="barrier above the upper minimum [E0]", ylabel="sites that move (participation number)")
    if good.any():
        axes.legend(title="found by")
    figure.savefig(path, dpi=150)


def _paths(path: Path, arrays: dict[str, np.ndarray], glasses: dict[int, Glass]) -> None:
    """Energy along the minimum-energy paths with the lowest barriers, walls included."""
    figure, axes = _figure(7.0)
    usable = np.flatnonzero(arrays["saddle_path_length"] > 0)
    chosen = usable[np.argsort(arrays["saddle_barrier_lower"][usable])][:PATHS]
    for k in chosen:
        here, saddle = glasses[int(arrays["saddle_sample"][k])], arrays["saddle_v"][k]
        ((first, second),) = both_sides(here, saddle[:, None])
        found = path_quantum.join(here, saddle, first.path, second.path)
        middle, zero = found.s[np.argmax(found.potential)], found.potential.max()
        s, V = path_quantum.potential_on_grid(here, found, 1e-4)
        shown = zero + 0.5 * (zero - found.potential.min()) > V
        (line,) = axes.plot(s[shown] - middle, V[shown] - zero, linewidth=1)
        axes.plot(found.s[[0, -1]] - middle, found.potential[[0, -1]] - zero, "o", color=line.get_color(), markersize=4)
    axes.set(xlabel="arc length from the saddle [v0]", ylabel="U - U(saddle) [E0]")
    figure.savefig(path, dpi=150)


def _tree_of_sample(path: Path, arrays: dict[str, np.ndarray], sample: int, n: int) -> None:
    minima = arrays["minimum_energy"][arrays["minimum_sample"] == sample]
    own = arrays["saddle_sample"] == sample
    joins = np.stack([arrays["saddle_first"][own], arrays["saddle_second"][own]], axis=1).astype(int)
    title = f"N = {n}, sample {sample}, mirror images folded"
    disconnectivity_graph(path, minima, arrays["saddle_energy"][own], joins, title)


def _order(count: int, tree: list[Join]) -> list[int]:
    """Minima from left to right so that no lines cross; deeper groups to the left."""
    row: dict[tuple[int, ...], list[int]] = {(i,): [i] for i in range(count)}
    for join in tree:
        row[join.first + join.second] = row.pop(join.first) + row.pop(join.second)
    return [minimum for members in row.values() for minimum in members]


def _figure(width: float) -> tuple[Any, Any]:
    # No pyplot: it would keep figures alive and look for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 4.5), layout="constrained")
    return figure, figure.add_subplot()
