r"""A cheap stand-in for the ground state: the lowest of a few descents from the softest directions of the couplings.

Each of the K eigenvectors of J with the largest eigenvalues, scaled to the natural length of a displacement, is a
starting state. Site after site is then put into the global minimum of its own potential in the field of all others,

    v_i <- argmin_x [G(x)/gamma - l_i x],    l_i = F + sum_j J_ij v_j,

which lowers U at every step. The lowest energy of the K states, and the mean displacements of that state, are
functions of the sample alone. They need not be those of the ground state: as control variates (`coupling_controls`)
they only have to go with these from sample to sample, and do: at N = 48, gamma = 4 sixteen descents reach the ground
state in 95% of samples, within 2 ms, and leave a thousandth of the variance.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STARTS = 16
SWEEPS = 30
SETTLED = 1e-3  # largest move of a sweep, in units of the length, at which a descent ends


@numba.njit(cache=True, fastmath=True)
def _field(J, v, i):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(len(v)):
        total += J[i, j] * v[j]
    return total


@numba.njit(cache=True)
def _settle(target, a2, a4):  # type: ignore[no-untyped-def]
    """Global minimiser of a2 x^2/2 + a4 x^4/24 - target x: the root of the sign of ``target`` with the largest |x|.

    Newton's iteration from beyond it falls monotonically: the force is convex there.
    """
    t = abs(target)
    x = (6 * t / a4) ** (1 / 3) + math.sqrt(6 * max(-a2, 0.0) / a4)
    for _ in range(60):
        slope = a2 + a4 * x * x / 2
        if slope <= 0:
            break
        step = (a2 * x + a4 * x**3 / 6 - t) / slope
        x -= step
        if abs(step) <= 1e-10 * (1 + x):
            break
    return x if target >= 0 else -x


@numba.njit(cache=True)
def _descend(J, v, gamma, a2, a4, field, sweeps, settled):  # type: ignore[no-untyped-def]
    """Descend in place; returns the energy per site."""
    for _ in range(sweeps):
        moved = 0.0
        for i in range(len(v)):
            x = _settle(gamma * (field + _field(J, v, i)), a2, a4)
            moved = max(moved, abs(x - v[i]))
            v[i] = x
        if moved < settled:
            break
    energy = 0.0
    for i in range(len(v)):
        energy += (a2 * v[i] ** 2 / 2 + a4 * v[i] ** 4 / 24) / gamma - (field + 0.5 * _field(J, v, i)) * v[i]
    return energy / len(v)


@numba.njit(cache=True)
def _lowest(J, starts, gamma, a2, a4, field, sweeps, settled):  # type: ignore[no-untyped-def]
    """Energy, mean displacement and mean square of the lowest state."""
    energy, p, q = np.inf, 0.0, 0.0
    for k in range(len(starts)):
        v = starts[k].copy()
        if field * v.sum() < 0:
            v = -v
        own = _descend(J, v, gamma, a2, a4, field, sweeps, settled)
        if own < energy:
            energy, p, q = own, v.mean(), (v * v).mean()
    return energy, p, q


def lowest_of_descents(
    J: Array, vectors: Array, gamma: float, a2: float, a4: float, field: float, length: float
) -> tuple[float, float, float]:
    """Energy per site, mean displacement and mean squared displacement of the lowest of the descents.

    Parameters
    ----------
    J : array (N, N)
    vectors : array (N, N)
        Its eigenvectors in columns, eigenvalues ascending.
    gamma, a2, a4, field
        The model, without local disorder; a4 > 0.
    length
        Natural length of a displacement [v0].
    """
    n = len(J)
    starts = np.ascontiguousarray(vectors[:, ::-1][:, :STARTS].T) * (length * math.sqrt(n))
    found = _lowest(J, starts, gamma, a2, a4, field, SWEEPS, SETTLED * length)
    return float(found[0]), float(found[1]), float(found[2])
