"""Tunnel splittings far below the rounding error of the levels themselves.

At f = 0 the states of (p^2/2 + (x^2 - k)^2/4) have a parity. With psi_e and psi_o the two states of a doublet the
Wronskian psi_o psi_e' - psi_e psi_o', integrated from 0 to infinity, gives without approximation

    E_o - E_e = psi_e(0) psi_o'(0) / (2 int_0^inf psi_e psi_o dx)

(Herring, Rev. Mod. Phys. 34, 631 (1962)): nothing cancels. Both functions are continued from x = 0 into the well,
where they grow and so are stable, by Taylor expansion of the Schroedinger equation, and joined to the solution that
decays outside. Both are taken at the mean energy of the doublet, which errs by the square of the splitting.

Behind high barriers, where the integration would take ever more steps, the ground doublet is known from the expansion
around one instanton (Zinn-Justin, J. Math. Phys. 22, 511 (1981); Jentschura & Zinn-Justin, Ann. Phys. 313, 197 (2004)),

    E_o - E_e = sqrt(2 k) 2/sqrt(pi g) exp(-1/(6 g)) (1 - 71 g/12 - 6299 g^2/288 - ...),   g = 1/(4 sqrt(2) k^(3/2)).

In a field the ground doublet is a two-level system, gap^2 = Delta_0^2 + Delta^2 with Delta proportional to f as long
as the gap is far below the next level: Delta is taken where double precision resolves the gap.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError
from meanfield.quantum.levels import reduced_levels
from meanfield.quantum.reduced_potential import ReducedPotentials

Array = NDArray[np.float64]

ORDER = (
    26  # of the Taylor expansion; a step with 4 in the exponent then errs by 4^26/26! = 1e-11 of nothing that matters
)
# Splittings below this part of the level spacing are taken from the Wronskian: there the levels give them to 1e-8,
# and the energy that both functions share errs by 1e-10.
TINY = 1e-5
# From this k on the expansion in g is used: the first term left out is then below 1e-11.
HIGH_BARRIER = 100.0
INSTANTON_SERIES = (1.0, -71.0 / 12.0, -6299.0 / 288.0, -2691107.0 / 10368.0)
# Gap at which the asymmetry of a two-level system is measured, in units of the level spacing.
PROBE = 1e-4


@njit(cache=True)
def _step(x: float, t: float, energy: float, k: float, y: Array) -> None:
    """Advance y = (psi, psi', z, z') by t; psi'' = 2 (V - E) psi, z = d psi/dE, so z'' = 2 (V - E) z - 2 psi."""
    excess = x * x - k
    potential = (
        0.5 * excess * excess - 2.0 * energy,
        2.0 * x * excess,
        3.0 * x * x - k,
        2.0 * x,
        0.5,
    )
    a, b = np.zeros(ORDER + 1), np.zeros(ORDER + 1)
    a[0], a[1], b[0], b[1] = y[0], y[1] * t, y[2], y[3] * t
    for n in range(ORDER - 1):
        total_a, total_b = 0.0, -2.0 * a[n]
        power = 1.0
        for j in range(min(4, n) + 1):
            total_a += potential[j] * power * a[n - j]
            total_b += potential[j] * power * b[n - j]
            power *= t
        scale = t * t / ((n + 2) * (n + 1))
        a[n + 2], b[n + 2] = total_a * scale, total_b * scale
    y[:] = 0.0
    for n in range(ORDER, -1, -1):
        y[0] += a[n]
        y[1] += n * a[n]
        y[2] += b[n]
        y[3] += n * b[n]
    y[1] /= t
    y[3] /= t


@njit(cache=True)
def _integrate(x: float, end: float, energy: float, k: float, y: Array) -> float:
    """Advance y from ``x`` to ``end``; it is rescaled on the way, and the logarithm of the scale returned."""
    log_scale = 0.0
    sign = 1.0 if end > x else -1.0
    while x != end:
        reach = max(abs(x), np.sqrt(k))
        rate = np.sqrt(abs(0.5 * (x * x - k) ** 2 - 2.0 * energy)) + np.sqrt(reach) + 1.0
        t = 1.0 / rate
        if t >= abs(end - x):
            t, new = end - x, end
        else:
            t *= sign
            new = x + t
        _step(x, t, energy, k, y)
        x = new
        size = max(abs(y[0]), abs(y[1]))
        y /= size
        log_scale += np.log(size)
    return log_scale


@njit(cache=True)
def _log_splittings(k: Array, energy: Array) -> Array:
    """Logarithm of E_o - E_e of the doublets at heights ``energy`` above the minima, (m,)."""
    result = np.empty(k.size)
    y = np.empty(4)
    for i in range(k.size):
        minimum = np.sqrt(k[i])
        even = np.array([1.0, 0.0, 0.0, 0.0])
        log_even = _integrate(0.0, minimum, energy[i], k[i], even)
        odd = np.array([0.0, 1.0, 0.0, 0.0])
        log_odd = _integrate(0.0, minimum, energy[i], k[i], odd)
        # Start outside where the decaying solution has fallen off by exp(-20); errors of its slope then die out
        # inwards.
        x, action = minimum, 0.0
        dx = 0.05 / (1.0 + minimum) ** 0.5
        while action < 20.0:
            x += dx
            action += dx * np.sqrt(max(0.5 * (x * x - k[i]) ** 2 - 2.0 * energy[i], 0.0))
        slope = np.sqrt(0.5 * (x * x - k[i]) ** 2 - 2.0 * energy[i])
        y[:] = 1.0, -slope, 0.0, 0.0
        _integrate(x, minimum, energy[i], k[i], y)
        # int psi^2 = (psi' z - psi z')/2 between the ends. Amplitudes are joined in value and slope.
        even_square = 0.5 * (even[1] * even[2] - even[0] * even[3])
        odd_square = 0.5 * (odd[1] * odd[2] - odd[0] * odd[3])
        inside = np.sqrt(even_square * odd_square)
        outside = -0.5 * (y[1] * y[2] - y[0] * y[3])
        unit = 2.0 * k[i]
        size = abs(even[0] * odd[0]) * unit + abs(even[1] * odd[1])
        ratio = size / (y[0] * y[0] * unit + y[1] * y[1])
        result[i] = -np.log(2.0 * (inside + ratio * outside)) - log_even - log_odd
    return result


def instanton_splittings(k: Array) -> Array:
    """Logarithm of the splitting of the ground doublet behind high barriers, relative error of order g^4; (m,)."""
    g = 0.25 / (np.sqrt(2.0) * k**1.5)
    series = np.polynomial.polynomial.polyval(g, INSTANTON_SERIES)
    return 0.5 * np.log(2.0 * k) + np.log(2.0 / np.sqrt(np.pi * g)) - 1.0 / (6.0 * g) + np.log(series)


def reduced_splittings(k: Array, doublet: int = 0) -> Array:
    """Logarithm of E_o - E_e of a doublet of p^2/2 + x^4/4 - k x^2/2, shape (m,), for k of shape (m,).

    ``doublet`` 0 is the ground doublet, levels 0 and 1. For k <= 0, where nothing tunnels, it is the distance of
    these levels.
    """
    if not (doublet == int(doublet) and doublet >= 0):
        raise ParameterError(f"the doublet must be an integer >= 0, got {doublet}")
    k = np.asarray(k, float)
    high = (k > HIGH_BARRIER) & (doublet == 0)
    if np.any(high):
        result = np.empty(k.size)
        result[high] = instanton_splittings(k[high])
        result[~high] = reduced_splittings(k[~high])
        return result
    n = 2 * int(doublet)
    height = reduced_levels(k, np.zeros_like(k), n + 2)[:, n:]
    with np.errstate(divide="ignore"):
        result = np.log(np.maximum(height[:, 1] - height[:, 0], 0.0))
    spacing = np.sqrt(2.0 * np.maximum(k, 0.0))
    tiny = (k > 0) & (height[:, 1] - height[:, 0] < TINY * spacing)
    if np.any(tiny):
        result[tiny] = _log_splittings(k[tiny], height[tiny].mean(axis=1))
    return result


def log_splitting(potentials: ReducedPotentials, doublet: int = 0) -> Array:
    """Logarithm of Delta_0 [energy] of each potential without its field, shape (m,)."""
    return reduced_splittings(potentials.k, doublet) + np.log(potentials.energy)


def ground_gaps(k: Array, f: Array, heights: Array) -> Array:
    """E_1 - E_0 with a small relative error wherever the two lowest levels tunnel, shape (m,).

    ``heights`` (m, n >= 2) are the levels from `reduced_levels`.
    """
    gap = heights[:, 1] - heights[:, 0]
    spacing = np.sqrt(2.0 * np.maximum(k, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        probe = np.where(k > 0, PROBE * spacing / (2.0 * np.sqrt(np.maximum(k, 1e-300))), 0.0)
    near = np.flatnonzero((f < probe) & (gap < 2.0 * PROBE * spacing))
    if near.size == 0:
        return gap
    distinct, inverse = np.unique(k[near], return_inverse=True)
    zero_field = np.exp(reduced_splittings(distinct))
    far = PROBE * np.sqrt(2.0 * distinct) / (2.0 * np.sqrt(distinct))
    at_probe = reduced_levels(distinct, far, 2)
    slope2 = np.maximum((at_probe[:, 1] - at_probe[:, 0]) ** 2 - zero_field**2, 0.0) / far**2
    tiny = zero_field < TINY * np.sqrt(2.0 * distinct)
    gap[near] = np.where(tiny[inverse], np.hypot(zero_field[inverse], np.sqrt(slope2[inverse]) * f[near]), gap[near])
    return gap


def tunnel_splitting(C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike, hbar2_over_m: float) -> Array:
    """Logarithm of Delta_0 = E_1 - E_0 [energy] at h = 0."""
    return log_splitting(ReducedPotentials.build(0.0, C, a2, a4, gamma, hbar2_over_m))
