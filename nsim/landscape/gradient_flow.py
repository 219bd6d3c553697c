r"""The gradient flow dv/dt = -dU/dv, followed faithfully: which minimum a point belongs to, and by which path.

The two minima a saddle joins are by definition where the flow goes from either side of it, and its way is the
minimum-energy path. All descents of a sample are columns of one batch. The flow is stiff, with curvatures of 10 beside
modes of 0.1, and its Jacobian -M is symmetric, so that stabilised explicit methods fit: a step of the
Runge-Kutta-Chebyshev method (second order; Sommeijer, Shampine and Verwer, J. Comput. Appl. Math. 88, 315 (1998))
with S products J V is stable up to a width of (2/3) (S^2 - 1)/lambda_max, where S products of a plain method reach 2
S/lambda_max. Every column has its own width and its own error estimate; they share the number of stages, the one that
serves most of them.

A descent ends where it has entered a ball around a minimum that the flow cannot leave (`nsim.landscape.basins`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numba
import numpy as np
from scipy.linalg import eigh

from nsim.descent.conjugate_gradient import SOFTEST
from nsim.landscape.basins import Basins
from nsim.landscape.eigenvector_following import natural_length
from nsim.sample.glass import Glass

LOCAL_ERROR = 1e-4  # largest error of any displacement per step, across the path, in units of the natural length
IN_TIME = 0.02  # weight of an error along the path
PUSH = 1e-3  # off the saddle, in the same unit
SPACING = 4e-3  # least distance of two points of the path, in the same unit
LOOK_BELOW = 0.1  # gradient [E0/v0] below which columns are compared with the minima known
ASK_BELOW = 0.03  # ... and below which Newton's method is asked where one may be going
ASK_AGAIN = 0.1  # ... until the gradient has fallen to this share, when it is asked again
STAGES = np.array([2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 130, 160, 200])
DAMPING = 2 / 13
STABLE = 2 / 3 * (1 - 2 * DAMPING / 15)  # width * lambda_max / (S^2 - 1)
MARGIN = 1.05  # of lambda_max, which may grow within a step
STEPS = 20_000
TOGETHER = 128  # columns of one batch: beyond, arrays leave the cache


@dataclass(frozen=True)
class Descent:
    """Where the flow from a point has led."""

    v: np.ndarray  # (N,) its end
    max_gradient: float  # infinite where no minimum was reached
    path: np.ndarray  # (P, N) points on the way, the start first, the end last

    @property
    def arrived(self) -> bool:
        """Whether the end is a minimum, proved to be that of the start."""
        return self.max_gradient < np.inf


def descend(
    glass: Glass, starts: np.ndarray, basins: Basins | None = None, tolerance: float = 1e-11, steps: int = STEPS
) -> list[Descent]:
    """Follow the flow from each column of ``starts`` (N, R) to its minimum.

    Parameters
    ----------
    glass
        The sample, with J whole on this rank.
    starts
        Where the descents begin, shape (N, R).
    basins
        Minima known already; those found on the way are added.
    tolerance
        Max |gradient| of minima not known yet [E0/v0].
    steps
        After so many the descents still open are given up.
    """
    basins = Basins(glass) if basins is None else basins
    ends: list[Descent] = []
    for first in range(0, starts.shape[1], TOGETHER):
        ends += _Descents(glass, starts[:, first : first + TOGETHER], basins, tolerance).run(steps)
    return ends


def both_sides(
    glass: Glass,
    saddles: np.ndarray,
    modes: np.ndarray | None = None,
    basins: Basins | None = None,
    tolerance: float = 1e-11,
) -> list[tuple[Descent, Descent]]:
    """The flow from either side of each saddle of index 1, shape (N, S), along its unstable mode, shape (N, S)."""
    if not saddles.shape[1]:
        return []
    if modes is None:
        modes = np.stack([unstable_mode(glass, saddle)[1] for saddle in saddles.T], axis=1)
    push = PUSH * natural_length(glass) * modes
    ends = descend(glass, np.concatenate([saddles - push, saddles + push], axis=1), basins, tolerance)
    return list(zip(ends[: len(ends) // 2], ends[len(ends) // 2 :], strict=True))


def unstable_mode(glass: Glass, saddle: np.ndarray) -> tuple[float, np.ndarray]:
    """The lowest eigenvalue at a saddle and its mode, shape (N,), the mode's largest entry positive."""
    values, modes = eigh(glass.hessian(saddle), subset_by_index=[0, 0])
    mode = modes[:, 0]
    return float(values[0]), mode * np.sign(mode[np.argmax(np.abs(mode))])  # the sign from LAPACK is arbitrary


