"""T = 0: the response of a single site to its field, integrated over without finding roots.

phi(h) = -min_v U_eff(v; h) is even, v*(h) = phi'(h) is odd and jumps from -v0 to v0 at h = 0 where
two wells exist (kappa > 0, v0^2 = kappa/u). An integral over fields h > 0 is done over the
displacement instead,

    int dh w(h) F(v*(h)) = int_{v0} dv U_eff''(v) w(h(v)) F(v),   h(v) = u v^3 - kappa v,

because h(v) is a polynomial while v*(h) has branch points at h = +-h_c that close in on the real
axis when double wells begin. The displacement is stored as v = v0 + x with x >= 0, so that nothing
cancels for deep wells either (the limit of Ising spins).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.sites.quadrature import gauss_legendre_panels
from meanfield.sites.single_site import cubic_roots, local_potential

Array = NDArray[np.float64]

# Displacements grow by this factor from panel to panel away from a sharp response: 1e-12 with 16 nodes.
PANEL_GROWTH = 6.0
# The sharpest response that is resolved, relative to the first panel of fields.
SHARPEST = 1e-12


@dataclass(frozen=True)
class GroundStateNodes:
    """Quadrature nodes on the half line h >= 0, arrays of shape (..., P * n).

    Attributes
    ----------
    h, dh : field and its quadrature weight
    v : global minimiser v*(h)
    phi : phi(h) - phi(0), the part of -min U_eff that depends on the field
    chi : regular response 1/U_eff''(v*)
    G : local potential energy G(v*)/gamma
    """

    h: Array
    dh: Array
    v: Array
    phi: Array
    chi: Array
    G: Array


def jump(model: Model, C: float, a2: Array) -> Array:
    """v0: v* jumps from -v0 to v0 at h = 0. Zero for a single well."""
    if model.potential == "ising":
        return np.ones_like(a2)
    return np.sqrt(np.maximum(C - a2 / model.gamma, 0.0) / model.quartic)


def potential_at_zero_field(model: Model, C: float, a2: Array) -> Array:
    """phi(0) = -min_v U_eff(v; 0) = kappa^2/(4u) for two wells, else 0."""
    if model.potential == "ising":
        return np.full_like(a2, 0.5 * C)  # -C v^2/2 with v^2 = 1
    return np.maximum(C - a2 / model.gamma, 0.0) ** 2 / (4.0 * model.quartic)


def displacement(model: Model, C: float, a2: Array, h: Array) -> Array:
    """v*(h) for h >= 0, broadcast."""
    if model.potential == "ising":
        return np.ones(np.broadcast_shapes(np.shape(a2), np.shape(h)))
    return cubic_roots(h, C - a2 / model.gamma, model.quartic)[2]


def depth(model: Model, C: float, a2: Array, h: Array) -> Array:
    """phi(h) - phi(0) for h >= 0: how much the minimum of U_eff deepens in a field."""
    if model.potential == "ising":
        return h
    kappa, u = C - a2 / model.gamma, model.quartic
    v = displacement(model, C, a2, h)
    two_wells = np.maximum(kappa, 0.0)
    excess = v * v - two_wells / u
    return excess * (0.75 * u * excess + two_wells + 0.5 * np.maximum(-kappa, 0.0))


def fields_near_the_jump(model: Model, C: float, a2: Array, h: float) -> Array:
    """Panel edges from 0 to ``h`` that resolve powers of 1/U_eff'' at h = 0, shape (n_a2, n + 1).

    There U_eff'' = 3 u v^2 - kappa varies over displacements of sqrt(|kappa|/3u), which vanishes where double
    wells begin. Edges are geometric in the displacement from that length on.
    """
    if model.potential == "ising":
        return np.broadcast_to([0.0, h], (a2.size, 2))
    kappa, v0 = C - a2 / model.gamma, jump(model, C, a2)
    v = displacement(model, C, a2, np.full_like(a2, h))
    # v - v0 without cancellation: h = u v (v^2 - v0^2) with two wells.
    reach = np.where(kappa > 0.0, h / (model.quartic * v * (v + v0)), v)
    width = np.sqrt(np.abs(kappa) / (3.0 * model.quartic)) / reach
    width = np.clip(width, SHARPEST, 1.0 / PANEL_GROWTH)
    count = int(np.ceil(-np.log(width.min()) / np.log(PANEL_GROWTH)))
    fraction = width[:, None] ** np.linspace(1.0, 0.0, count + 1)
    x = reach[:, None] * np.concatenate([np.zeros((a2.size, 1)), fraction], axis=1)
    v, excess = v0[:, None] + x, x * (x + 2.0 * v0[:, None])
    return v * (model.quartic * excess + np.maximum(-kappa, 0.0)[:, None])


def half_line_nodes(model: Model, C: float, a2: Array, edges: Array, n: int) -> GroundStateNodes:
    """Nodes between the field values ``edges``.

    Parameters
    ----------
    model : Model
    C : float
        Reaction coefficient.
    a2 : array, broadcasting against edges[..., 0]
    edges : array (..., P + 1)
        Increasing, >= 0.
    n : int
        Nodes per panel.
    """
    a2 = np.asarray(a2, float)[..., None]
    if model.potential == "ising":
        shape = np.broadcast_shapes(a2.shape, edges.shape)
        h, dh = gauss_legendre_panels(np.broadcast_to(edges, shape), n)
        zero = np.zeros_like(h)
        return GroundStateNodes(h=h, dh=dh, v=zero + 1.0, phi=h, chi=zero, G=zero)
    u = model.quartic
    kappa = C - a2 / model.gamma
    v0 = jump(model, C, a2)
    x_edges = np.where(edges > 0, np.maximum(cubic_roots(edges, kappa, u)[2] - v0, 0.0), 0.0)
    x, dx = gauss_legendre_panels(x_edges, n)
    two_wells, one_well = np.maximum(kappa, 0.0), np.maximum(-kappa, 0.0)
    v = v0 + x
    excess = x * (v + v0)  # v^2 - v0^2
    slope = 3.0 * u * excess + 2.0 * two_wells + one_well  # U_eff''(v)
    return GroundStateNodes(
        h=v * (u * excess + one_well),
        dh=dx * slope,
        v=v,
        phi=excess * (0.75 * u * excess + two_wells + 0.5 * one_well),
        chi=1.0 / slope,
        G=local_potential(v, a2, model.a4) / model.gamma,
    )
