"""Replica-symmetric averages and order parameters, KH98 (9), at T = 0 and T > 0.

Effective fields are Gaussian, h = J0 p + F + sqrt(q) z, and

    p = E[phi'],  q = E[phi'^2],  C = E[phi''],
    f = J0 p^2/2 + C q/2 + T C^2/4 - E[phi(h)],

with phi(h) = T ln int dv exp(-U_eff/T), at T = 0 phi = -min U_eff. At T = 0, phi'' contains a delta
function at h = 0 of weight 2 v0 where sites have two wells; averages are folded onto h > 0 and the
delta function is added by hand (equal to C = E[z v*]/sqrt(q), without its cancellation at small q).

The mean m = J0 p + F of the field is taken as the independent variable here: for given m the
overlaps (q, C) follow, and `meanfield.replicas.branches` closes m = J0 p(m) + F.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meanfield.model import COARSE_STIFFNESS_NODES, STIFFNESS_NODES, Model
from meanfield.replicas.branches import (
    SCAN_TARGET,
    Point,
    self_consistent_points,
    smallest_mean_field,
)
from meanfield.replicas.newton import TARGET, Root, newton
from meanfield.replicas.solution import Solution
from meanfield.sites.ground_state import fields_near_the_jump, half_line_nodes, jump, potential_at_zero_field
from meanfield.sites.quadrature import folded_normal, gauss_legendre_panels, half_line_edges, normal_density
from meanfield.sites.thermal import thermal_energy, thermal_field_edges, thermal_site

Array = NDArray[np.float64]

NODES = 16
FIXED_POINT_STEPS = 12


@dataclass(frozen=True)
class Averages:
    """Averages over P(h) and a2 at given order parameters: the right-hand sides of KH98 (9).

    Attributes
    ----------
    p, q, C : E[phi'], E[phi'^2], E[phi''] (with the jump at T = 0)
    phi : E[phi]
    G : E<G>/gamma
    C_reg : E[phi''] without the jump
    replicon_sum : E[phi''^2] without the jump
    """

    p: float
    q: float
    C: float
    phi: float
    G: float
    C_reg: float
    replicon_sum: float


def averages(
    model: Model, temperature: float, m: float, q: float, C: float, stiffness_nodes: int = STIFFNESS_NODES
) -> Averages:
    """Average over the Gaussian field of mean ``m`` and variance ``q`` > 0, and over a2."""
    stiffness = model.stiffness_rule(C, stiffness_nodes)
    if temperature > 0:
        return _thermal_averages(model, temperature, m, q, C, stiffness)
    return _ground_state_averages(model, m, q, C, stiffness)


def _ground_state_averages(model: Model, m: float, q: float, C: float, stiffness: tuple[Array, Array]) -> Averages:
    a2, weight = stiffness
    edges = half_line_edges(m, np.sqrt(q))[None, :]
    if edges[0, 0] == 0.0:
        near = fields_near_the_jump(model, C, a2, float(edges[0, 1]))
        edges = np.concatenate([near, np.broadcast_to(edges[:, 2:], (a2.size, edges.shape[1] - 2))], axis=1)
    nodes = half_line_nodes(model, C, a2, edges, NODES)
    even, odd = folded_normal(nodes.h, m, q)
    even, odd = weight[:, None] * nodes.dh * even, weight[:, None] * nodes.dh * odd
    C_reg = float(np.sum(even * nodes.chi))
    delta = 2.0 * float(weight @ jump(model, C, a2)) * float(normal_density(np.array(m), q))
    return Averages(
        p=float(np.sum(odd * nodes.v)),
        q=float(np.sum(even * nodes.v**2)),
        C=C_reg + delta,
        phi=float(weight @ potential_at_zero_field(model, C, a2) + np.sum(even * nodes.phi)),
        G=float(np.sum(even * nodes.G)),
        C_reg=C_reg,
        replicon_sum=float(np.sum(even * nodes.chi**2)),
    )


def _thermal_averages(
    model: Model, temperature: float, m: float, q: float, C: float, stiffness: tuple[Array, Array]
) -> Averages:
    a2, weight = stiffness
    h, dh = gauss_legendre_panels(thermal_field_edges(model, temperature, m, q, C), NODES)
    even, odd = folded_normal(h, m, q)
    even, odd = even * dh, odd * dh
    site = thermal_site(model, temperature, C, a2[:, None], h[None, :])
    chi = site.variance / temperature
    return Averages(
        p=float(weight @ (site.v @ odd)),
        q=float(weight @ (site.v**2 @ even)),
        C=float(weight @ (chi @ even)),
        phi=float(weight @ (site.phi @ even)),
        G=float(weight @ (thermal_energy(model, a2[:, None], site.v2, site.v4) @ even)),
        C_reg=float(weight @ (chi @ even)),
        replicon_sum=float(weight @ (chi**2 @ even)),
    )


def ergodic_averages(model: Model, temperature: float) -> Averages | None:
    """The ergodic state p = q = 0 at zero field, with its own C; None where it does not exist.

    C = E_a2[<v^2>_{h=0}]/T, at T = 0 C = E_a2[1/(a2/gamma - C)]. Newton's iteration from C = 0
    climbs to the smallest root, because the right-hand side is increasing and convex in C.
    """
    if model.potential == "ising":
        if temperature == 0:
            return None
        C = 1.0 / temperature
        phi = 0.5 * C + temperature * float(np.log(2.0))
        return Averages(0.0, 0.0, C, phi, 0.0, C, C**2)
    if temperature == 0 and model.a2.low <= 0:
        return None
    C = 0.0
    for _ in range(200):
        a2, weight = model.stiffness_rule(C)
        if temperature > 0:
            site = thermal_site(model, temperature, C, a2, np.zeros_like(a2))
            chi = site.v2 / temperature
            slope = float(weight @ (site.v4 - site.v2**2)) / (2.0 * temperature**2)
        else:
            stiffness = a2 / model.gamma - C
            if np.any(stiffness <= 0):
                return None
            chi = 1.0 / stiffness
            slope = float(weight @ chi**2)
        excess = float(weight @ chi) - C
        if slope >= 1.0 and excess > 1e-14 * C:
            return None
        step = excess / (1.0 - slope) if slope < 1.0 else 0.0
        C += step
        if abs(step) <= 4e-16 * C:
            break
    phi = float(weight @ site.phi) if temperature > 0 else 0.0
    G = float(weight @ thermal_energy(model, a2, site.v2, site.v4)) if temperature > 0 else 0.0
    return Averages(0.0, 0.0, C, phi, G, C, float(weight @ chi**2))


@dataclass(frozen=True)
class ReplicaSymmetric:
    """RS at one temperature: unknowns x = (ln q, ln C) at given mean field m, with q > 0.

    ``stiffness_nodes`` sets the accuracy of averages over a2 (`LocalStiffness.rule`).
    """

    model: Model
    temperature: float
    stiffness_nodes: int = STIFFNESS_NODES

    @property
    def coarse(self) -> ReplicaSymmetric:
        """The same equations with fewer nodes for a2, to get near their solutions."""
        return replace(self, stiffness_nodes=COARSE_STIFFNESS_NODES)

    def averages(self, m: float, q: float, C: float) -> Averages:
        """Right-hand sides of the equations."""
        return averages(self.model, self.temperature, m, q, C, self.stiffness_nodes)

    def residual(self, m: float, x: Array) -> tuple[Array, float]:
        """Relative errors of q = E[phi'^2] and C = E[phi''], and p = E[phi']."""
        q, C = overlaps(x)
        a = self.averages(m, q, C)
        return np.array([a.q / q - 1.0, a.C / C - 1.0]), a.p

    def solve(self, m: float, previous: Point | None = None, target: float = TARGET) -> Point:
        """Newton's iteration from ``previous``; failing that, from a fixed-point iteration."""
        if self.model.a2.continuous and self.stiffness_nodes > COARSE_STIFFNESS_NODES:
            previous = self.coarse.solve(m, previous, max(target, SCAN_TARGET))
        if previous is not None:
            root = newton(lambda x: self.residual(m, x)[0], previous.x, target=target)
            if root.converged:
                return self._point(m, root)
        q, C = overlap_scale(self.model, m)
        for _ in range(FIXED_POINT_STEPS):
            a = self.averages(m, q, C)
            q, C = a.q, min(max(a.C, 0.5 * C), 2.0 * C)
        root = newton(lambda x: self.residual(m, x)[0], np.log([q, C]), target=target)
        if not root.converged:
            root = newton(lambda x: self.residual(m, x)[0], self._bracketed(m), target=target)
        return self._point(m, root)

    def _point(self, m: float, root: Root) -> Point:
        return Point(m, self.residual(m, root.x)[1], root.x, root.residual, root.iterations, root.converged)

    def _bracketed(self, m: float) -> Array:
        """Start for Newton's iteration by nested bisection in ln q and ln C.

        E[phi'^2]/q falls from above one (infinite for m != 0, the ergodic instability for m = 0) to
        zero at large q, and E[phi'']/C from infinity to zero, so both brackets exist.
        """

        def response(log_q: float) -> float:
            low, high = -15.0, 15.0
            for _ in range(26):
                log_C = 0.5 * (low + high)
                a = self.averages(m, *np.exp([log_q, log_C]))
                low, high = (log_C, high) if np.exp(log_C) < a.C else (low, log_C)
            return 0.5 * (low + high)

        top = 2.0 + np.log(overlap_scale(self.model, m)[0] + 1.0)
        low, high = top - 60.0, top
        for _ in range(26):
            log_q = 0.5 * (low + high)
            log_C = response(log_q)
            a = self.averages(m, *np.exp([log_q, log_C]))
            low, high = (log_q, high) if a.q > np.exp(log_q) else (low, log_q)
        return np.array([log_q, log_C])

    def solution(self, point: Point, a: Averages | None = None) -> Solution:
        """Energies and stability at a solved point; ``a`` stands for the ergodic state."""
        model, T, m = self.model, self.temperature, point.m
        if a is None:
            q, C = overlaps(point.x)
            a = averages(model, T, m, q, C)
        else:
            q, C = 0.0, a.C
        p = a.p
        f = 0.5 * model.j0 * p**2 + 0.5 * C * q + 0.25 * T * C**2 - a.phi
        u = -0.5 * model.j0 * p**2 - model.field * p - C * q - 0.5 * T * C**2 + a.G
        # At T = 0 classical displacements have s -> -infinity; Ising spins have s = -C^2/4 at q = 1.
        ground_entropy = -0.25 * C**2 if model.potential == "ising" else float("nan")
        return Solution(
            ansatz="rs",
            model=model,
            temperature=T,
            free_energy=f,
            internal_energy=u,
            entropy=(u - f) / T if T > 0 else ground_entropy,
            p=p,
            m=m,
            C=C,
            q=np.array([q]),
            q_diag=q + T * C,
            mu=np.array([]),
            C_reg=a.C_reg,
            replicon_sum=a.replicon_sum,
            replicons=np.array([1.0 - a.replicon_sum]),
            converged=point.converged,
            residual=point.residual,
            iterations=point.iterations,
        )


