r"""Balls around minima that the gradient flow cannot leave: the proof that a descent has arrived.

Around a minimum v* with lowest eigenvalue w the Hessian stays positive definite in the ball

    |v - v*|_2 < gamma w/(a4 max_i |v*_i|)

since M(v* + d) - M(v*) = (a4/2 gamma) diag(2 v*_i d_i + d_i^2). There U is convex, so that g(v).(v - v*) > 0 and the
distance to v* falls along the flow: whatever enters the ball ends in v*. Without a field the mirror images -v* are
minima of the same kind.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from nsim.descent.newton_finish import finish
from nsim.landscape.stationary_catalogue import SAME_DISPLACEMENT
from nsim.parallel.checkpoint import State
from nsim.sample.glass import Glass
from nsim.sample.hessian import lowest_eigenvalues

NEAR = 10.0  # radii within which Newton's method would hardly lead elsewhere
SHARE = 0.99  # of the radius: distances from scalar products carry rounding errors


class Basins:
    """Minima of one sample that descents may end in, each with its ball.

    Parameters
    ----------
    glass
        The sample, with J whole on this rank.
    """

    def __init__(self, glass: Glass) -> None:
        self.glass = glass
        self.mirrored = glass.field == 0
        self.points = np.empty((0, glass.n))
        self.lambda_min: list[float] = []  # [E0/v0^2]
        self.radii = np.empty(0)  # [v0]
        self._squared = np.empty(0)

    def __len__(self) -> int:
        return len(self.points)

    def state(self) -> State:
        """What is held, for a checkpoint."""
        return {"points": self.points, "lambda_min": self.lambda_min, "radii": self.radii, "squared": self._squared}

    def restore(self, held: State) -> None:
        """Go on from a `state`."""
        self.points, self.lambda_min, self.radii = held["points"], held["lambda_min"], held["radii"]
        self._squared = held["squared"]

    def learn(self, v: np.ndarray) -> int:
        """Enter the minimum ``v``, shape (N,), unless it is known; its number, or -1 if its Hessian is not positive."""
        known = self.find(v)
        if known >= 0:
            return known
        factor, info = lapack.dpotrf(self.glass.hessian(v).T, lower=True, overwrite_a=True)
        if info != 0:
            return -1
        lowest = float(lowest_eigenvalues(self.glass, v, 1, factor)[0])
        farthest = self.glass.a4 * float(np.abs(v).max())
        radius = self.glass.gamma * lowest / farthest if farthest > 0 else np.inf
        self.points = np.concatenate([self.points, v[None]])
        self.lambda_min.append(lowest)
        self.radii = np.append(self.radii, SHARE * radius)
        self._squared = np.append(self._squared, v @ v)
        return len(self) - 1

    def ask(self, v: np.ndarray, tolerance: float) -> None:
        """Newton's method from ``v``, shape (N,): the minimum it finds, if any, is one to compare with."""
        end, largest, positive = finish(self.glass, v, tolerance)
        if positive and largest <= tolerance:
            self.learn(end)

    def find(self, v: np.ndarray) -> int:
        """Number of the minimum that ``v``, shape (N,), is (or whose mirror image it is); -1: not known."""
        if not len(self):
            return -1
        number, sign, _ = self._nearest(v[:, None])
        same = np.abs(sign[0] * self.points[number[0]] - v).max() < SAME_DISPLACEMENT
        return int(number[0]) if same else -1

    def homes(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """In whose ball each column of ``v`` (N, R) lies.

        Returns
        -------
        number, sign, near
            The minimum, or -1; -1 for its mirror image, else +1; whether a minimum is so near that Newton's method
            would lead to it; shape (R,).
        """
        if not len(self):
            return np.full(v.shape[1], -1), np.ones(v.shape[1]), np.zeros(v.shape[1], dtype=bool)
        number, sign, squared = self._nearest(v, self.radii)
        return np.where(squared < 1, number, -1), sign, squared < NEAR**2

    def _nearest(self, v: np.ndarray, unit: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The nearest minimum of every column, its sign, and the squared distance, each in its own unit of length."""
        product = self.points @ v
        squared = np.abs(product) if self.mirrored else product.copy()
        squared *= -2
        squared += self._squared[:, None]
        squared += (v**2).sum(axis=0)
        if unit is not None:
            squared /= np.maximum(unit, 1e-300)[:, None] ** 2
        number, column = squared.argmin(axis=0), np.arange(v.shape[1])
        sign = np.where(self.mirrored & (product[number, column] < 0), -1.0, 1.0)
        return number, sign, squared[number, column]
