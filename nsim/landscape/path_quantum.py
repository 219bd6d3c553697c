r"""The one-dimensional quantum problem along a minimum-energy path.

With all masses equal the mass-weighted path coordinate is the arc length s [v0], and

    H = -(X/2) d^2/ds^2 + V(s),    X = hbar^2/m [E0 v0^2]

V(s) is known at the points of the gradient flow from the saddle, with its slope, |dV/ds| = |grad U|, so that Hermite
interpolation is of fourth order. Beyond the two minima the path goes on straight, up a wall. Levels come from the sinc
basis (Colbert and Miller, J. Chem. Phys. 96, 1982 (1992)), whose error falls exponentially with the number of points.
A two-level system has

    splitting  E_1 - E_0 = sqrt(Delta^2 + Delta_0^2) near enough,    Delta_0 = min over a tilt t s of (E_1 - E_0)

the smallest splitting that a bias can reach: it is read off the levels, with no WKB formula and no prefactor in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar

from nsim.sample.glass import Glass

FEWEST, MOST = 100, 400  # points of the grid
STATES = 80  # lowest states that a tilt mixes
OVERSAMPLING = 1.5  # points per half wavelength at the height of the walls
CLOSE = 1e-3  # of the distance between saddle and minimum: points closer to either are left out of a path
ROUNDING = 1e-11  # of the potential's range: splittings below are not resolved


@dataclass(frozen=True)
class Path:
    """A minimum-energy path from one minimum over a saddle to another."""

    s: np.ndarray  # (P,) arc length, 0 at the first minimum [v0]
    potential: np.ndarray  # (P,) U at these points [E0]
    slope: np.ndarray  # (P,) dU/ds [E0/v0]
    v: np.ndarray  # (P, N)

    @property
    def length(self) -> float:
        """From minimum to minimum [v0]."""
        return float(self.s[-1])


@dataclass(frozen=True)
class Tunnelling:
    """Quantum states of the path; NaN where rounding hides the splitting or no two wells hold a state each."""

    splitting: float  # E_1 - E_0 [E0]
    delta0: float  # the smallest splitting a tilt can reach [E0]


def join(glass: Glass, saddle: np.ndarray, first: np.ndarray, second: np.ndarray) -> Path:
    """The path made of two descents (P1, N) and (P2, N) from a saddle (N,), to the first and the second minimum."""
    v = np.concatenate([_thinned(saddle, first)[::-1], saddle[None], _thinned(saddle, second)])
    s = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(v, axis=0) ** 2).sum(axis=1)))])
    potential = glass.energy(v.T)
    slope = np.sqrt((glass.gradient(v.T) ** 2).sum(axis=0))
    slope[np.argmax(potential) :] *= -1
    return Path(s, potential, slope, v)


def _thinned(saddle: np.ndarray, descent: np.ndarray) -> np.ndarray:
    """A descent without the points so close to either end that rounding and the flow's own error decide their order."""
    close = CLOSE * np.linalg.norm(descent[-1] - saddle)
    between = descent[1:-1]
    to_end = np.sqrt(((between - descent[-1]) ** 2).sum(axis=1))
    to_saddle = np.sqrt(((between - saddle) ** 2).sum(axis=1))
    return np.concatenate([between[(to_end > close) & (to_saddle > close)], descent[-1:]])


def potential_on_grid(
    glass: Glass, path: Path, hbar2_over_m: float, points: int | None = None
) -> tuple[np.ndarray, ...]:
    """Equidistant s, shape (points,), and V there, from wall to wall; by default as many points as the walls need.

    The walls stand where V exceeds the saddle by a third of its height above the lower minimum and by ten zero-point
    energies: of a box of that length, or of a well of curvature 1.
    """
    height = path.potential.max() - path.potential.min()
    zero_point = hbar2_over_m / path.length**2
    enough = path.potential.max() + 0.3 * height + 10 * max(zero_point, np.sqrt(hbar2_over_m))
    walls = [_Wall(glass, path.v[0], path.v[1]), _Wall(glass, path.v[-1], path.v[-2])]
    reach = [wall.reach(enough) for wall in walls]
    if points is None:
        whole = reach[0] + path.length + reach[1]
        waves = whole * np.sqrt(2 * (enough - path.potential.min()) / hbar2_over_m) / np.pi
        points = int(np.clip(OVERSAMPLING * waves, FEWEST, MOST))
    s = np.linspace(-reach[0], path.length + reach[1], points)
    inside = CubicHermiteSpline(path.s, path.potential, path.slope)
    V = inside(np.clip(s, 0, path.length))
    left, right = s < 0, s > path.length
    V[left], V[right] = walls[0](-s[left]), walls[1](s[right] - path.length)
    return s, V


