"""T > 0: moments of the Boltzmann weight exp(-U_eff(v; h)/T) of a single site.

The weight is integrated well by well over the windows where it exceeds exp(-40) of its maximum, by
Gauss-Legendre rules measured from the bottom of each well. The relative accuracy is near 1e-13 from
T far above the barrier down to T -> 0, where each well becomes a Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.sites.quadrature import gauss_legendre, half_line_edges
from meanfield.sites.single_site import cubic_roots

Array = NDArray[np.float64]

# exp(-40) = 4e-18 of the maximum: what lies outside the windows is below rounding.
CUT = 40.0
BISECTIONS = 7
# h v/T below which the sums lose more of <v> by cancellation than its linear response leaves out: 1e-11.
LINEAR = 5e-6
NODES = 32


@dataclass(frozen=True)
class ThermalSite:
    """Thermal averages at fields h >= 0, arrays of the broadcast shape.

    Attributes
    ----------
    phi : T ln int dv exp(-U_eff/T)
    v : <v> = phi'(h), odd in h
    variance : <v^2> - <v>^2 = T phi''(h), even in h
    v2, v4 : <v^2>, <v^4>, even in h
    """

    phi: Array
    v: Array
    variance: Array
    v2: Array
    v4: Array


def thermal_site(model: Model, temperature: float, C: float, a2: Array, h: Array) -> ThermalSite:
    """Thermal averages at fields h >= 0 and temperature T > 0; ``a2`` and ``h`` broadcast."""
    if model.potential == "ising":
        x = np.broadcast_to(h, np.broadcast_shapes(np.shape(a2), np.shape(h))) / temperature
        log_cosh = x + np.log1p(np.exp(-2.0 * x))  # ln 2 cosh x
        v = np.tanh(x)
        one = np.ones_like(x)
        # 1 - tanh^2 would cancel at low temperature.
        variance = 4.0 * np.exp(-2.0 * x) / (1.0 + np.exp(-2.0 * x)) ** 2
        return ThermalSite(0.5 * C + temperature * log_cosh, v, variance, one, one)
    kappa = C - np.asarray(a2, float) / model.gamma
    return quartic_site(h, kappa, model.quartic, temperature)


def thermal_energy(model: Model, a2: Array, v2: Array, v4: Array) -> Array:
    """<G(v)>/gamma from the moments <v^2> and <v^4>."""
    if model.potential == "ising":
        return np.zeros_like(v2)
    return (0.5 * a2 * v2 + model.a4 * v4 / 24.0) / model.gamma


def thermal_field_edges(model: Model, temperature: float, m: float, q: float, C: float) -> Array:
    """Panel edges on h >= 0 that resolve the crossover of <v> at h = 0.

    The zeros of Z(h) nearest to the real axis lie at imaginary fields of about T/v_rms, so the
    panels are graded from there.
    """
    if model.potential == "ising":
        finest = temperature
    else:
        a2, _ = model.stiffness_rule(C)
        kappa, u = C - a2 / model.gamma, model.quartic
        with np.errstate(divide="ignore", over="ignore"):
            spread = np.minimum(temperature / np.maximum(-kappa, 0.0), np.sqrt(temperature / u))
        finest = temperature / np.sqrt(np.max(np.maximum(kappa, 0.0) / u + spread))
    return half_line_edges(m, np.sqrt(q), float(finest))


def quartic_site(h: Array, kappa: Array, u: float, temperature: float) -> ThermalSite:
    """Thermal averages in U_eff = -h v - kappa v^2/2 + u v^4/4 for h >= 0."""
    left, barrier, right = cubic_roots(h, kappa, u)
    h, kappa = np.broadcast_arrays(np.asarray(h, float), np.asarray(kappa, float))
    curvature = 3.0 * u * right**2 - kappa
    energy = CUT * temperature
    double = ~np.isnan(barrier)

    # Right well: from the barrier, or from where the cut is reached, to the right edge.
    far = np.where(double, right - barrier, 4.0 * right + (4.0 * energy / u) ** 0.25)
    y, weight = _well(curvature, right, u, temperature, far)
    sums = _power_sums(weight, y, right)
    # Left well, measured from its own bottom. Its height above the right well is the exact integral
    # of the force between the two, -u d^3 v_barrier/4: no cancellation of large energies.
    with np.errstate(invalid="ignore"):
        height = -0.25 * u * (right - left) ** 3 * barrier
        occupied = double & (height < energy)
    if np.any(occupied):
        left, barrier, bottom = left[occupied], barrier[occupied], right[occupied]
        left_curvature = np.maximum(3.0 * u * left**2 - kappa[occupied], 0.0)
        # z runs inwards, so the left well is the mirror image of a right one.
        z, weight = _well(left_curvature, -left, u, temperature, barrier - left)
        weight *= np.exp(-height[occupied] / temperature)[:, None]
        sums[:, occupied] += _power_sums(weight, (left - bottom)[:, None] - z, bottom)

    norm, first, second, v2, v4 = sums
    # Moments are taken about the bottom of the right well; where the left one is as likely,
    # the variance is of the order of their distance and nothing cancels either.
    shift = first / norm
    ground = right * (0.75 * h + 0.25 * kappa * right)  # -min U_eff, using U_eff' = 0
    v2 = v2 / norm
    variance = second / norm - shift**2
    # Where h is too small to be seen in the weights <v> is h phi''(h), to relative order (h v/T)^2.
    linear = h * np.sqrt(v2) < LINEAR * temperature
    return ThermalSite(
        phi=ground + temperature * np.log(norm),
        v=np.where(linear, h * variance / temperature, right + shift),
        variance=variance,
        v2=v2,
        v4=v4 / norm,
    )


def _well(curvature: Array, v: Array, u: float, temperature: float, far: Array) -> tuple[Array, Array]:
    """Nodes y about a well at v >= 0 and quadrature weights times its Boltzmann factor.

    ``far`` limits the distance inwards (the barrier); shapes (...) and (..., 2 * NODES).
    """
    energy = CUT * temperature
    inner = _inner_reach(curvature, v, u, energy, far)
    outer = _outer_reach(curvature, v, u, energy)
    x, w = gauss_legendre(NODES)
    y = np.concatenate([-inner[..., None] * x, outer[..., None] * x], axis=-1)
    weight = np.concatenate([inner[..., None] * w, outer[..., None] * w], axis=-1)
    action = y * y * (0.5 * curvature[..., None] + u * y * (v[..., None] + 0.25 * y))
    weight *= np.exp(action * (-1.0 / temperature))
    return y, weight


def _power_sums(weight: Array, y: Array, bottom: Array) -> Array:
    """Weighted sums of 1, y, y^2, v^2, v^4 with v = bottom + y; shape (5, ...)."""
    square = (bottom[..., None] + y) ** 2
    return np.stack(
        [
            weight.sum(-1),
            (weight * y).sum(-1),
            (weight * y * y).sum(-1),
            (weight * square).sum(-1),
            (weight * square * square).sum(-1),
        ]
    )


def _outer_reach(curvature: Array, v: Array, u: float, energy: float) -> Array:
    """Distance outwards from a well at |v| over which its energy is sure to rise by ``energy``.

    The rise is curvature y^2/2 + u v y^3 + u y^4/4, each term positive: the smallest of the three
    distances over which one term does it alone.
    """
    with np.errstate(divide="ignore", over="ignore"):
        quadratic = np.sqrt(2.0 * energy / curvature)
        cubic = np.cbrt(energy / (u * np.abs(v)))
    return np.minimum(np.minimum(quadratic, cubic), (4.0 * energy / u) ** 0.25)


def _inner_reach(curvature: Array, v: Array, u: float, energy: float, far: Array) -> Array:
    """Distance inwards from a well at which the energy has risen by ``energy``, at most ``far``.

    Bisection in the logarithm: at low temperature the reach is a tiny part of ``far``.
    """
    with np.errstate(divide="ignore", over="ignore"):
        low = np.minimum(np.sqrt(energy / curvature), (2.0 * energy / u) ** 0.25)
    low, high = np.minimum(low, far), far
    for _ in range(BISECTIONS):
        y = np.sqrt(low * high)
        below = y * y * (0.5 * curvature - u * y * (v - 0.25 * y)) < energy
        low, high = np.where(below, y, low), np.where(below, high, y)
    return high
