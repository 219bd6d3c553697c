r"""Double wells of the local potentials of a simulated minimum.

    U_eff(x) = -h x - C x^2/2 + (a2 x^2/2 + a4 x^4/24)/gamma,   U_eff' = u x^3 - kappa x - h
    kappa = C - a2/gamma,   u = a4/(6 gamma)                                                [KH98 (10)-(13)]

has two minima where kappa > 0 and |h| < h_c = (2 kappa/3) sqrt(kappa/(3 u)). Its stationary points are then
x_k = 2 sqrt(kappa/(3u)) cos[(arccos(h/h_c) - 2 pi k)/3]: k = 0 the right minimum, k = 2 the left one, k = 1 the top.
These are linear-response wells: whether the N-particle landscape has them too is another question.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LocalWells:
    """The second well of each site; NaN where there is none. All arrays have the shape of h."""

    asymmetry: np.ndarray  # U_eff(other minimum) - U_eff(occupied one) [E0]; negative if the other is deeper
    barrier: np.ndarray  # top of the barrier above the upper of the two minima [E0]
    distance: np.ndarray  # between the two minima [v0]
    tunnelling: np.ndarray  # lambda = (d/2) sqrt(2 m V/hbar^2) with V the barrier above [KH98 (15)]

    @property
    def exists(self) -> np.ndarray:
        """Where there is a double well, bool."""
        return ~np.isnan(self.distance)


def local_wells(
    h: np.ndarray, C: np.ndarray, v: np.ndarray, a2: np.ndarray, a4: float, gamma: float, hbar2_over_m: float
) -> LocalWells:
    """Double wells of U_eff at fields h, reaction coefficients C and occupied minima v (arrays of one shape)."""
    h, C, v, a2 = np.broadcast_arrays(h, C, v, a2)
    kappa, u = C - a2 / gamma, a4 / (6 * gamma)
    right, top, left = stationary_points(h, C, a2, a4, gamma)

    def potential(x: np.ndarray) -> np.ndarray:
        return (u / 4 * x * x - kappa / 2) * x * x - h * x

    occupied_right = v > top
    occupied, other = np.where(occupied_right, right, left), np.where(occupied_right, left, right)
    asymmetry = potential(other) - potential(occupied)
    barrier = potential(top) - np.maximum(potential(other), potential(occupied))
    barrier = np.maximum(barrier, 0)  # at the fold it vanishes, up to rounding
    distance = right - left
    return LocalWells(asymmetry, barrier, distance, distance / 2 * np.sqrt(2 * barrier / hbar2_over_m))


def top_of_well(h: np.ndarray, C: np.ndarray, a2: np.ndarray, a4: float, gamma: float) -> np.ndarray:
    """Where U_eff has its maximum between two minima; NaN where there is one minimum. Arrays of one shape [v0]."""
    return stationary_points(h, C, a2, a4, gamma)[1]


def stationary_points(
    h: np.ndarray, C: np.ndarray, a2: np.ndarray, a4: float, gamma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right minimum, top and left minimum of U_eff; NaN where there is one minimum."""
    kappa, u = C - a2 / gamma, a4 / (6 * gamma)
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = np.sqrt(np.maximum(kappa, 0) / (3 * u))
        cosine = h / (2 * kappa / 3 * radius)
        angle = np.arccos(np.where((kappa > 0) & (np.abs(cosine) < 1), cosine, np.nan))
        # k = 2 of the formula is the angle advanced by 2 pi/3.
        right, top, left = (2 * radius * np.cos((angle + shift) / 3) for shift in (0, -2 * np.pi, 2 * np.pi))
    return right, top, left
