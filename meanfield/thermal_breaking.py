"""One and K steps of replica-symmetry breaking at T > 0, continued from T = 0.

At every temperature the RS solutions tell which states there are. A stable one is not broken; an
unstable one is replaced by the broken state that the solution at T = 0 turns into when the temperature rises in
steps, with mu_k = m_k/T a smooth function of T. Two ends are out of reach and said to be: temperatures below
about 0.01 q_K, where the grid of fields would have to resolve T/v (T = 0 has its own solver), and the last
half per cent below T_g, where breaking and RS are equal to 1e-10.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meanfield import one_step_rsb, replica_symmetric
from meanfield.k_step_rsb import KStep, KStepPoint, as_k_step, pack, physical
from meanfield.model import STIFFNESS_NODES, Model
from meanfield.solution import Solution

Array = NDArray[np.float64]

# First and smallest step of the temperature, relative to its target; first step relative to q_K, the
# energy scale of v*.
FIRST_STEP, SMALLEST_STEP, COLDEST = 0.1, 1e-3, 0.02
# Extrapolation over a step may be off by this much in the logarithms of the order parameters.
PREDICTABLE = 0.5


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


def refine(rs: Solution, grounds: list[Solution], steps: int, ansatz: str) -> Solution:
    """The K-step state in place of the RS one ``rs``; ``grounds`` are the 1RSB states at T = 0."""
    if rs.q[-1] == 0.0 or rs.replicon > 0.0:
        note = "ergodic: all overlaps 0" if rs.q[-1] == 0.0 else "RS is stable: breaking coincides with it"
        return as_k_step(replace(rs, note=note), steps, ansatz)
    alike = [s for s in grounds if s.broken and (s.p == 0.0) == (rs.p == 0.0) and s.p * rs.p >= 0.0]
    lost = replace(as_k_step(rs, steps, ansatz), converged=False, note="no broken state found: RS is given")
    if not alike:
        return lost
    branch, point = warm_up(min(alike, key=lambda s: abs(s.p - rs.p)), rs.temperature)
    if point.converged and steps > 1:
        one = branch.solution(point)
        *_, point = replace(branch, m=one.m).ladder(one, steps)
        branch = replace(branch, m=one.m)
    if point.converged and rs.model.a2.continuous:
        branch = replace(branch, stiffness_nodes=STIFFNESS_NODES)
        point = branch.solve(point.x, point.steps)
    if not point.converged or point.steps < steps:
        return lost
    return branch.solution(point, ansatz)


def solve(model: Model, temperature: float, steps: int, ansatz: str) -> Solution:
    """All K-step solutions at T > 0 for a field F >= 0; the physical one on top."""
    rs = replica_symmetric.solve(model, temperature)
    states = [replace(s, solutions=()) for s in (rs, *rs.solutions)]
    if all(s.q[-1] == 0.0 or s.replicon > 0.0 for s in states):
        grounds: list[Solution] = []
    else:
        ground = one_step_rsb.solve(model)
        grounds = [ground, *ground.solutions]
    return physical([refine(s, grounds, steps, ansatz) for s in states])
