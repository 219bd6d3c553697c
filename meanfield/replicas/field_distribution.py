"""Distribution P_K(h) of the effective fields and the ensemble of local potentials it defines.

RS: P_0 = N(J0 p + F, q). One step, separately for every a2,

    P_1(h) = int dh' P_0(h') Gauss(h - h'; q_1 - q_0) exp{mu [phi_1(h) - phi_0(h')]},

and so on for K steps (`meanfield.replicas.k_step_averages`).
"""

from __future__ import annotations

from math import erf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meanfield.model import ParameterError
from meanfield.replicas.tilted_layer import LOG_CUT, tilted_layer
from meanfield.sites.ground_state import depth, displacement, half_line_nodes
from meanfield.sites.local_potentials import LocalPotentials
from meanfield.sites.quadrature import gauss_legendre, gauss_legendre_panels, half_line_edges, normal_density
from meanfield.sites.single_site import critical_field
from meanfield.sites.thermal import thermal_field_edges

if TYPE_CHECKING:
    from meanfield.replicas.solution import Solution

Array = NDArray[np.float64]

OUTER_NODES = 48
# One step at T = 0: more kinds of sites than these, which only quantum averages ask for, share the grid of K steps. It
# is several times as fast and errs by 1e-8 of the density of common kinds, by 3e-5 for kinds so soft (a2 six standard
# deviations low) that they have no weight.
FEW_STIFFNESSES = 130
# Ratio of neighbouring panels towards h = 0: a pole at the distance of a panel from it then costs 12 nodes 1e-12.
GROWTH = 4.0


def density(solution: Solution, h: Array) -> Array:
    """P_K(h) averaged over a2, at fields ``h`` of shape (n,)."""
    _require_spread(solution)
    a2, weight = solution.model.stiffness_rule(solution.C)
    if solution.broken and (solution.mu.size > 1 or solution.temperature > 0.0):
        return weight @ density_by_stiffness(solution, a2, np.broadcast_to(h, (a2.size, h.size)))
    return np.array([weight @ density_by_stiffness(solution, a2, column) for column in _columns(h, a2)]).ravel()


def _columns(h: Array, a2: Array) -> Array:
    return np.broadcast_to(h.reshape(-1, 1, 1), (h.size, a2.size, 1))


def density_by_stiffness(solution: Solution, a2: Array, h: Array) -> Array:
    """P_K(h) for sites of given stiffness: ``a2`` (n_a2,), ``h`` (n_a2, n), result (n_a2, n)."""
    if not solution.broken:
        return normal_density(h - solution.m, float(solution.q[-1]))
    if solution.mu.size > 1 or solution.temperature > 0.0 or a2.size > FEW_STIFFNESSES:
        return _k_step_density(solution, a2, h)
    return np.array([_one_step_density(solution, a2[i : i + 1], h[i]) for i in range(a2.size)])


def _k_step_density(solution: Solution, a2: Array, h: Array) -> Array:
    from meanfield.replicas.k_step_averages import KStepFields

    s = solution
    stiffness = (a2, np.full(a2.size, 1.0 / a2.size))
    fields = KStepFields.build(s.model, s.m, s.q, s.C, s.mu, stiffness, temperature=s.temperature)
    return fields.densities(h)


def _one_step_density(solution: Solution, a2: Array, h: Array) -> Array:
    """P_1(h) for one stiffness, shape (n,).

    P_0(h') Gauss(h - h') is N(h; m, q_1) times a Gaussian in h' of mean (q_0 h + Delta q m)/q_1 and
    variance q_0 Delta q/q_1; the tilt is averaged over that Gaussian.
    """
    model, C = solution.model, solution.C
    (q0, q1), (mu,) = solution.q, solution.mu
    delta_q = q1 - q0
    std = np.sqrt(q0 * delta_q / q1)
    slope = mu * std * displacement(model, C, a2, np.abs(h) + solution.m + 9.0 * np.sqrt(q1))
    reach = np.sqrt(LOG_CUT) + slope
    t, weight = gauss_legendre(OUTER_NODES)
    z = reach[:, None] * (2.0 * t - 1.0)
    weight = 2.0 * reach[:, None] * weight * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    outer = np.abs((q0 * h[:, None] + delta_q * solution.m) / q1 + std * z)
    phi0 = tilted_layer(model, C, delta_q, mu, a2, outer.ravel()).phi0.reshape(outer.shape)
    tilt = mu * (depth(model, C, a2, np.abs(h))[:, None] - phi0)
    return normal_density(h - solution.m, q1) * np.sum(weight * np.exp(tilt), axis=-1)


