"""Full replica-symmetry breaking as the limit of K optimised steps, at T = 0 and T > 0.

With all q_k and mu_k optimised the energy of K steps converges as e_K = e + A/(K + K_0)^4. The energies of a
solution are that limit, with its error; its order parameters and P(h) are those of the largest K, and
`Solution.limit` extrapolates anything computed from them (`meanfield.replicas.limits`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.replicas.k_step_rsb import KStep
from meanfield.replicas.k_step_states import as_k_step, one_step, with_onset
from meanfield.replicas.limits import Limit, energy_limit
from meanfield.replicas.replica_symmetric import ReplicaSymmetric
from meanfield.replicas.solution import Solution, physical

Array = NDArray[np.float64]

# Steps with which the ladder ends at the latest, and with a continuous distribution of a2.
STEPS, STEPS_WITH_LOCAL_DISORDER = 8, 5
# The ladder ends earlier where e is this accurate, relative: close to the transition rounding errors stop it.
ACCURATE = 2e-11
# The error of e beyond which the result is not called converged, relative.
TOLERABLE = 1e-5
# Slope of P(h) at h = 0 for unit jumps without a regular response (Ising spins: Oppermann and Schmidt).
UNIT_SLOPE = 0.3014


def pseudogap_slope(solution: Solution) -> float:
    """The slope of P(h) at h = 0, 0.3014 (1 - R)/v0^2 with R = E[1/U_eff''^2]; NaN without double wells.

    A scaling argument for T = 0: fields |h| much smaller than all others meet a jump of v* by 2 v0, as Ising
    spins do, and the regular responses reduce the fluctuations by 1 - R. R and v0 are those of the K at hand. The
    linear range is narrow (|h| well below h_c, at gamma = 4 less than the smallest field that ten steps
    resolve), and with local disorder, v0 different for every a2, no single slope exists.
    """
    model = solution.model
    if solution.temperature > 0.0:
        return float("nan")
    if model.potential == "ising":
        return UNIT_SLOPE
    kappa = solution.C_reg - model.a2.mean / model.gamma
    if model.a2.std > 0.0 or kappa <= 0.0 or solution.replicon_sum >= 1.0:
        return float("nan")
    # C -> C_reg: the jumps no longer contribute to the response of the innermost layer.
    return UNIT_SLOPE * (1.0 - solution.replicon_sum) * model.quartic / kappa


def limit(one: Solution, most: int) -> Solution:
    """The full-RSB solution on the branch of a 1RSB one."""
    if not one.broken:
        return replace(as_k_step(one, 1, "frsb"), error=0.0 if one.converged else float("nan"))
    branch = KStep(one.model, one.m, temperature=one.temperature)
    ladder: list[Solution] = []
    for point in branch.coarse.ladder(one, most):
        if not point.converged:
            break
        last = point
        step = branch.coarse.solution(point)
        ladder.append(replace(step, pseudogap_slope=pseudogap_slope(step)))
        found = energy_limit([s.free_energy for s in ladder])
        if len(ladder) >= 3 and found.error < ACCURATE * abs(found.value):
            break
    if not ladder:
        return replace(one, ansatz="frsb", converged=False, note="the iteration failed with one step")
    if len(ladder) < 3:
        # Next to the transition two steps hardly differ from one: RS tells how little is left.
        rs = ReplicaSymmetric(one.model, one.temperature)
        ladder = [rs.solution(rs.solve(one.m)), *ladder]
        found = energy_limit([s.free_energy for s in ladder], ladder[-1].mu.size)
    solution = ladder[-1]
    if one.model.a2.continuous:
        solution = branch.solution(branch.solve(last.x, last.steps))
    return _at_limit(solution, found, tuple(ladder))


def _at_limit(solution: Solution, energy: Limit, ladder: tuple[Solution, ...]) -> Solution:
    """``solution``, of the largest K, with the energies of the limit; ``ladder`` may average over a2 more coarsely."""
    T, steps = solution.temperature, solution.mu.size
    f = float(solution.free_energy + energy.value - ladder[-1].free_energy)
    full = replace(
        solution,
        ansatz="frsb",
        free_energy=f,
        internal_energy=f,
        error=float(energy.error),
        converged=bool(solution.converged and energy.error <= TOLERABLE * abs(f)),
        pseudogap_slope=pseudogap_slope(solution),
        ladder=ladder,
        note=f"energies extrapolated from K = 1 to {steps} steps; order parameters of K = {steps}",
    )
    entropy = float(full.limit(lambda s: s.entropy).value)
    return replace(full, entropy=entropy, internal_energy=f + T * entropy if T > 0.0 else f)


def solve(model: Model, steps: int | None = None, temperature: float = 0.0) -> Solution:
    """All full-RSB solutions for a field F >= 0; the physical one on top.

    ``steps`` is the largest K (default 8; 5 with a continuous distribution of a2).
    """
    most = steps or (STEPS_WITH_LOCAL_DISORDER if model.a2.continuous else STEPS)
    one = one_step(model, temperature)
    solutions = [limit(replace(s, solutions=()), most) for s in (one, *one.solutions)]
    completed = []
    for s in with_onset(solutions, max(other.mu.size for other in solutions)):
        if np.isnan(s.error) and s.converged:
            # A polarised state that branched off the glass: the glass's own extrapolation, as its error.
            glass = next(other for other in solutions if other.phase == "glassy")
            shift = glass.free_energy - glass.ladder[-1].free_energy
            energy = Limit(np.array(s.free_energy + shift), np.array(abs(shift)))
            completed.append(_at_limit(s, energy, (s,)))
        else:
            completed.append(s)
    return physical(completed)
