"""The stationary points found so far, each once, with how often it was found.

Two points are the same if their energies differ by less than 1e-7 and no displacement by more than 1e-5. Without a
field U(-v) = U(v): a point and its mirror image are then one entry.
"""

from __future__ import annotations

import numpy as np

from nsim.parallel.checkpoint import State
from nsim.sample.glass import Glass

SAME_ENERGY = 1e-7  # [E0]
SAME_DISPLACEMENT = 1e-5  # [v0]


class Catalogue:
    """Distinct stationary points of one sample, in the order of their discovery.

    Parameters
    ----------
    glass
        The sample.
    """

    def __init__(self, glass: Glass) -> None:
        self.glass = glass
        self.mirrored = glass.field == 0  # whether mirror images are one entry
        self.points: list[np.ndarray] = []  # (N,) each
        self.energies: list[float] = []
        self.hits: list[int] = []

    def __len__(self) -> int:
        return len(self.points)

    def state(self) -> State:
        """What is held, for a checkpoint."""
        return {"points": np.array(self.points), "energies": self.energies, "hits": self.hits}

    def restore(self, held: State) -> None:
        """Go on from a `state`."""
        self.points, self.energies, self.hits = list(held["points"]), held["energies"], held["hits"]

    def add(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Enter the columns of ``v``, shape (N, R).

        Returns
        -------
        entry, image
            For every column the number of its entry, and +1 if it is that point, -1 if it is its mirror image;
            shape (R,).
        """
        entry, image = np.empty(v.shape[1], dtype=np.int64), np.ones(v.shape[1], dtype=np.int64)
        for r, energy in enumerate(self.glass.energy(v)):
            entry[r], image[r] = self.find(v[:, r], float(energy))
            if entry[r] < 0:
                entry[r] = len(self)
                self.points.append(v[:, r].copy())
                self.energies.append(float(energy))
                self.hits.append(0)
            self.hits[entry[r]] += 1
        return entry, image

    def find(self, v: np.ndarray, energy: float) -> tuple[int, int]:
        """Number of the entry that ``v`` is, with +1 or -1 for its mirror image; (-1, 1) if it is new."""
        known = np.array(self.energies)
        for number in np.flatnonzero(np.abs(known - energy) < SAME_ENERGY):
            point = self.points[number]
            if np.abs(point - v).max() < SAME_DISPLACEMENT:
                return int(number), 1
            if self.mirrored and np.abs(point + v).max() < SAME_DISPLACEMENT:
                return int(number), -1
        return -1, 1

    def self_mirrored(self, number: int) -> bool:
        """Whether a point is its own mirror image (v = 0 without a field)."""
        return self.mirrored and bool(np.abs(self.points[number]).max() < SAME_DISPLACEMENT)