class _Descents:
    """The descents under way: columns of one batch, each with its own width of step."""

    def __init__(self, glass: Glass, starts: np.ndarray, basins: Basins, tolerance: float) -> None:
        self.glass, self.basins, self.tolerance = glass, basins, tolerance
        self.J = np.ascontiguousarray(glass.J, dtype=np.float64)
        self.length = natural_length(glass)
        self.starts = np.array(starts, dtype=float, order="C")
        self.paths = [[start] for start in self.starts.T.copy()]
        self.ends: dict[int, Descent] = {}
        self.open = np.arange(starts.shape[1])
        self.ask_below = np.full(starts.shape[1], ASK_BELOW)
        # lambda_max of -J, exact for random couplings; where it is more, the error estimate shortens the steps.
        self.norm = 2 * float(np.sqrt((self.J**2).sum(axis=1).max(initial=0.0)))

    def run(self, steps: int) -> list[Descent]:
        """Step until all have arrived."""
        glass, allowed = self.glass, LOCAL_ERROR * self.length
        v = self.starts
        slope = -glass.gradient(v)
        wanted = 0.01 * self.length / (np.abs(slope).max(axis=0) + 1e-300)
        for _ in range(steps):
            stiffest = MARGIN * np.maximum(glass.on_site_curvature(v).max(axis=0) + self.norm, SOFTEST)
            stages, width = _stages(wanted, stiffest)
            new, new_slope, error = self._step(v, slope, width, stages)
            accepted = error <= allowed
            wanted = width * np.clip(0.8 * (allowed / (error + 1e-300)) ** (1 / 3), 0.2, 5.0)
            v, slope = np.where(accepted, new, v), np.where(accepted, new_slope, slope)
            self._remember(v, accepted)
            left = ~self._arrivals(v, np.abs(slope).max(axis=0), accepted)
            if not left.all():
                self.open, self.ask_below = self.open[left], self.ask_below[left]
                v, slope, wanted = np.ascontiguousarray(v[:, left]), slope[:, left], wanted[left]
            if not len(self.open):
                break
        for column, number in enumerate(map(int, self.open)):
            self.ends[number] = Descent(v[:, column].copy(), np.inf, np.array(self.paths[number]))
        return [self.ends[number] for number in range(len(self.paths))]

    def _step(
        self, v: np.ndarray, slope: np.ndarray, width: np.ndarray, stages: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step of all columns: the new states, their slopes, and the largest error of each column."""
        first, rows = _coefficients(stages)
        return _step_of_all(v, slope, width, first, rows, self.J, *self._site)

    @property
    def _site(self) -> tuple[np.ndarray, float, float, float]:
        glass = self.glass
        return glass.a2, float(glass.a4), float(glass.gamma), float(glass.field)

    def _remember(self, v: np.ndarray, moved: np.ndarray) -> None:
        """Add points to the paths."""
        for column in np.flatnonzero(moved):
            path = self.paths[self.open[column]]
            if np.abs(v[:, column] - path[-1]).max() > SPACING * self.length:
                path.append(v[:, column].copy())

    def _arrivals(self, v: np.ndarray, largest: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Close the descents that a ball has caught; bool (R,)."""
        caught = np.zeros(len(largest), dtype=bool)
        close = np.flatnonzero(moved & (largest < LOOK_BELOW))
        if not len(close):
            return caught
        v = v[:, close]
        number, sign, near = self.basins.homes(v)
        asking = largest[close] < self.ask_below[close]
        near &= self.ask_below[close] == ASK_BELOW  # at first a minimum near by is believed to be the one
        self.ask_below[close[asking]] = ASK_AGAIN * largest[close[asking]]
        for at in np.flatnonzero(asking & ~near):
            if number[at] < 0:  # what another column has found may be its home, too
                self.basins.ask(v[:, at], self.tolerance)
                number, sign, _ = self.basins.homes(v)
        for at in np.flatnonzero(number >= 0):
            end = sign[at] * self.basins.points[number[at]]
            column = int(self.open[close[at]])
            gradient = float(np.abs(self.glass.gradient(end)).max())
            self.ends[column] = Descent(end, gradient, np.array([*self.paths[column], end]))
        caught[close] = number >= 0
        return caught


def _stages(wanted: np.ndarray, stiffest: np.ndarray) -> tuple[int, np.ndarray]:
    """How many stages serve the columns best, and the widths of their steps then."""
    stable = STABLE * (STAGES[:, None] ** 2 - 1) / stiffest
    progress = np.minimum(1.0, stable / wanted).sum(axis=1) / STAGES
    best = int(progress.argmax())
    return int(STAGES[best]), np.minimum(wanted, stable[best])


@cache
def _coefficients(stages: int) -> tuple[float, np.ndarray]:
    """Width of the first stage, and (mu, nu, mu~, gamma~) of the others, in the notation of Sommeijer et al."""
    w0 = 1 + DAMPING / stages**2
    T, dT, ddT = np.zeros((3, stages + 1))
    T[:2], dT[1] = (1, w0), 1
    for j in range(2, stages + 1):
        T[j] = 2 * w0 * T[j - 1] - T[j - 2]
        dT[j] = 2 * T[j - 1] + 2 * w0 * dT[j - 1] - dT[j - 2]
        ddT[j] = 4 * dT[j - 1] + 2 * w0 * ddT[j - 1] - ddT[j - 2]
    w1 = dT[stages] / ddT[stages]
    b = np.empty(stages + 1)
    b[2:] = ddT[2:] / dT[2:] ** 2
    b[0], b[1] = b[2], 1 / w0
    a = 1 - b * T
    own, last, before = b[2:], b[1:-1], b[:-2]
    mu_slope = 2 * own * w1 / last
    rows = np.stack([2 * own * w0 / last, -own / before, mu_slope, -a[1:-1] * mu_slope], axis=1)
    return float(b[1] * w1), rows


@numba.njit(cache=True, error_model="numpy")
def _step_of_all(
    v: np.ndarray,
    slope: np.ndarray,
    width: np.ndarray,
    first: float,
    rows: np.ndarray,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A step from the states v, shape (N, R), with their slopes; see `_Descents._step`."""
    n, columns = v.shape
    before, now = v.copy(), v + first * width * slope
    for stage in range(len(rows) + 1):
        J_now = J @ now
        if stage == len(rows):
            break
        mu, nu, mu_slope, gamma_slope = rows[stage]
        for i in range(n):
            for r in range(columns):
                x = now[i, r]
                downhill = J_now[i, r] + field - (a2[i] + a4 / 6 * x * x) * x / gamma
                # The stage before the last is not needed any more.
                before[i, r] = (
                    (1 - mu - nu) * v[i, r]
                    + mu * x
                    + nu * before[i, r]
                    + width[r] * (mu_slope * downhill + gamma_slope * slope[i, r])
                )
        before, now = now, before
    new_slope = before
    error, along, squared = np.empty_like(now), np.zeros(columns), np.zeros(columns)
    for i in range(n):
        for r in range(columns):
            x = now[i, r]
            new_slope[i, r] = J_now[i, r] + field - (a2[i] + a4 / 6 * x * x) * x / gamma
            error[i, r] = 0.8 * (v[i, r] - x) + 0.4 * width[r] * (slope[i, r] + new_slope[i, r])
            along[r] += error[i, r] * new_slope[i, r]
            squared[r] += new_slope[i, r] * new_slope[i, r]
    # An error along the path is one of time, and nobody asks when a descent arrives.
    largest = np.zeros(columns)
    for i in range(n):
        for r in range(columns):
            in_time = along[r] / (squared[r] + 1e-300) * new_slope[i, r]
            largest[r] = max(largest[r], abs(error[i, r] - in_time), IN_TIME * abs(in_time))
            if not np.isfinite(error[i, r]):
                largest[r] = np.inf
    return now, new_slope, largest
