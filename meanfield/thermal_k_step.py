"""Averages over all levels of K-step replica-symmetry breaking at T > 0.

As `meanfield.k_step_averages`, but the innermost function phi_K(h) = T ln int dv exp(-U_eff/T) is analytic:
it is tabulated on the grid (`meanfield.thermal`) and all K layers are Gaussian averages of smooth functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meanfield.field_recursion import smooth
from meanfield.k_step_averages import KStepAverages, KStepFields, Levels
from meanfield.quadrature import folded_normal
from meanfield.thermal import ThermalSite, thermal_site

Array = NDArray[np.float64]


def thermal_levels(fields: KStepFields, site: ThermalSite, i: int) -> Levels:
    """phi_k and P_k on the grid for k = 0..K and the stiffness ``a2[i]``; ``gain`` for k < K."""
    K, grid, q, mu = fields.steps, fields.grid, fields.q, fields.mu
    functions = [(site.phi[i], site.v[i], site.variance[i] / fields.temperature)]
    gains: list[Array] = []
    for k in range(K, 0, -1):
        step = fields.smoothing_step(k)
        *outer, gain = smooth(*functions[-1], grid.a, grid.dt, grid.h, q[k] - q[k - 1], mu[k - 1], step)
        functions.append(tuple(outer))
        gains.append(gain)
    phi, slope, curvature = (list(column) for column in zip(*functions[::-1], strict=True))
    even, odd = folded_normal(grid.h, fields.m, float(q[0]))
    evens, odds = [even], [odd]
    for k in range(1, K + 1):
        even, odd = fields.spread(k, even, odd, phi[k - 1], phi[k], slope[k], grid.h)
        evens.append(even)
        odds.append(odd)
    return Levels(phi, slope, curvature, gains[::-1], evens, odds)


def _sites(fields: KStepFields, h: Array) -> ThermalSite:
    return thermal_site(fields.model, fields.temperature, fields.C, fields.a2[:, None], h)


def thermal_averages(fields: KStepFields) -> KStepAverages:
    """Evaluate all averages at the temperature of ``fields``."""
    K, model, weight = fields.steps, fields.model, fields.grid.weight
    site = _sites(fields, fields.grid.h[None, :])
    p = C = G = phi0 = norm_error = 0.0
    q, gain, replicon_sums = np.zeros(K + 1), np.zeros(K), np.zeros(K + 1)
    for i, share in enumerate(fields.weight):
        levels = thermal_levels(fields, site, i)
        p += share * float((weight * levels.odd[0]) @ levels.slope[0])
        phi0 += share * float((weight * levels.even[0]) @ levels.phi[0])
        for k in range(K + 1):
            mass = share * weight * levels.even[k]
            q[k] += mass @ levels.slope[k] ** 2
            replicon_sums[k] += mass @ levels.curvature[k] ** 2
            norm_error = max(norm_error, abs(float(mass.sum()) - share))
            if k < K:
                gain[k] += mass @ levels.gain[k]
        C += float(mass @ levels.curvature[K])
        if model.potential == "quartic":
            energy = 0.5 * fields.a2[i] * site.v2[i] + model.a4 * site.v4[i] / 24.0
            G += float(mass @ energy) / model.gamma
    return KStepAverages(p, q, C, phi0, gain, G, C, replicon_sums, norm_error)


def thermal_densities(fields: KStepFields, h: Array) -> Array:
    """P_K(h) for every stiffness: ``h`` of shape (n_a2, n), result (n_a2, n)."""
    K = fields.steps
    site = _sites(fields, fields.grid.h[None, :])
    size = np.ascontiguousarray(np.abs(h))
    at = _sites(fields, size)
    result = np.empty(h.shape)
    for i in range(fields.a2.size):
        levels = thermal_levels(fields, site, i)
        inner = (levels.even[K - 1], levels.odd[K - 1], levels.phi[K - 1])
        even, odd = fields.spread(K, *inner, at.phi[i], at.v[i], size[i])
        result[i] = 0.5 * (even + np.sign(h[i]) * odd)
    return np.maximum(result, 0.0)
