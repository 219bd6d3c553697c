"""One step of replica-symmetry breaking at T = 0: q_0 < q_1, C and mu = lim beta m all free.

With phi_1(h) = -min_v U_eff(v; h) and Delta q = q_1 - q_0,

    phi_0(h_0) = (1/mu) ln E_z exp[mu phi_1(h_0 + sqrt(Delta q) z)],
    f = J0 p^2/2 + C q_1/2 + (mu/4)(q_1^2 - q_0^2) - E[phi_0(h_0)],    h_0 ~ N(J0 p + F, q_0).

Stationarity: p = E[v*], q_1 = E[v*^2] and C = E[phi_1''] over the tilted fields, q_0 = E[phi_0'^2],
and df/dmu = (q_1^2 - q_0^2)/4 - E[<phi_1>_tilted - phi_0]/mu = 0. They follow from KH98 (5)-(8)
with the one-step scheme in the limit beta -> infinity at fixed mu.

Both Gaussian layers are folded onto the half line. For each h_0 the inner layer is cut at h = 0,
where v* jumps, and integrated over the displacement (`meanfield.sites.ground_state`), so no root of the
force is ever searched at a quadrature node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meanfield.model import COARSE_STIFFNESS_NODES, STIFFNESS_NODES, Model
from meanfield.replicas.branches import SCAN_TARGET, Point, self_consistent_points
from meanfield.replicas.newton import TARGET, Root, newton
from meanfield.replicas.replica_symmetric import ReplicaSymmetric, ergodic_averages, linear_response, overlaps
from meanfield.replicas.replica_symmetric import averages as rs_averages
from meanfield.replicas.solution import Solution, physical
from meanfield.replicas.tilted_layer import INNER_NODES, tilted_layer
from meanfield.sites.ground_state import jump, potential_at_zero_field
from meanfield.sites.quadrature import folded_normal, gauss_legendre_panels, half_line_edges, normal_density

Array = NDArray[np.float64]

OUTER_NODES = 12


@dataclass(frozen=True)
class OneStepAverages:
    """Averages over a2 and both layers of fields: the right-hand sides of the stationarity conditions.

    Attributes
    ----------
    p, q0, q1, C : as above; C includes the jump
    phi0 : E[phi_0]
    gain : E[<phi_1>_tilted - phi_0], equal to mu (q_1^2 - q_0^2)/4 where df/dmu = 0
    G : E[G]/gamma
    C_reg, replicon_sum : E[1/U_eff''], E[1/U_eff''^2]
    outer_replicon_sum : E[(phi_0'')^2]
    """

    p: float
    q0: float
    q1: float
    C: float
    phi0: float
    gain: float
    G: float
    C_reg: float
    replicon_sum: float
    outer_replicon_sum: float


def outer_edges(m: float, q0: float, q1: float) -> Array:
    """Panel edges in |h_0|: phi_0 varies over sqrt(q_1 - q_0) at h_0 = 0, where it smooths the jump."""
    return half_line_edges(m, np.sqrt(q0), float(np.sqrt(q1 - q0)), step=1.5)


def averages(
    model: Model,
    m: float,
    q0: float,
    q1: float,
    C: float,
    mu: float,
    refine: int = 0,
    stiffness_nodes: int = STIFFNESS_NODES,
) -> OneStepAverages:
    """Evaluate all averages at given order parameters (q_0 > 0, q_1 > q_0, mu > 0).

    ``refine`` adds nodes to every panel of the fields: the change in the result is its error.
    """
    a2, weight = model.stiffness_rule(C, stiffness_nodes)
    h0, dh0 = gauss_legendre_panels(outer_edges(m, q0, q1), OUTER_NODES + refine)
    even, odd = folded_normal(h0, m, q0)
    even, odd = even * dh0, odd * dh0
    inner = tilted_layer(model, C, q1 - q0, mu, a2, h0, INNER_NODES + 2 * refine)

    def mean(values: Array) -> float:
        return float(weight @ (values @ even))

    return OneStepAverages(
        p=float(weight @ (inner.v @ odd)),
        q0=mean(inner.v**2),
        q1=mean(inner.v2),
        C=mean(inner.chi),
        phi0=float(weight @ potential_at_zero_field(model, C, a2)) + mean(inner.phi0),
        gain=mean(inner.gain),
        G=mean(inner.G),
        C_reg=mean(inner.chi_reg),
        replicon_sum=mean(inner.chi2),
        outer_replicon_sum=mean((inner.chi + mu * (inner.v2 - inner.v**2)) ** 2),
    )


def free_energy(model: Model, p: float, q0: float, q1: float, C: float, mu: float, phi0: float) -> float:
    """Replica free energy per site, given p and E[phi_0]."""
    return 0.5 * model.j0 * p**2 + 0.5 * C * q1 + 0.25 * mu * (q1**2 - q0**2) - phi0


def unpack(x: Array) -> tuple[float, float, float, float]:
    """(q_0, q_1, C, mu) from x = (ln q_1, ln(q_1/q_0 - 1), ln C, ln(mu q_1))."""
    log_q1, log_ratio, log_C, log_mu = np.clip(x[:4], -200.0, 60.0)
    q1 = float(np.exp(log_q1))
    return q1 / (1.0 + float(np.exp(log_ratio))), q1, float(np.exp(log_C)), float(np.exp(log_mu)) / q1


def pack(q0: float, q1: float, C: float, mu: float) -> Array:
    """Inverse of `unpack`."""
    return np.log([q1, (q1 - q0) / q0, C, mu * q1])


def stationarity(a: OneStepAverages, q0: float, q1: float, C: float, mu: float) -> Array:
    """Relative errors of the conditions for q_0, q_1, C and mu.

    The difference q_1 - q_0 is compared, not q_0 alone, so that a small breaking is resolved too.
    """
    delta_q = q1 - q0
    return np.array(
        [
            a.q1 / q1 - 1.0,
            (a.q1 - a.q0) / delta_q - 1.0,
            a.C / C - 1.0,
            4.0 * a.gain / (mu * (q1**2 - q0**2)) - 1.0,
        ]
    )


# Below this relative breaking (q_1 - q_0)/q_1 the condition for mu drowns in rounding errors, while
# the energy differs from RS by less than 1e-10 of itself.
RESOLUTION = 2e-5
# Agreement of the stationarity conditions between two orders of the quadrature.
VERIFIED = 1e-8
# Below this relative breaking the estimate from the RS point is all that Newton's iteration needs.
WEAK = 0.02
# Below this one p(m) is that of RS to the accuracy of a scan for solutions.
FAINT = 0.1


@dataclass(frozen=True)
class OneStep:
    """1RSB at T = 0: unknowns as in `unpack`, at given mean field m.

    Where RS is stable, points hold the two RS unknowns instead (`broken` tells which).
    """

    model: Model
    stiffness_nodes: int = STIFFNESS_NODES

    @property
    def coarse(self) -> OneStep:
        """The same equations with fewer nodes for a2, to get near their solutions."""
        return replace(self, stiffness_nodes=COARSE_STIFFNESS_NODES)

    @property
    def symmetric(self) -> ReplicaSymmetric:
        """The RS equations at the same accuracy."""
        return ReplicaSymmetric(self.model, 0.0, self.stiffness_nodes)

    def residual(self, m: float, x: Array) -> tuple[Array, float]:
        """Relative errors of the stationarity conditions at fixed m, and p."""
        if not broken(x):
            return self.symmetric.residual(m, x)
        q0, q1, C, mu = unpack(x)
        a = averages(self.model, m, q0, q1, C, mu, stiffness_nodes=self.stiffness_nodes)
        return stationarity(a, q0, q1, C, mu), a.p

    def solve(self, m: float, previous: Point | None = None, target: float = TARGET) -> Point:
        """Order parameters at fixed m, from ``previous`` or from the RS point."""
        if self.model.a2.continuous and self.stiffness_nodes > COARSE_STIFFNESS_NODES:
            previous = self.coarse.solve(m, previous, max(target, SCAN_TARGET))
            if previous.converged and broken(previous.x):
                root = newton(lambda x: self.residual(m, x)[0], previous.x, target=target)
                if root.converged:
                    root = self._verified(m, root)
                if root.converged or target < SCAN_TARGET:
                    return Point(m, self.residual(m, root.x)[1], root.x, root.residual, root.iterations, root.converged)
        rs_start = None if previous is None or broken(previous.x) else previous
        symmetric = self.symmetric.solve(m, rs_start, target)
        breaking, starts = self._starts(m, symmetric)
        scanning = m != 0.0 and target >= SCAN_TARGET
        if breaking < RESOLUTION:
            return symmetric
        if scanning and breaking < FAINT:
            starts = []
        if previous is not None and broken(previous.x):
            # The weaker the breaking the better the estimate, and the faster it changes along m.
            starts.insert(0 if breaking > 0.1 else 1, previous.x)
        best: Root | None = None
        for start in starts:
            root = newton(lambda x: self.residual(m, x)[0], start, max_iterations=8 if scanning else 25, target=target)
            if root.converged:
                root = self._verified(m, root)
            if best is None or root.residual < best.residual:
                best = root
            if root.converged:
                break
        if m != 0.0 and not scanning and (best is None or not best.converged):
            best = self._from_family(m, symmetric, target) or best
        if best is None or (scanning and not best.converged):
            return symmetric
        p = self.residual(m, best.x)[1]
        return Point(m, p, best.x, best.residual, best.iterations, best.converged)

    def settled(self, found: Point) -> Point:
        """The self-consistent state with m != 0 next to ``found``, which a scan may have left with RS or unsolved."""
        if found.converged and broken(found.x):
            return found
        symmetric = self.symmetric.solve(found.m, None if broken(found.x) else found)
        at = self.solve(found.m, symmetric)
        if not broken(at.x):
            return found
        model = self.model

        def residual(y: Array) -> Array:
            m = found.m * float(y[-1])
            r, p = self.residual(m, y[:-1])
            return np.append(r, (m - model.j0 * p - model.field) / abs(found.m))

        root = newton(residual, np.append(at.x, 1.0), max_iterations=25)
        m = found.m * float(root.x[-1])
        p = self.residual(m, root.x[:-1])[1]
        return Point(m, p, root.x[:-1], root.residual, root.iterations, root.converged and at.converged)

    def _from_family(self, m: float, symmetric: Point, target: float) -> Root | None:
        """Newton's iteration from where the family at given mu has its optimum, the safe way with a mean field."""
        # Compiled code, which takes a moment to load.
        from meanfield.replicas.k_step_rsb import KStep
        from meanfield.replicas.one_step_family import Family

        in_field = replace(self.model, j0=0.0, field=m)
        start = Family(KStep(in_field, m, self.stiffness_nodes)).near_optimum(*overlaps(symmetric.x))
        if start is None:
            return None
        root = newton(lambda x: self.residual(m, x)[0], start, max_iterations=25, target=target)
        return self._verified(m, root) if root.converged else None

    def _verified(self, m: float, root: Root) -> Root:
        """Refuse the branch q_0 = 0 (lower f), the collapse q_1 = q_0, and artefacts of the quadrature.

        Away from the physical branch fields may become too sharp for the panels; with more nodes
        such a root is none.
        """
        q0, q1, C, mu = unpack(root.x)
        if q0 < 1e-8 * q1 or q1 - q0 < 1e-8 * q1:
            return replace(root, residual=np.inf, converged=False)
        a = averages(self.model, m, q0, q1, C, mu, refine=6, stiffness_nodes=self.stiffness_nodes)
        refined = stationarity(a, q0, q1, C, mu)
        error = float(np.max(np.abs(refined)))
        if not error < VERIFIED + root.residual:
            return replace(root, residual=error, converged=False)
        return root

    def _starts(self, m: float, symmetric: Point) -> tuple[float, list[Array]]:
        """Relative breaking expected from RS, and starting points; no starts where RS is stable.

        With few double wells the jump alone breaks the symmetry, and power counting at h = 0 gives
        sqrt(Delta q) = c P(0) v0^2/(1 - R) with R the regular part of E[phi''^2], and
        mu v0 sqrt(Delta q) = c', with c near 2 and c' near 0.6 over the whole range of the model.
        Otherwise q_0 lies between q_1/3, just beyond the transition (the linear q(x) of full RSB cut
        to one step), and 0.6 q_1.
        """
        q, C = overlaps(symmetric.x)
        a = rs_averages(self.model, 0.0, m, q, C)
        a2, weight = self.model.stiffness_rule(C)
        v0_square = float(weight @ jump(self.model, C, a2) ** 2)
        jump_strength = v0_square * float(normal_density(np.array(m), q))
        stable = a.replicon_sum < 1.0
        if stable and jump_strength == 0.0:
            return 0.0, []
        estimate = 2.0 * jump_strength / max(1.0 - a.replicon_sum, 0.3)
        breaking = min(estimate**2 / q if stable else 0.5 if m == 0.0 else 0.5 * (a.replicon_sum - 1.0), 0.5)
        if breaking < RESOLUTION:
            return breaking, []
        starts = []
        if stable:
            spread = np.sqrt(breaking * q)
            starts.append(pack(q * (1.0 - breaking), q, C, 0.6 / (np.sqrt(v0_square) * spread)))
            if breaking < WEAK:
                return breaking, starts
        # mu q_1 over the model's range, as a power of the distance from the T = 0 transition.
        distance = max(2.0 - (self.model.a2.mean - self.model.a2.std) / self.model.gamma, 1e-3)
        guess = 0.5 * distance**1.7 if self.model.potential == "quartic" else 1.36
        generic = [(0.45, guess), (0.5, 1.36), (0.95, 1.0), (0.5, 0.5), (0.35, 1e-2)]
        # With a mean field the curve of solutions leads here, or the family at given mu (`_from_family`).
        for ratio, mu_q in generic if m == 0.0 else [(0.95, 1.0)]:
            starts.append(pack(ratio * q, q, C, mu_q / q))
        return breaking, starts

    def solution(self, point: Point) -> Solution:
        """Energies and stability at a solved point."""
        if not broken(point.x):
            return self._collapsed(point)
        model, m = self.model, point.m
        q0, q1, C, mu = unpack(point.x)
        a = averages(model, m, q0, q1, C, mu)
        f = free_energy(model, a.p, q0, q1, C, mu, a.phi0)
        u = -0.5 * model.j0 * a.p**2 - model.field * a.p - C * q1 - 0.5 * mu * (q1**2 - q0**2) + a.G
        return Solution(
            ansatz="1rsb",
            model=model,
            temperature=0.0,
            free_energy=f,
            internal_energy=u,
            entropy=-0.25 * C**2 if model.potential == "ising" else float("nan"),
            p=a.p,
            m=m,
            C=C,
            q=np.array([q0, q1]),
            q_diag=q1,
            mu=np.array([mu]),
            C_reg=a.C_reg,
            replicon_sum=a.replicon_sum,
            replicons=1.0 - np.array([a.outer_replicon_sum, a.replicon_sum]),
            converged=point.converged,
            residual=point.residual,
            iterations=point.iterations,
        )

    def _collapsed(self, point: Point) -> Solution:
        """The RS solution in the form of a 1RSB one with q_0 = q_1."""
        rs = ReplicaSymmetric(self.model, 0.0).solution(point)
        breaking, _ = self._starts(point.m, point)
        note = "RS is stable: one-step breaking coincides with it, q_0 = q_1"
        if breaking > 0.0:
            note = (
                f"the breaking (q_1 - q_0)/q_1, about {breaking:.0e}, is below what can be resolved: "
                "RS is given, q_0 = q_1"
            )
        return as_one_step(rs, note)


