"""The innermost layer of fields at T > 0: averages over E_z tilted by exp(mu phi_K).

    phi_{K-1}(h_0) = (1/mu) ln E_z exp[mu phi_K(h_0 + sqrt(Delta q) z)],   phi_K(h) = T ln int dv exp(-U_eff/T)

as `meanfield.replicas.tilted_layer` does at T = 0. phi_K is analytic, but at low temperature it turns within T/v around
h = 0. All outer fields h_0 therefore share one set of nodes in h, graded from T/v outwards up to panels of the
width sqrt(Delta q), so that the single-site averages are computed once per node and the cost grows as ln(1/T)
only. The limit T -> 0 is uniform: averages join those of `meanfield.replicas.tilted_layer`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.replicas.tilted_layer import TiltedLayer
from meanfield.sites.quadrature import gauss_legendre_panels
from meanfield.sites.thermal import thermal_energy, thermal_site

Array = NDArray[np.float64]

NODES = 12
# Longest panel in units of sqrt(Delta q): twelve nodes then integrate the Gaussian to rounding.
PANEL = 2.0
# A Gaussian is cut where it has fallen to exp(-RANGE^2/2) = 2e-16.
RANGE = 8.5


def shared_nodes(finest: float, longest: float, largest: float) -> tuple[Array, Array]:
    """Nodes and weights on (0, largest): panels double from ``finest`` up to ``longest``."""
    finest = min(finest, longest)
    graded = finest * 2.0 ** np.arange(np.floor(np.log2(longest / finest)) + 1.0)
    graded = graded[graded < largest]
    count = max(1, int(np.ceil((largest - graded[-1]) / longest)))
    edges = np.concatenate([[0.0], graded, np.linspace(graded[-1], largest, count + 1)[1:]])
    return gauss_legendre_panels(edges, NODES)


def thermal_layer(
    model: Model, temperature: float, C: float, delta_q: float, mu: float, a2: Array, h0: Array, finest: float
) -> TiltedLayer:
    """Tilted averages over h = h_0 + sqrt(delta_q) z for outer fields ``h0`` >= 0, increasing, shape (n_0,).

    ``finest`` is the field over which phi_K turns at h = 0. In the result phi0 is phi_{K-1} itself, v2 the
    average of <v>^2, and chi = chi_reg that of phi_K''.
    """
    std = float(np.sqrt(delta_q))
    top = np.array([h0[-1] + RANGE * std])
    drift = mu * delta_q * float(np.max(thermal_site(model, temperature, C, a2[:, None], top[None, :]).v))
    h, dh = shared_nodes(finest, PANEL * std, float(top[0]) + drift)
    site = thermal_site(model, temperature, C, a2[:, None], h[None, :])
    energy = thermal_energy(model, a2[:, None], site.v2, site.v4)
    result = np.empty((7, a2.size, h0.size))
    for i in range(a2.size):
        chi = site.variance[i] / temperature
        result[:, i] = _average(h, dh, site.phi[i], site.v[i], chi, energy[i], h0, delta_q, mu)
    phi0, gain, v, v2, chi, chi2, G = result
    return TiltedLayer(phi0=phi0, gain=gain, v=v, v2=v2, chi=chi, chi_reg=chi, chi2=chi2, G=G)


@njit(cache=True)
def _average(h, dh, phi, v, chi, energy, h0, delta_q, mu):  # type: ignore[no-untyped-def]
    """Averages phi0, gain, v, v2, chi, chi2, G at every h_0, shape (7, n_0)."""
    n = h.size
    std = np.sqrt(delta_q)
    gauss, sign = np.empty(2 * n), np.empty(2 * n)
    at = np.empty(2 * n, np.int64)
    out = np.empty((7, h0.size))
    for i in range(h0.size):
        # The tilt moves the weight outwards, by less than mu Delta q times the largest <v> in reach.
        far = h0[i] + RANGE * std
        last = min(np.searchsorted(h, far), n - 1)
        last = min(np.searchsorted(h, far + mu * delta_q * v[last]), n - 1)
        far = h0[i] + RANGE * std + mu * delta_q * v[last]
        count = 0
        total = mean = 0.0
        first = np.searchsorted(h, h0[i] - RANGE * std)
        for j in range(first, n):
            if h[j] > far:
                break
            z = (h[j] - h0[i]) / std
            at[count], sign[count] = j, 1.0
            gauss[count] = dh[j] * np.exp(-0.5 * z * z)
            total += gauss[count]
            mean += gauss[count] * phi[j]
            count += 1
        for j in range(n):
            z = (h[j] + h0[i]) / std
            if z > RANGE:
                break
            at[count], sign[count] = j, -1.0
            gauss[count] = dh[j] * np.exp(-0.5 * z * z)
            total += gauss[count]
            mean += gauss[count] * phi[j]
            count += 1
        mean /= total
        # With x = mu (phi - mean), E[x] = 0, the second order in small x survives: ln E[e^x] = ln(1 + E[e^x - 1 - x]).
        s_curved = s_x = 0.0
        for k in range(count):
            x = min(mu * (phi[at[k]] - mean), 600.0)
            if abs(x) < 0.01:
                curved = x * x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720 + x / 5040)))))
            else:
                curved = np.expm1(x) - x
            s_curved += gauss[k] * curved
            s_x += gauss[k] * x * (x + curved)
            gauss[k] *= 1.0 + x + curved
        curved = s_curved / total
        norm = total + s_curved
        log_norm = np.log1p(curved)
        sv = sv2 = sc = sc2 = sg = 0.0
        for k in range(count):
            j, w = at[k], gauss[k]
            sv += w * sign[k] * v[j]
            sv2 += w * v[j] * v[j]
            sc += w * chi[j]
            sc2 += w * chi[j] * chi[j]
            sg += w * energy[j]
        out[0, i] = mean + log_norm / mu
        out[1, i] = (s_x / norm - log_norm) / mu
        out[2, i], out[3, i], out[4, i], out[5, i], out[6, i] = sv / norm, sv2 / norm, sc / norm, sc2 / norm, sg / norm
    return out