class _Wall:
    """V beyond a minimum of the path: U straight on, or the parabola of the minimum where U falls below it.

    A straight line out of a soft minimum may lead down into a third basin, which is none of this pair's.
    """

    def __init__(self, glass: Glass, end: np.ndarray, before: np.ndarray) -> None:
        self._glass, self._end = glass, end
        self._outward = (end - before) / np.linalg.norm(end - before)
        self._curvature = float(self._outward @ glass.hessian(end) @ self._outward)
        self._bottom = float(glass.energy(end))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """V at the distances x from the minimum, shape of x."""
        line = self._glass.energy(self._end[:, None] + self._outward[:, None] * x)
        return np.maximum(line, self._bottom + 0.5 * self._curvature * x**2)

    def reach(self, enough: float) -> float:
        """A distance at which V exceeds ``enough``."""
        x = 0.1
        while self(np.array([x]))[0] < enough and x < 1e6:
            x *= 1.3
        return x


def levels(s: np.ndarray, V: np.ndarray, hbar2_over_m: float, count: int = 2) -> np.ndarray:
    """The lowest ``count`` levels of -(X/2) d^2/ds^2 + V on an equidistant grid, shape (count,) [E0]."""
    return eigh(_kinetic(s, hbar2_over_m) + np.diag(V), eigvals_only=True, subset_by_index=[0, count - 1])


def _kinetic(s: np.ndarray, hbar2_over_m: float) -> np.ndarray:
    """Sinc basis: T_kk = X pi^2/(6 h^2), T_kl = X (-1)^(k-l) / (h^2 (k-l)^2), h the spacing; shape (points, points)."""
    apart = np.subtract.outer(np.arange(len(s)), np.arange(len(s)))
    with np.errstate(divide="ignore"):
        T = np.where(apart == 0, np.pi**2 / 6, (-1.0) ** apart / np.square(apart, dtype=float))
    return hbar2_over_m / (s[1] - s[0]) ** 2 * T


def tunnelling(glass: Glass, path: Path, hbar2_over_m: float) -> Tunnelling:
    """Splitting and Delta_0 of the path's double well."""
    s, V = potential_on_grid(glass, path, hbar2_over_m)
    if len(s) == MOST:  # the wave is too short for the grid, and the splitting far below rounding
        return Tunnelling(np.nan, np.nan)
    kept = min(STATES, len(s))
    energies, states = eigh(_kinetic(s, hbar2_over_m) + np.diag(V), subset_by_index=[0, kept - 1])
    lever = states.T @ (((s - path.s[np.argmax(path.potential)]) / path.length)[:, None] * states)

    def gap(tilt: float) -> float:
        """E_1 - E_0 with the energy ``tilt`` times the position, in units of the path, added."""
        low = eigh(np.diag(energies) + tilt * lever, eigvals_only=True, subset_by_index=[0, 1])
        return float(low[1] - low[0])

    here = gap(0.0)
    smallest = ROUNDING * float(np.ptp(V))
    if not here > smallest:
        return Tunnelling(np.nan, np.nan)
    # The tilt that levels the minima is the asymmetry; zero-point energies shift it by a few of their own.
    asymmetry = float(path.potential[0] - path.potential[-1])
    around = 2 * max(abs(asymmetry), here)
    coarse = minimize_scalar(
        gap, bounds=(asymmetry - around, asymmetry + around), method="bounded", options={"xatol": 1e-3 * here}
    )
    tilt, delta0 = _sharpen(gap, float(coarse.x), float(coarse.fun))
    inside = abs(tilt - asymmetry) < 0.98 * around
    two_wells = energies[0] < path.potential.max()
    return Tunnelling(here, delta0 if two_wells and inside and delta0 > smallest else np.nan)


def _sharpen(gap: Callable[[float], float], tilt: float, lowest: float) -> tuple[float, float]:
    """The minimum of an avoided crossing: gap^2 is a parabola of the tilt, whose vertex three points give."""
    for _ in range(12):
        apart = lowest
        left, right = gap(tilt - apart), gap(tilt + apart)
        curvature = left**2 - 2 * lowest**2 + right**2
        if not curvature > 0:
            break
        trial = tilt + 0.5 * apart * (left**2 - right**2) / curvature
        reached = gap(trial)
        if not reached < lowest:
            break
        done = reached > 0.999 * lowest
        tilt, lowest = trial, reached
        if done:
            break
    return tilt, lowest