def double_well_fraction(solution: Solution) -> float:
    """Weight of |h| < h_c(a2), averaged over a2. NaN for Ising spins, which have no U_eff."""
    model = solution.model
    if model.potential == "ising":
        return float("nan")
    a2, weight = model.stiffness_rule(solution.C)
    h_c = critical_field(solution.C, a2, model.a4, model.gamma)
    if solution.q[-1] == 0.0:
        return float(weight[h_c > abs(solution.m)].sum())
    if not solution.broken:
        # The normal weight of |h| < h_c; scipy's function would take longer to import than RS to solve.
        width = float(np.sqrt(2.0 * solution.q[-1]))
        inside = [erf((one - solution.m) / width) + erf((one + solution.m) / width) for one in h_c]
        return 0.5 * float(weight @ inside)
    # Fields beyond 9 standard deviations do not occur, however wide the double wells of rare sites.
    h_c = np.minimum(h_c, abs(solution.m) + 9.0 * np.sqrt(solution.q[-1]))
    some = (h_c > 0) & (weight > 0)
    a2, weight, h_c = a2[some], weight[some], h_c[some]
    if a2.size == 0:
        return 0.0
    h, dh = gauss_legendre_panels(h_c[:, None] * np.linspace(0.0, 1.0, 4), 12)
    P = density_by_stiffness(solution, a2, h)
    P = P + (density_by_stiffness(solution, a2, -h) if solution.m else P)
    return min(1.0, float(weight @ (P * dh).sum(-1)))  # rounding of the quadrature aside, it is a fraction


def local_potentials(solution: Solution, n: int = 12, finest: float | None = None, n_a2: int = 12) -> LocalPotentials:
    """Ensemble {(h, C, a2, a4, gamma, weight)} by quadrature over fields and a2.

    Panels end at h = 0 and at +-h_c(a2), so that averages of functions that are smooth except there
    (any property of double wells) converge exponentially in ``n``, the nodes per panel. Functions that vary at h = 0
    over a field ``finest`` need panels that grow from there by factors; ``n_a2`` is the number of nodes per panel
    in a2.
    """
    model, C, m = solution.model, solution.C, solution.m
    if model.potential == "ising":
        raise ParameterError("Ising spins have no local potentials")
    if n < 1:
        raise ParameterError(f"n must be at least 1, got {n}")
    a2, weight = model.stiffness_rule(C, n_a2)
    if solution.q[-1] == 0.0:
        h, mass = np.full_like(a2, m)[:, None], np.ones((a2.size, 1))
    else:
        edges = _edges(solution)
        spread = float(np.sqrt(solution.q[-1]))
        if finest is not None and edges[0] == 0.0 and finest < spread:
            graded = np.geomspace(finest, spread, 1 + int(np.ceil(np.log(spread / finest) / np.log(GROWTH))))
            edges = np.union1d(edges, graded)
        h_c = np.minimum(critical_field(C, a2, model.a4, model.gamma), edges[-1])
        per_site = np.broadcast_to(edges, (a2.size, edges.size))
        per_site = np.sort(np.concatenate([per_site, np.maximum(h_c, edges[0])[:, None]], axis=1), axis=1)
        if solution.temperature > 0:
            h, dh = gauss_legendre_panels(per_site, n)
        else:
            nodes = half_line_nodes(model, C, a2, per_site, n)
            h, dh = nodes.h, nodes.dh
        h = np.concatenate([-h[:, ::-1], h], axis=1)
        mass = np.concatenate([dh[:, ::-1], dh], axis=1) * density_by_stiffness(solution, a2, h)
    mass = weight[:, None] * mass
    # Empty panels (h_c outside the fields that occur) leave nodes without weight.
    keep = mass > 1e-18 * mass.max()
    site_a2 = np.broadcast_to(a2[:, None], h.shape)[keep]
    total = mass[keep].sum()
    return LocalPotentials.from_arrays(
        h=h[keep], C=C, a2=site_a2, a4=model.a4, gamma=model.gamma, weight=mass[keep] / total
    )


def _edges(solution: Solution) -> Array:
    q = solution.q
    if solution.temperature > 0:
        return thermal_field_edges(solution.model, solution.temperature, solution.m, float(q[-1]), solution.C)
    finest = float(np.sqrt(q[-1] - q[-2])) if solution.broken else None
    edges = half_line_edges(solution.m, float(np.sqrt(q[-1])), finest, step=1.5)
    if edges[0] > 0.0:
        return edges
    # Responses 1/U_eff'' are sharply peaked at h = 0 at sites about to have two wells, which a
    # continuous distribution of a2 always contains.
    peaked = np.array([1e-9, 1e-7, 1e-5, 1e-3, 0.1] if solution.model.a2.continuous else [1e-3, 0.1])
    return np.concatenate(([0.0], edges[1] * peaked, edges[1:]))


def _require_spread(solution: Solution) -> None:
    if solution.q[-1] == 0.0:
        raise ParameterError(
            f"in the ergodic state every site has the same field h = {solution.m:g}: P(h) is a delta function"
        )
