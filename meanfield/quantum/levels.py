"""Energy levels of particles in single-site potentials, for thousands of potentials at once.

Each potential is reduced to two parameters (`meanfield.quantum.reduced_potential`), put on a grid of its own
(`meanfield.quantum.sinc_grid`) and diagonalised densely, in blocks of equal size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError
from meanfield.quantum.reduced_potential import ReducedPotentials
from meanfield.quantum.sinc_grid import fill, plan
from meanfield.sites.single_site import cubic_roots

Array = NDArray[np.float64]

# Levels err by about exp(-2 S): see `sinc_grid`.
ACTION = 15.0
# The second grid of an error estimate: finer, wider and shifted by half a step.
CHECK_ACTION = 18.0
MOST_LEVELS = 2000
BLOCK = 4_000_000  # matrix elements diagonalised together


@dataclass(frozen=True)
class Levels:
    """Lowest levels of m potentials.

    Attributes
    ----------
    heights : array (m, n)
        Levels above the minimum of the potential [energy].
    minimum : array (m,)
        U_eff at its global minimum [energy]; heights + minimum are the absolute levels.
    error : array (m, n) or None
        Estimated error of ``heights``, from a second grid and rounding.
    """

    heights: Array
    minimum: Array
    error: Array | None = None

    @property
    def absolute(self) -> Array:
        """Eigenvalues of (hbar^2/m) p^2/2 + U_eff, shape (m, n)."""
        return self.heights + self.minimum[:, None]


def levels(
    h: ArrayLike,
    C: ArrayLike,
    a2: ArrayLike = 1.0,
    a4: ArrayLike = 1.0,
    gamma: ArrayLike = 1.0,
    *,
    hbar2_over_m: float,
    n: int,
    estimate_error: bool = False,
) -> Levels:
    """The ``n`` lowest levels of potentials U_eff(v; h) = -h v - C v^2/2 + (a2 v^2/2 + a4 v^4/24)/gamma.

    Parameters
    ----------
    h, C, a2, a4, gamma : array_like, broadcasting to (m,)
    hbar2_over_m : float
        hbar^2/m, so that the kinetic energy is (hbar^2/m)/2 times p^2 with p = -i d/dv.
    n : int
        Number of levels.
    estimate_error : bool
        Diagonalise on a second, finer grid too and return the difference.
    """
    potentials = ReducedPotentials.build(h, C, a2, a4, gamma, hbar2_over_m)
    heights = reduced_levels(potentials.k, potentials.f, n)
    error = None
    if estimate_error:
        finer = reduced_levels(potentials.k, potentials.f, n, action=CHECK_ACTION, shift=0.5)
        # The largest matrix elements, a few times the highest level, are rounded.
        rounding = 4.0 * np.finfo(float).eps * heights[:, -1:]
        error = potentials.energy[:, None] * (np.abs(finer - heights) + rounding)
    return Levels(potentials.energy[:, None] * heights, potentials.minimum, error)


def reduced_levels(k: Array, f: Array, n: int, action: float = ACTION, shift: float = 0.0) -> Array:
    """Levels (m, n) of p^2/2 + x^4/4 - k x^2/2 - f x above the minimum; ``k`` and ``f`` >= 0 of shape (m,)."""
    if not (n == int(n) and 1 <= n <= MOST_LEVELS):
        raise ParameterError(f"the number of levels must be an integer from 1 to {MOST_LEVELS}, got {n}")
    wells = wells_of(k, f)
    steps, ranges = plan(int(n), action, wells)
    sizes = (ranges[:, 1] - ranges[:, 0] + 1) + (ranges[:, 3] - ranges[:, 2] + 1)
    rounded = np.maximum(4 * -(-sizes // 4), n)
    result = np.empty((k.size, n))
    order = np.argsort(rounded, kind="stable")
    start = 0
    while start < order.size:
        size = int(rounded[order[start]])
        end = int(np.searchsorted(rounded[order], size, side="right"))
        end = min(end, start + max(1, BLOCK // size**2))
        which = order[start:end]
        matrices = np.empty((which.size, size, size))
        fill(matrices, which, shift, steps, ranges, wells)
        result[which] = np.linalg.eigvalsh(matrices, UPLO="L")[:, :n]
        start = end
    return result


def wells_of(k: Array, f: Array) -> Array:
    """What the grid needs of each potential, shape (m, 6).

    Columns: position of the global minimum; of the barrier and of the other minimum, relative to it; height of the
    other minimum above it; curvatures of both. No barrier: its position is minus infinity.
    """
    left, top, right = cubic_roots(f, k, 1.0)
    double = np.isfinite(top)
    asymmetry = np.where(double, np.maximum(-0.25 * (right - left) ** 3 * top, 0.0), 0.0)
    # 3 x^2 - k without cancellation near the harmonic limits.
    curvature = [np.maximum(3.0 * x * x - k, 0.0) for x in (right, np.where(double, left, 0.0))]
    columns = [
        right,
        np.where(double, top - right, -np.inf),
        np.where(double, left - right, 0.0),
        asymmetry,
        *curvature,
    ]
    return np.ascontiguousarray(np.stack(columns, axis=1))
