"""Pictures of an energy landscape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nsim.minima_graph import Join, disconnectivity


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