def overlaps(x: Array) -> tuple[float, float]:
    """(q, C) from x = (ln q, ln C), kept in the range of floating-point numbers."""
    q, C = np.exp(np.clip(x[:2], -200.0, 60.0))
    return float(q), float(C)


def overlap_scale(model: Model, m: float) -> tuple[float, float]:
    """Order of magnitude of (q, C): a site of mean stiffness in the field of equal others."""
    if model.potential == "ising":
        return 1.0, 0.8
    u = model.quartic
    k = (model.a2.mean - model.a2.std) / model.gamma
    return (max(2.0 - k, 0.01) + abs(m) ** (2.0 / 3.0) * u ** (1.0 / 3.0)) / u, 0.8


def linear_response(model: Model, ergodic: Averages) -> Point:
    """Where the curve of polarised states leaves a stable ergodic one: q = R (m^2 + q), R = E[chi^2]."""
    m = smallest_mean_field(model) if model.j0 else model.field
    q = ergodic.replicon_sum * m**2 / max(1.0 - ergodic.replicon_sum, 1e-6)
    return Point(0.0, 0.0, np.log([q + 1e-300, ergodic.C]), 0.0, 0, True)


def unpolarised_point(previous: Solution | None) -> Point | None:
    """The glassy state with p = 0 of a solution or its rivals, as a start for `ReplicaSymmetric.solve`."""
    for one in () if previous is None else (previous, *previous.solutions):
        if one.ansatz == "rs" and one.q[0] > 0.0 and one.m == 0.0:
            return Point(0.0, 0.0, np.log([one.q[0], one.C]), one.residual, 0, True)
    return None