def as_one_step(rs: Solution, note: str) -> Solution:
    """An RS solution written with q_0 = q_1 and an undefined mu."""
    return replace(
        rs,
        ansatz="1rsb",
        q=np.repeat(rs.q, 2),
        mu=np.array([np.nan]),
        replicons=np.repeat(rs.replicons, 2),
        note=note,
        solutions=(),
    )


def broken(x: Array) -> bool:
    """Whether the unknowns are those of a broken state (four) or of RS (two)."""
    return x.size == 4


def unpolarised_point(previous: Solution | None) -> Point | None:
    """The broken state with p = 0 of a solution or its rivals, as a start for `OneStep.solve`."""
    for one in () if previous is None else (previous, *previous.solutions):
        if one.ansatz == "1rsb" and one.broken and one.m == 0.0:
            x = pack(float(one.q[0]), float(one.q[1]), one.C, float(one.mu[0]))
            return Point(0.0, 0.0, x, one.residual, 0, True)
    return None


def solve(model: Model, previous: Solution | None = None) -> Solution:
    """All 1RSB solutions at T = 0 for a field F >= 0; the physical one on top.

    The rules, and the meaning of ``previous``, are those of `meanfield.replicas.replica_symmetric.solve`.
    """
    ansatz = OneStep(model)
    unpolarised: list[Solution] = []
    origin: Point | None = None
    susceptibility = 0.0
    ergodic = ergodic_averages(model, 0.0)
    stable = ergodic is not None and ergodic.replicon_sum <= 1.0
    if ergodic is not None and stable:
        origin = linear_response(model, ergodic)
    if model.field == 0.0:
        if ergodic is not None:
            point = Point(0.0, 0.0, np.array([]), 0.0, 0, True)
            rs = ReplicaSymmetric(model, 0.0).solution(point, ergodic)
            unpolarised.append(as_one_step(rs, "ergodic: q_0 = q_1 = 0"))
        if not stable:
            origin = ansatz.solve(0.0, unpolarised_point(previous))
            unpolarised.insert(0, ansatz.solution(origin))
        susceptibility = unpolarised[0].susceptibility
    polarised = [ansatz.solution(ansatz.settled(p)) for p in self_consistent_points(ansatz, origin, susceptibility)]
    return physical(unpolarised + polarised)
