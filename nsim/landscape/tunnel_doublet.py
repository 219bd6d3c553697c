r"""Levels of a particle in one dimension, and tunnel splittings however small.

The Schroedinger equation -(X/2) psi'' + V psi = E psi on an equidistant grid, by Numerov's method: with w_k =
2 h^2 (V_k - E)/X and y_k = (1 - w_k/12) psi_k

    y_{k-1} - D_k y_k + y_{k+1} = 0,   D_k = 2 + w_k/(1 - w_k/12)                       (error of order h^4)

a symmetric tridiagonal matrix whose diagonal falls with E, so that its negative pivots d_k = D_k - 1/d_{k-1} count the
levels below E (Sturm), and bisection finds them.

Two wells are joined through the grid point m on top of the barrier. With the ends of the two halves eliminated,

    S(E) = D_m - G_L(E) - G_R(E),   G_L = 1/d_{m-1} = rho_L/(lambda_L - E) + regular,   lambda_L: level with y_m = 0

E is a level where S = 0, and near the ground levels of the halves that is the 2 x 2 problem

    E_L = lambda_L - rho_L/S_0,   E_R = lambda_R - rho_R/S_0,   Delta_0 = 2 sqrt(rho_L rho_R)/S_0

with S_0 the regular part of S: no approximation but its slow change with E, so that the relative error of Delta_0 is of
the order of Delta_0 over the distance of other levels. The weight rho of a half is tiny, y_{m-1}^2/sum |dD_k/dE| y_k^2,
and known to full relative precision, since y grows from m into the well. A two-level system has

    splitting  E_1 - E_0 = sqrt(Delta^2 + Delta_0^2) near enough,    Delta_0 = min over a tilt t s of (E_1 - E_0)

the smallest splitting that a bias can reach: it is read off the levels, with no WKB formula and no prefactor in doubt,
or, where it is too small to show in them, comes from the two halves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np

FEWEST, MOST = 400, 40_000  # points of the grid
FINENESS = 0.2  # spacing of the grid, in units of the shortest wave vector: Numerov's error is 3e-6 of an action
RESOLVED = 1e-6  # of the barrier: smaller splittings are not taken from the difference of two levels
TILTS = 20
LEVEL = 1e-9  # of the barrier: wells whose ground levels differ less are level
BISECTIONS = 55
OFFSET = 1e-4  # from the pole, where its regular part is taken, in units of the level above the bottom
COARSE = 12  # bisections before Newton's method
ROUNDING = 1e-15  # relative change of a level that ends it
TINY = 1e-100  # below this amplitudes are scaled up


class Doublet(NamedTuple):
    """The ground levels of two wells and what joins them."""

    left: float  # E_L [E0]
    right: float  # E_R [E0]
    log_delta0: float  # ln(Delta_0/E0)
    mean_left: float  # <s> of either state [v0]
    mean_right: float


class Tunnelling(NamedTuple):
    """A two-level system."""

    splitting: float  # E_1 - E_0 [E0]
    log_delta0: float  # ln(Delta_0/E0); NaN: the wells hold no level each

    @property
    def delta0(self) -> float:
        """Delta_0 [E0]; 0 where it is below the range of floating point."""
        return float(np.exp(self.log_delta0))


def grid_points(length: float, height: float, hbar2_over_m: float) -> int:
    """How many points resolve the waves on a grid of the given length, in a potential of the given height."""
    return int(np.clip(length * np.sqrt(2 * height / hbar2_over_m) / FINENESS, FEWEST, MOST))


def two_level_system(s: np.ndarray, V: np.ndarray, hbar2_over_m: float, crest: float, distance: float) -> Tunnelling:
    """Splitting and Delta_0 of a double well.

    Parameters
    ----------
    s, V
        An equidistant grid from wall to wall, and the potential there, shape (points,).
    hbar2_over_m
        X = hbar^2/m [E0 v0^2].
    crest, distance
        Where the barrier is highest, and how far apart the minima are [v0].
    """
    top = int(np.clip(np.searchsorted(s, crest), 2, len(s) - 3))
    lever = (s - crest) / distance
    V = V - V.min()  # energies of a whole sample would cost digits
    height = float(V[top])

    def gap(tilt: float) -> float:
        """E_1 - E_0 with the energy ``tilt`` times the position, in units of the distance, added."""
        low = levels(s, V + tilt * lever, hbar2_over_m)
        return float(low[1] - low[0])

    splitting = gap(0.0)
    wells = doublet(s, V, hbar2_over_m, top)
    if splitting < RESOLVED * height:
        splitting = float(np.hypot(wells.left - wells.right, np.exp(wells.log_delta0)))
    # The tilt that brings the ground levels of the wells together.
    tilt = 0.0
    for _ in range(TILTS):
        apart = wells.left - wells.right
        if not abs(apart) > 1e-3 * np.exp(wells.log_delta0) + LEVEL * height:
            break
        tilt += apart * distance / (wells.mean_right - wells.mean_left)
        wells = doublet(s, V + tilt * lever, hbar2_over_m, top)
    if not (max(wells.left, wells.right) < V[top] and np.isfinite(wells.log_delta0)):
        return Tunnelling(splitting, np.nan)
    if wells.log_delta0 < np.log(RESOLVED * height):
        return Tunnelling(splitting, wells.log_delta0)
    return Tunnelling(splitting, float(np.log(_sharpen(gap, tilt, gap(tilt)))))


def _sharpen(gap: Callable[[float], float], tilt: float, lowest: float) -> float:
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
    return lowest


def levels(s: np.ndarray, V: np.ndarray, hbar2_over_m: float, count: int = 2) -> np.ndarray:
    """The lowest ``count`` levels of -(X/2) d^2/ds^2 + V on an equidistant grid, shape (count,) [E0]."""
    return np.array([_level(V, _scale(s, hbar2_over_m), k) for k in range(count)])


def doublet(s: np.ndarray, V: np.ndarray, hbar2_over_m: float, top: int) -> Doublet:
    """The ground levels of the wells left and right of the grid point ``top``, and their tunnel splitting."""
    return Doublet(*_doublet(s, V, _scale(s, hbar2_over_m), top))


def _scale(s: np.ndarray, hbar2_over_m: float) -> float:
    """2 h^2/X."""
    return float(2 * (s[1] - s[0]) ** 2 / hbar2_over_m)


@numba.njit(cache=True, error_model="numpy")
def _diagonal(V: float, E: float, scale: float) -> float:
    w = scale * (V - E)
    return 2.0 + w / (1.0 - w / 12.0)


@numba.njit(cache=True, error_model="numpy")
def _below(V: np.ndarray, E: float, scale: float) -> int:
    """How many levels lie below E."""
    count, pivot = 0, np.inf
    for k in range(len(V)):
        pivot = _diagonal(V[k], E, scale) - 1.0 / pivot
        count += pivot < 0.0
    return count


@numba.njit(cache=True, error_model="numpy")
def _level(V: np.ndarray, scale: float, number: int) -> float:
    """Level ``number``, the ground level being 0."""
    low, high = V.min(), V.max()
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if _below(V, middle, scale) > number:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


@numba.njit(cache=True, error_model="numpy")
def _last(V: np.ndarray, E: float, scale: float) -> float:
    """G = 1/d of the last point."""
    pivot = np.inf
    for k in range(len(V)):
        pivot = _diagonal(V[k], E, scale) - 1.0 / pivot
    return 1.0 / pivot


@numba.njit(cache=True, error_model="numpy")
def _sweep(s: np.ndarray, V: np.ndarray, E: float, scale: float, bottom: int) -> tuple[float, float, float, float]:
    """Both ends eliminated up to the point ``bottom``: what is left of D there, its fall with E, ln rho, and <s>.

    With y_{k-1}/y_k = 1/d_k from either side, sum_j |dD_j/dE| (y_j/y_k)^2 adds up along with the pivots.
    """
    left_over, weight, moment = _diagonal(V[bottom], E, scale), 0.0, 0.0
    product, logarithm = 1.0, 0.0
    for side in range(2):
        inverse = own_weight = own_moment = 0.0
        for step in range(bottom if side == 0 else len(V) - 1 - bottom):
            k = step if side == 0 else len(V) - 1 - step
            fall = scale / (1.0 - scale * (V[k] - E) / 12.0) ** 2
            own_weight = fall + own_weight * inverse * inverse
            own_moment = fall * s[k] + own_moment * inverse * inverse
            inverse = 1.0 / (_diagonal(V[k], E, scale) - inverse)
            if side == 1:  # y at the last point over y at the bottom
                product *= inverse
                if abs(product) < TINY:
                    product *= 1.0 / TINY
                    logarithm += math.log(TINY)
        left_over -= inverse
        weight += own_weight * inverse * inverse
        moment += own_moment * inverse * inverse
    fall = scale / (1.0 - scale * (V[bottom] - E) / 12.0) ** 2
    weight, moment = weight + fall, moment + fall * s[bottom]
    return left_over, weight, 2.0 * (logarithm + math.log(abs(product))) - math.log(weight), moment / weight


@numba.njit(cache=True, error_model="numpy")
def _half(s: np.ndarray, V: np.ndarray, scale: float) -> tuple[float, float, float]:
    """Of the wall and well before a barrier: ground level lambda, ln rho, and <s>."""
    low, high = V.min(), V.max()
    for _ in range(COARSE):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _below(V, middle, scale) > 0 else (middle, high)
    bottom = int(np.argmin(V))
    E = 0.5 * (low + high)
    for _ in range(BISECTIONS):
        left_over, weight, _, _ = _sweep(s, V, E, scale, bottom)
        if _below(V, E, scale) > 0:
            high = E
        else:
            low = E
        following = E + left_over / weight  # Newton's step
        if not low < following < high:
            following = 0.5 * (low + high)
        done = abs(following - E) <= ROUNDING * max(abs(E), abs(V[bottom]), E - V[bottom])
        E = following
        if done:
            break
    _, _, rho, mean = _sweep(s, V, E, scale, bottom)
    return E, rho, mean


@numba.njit(cache=True, error_model="numpy")
def _doublet(s: np.ndarray, V: np.ndarray, scale: float, top: int) -> tuple[float, float, float, float, float]:
    left, right = V[:top], V[:top:-1].copy()
    E_left, rho_left, mean_left = _half(s[:top], left, scale)
    E_right, rho_right, mean_right = _half(s[:top:-1].copy(), right, scale)
    # The regular part of S, on either side of both poles. Far from resonance it only makes small shifts.
    low, high = min(E_left, E_right), max(E_left, E_right)
    offset = OFFSET * (high - min(left.min(), right.min()))
    weight_left, weight_right = math.exp(rho_left), math.exp(rho_right)
    S = 0.0
    for E in (low - offset, high + offset):
        S += 0.5 * (_diagonal(V[top], E, scale) - _last(left, E, scale) - _last(right, E, scale))
        S += 0.5 * (weight_left / (E_left - E) + weight_right / (E_right - E))
    log_delta0 = math.log(2.0) + 0.5 * (rho_left + rho_right) - math.log(S)
    return E_left - weight_left / S, E_right - weight_right / S, log_delta0, mean_left, mean_right
