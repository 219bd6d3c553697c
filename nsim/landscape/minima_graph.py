r"""The graph whose nodes are minima and whose edges are saddles of index 1: who reaches whom, and how high the way is.

The barrier between two minima is the lowest, over all paths in the graph, of the highest saddle on the path. Taking
the saddles in ascending order and joining the groups of minima that each connects (Kruskal) gives all of them at once:
the order of the joins is the disconnectivity tree (Becker and Karplus, J. Chem. Phys. 106, 1495 (1997)).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Join:
    """Two groups of minima that a saddle makes one."""

    energy: float  # of the saddle [E0]
    saddle: int
    first: tuple[int, ...]  # minima of the group with the deeper bottom
    second: tuple[int, ...]


def disconnectivity(minima: np.ndarray, saddles: np.ndarray, joins: np.ndarray) -> list[Join]:
    """The joins of the disconnectivity tree, ascending in energy.

    Parameters
    ----------
    minima, saddles
        Total energies, shapes (m,) and (s,) [E0].
    joins
        The two minima each saddle joins, shape (s, 2); a negative number: not known, the saddle is left out.
    """
    group: dict[int, tuple[int, ...]] = {i: (i,) for i in range(len(minima))}
    found = []
    for saddle in np.argsort(saddles, kind="stable"):
        i, j = (int(end) for end in joins[saddle])
        if min(i, j) < 0 or group[i] == group[j]:
            continue
        first, second = sorted((group[i], group[j]), key=lambda members: min(minima[k] for k in members))
        found.append(Join(float(saddles[saddle]), int(saddle), first, second))
        together = first + second
        group.update(dict.fromkeys(together, together))
    return found


def minimax(minima: np.ndarray, saddles: np.ndarray, joins: np.ndarray) -> np.ndarray:
    """Energy of the highest saddle on the lowest path between any two minima, shape (m, m) [E0].

    Infinite where no path is known; on the diagonal the energy of the minimum itself.
    """
    highest = np.full((len(minima), len(minima)), np.inf)
    np.fill_diagonal(highest, minima)
    for join in disconnectivity(minima, saddles, joins):
        rows, columns = np.ix_(join.first, join.second)
        highest[rows, columns] = join.energy
        highest[columns.T, rows.T] = join.energy
    return highest


State = tuple[int, int]  # number of a minimum, and 1 or -1 for its mirror image
Ends = tuple[State, State]


def neighbours_of(ends: list[Ends], saddles: list[float]) -> dict[State, list[tuple[float, State]]]:
    """Of every state what lies behind its saddles: (energy of the saddle, state), mirror images kept apart.

    ``ends`` are the states either side of each saddle leads to; a negative number: not known. Where a saddle joins two
    states its mirror image joins theirs.
    """
    graph: dict[State, list[tuple[float, State]]] = {}
    for ((a, sign_a), (b, sign_b)), energy in zip(ends, saddles, strict=True):
        if min(a, b) < 0:
            continue
        for image in (1, -1):
            one, other = (a, image * sign_a), (b, image * sign_b)
            graph.setdefault(one, []).append((energy, other))
            graph.setdefault(other, []).append((energy, one))
    return graph


def lowest_path(graph: dict[State, list[tuple[float, State]]], first: State, last: State) -> tuple[float, int]:
    """Energy of the highest saddle on the lowest path between two states, and the fewest saddles of such a path.

    Infinite and 0 where no path is known.
    """
    best = {first: -np.inf}
    heap: list[tuple[float, State]] = [(-np.inf, first)]
    while heap:
        highest, state = heapq.heappop(heap)
        if state == last:
            break
        for saddle, following in graph.get(state, []):
            over = max(highest, saddle)
            if over < best.get(following, np.inf):
                best[following] = over
                heapq.heappush(heap, (over, following))
    if last not in best:
        return np.inf, 0
    highest, steps, reached, front = best[last], 0, {first}, [first]
    while last not in reached and front:
        steps += 1
        front = [b for a in front for saddle, b in graph.get(a, []) if saddle <= highest and b not in reached]
        reached.update(front)
    return highest, steps
