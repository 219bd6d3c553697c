"""The disconnectivity graph: each line ends at a minimum, lines meet where a saddle joins their groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nsim.figure_style import BLUE, INK, figure, save, style
from nsim.landscape.minima_graph import Join, disconnectivity

LEAVES = 60  # of the tree of a run: the lowest minima


def disconnectivity_graph(
    path: Path,
    minima: np.ndarray,
    saddles: np.ndarray,
    joins: np.ndarray,
    title: str,
    states: np.ndarray | None = None,
    shown: np.ndarray | None = None,
) -> None:
    """Draw the tree to a file.

    Parameters
    ----------
    path
        The file.
    minima, saddles, joins
        As in `minima_graph.disconnectivity`.
    title
        Of the picture.
    states
        Which minima are drawn filled, as states of a run, the others hollow; bool (m,). None: all, without a legend.
    shown
        Which minima are drawn, bool (m,); the others still count as ways between them. None: all.
    """
    kept = np.arange(len(minima)) if shown is None else np.flatnonzero(shown)
    tree = _pruned(disconnectivity(minima, saddles, joins), set(kept.tolist()))
    place = {minimum: x for x, minimum in enumerate(_order(kept.tolist(), tree))}
    with style():
        made, axes = figure(1, max(6.0, min(12.0, 2 + 0.16 * len(kept))), 4.6)
        # Of every group of minima joined so far: where its line ends.
        middle: dict[tuple[int, ...], tuple[float, float]] = {
            (i,): (float(place[i]), float(minima[i])) for i in map(int, kept)
        }
        for join in tree:
            (x1, below1), (x2, below2) = middle.pop(join.first), middle.pop(join.second)
            axes.plot([x1, x1, x2, x2], [below1, join.energy, join.energy, below2], color=INK, linewidth=0.9)
            middle[join.first + join.second] = ((x1 + x2) / 2, join.energy)
        top = max([*(join.energy for join in tree), *minima[kept]])
        margin = 0.05 * (top - min(minima[kept])) + 1e-12
        for centre, energy in middle.values():  # groups that nothing joins, or the whole
            axes.plot([centre, centre], [energy, top + margin], color=INK, linewidth=0.9)
        for which, face, name in ((True, BLUE, "states of the run"), (False, "white", "neighbours")):
            some = kept if states is None else kept[states[kept] == which]
            if len(some) and (which or states is not None):
                x = [place[int(i)] for i in some]
                axes.plot(x, minima[some], "o", color=BLUE, markerfacecolor=face, markersize=4.5, label=name, zorder=3)
        if states is not None:
            axes.legend(loc="upper left")
        axes.grid(visible=False, axis="x")
        axes.set(ylabel="total energy $U$ [$E_0$]", xlabel=f"{len(kept)} minima", xticks=[])
        axes.set_title(title, loc="left")
        save(made, path)


def tree_of_run(path: Path, arrays: dict[str, np.ndarray], n: int) -> None:
    """The largest connected group of minima of a run's samples, the lowest of it."""
    best: tuple[int, int, list[int]] | None = None
    for sample in map(int, arrays["sample"]):
        tree = disconnectivity(*_graph(arrays, sample))
        group = max(((*join.first, *join.second) for join in tree), key=len, default=(0,))
        if best is None or len(group) > best[0]:
            best = len(group), sample, list(group)
    if best is None:
        return
    size, sample, members = best
    minima, saddles, joins = _graph(arrays, sample)
    lowest = np.array(members)[np.argsort(minima[members], kind="stable")[:LEAVES]]
    shown = np.zeros(len(minima), dtype=bool)
    shown[lowest] = True
    explored = arrays["minimum_explored"][arrays["minimum_sample"] == sample] == 1
    title = f"N = {n}, sample {sample}: the largest group of minima joined by known saddles"
    title += f", the lowest of {size}" if size > LEAVES else ""
    disconnectivity_graph(path, minima, saddles, joins, title, explored, shown)


def _graph(arrays: dict[str, np.ndarray], sample: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies of minima and saddles of a sample, and what the saddles join; mirror images are one minimum."""
    own = arrays["saddle_sample"] == sample
    joins = np.stack([arrays["saddle_first"][own], arrays["saddle_second"][own]], axis=1).astype(int)
    return arrays["minimum_energy"][arrays["minimum_sample"] == sample], arrays["saddle_energy"][own], joins


def _pruned(tree: list[Join], kept: set[int]) -> list[Join]:
    """The joins of groups of which something is kept, without the rest."""
    cut = [
        Join(join.energy, join.saddle, *(tuple(i for i in group if i in kept) for group in (join.first, join.second)))
        for join in tree
    ]
    return [join for join in cut if join.first and join.second]


def _order(minima: list[int], tree: list[Join]) -> list[int]:
    """Minima from left to right so that no lines cross; deeper groups to the left."""
    row: dict[tuple[int, ...], list[int]] = {(i,): [i] for i in minima}
    for join in tree:
        row[join.first + join.second] = row.pop(join.first) + row.pop(join.second)
    return [minimum for members in row.values() for minimum in members]
