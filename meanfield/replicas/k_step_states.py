"""All K-step states of a model, at T = 0 and T > 0: those that its 1RSB states turn into, and the physical one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meanfield.model import Model
from meanfield.replicas import one_step_rsb, thermal_one_step
from meanfield.replicas.k_step_rsb import KStep
from meanfield.replicas.solution import Solution, physical


def as_k_step(one: Solution, steps: int, ansatz: str = "krsb") -> Solution:
    """A 1RSB solution that coincides with RS, written with ``steps`` + 1 equal overlaps."""
    return replace(
        one,
        ansatz=ansatz,
        q=np.full(steps + 1, one.q[-1]),
        mu=np.full(steps, np.nan),
        replicons=np.full(steps + 1, one.replicons[-1]),
        note=one.note.replace("one-step breaking", "breaking"),
        solutions=(),
    )


def refine(one: Solution, steps: int) -> Solution:
    """The K-step solution on the branch of a 1RSB one."""
    if not one.broken:
        return as_k_step(one, steps)
    branch = KStep(one.model, one.m, temperature=one.temperature)
    *_, last = branch.coarse.ladder(one, steps)
    if last.converged and one.model.a2.continuous:
        last = branch.solve(last.x, last.steps)
    solution = branch.solution(last)
    if last.steps < steps:
        note = f"the iteration failed at {last.steps} of {steps} steps"
        return replace(solution, converged=False, note=note)
    return solution


def one_step(model: Model, temperature: float) -> Solution:
    """All 1RSB solutions for a field F >= 0; the physical one on top."""
    return thermal_one_step.solve(model, temperature) if temperature > 0.0 else one_step_rsb.solve(model)


def solve(model: Model, steps: int, temperature: float = 0.0) -> Solution:
    """All K-step solutions for a field F >= 0; the physical one on top."""
    one = one_step(model, temperature)
    solutions = [refine(replace(s, solutions=()), steps) for s in (one, *one.solutions)]
    return physical(with_onset(solutions, steps))


def with_onset(solutions: list[Solution], steps: int) -> list[Solution]:
    """Add the polarised state where it exists with K steps but not with one.

    The susceptibility of the glass grows with K, so that its instability J0 (C + sum_k mu_k dq_k) > 1 to a
    polarisation comes earlier.
    """
    glass = next((s for s in solutions if s.phase == "glassy" and s.broken), None)
    polarised = any(s.p != 0.0 for s in solutions)
    if glass is None or polarised or glass.model.j0 * glass.susceptibility <= 1.0:
        return solutions
    model, T, m = glass.model, glass.temperature, 0.5 * float(np.sqrt(glass.q[-1]))
    for _ in range(8):
        # At given m the branch is that of a glass in the field m, which belongs to J0 = m/p(m).
        in_field = replace(model, j0=0.0, field=m)
        *_, point = KStep(in_field, m, temperature=T).coarse.ladder(one_step(in_field, T), steps)
        if point.steps < steps or not point.converged:
            break
        branch = KStep(model, m, temperature=T)
        closed = branch.solve(np.append(point.x, 1.0), steps)
        if closed.converged and closed.x[-1] > 1e-3:
            return [*solutions, branch.solution(closed, glass.ansatz)]
        m *= 0.5
    note = "a polarised state has lower f, but was not found"
    return [replace(s, converged=False, note=note) if s is glass else s for s in solutions]
