"""The known part of the landscape of one sample: its minima, its saddles, what these join, and their two-level systems.

Whatever a search finds is entered once. The saddles that one search has found are followed together: the gradient
flow down both sides of each, all descents columns of one batch, says which minima it joins: those of a candidate,
others, or a state and its own mirror image. Failures and repeats are counted, never dropped in silence (`COUNTS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nsim.landscape.basins import Basins
from nsim.landscape.gradient_flow import Descent, both_sides, unstable_mode
from nsim.landscape.landscape_tables import COUNTS, FOUND_BY, SYSTEM
from nsim.landscape.minima_graph import State, neighbours_of
from nsim.landscape.path_quantum import join, tunnelling
from nsim.landscape.stationary_catalogue import Catalogue
from nsim.parallel.checkpoint import State as Held
from nsim.sample.glass import Glass

NEAR_SINGULAR = 0.03  # lowest eigenvalue of a minimum [E0/v0^2] below which its linear-response wells are spurious


class Found(NamedTuple):
    """A saddle of index 1 that a search has ended on."""

    v: np.ndarray  # (N,)
    found_by: str  # a name in `FOUND_BY`


class KnownLandscape:
    """Minima and saddles of one sample, as far as they are known.

    Parameters
    ----------
    glass
        The sample.
    hbar2_over_m
        hbar^2/m [E0 v0^2], for the tunnelling along the paths.
    """

    def __init__(self, glass: Glass, hbar2_over_m: float = 1.0) -> None:
        self.glass, self.hbar2_over_m = glass, hbar2_over_m
        self.minima, self.saddles = Catalogue(glass), Catalogue(glass)
        self.basins = Basins(glass)
        self.lambda_min: list[float] = []  # of each minimum
        self.ends: list[tuple[State, State]] = []  # of each saddle: the states on either side
        self.systems: list[dict[str, float]] = []  # of each saddle, see `SYSTEM`
        self.counts = dict.fromkeys(COUNTS, 0)
        self._graph: tuple[int, dict[State, list[tuple[float, State]]]] = (0, {})  # of so many saddles

    def state(self) -> Held:
        """What is known, for a checkpoint."""
        return {
            "minima": self.minima.state(),
            "saddles": self.saddles.state(),
            "basins": self.basins.state(),
            "lambda_min": self.lambda_min,
            "ends": self.ends,
            "systems": self.systems,
            "counts": self.counts,
        }

    def restore(self, held: Held) -> None:
        """Go on from a `state`."""
        self.minima.restore(held["minima"])
        self.saddles.restore(held["saddles"])
        self.basins.restore(held["basins"])
        self.lambda_min, self.systems = held["lambda_min"], held["systems"]
        self.ends = [(as_state(first), as_state(second)) for first, second in held["ends"]]
        self.counts.update(held["counts"])

    def minimum(self, v: np.ndarray) -> State:
        """Enter a minimum, shape (N,)."""
        entry, image = self.minima.add(v[:, None])
        if entry[0] == len(self.lambda_min):
            number = self.basins.learn(v)
            lowest = self.basins.lambda_min[number] if number >= 0 else -np.inf
            self.lambda_min.append(lowest)
            self.counts["near_singular"] += lowest < NEAR_SINGULAR
        return int(entry[0]), int(image[0])

    def enter(self, found: Sequence[Found]) -> list[int]:
        """Enter saddles of index 1, follow both sides of the new ones; the number of each."""
        first_new = len(self.saddles)
        numbers = [int(self.saddles.add(saddle.v[:, None])[0][0]) for saddle in found]
        new: list[Found] = []
        for saddle, number in zip(found, numbers, strict=True):
            if number == first_new + len(new):
                new.append(saddle)
            else:
                self.counts["saddles_again"] += 1
        if new:
            self._follow(new)
        return numbers

    def _follow(self, new: Sequence[Found]) -> None:
        modes = [unstable_mode(self.glass, saddle.v) for saddle in new]
        points = np.stack([saddle.v for saddle in new], axis=1)
        descents = both_sides(self.glass, points, np.stack([mode for _, mode in modes], axis=1), self.basins)
        for saddle, (lowest, _), sides in zip(new, modes, descents, strict=True):
            arrived = all(side.arrived for side in sides)
            self.counts["descents_failed"] += not arrived
            first, second = (self.minimum(side.v) if side.arrived else (-1, 1) for side in sides)
            if arrived and first[0] == second[0]:
                self.counts["saddles_to_self" if first[1] == second[1] else "saddles_to_mirror"] += 1
            parallel = arrived and any(same_pair((first, second), known) for known in self.ends)
            self.counts["saddles_parallel"] += parallel
            self.ends.append((first, second))
            row = dict.fromkeys(SYSTEM, np.nan)
            row |= {"found_by": FOUND_BY.index(saddle.found_by), "saddle_eigenvalue": lowest}
            self.systems.append(row | (self._system(saddle.v, *sides) if arrived else {}))

    def _system(self, saddle: np.ndarray, first: Descent, second: Descent) -> dict[str, float]:
        """What a row of `SYSTEM` says of the two minima and the path between them."""
        ends = np.stack([saddle, first.v, second.v], axis=1)
        top, *bottoms = (float(energy) for energy in self.glass.energy(ends))
        low, high = sorted(bottoms)
        path = join(self.glass, saddle, first.path, second.path)
        quantum = tunnelling(self.glass, path, self.hbar2_over_m)
        moved = (second.v - first.v) ** 2
        return {
            "asymmetry": high - low,
            "barrier_upper": top - high,
            "barrier_lower": top - low,
            "path_length": path.length,
            "distance": float(np.sqrt(moved.sum())),
            "participation": float(moved.sum() ** 2 / max((moved**2).sum(), 1e-300)),
            "splitting": quantum.splitting,
            "delta0": quantum.delta0,
            "log_delta0": quantum.log_delta0,
        }

    # --- the graph ---------------------------------------------------------------------------------------------

    def at(self, state: State) -> np.ndarray:
        """Displacements of a state, shape (N,)."""
        return state[1] * self.minima.points[state[0]]

    def joined(self, here: State, there: State) -> bool:
        """Whether one saddle joins two states."""
        return any(same_pair((here, there), ends) for ends in self.ends)

    def reached_from(self, here: State) -> set[State]:
        """The states that the saddles found so far connect to one, mirror images kept apart."""
        if self._graph[0] != len(self.ends):
            self._graph = len(self.ends), neighbours_of(self.ends, self.saddles.energies)
        graph = self._graph[1]
        reached, fresh = {here}, [here]
        while fresh:
            for _, following in graph.get(fresh.pop(), ()):
                if following not in reached:
                    reached.add(following)
                    fresh.append(following)
        return reached

    def reachable(self, here: State, there: State) -> bool:
        """Whether saddles found so far connect two states."""
        return there in self.reached_from(here)


def as_state(held: Sequence[int]) -> State:
    """A state from a checkpoint, which makes lists of tuples."""
    number, image = held
    return number, image


def same_pair(one: tuple[State, State], other: tuple[State, State]) -> bool:
    """Whether two pairs of states are the same, up to order and a common mirror."""
    (a, sign_a), (b, sign_b) = one
    (c, sign_c), (d, sign_d) = other
    return sorted((a, b)) == sorted((c, d)) and sign_a * sign_b == sign_c * sign_d
