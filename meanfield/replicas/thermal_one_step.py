"""One step of replica-symmetry breaking at T > 0, from the transition or continued from T = 0.

At every temperature the RS solutions tell which states there are. A stable one is not broken; an unstable one is
replaced by the broken state beside it. Close to the transition that state is known beforehand: at the point
where a continuous breaking begins

    mu = E[(phi''')^2] / (2 E[(phi'')^3])                                  (fields of RS)

and, without a mean field, q(x) is linear, which one step cuts to q_0 = q_1/3, mu taken at the middle overlap 2 q_1/3.
Further down the state is the one that the solution at T = 0 turns into when the temperature rises in steps, with
mu = m/T a smooth function of T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meanfield.model import STIFFNESS_NODES, Model
from meanfield.replicas import one_step_rsb, replica_symmetric
from meanfield.replicas.k_step_rsb import KStep, KStepPoint, pack
from meanfield.replicas.one_step_rsb import as_one_step
from meanfield.replicas.solution import Solution, physical
from meanfield.sites.quadrature import folded_normal, gauss_legendre_panels
from meanfield.sites.thermal import thermal_field_edges, thermal_site

Array = NDArray[np.float64]

# First and smallest step of the temperature, relative to its target; first step relative to q_1, the
# energy scale of v*.
FIRST_STEP, SMALLEST_STEP, COLDEST = 0.1, 1e-3, 0.02
# Extrapolation over a step may be off by this much in the logarithms of the order parameters.
PREDICTABLE = 0.5
# The replicon of RS above which the state at the transition is a good start, and above which the breaking may
# be too weak to be resolved: the energy then differs from that of RS by less than 1e-12 of itself.
WEAK, RESOLUTION = -0.12, -1e-4
# Breaking (q_1 - q_0)/q_1 with a mean field, in units of the replicon of RS below zero: starts to be tried.
BREAKINGS = (2.0, 8.0, 0.5)
NODES = 16


def strength_at_onset(rs: Solution) -> float:
    """Mu = E[(phi''')^2]/(2 E[(phi'')^3]) over the fields of an RS state."""
    model, T = rs.model, rs.temperature
    a2, weight = model.stiffness_rule(rs.C)
    edges = thermal_field_edges(model, T, rs.m, float(rs.q[-1]), rs.C)
    h, dh = gauss_legendre_panels(edges, NODES)
    mass = folded_normal(h, rs.m, float(rs.q[-1]))[0] * dh
    step = 1e-4 * (edges[1] - edges[0])

    def response(h: Array) -> Array:
        return thermal_site(model, T, rs.C, a2[:, None], np.abs(h)[None, :]).variance / T

    third = (response(h + step) - response(h - step)) / (2.0 * step)
    return float(weight @ (third**2 @ mass)) / (2.0 * float(weight @ (response(h) ** 3 @ mass)))


def near_transition(rs: Solution) -> tuple[KStep, KStepPoint]:
    """The broken state beside a weakly unstable RS one; the last point says if it was found."""
    branch = KStep(rs.model, rs.m, temperature=rs.temperature).coarse
    q, mu = float(rs.q[-1]), strength_at_onset(rs)
    if rs.m == 0.0:
        starts = [pack(np.array([q / 3.0, q]), rs.C, np.array([2.0 / 3.0 * mu]))]
    else:
        breakings = [min(0.5, -size * rs.replicon) for size in BREAKINGS]
        starts = [pack(np.array([q * (1.0 - b), q]), rs.C, np.array([mu])) for b in breakings]
    for start in starts:
        point = branch.solve(np.append(start, 1.0) if branch.closes_mean_field else start, 1)
        if point.converged:
            break
    return branch, point


def warm_up(first: Solution, temperature: float) -> tuple[KStep, KStepPoint]:
    """Follow a broken 1RSB state from T = 0 to ``temperature``; the last point says if it got there."""
    branch = KStep(first.model, first.m).coarse
    x = pack(first.q, first.C, first.mu)
    if branch.closes_mean_field:
        x = np.append(x, 1.0)
    T, step, slope = 0.0, max(FIRST_STEP * temperature, COLDEST * float(first.q[-1])), np.zeros_like(x)
    point = KStepPoint(1, x, first.residual, 0, first.converged)
    while temperature > T:
        T_next = min(T + step, temperature) if T + 1.3 * step < temperature else temperature
        at = replace(branch, temperature=T_next)
        trial = at.solve(x + slope * (T_next - T), 1)
        if trial.converged and np.max(np.abs(trial.x - x)) < PREDICTABLE:
            slope = (trial.x - x) / (T_next - T)
            x, point, T, branch = trial.x, trial, T_next, at
            step *= 1.5
            continue
        step *= 0.5
        if step < SMALLEST_STEP * temperature:
            return at, replace(trial, converged=False)
    return branch, point


def broken_state(rs: Solution, grounds: list[Solution]) -> Solution:
    """The 1RSB state in place of the RS one ``rs``; ``grounds`` are the 1RSB states at T = 0, where they are needed."""
    if rs.q[-1] == 0.0 or rs.replicon > 0.0:
        ergodic = rs.q[-1] == 0.0
        return as_one_step(rs, "ergodic: all overlaps 0" if ergodic else "RS is stable: breaking coincides with it")
    alike = [s for s in grounds if s.broken and (s.p == 0.0) == (rs.p == 0.0) and s.p * rs.p >= 0.0]
    ways: list[Callable[[], tuple[KStep, KStepPoint]]] = [lambda: near_transition(rs)]
    if alike:
        ways.append(lambda: warm_up(min(alike, key=lambda s: abs(s.p - rs.p)), rs.temperature))
    for way in ways if rs.replicon > WEAK else ways[::-1]:
        branch, point = way()
        if point.converged and rs.model.a2.continuous:
            branch = replace(branch, stiffness_nodes=STIFFNESS_NODES)
            point = branch.solve(point.x, point.steps)
        if point.converged:
            return branch.solution(point, "1rsb")
    if rs.replicon > RESOLUTION:
        return as_one_step(rs, "the breaking is too weak to be resolved: RS is given, q_0 = q_1")
    return replace(as_one_step(rs, "no broken state found: RS is given"), converged=False)


def solve(model: Model, temperature: float) -> Solution:
    """All 1RSB solutions at T > 0 for a field F >= 0; the physical one on top."""
    rs = replica_symmetric.solve(model, temperature)
    states = [replace(s, solutions=()) for s in (rs, *rs.solutions)]
    weak = [s.q[-1] == 0.0 or s.replicon > WEAK for s in states]
    found = [broken_state(s, []) for s in states] if all(weak) else []
    if not found or not all(s.converged for s in found):
        ground = one_step_rsb.solve(model)
        found = [broken_state(s, [ground, *ground.solutions]) for s in states]
    return physical(found)