def solve(model: Model, temperature: float, previous: Solution | None = None) -> Solution:
    """All RS solutions for a field F >= 0; the physical one on top, the others in its ``solutions``.

    ``previous``, the solution at nearby parameters, only saves iterations.

    At zero field the ergodic state is physical at p = 0 as long as it is stable, then the glassy one
    (f is a maximum in q); against polarised states the lowest f wins.
    """
    ansatz = ReplicaSymmetric(model, temperature)
    unpolarised: list[Solution] = []
    origin: Point | None = None
    susceptibility = 0.0
    ergodic = ergodic_averages(model, temperature)
    stable = ergodic is not None and ergodic.replicon_sum <= 1.0
    if ergodic is not None and stable:
        origin = linear_response(model, ergodic)
    if model.field == 0.0:
        if ergodic is not None:
            point = Point(0.0, 0.0, np.array([]), 0.0, 0, True)
            unpolarised.append(ansatz.solution(point, ergodic))
        if not stable:
            origin = ansatz.solve(0.0, unpolarised_point(previous))
            unpolarised.insert(0, ansatz.solution(origin))
        susceptibility = unpolarised[0].C
    polarised = [ansatz.solution(point) for point in self_consistent_points(ansatz, origin, susceptibility)]
    # Just beyond its onset a polarised state has lower f by less than rounding, but p = 0 is unstable.
    unstable = bool(polarised) and model.j0 * susceptibility > 1.0
    candidates = polarised if unstable else unpolarised[:1] + polarised
    physical = min(candidates, key=lambda s: s.free_energy)
    others = [s for s in unpolarised + polarised if s is not physical]
    return replace(physical, solutions=tuple(others))
