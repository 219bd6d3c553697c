"""Recursion over the levels of replica-symmetry breaking on one grid of fields.

    phi_{k-1}(h) = (1/mu) ln E_z exp[mu phi_k(h + sqrt(Delta) z)],
    P_k(h) = int dh' P_{k-1}(h') Gauss(h - h'; Delta) exp{mu [phi_k(h) - phi_{k-1}(h')]}

for the levels below the innermost one, where phi_k is analytic (the kink of phi_K is smoothed by
`meanfield.replicas.tilted_layer`). phi_k is even in h whatever the mean field, so it lives on h >= 0; of P_k
the even and the odd part are kept. The grid h_i = a sinh(i dt) is fine at h = 0, where all
structure is, and coarse where functions vary over h itself. Gaussian averages are sums over
equidistant points (exponentially accurate for analytic functions) at which functions are
interpolated by polynomials of degree 9 in t = asinh(h/a).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

STENCIL = 10
# Barycentric weights of equidistant points, (-1)^m binomial(9, m).
BARYCENTRIC = np.array([1.0, -9.0, 36.0, -84.0, 126.0, -126.0, 84.0, -36.0, 9.0, -1.0])
# A Gaussian is cut where it has fallen to exp(-RANGE^2/2) = 2e-16.
RANGE = 8.5


@dataclass(frozen=True)
class FieldGrid:
    """Fields h_i = a sinh(i dt), i = 0..n-1, and the weights of the trapezoidal rule in t for even functions."""

    a: float
    dt: float
    h: Array
    weight: Array

    @classmethod
    def graded(cls, a: float, largest: float, dt: float) -> FieldGrid:
        """Spacing ``a dt`` at h = 0, up to h = ``largest``."""
        top = float(np.arcsinh(largest / a))
        n = max(int(np.ceil(top / dt)), 2 * STENCIL) + 1
        dt = top / (n - 1)
        t = dt * np.arange(n)
        weight = dt * a * np.cosh(t)
        weight[0] *= 0.5
        weight[-1] *= 0.5
        return cls(a, dt, a * np.sinh(t), weight)


@njit(cache=True, fastmath=True)
def _stencil(x, a, dt, n, weights):  # type: ignore[no-untyped-def]
    """First index of the stencil around |x|; fills the Lagrange ``weights``."""
    u = np.arcsinh(x / a) / dt
    first = int(u) - (STENCIL // 2 - 1)
    first = min(first, n - STENCIL)
    u -= first
    total = 0.0
    for m in range(STENCIL):
        d = u - m
        if abs(d) < 1e-13:
            d = 1e-13
        w = BARYCENTRIC[m] / d
        weights[m] = w
        total += w
    for m in range(STENCIL):
        weights[m] /= total
    return first


@njit(cache=True)
def smooth(phi, slope, curvature, a, dt, h, delta, mu, dx):  # type: ignore[no-untyped-def]
    """One level outwards: from phi_k, phi_k', phi_k'' on the grid to those of level k-1.

    Returns
    -------
    phi, slope, curvature : arrays (n,)
    gain : array (n,)
        <phi_k> - phi_{k-1} in the tilted average, mu times the derivative of phi_{k-1} by mu.
    """
    n = h.size
    std = np.sqrt(delta)
    out_phi, out_slope, out_curvature = np.empty(n), np.empty(n), np.empty(n)
    gain = np.empty(n)
    weights = np.empty(STENCIL)
    top = h[n - 1]
    for i in range(n):
        # The tilt moves the weight outwards by mu Delta phi_k'.
        far = min(h[i] + RANGE * std, top)
        drift = mu * delta * slope[min(int(np.arcsinh(far / a) / dt) + 1, n - 1)]
        reach = int((RANGE * std + drift) / dx) + 1
        s0 = s1 = sx = sv = sv2 = sc = 0.0
        for j in range(-reach, reach + 1):
            offset = j * dx
            x = h[i] + offset
            sign = 1.0
            if x < 0.0:
                x, sign = -x, -1.0
            if x < top:
                first = _stencil(x, a, dt, n, weights)
                f = v = c = 0.0
                for m in range(STENCIL):
                    at = first + m
                    if at < 0:
                        at = -at
                        v -= weights[m] * slope[at]
                    else:
                        v += weights[m] * slope[at]
                    f += weights[m] * phi[at]
                    c += weights[m] * curvature[at]
            else:
                f, v, c = phi[n - 1] + slope[n - 1] * (x - top), slope[n - 1], curvature[n - 1]
            rise = mu * (f - phi[i])
            gauss = np.exp(-0.5 * offset * offset / delta)
            excess = np.expm1(rise)
            w = gauss * (1.0 + excess)
            s0 += gauss
            s1 += gauss * excess
            sx += w * rise
            sv += w * sign * v
            sv2 += w * v * v
            sc += w * c
        norm = s0 + s1
        log_norm = np.log1p(s1 / s0)
        out_phi[i] = phi[i] + log_norm / mu
        gain[i] = (sx / norm - log_norm) / mu
        mean = sv / norm
        out_slope[i] = mean
        out_curvature[i] = sc / norm + mu * (sv2 / norm - mean * mean)
    return out_phi, out_slope, out_curvature, gain


@njit(cache=True)
def spread(even, odd, outer_phi, phi, slope, a, dt, h, delta, mu, dx):  # type: ignore[no-untyped-def]
    """One level inwards: densities P_k(h) + P_k(-h) and P_k(h) - P_k(-h) from those of level k-1.

    ``outer_phi`` is phi_{k-1} on the grid. ``phi`` and ``slope`` are phi_k and phi_k' at the fields
    ``h`` >= 0 where the result is wanted, which need not be those of the grid.
    """
    n, size = even.size, h.size
    top = a * np.sinh(dt * (n - 1))
    std = np.sqrt(delta)
    out_even, out_odd = np.empty(size), np.empty(size)
    weights = np.empty(STENCIL)
    for i in range(size):
        reach = int((RANGE * std + mu * delta * slope[i]) / dx) + 1
        total_even = total_odd = 0.0
        for j in range(-reach, reach + 1):
            offset = j * dx
            x = h[i] + offset
            sign = 1.0
            if x < 0.0:
                x, sign = -x, -1.0
            if x >= top:
                continue
            first = _stencil(x, a, dt, n, weights)
            f = e = o = 0.0
            for m in range(STENCIL):
                at = first + m
                if at < 0:
                    at = -at
                    o -= weights[m] * odd[at]
                else:
                    o += weights[m] * odd[at]
                f += weights[m] * outer_phi[at]
                e += weights[m] * even[at]
            w = np.exp(mu * (phi[i] - f) - 0.5 * offset * offset / delta)
            total_even += w * e
            total_odd += w * sign * o
        factor = dx / np.sqrt(2.0 * np.pi * delta)
        out_even[i], out_odd[i] = factor * total_even, factor * total_odd
    return out_even, out_odd
