"""The innermost layer of fields at T = 0: averages over E_z tilted by exp(mu phi_1).

    phi_0(h_0) = (1/mu) ln E_z exp[mu phi_1(h_0 + sqrt(Delta q) z)],   phi_1(h) = -min_v U_eff(v; h)

For each h_0 the layer is cut at h = 0, where v* jumps, and integrated over the displacement
(`meanfield.sites.ground_state`), so no root of the force is searched at a quadrature node.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.sites.ground_state import displacement, half_line_nodes, jump

Array = NDArray[np.float64]

INNER_NODES = 28
# exp(-74/2): the inner Gaussian beyond is below rounding.
LOG_CUT = 74.0


@dataclass(frozen=True)
class TiltedLayer:
    """Averages over the tilted inner layer at each h_0 >= 0, arrays of shape (n_a2, n_0).

    Attributes
    ----------
    phi0 : phi_0(h_0) - phi_1(0)
    gain : <phi_1> - phi_0(h_0), with <phi_1> tilted by exp(mu phi_1)
    v, v2 : <v*> = phi_0'(h_0) and <v*^2>
    chi : <phi_1''> including the jump
    chi_reg, chi2 : <1/U_eff''> and <1/U_eff''^2>
    G : <G>/gamma
    """

    phi0: Array
    gain: Array
    v: Array
    v2: Array
    chi: Array
    chi_reg: Array
    chi2: Array
    G: Array


def exp_remainder(x: Array) -> Array:
    """The function exp(x) - 1 - x without cancellation at small x."""
    series = x * x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720 + x / 5040)))))
    return np.where(np.abs(x) < 0.01, series, np.expm1(x) - x)


def tilted_layer(
    model: Model, C: float, delta_q: float, mu: float, a2: Array, h0: Array, nodes: int = INNER_NODES
) -> TiltedLayer:
    """Tilted averages over h = h_0 + sqrt(delta_q) z for outer fields ``h0`` >= 0, shape (n_0,)."""
    std = np.sqrt(delta_q)
    a2, h0 = a2[:, None], h0[None, :]
    # The weight exp(-z^2/2 + mu [phi_1(h) - phi_1(h_0)]) is below exp(-z^2/2 + b |z|), where b/(mu std)
    # is the largest displacement in the window.
    reach = np.full_like(h0, np.sqrt(LOG_CUT))
    for _ in range(2):
        b = mu * std * displacement(model, C, a2, h0 + std * reach)
        reach = b + np.sqrt(b * b + LOG_CUT)
    far = h0 + std * reach
    near = h0 - std * reach
    # Panels end at h_0 and, where it lies inside the window, at the jump h = 0: none is longer than
    # the reach. What lies below the jump is mirrored onto the positive half line.
    crosses = near < 0
    centre = np.broadcast_to(h0, far.shape)
    lower_edges = np.stack([np.where(crosses, 0.0, near), np.where(crosses, -near, centre)], axis=-1)
    upper_edges = np.stack([np.where(crosses, 0.0, centre), centre, far], axis=-1)
    sign = np.where(crosses, -1.0, 1.0)[..., None]

    lower = half_line_nodes(model, C, a2, lower_edges, nodes)
    upper = half_line_nodes(model, C, a2, upper_edges, nodes)
    w_lower = lower.dh * np.exp(-0.5 * (sign * lower.h - h0[..., None]) ** 2 / delta_q)
    w_upper = upper.dh * np.exp(-0.5 * (upper.h - h0[..., None]) ** 2 / delta_q)
    norm = w_lower.sum(-1) + w_upper.sum(-1)

    def average(below: Array, above: Array) -> Array:
        return ((w_lower * below).sum(-1) + (w_upper * above).sum(-1)) / norm

    # Tilting is measured from the mean of phi_1, x = mu (phi_1 - mean) with E[x] = 0. Near the
    # transition x is small, and ln E[exp x] = ln(1 + E[exp(x) - 1 - x]) keeps the second order that
    # the condition for mu is made of. (The limit only matters on the way of a Newton iteration.)
    mean = average(lower.phi, upper.phi)
    x_lower = np.minimum(mu * (lower.phi - mean[..., None]), 600.0)
    x_upper = np.minimum(mu * (upper.phi - mean[..., None]), 600.0)
    curved_lower, curved_upper = exp_remainder(x_lower), exp_remainder(x_upper)
    curved = average(curved_lower, curved_upper)
    tilted_x = average(x_lower * (x_lower + curved_lower), x_upper * (x_upper + curved_upper)) / (1.0 + curved)
    log_norm = np.log1p(curved)
    gain = (tilted_x - log_norm) / mu
    w_lower *= 1.0 + x_lower + curved_lower
    w_upper *= 1.0 + x_upper + curved_upper
    norm = w_lower.sum(-1) + w_upper.sum(-1)
    # The delta function of phi_1'' at h = 0, weight 2 v0 times the tilted density there.
    at_zero = np.exp(-0.5 * h0**2 / delta_q - mu * mean) / norm
    chi_reg = average(lower.chi, upper.chi)
    return TiltedLayer(
        phi0=mean + log_norm / mu,
        gain=gain,
        v=average(sign * lower.v, upper.v),
        v2=average(lower.v**2, upper.v**2),
        chi=chi_reg + 2.0 * jump(model, C, a2) * at_zero,
        chi_reg=chi_reg,
        chi2=average(lower.chi**2, upper.chi**2),
        G=average(lower.G, upper.G),
    )
