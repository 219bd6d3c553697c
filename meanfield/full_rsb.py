"""Full replica-symmetry breaking at T = 0 as the limit of K optimised steps.

With all q_k and mu_k optimised the energy of K steps converges as

    e_K = e + A/(K + K_0)^4,

found for Sherrington and Kirkpatrick's model by Oppermann and Schmidt, Phys. Rev. E 78, 061124 (2008),
and here for every gamma. Three successive K give e, A and K_0; the change of e from one K to the next is
its error. Order parameters, q(x) and P(h) are those of the largest K.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from meanfield import one_step_rsb
from meanfield.k_step_rsb import KStep, KStepPoint, as_k_step, pack, physical, with_onset
from meanfield.model import Model
from meanfield.solution import Solution

Array = NDArray[np.float64]

EXPONENT = 4.0
# Where fewer than four energies are known K_0 is taken from the models in which it was seen, 1.1 to 1.3.
TYPICAL_OFFSET = 1.2
# Steps with which the ladder ends at the latest, and with a continuous distribution of a2.
STEPS, STEPS_WITH_LOCAL_DISORDER = 8, 5
# The ladder ends earlier where e is this accurate, relative.
ACCURATE = 2e-8
# The error of e beyond which the result is not called converged, relative.
TOLERABLE = 1e-5
# Slope of P(h) at h = 0 for unit jumps without a regular response (Ising spins: Oppermann and Schmidt).
UNIT_SLOPE = 0.3014


@dataclass(frozen=True)
class Limit:
    """Extrapolated energy, its estimated error, and what was added to the energy of the largest K."""

    energy: float
    error: float
    shift: float


def extrapolate(energies: Array) -> Limit:
    """The limit K -> infinity of energies (n,) with 1, 2, ..., n steps.

    The error is twice the last change of the limit. That change shrinks by a factor below 1/2 with every K
    (measured), so that the changes still to come add up to less.
    """
    energies = np.asarray(energies, float)
    if energies.size < 2:
        return Limit(float(energies[-1]), float("nan"), 0.0)
    limits = [_limit(energies[:n]) for n in range(max(2, energies.size - 1), energies.size + 1)]
    last = energies[-1]
    if len(limits) == 1:
        return Limit(limits[0], abs(limits[0] - last), limits[0] - last)
    # Rounding and quadrature leave 1e-12 of an energy, amplified by the extrapolation.
    error = 2.0 * abs(limits[1] - limits[0]) + 1e-11 * abs(last)
    return Limit(limits[1], error, limits[1] - last)


def _limit(energies: Array) -> float:
    """The limit e from the last two or three energies."""
    n = energies.size
    offset = TYPICAL_OFFSET
    if n >= 3:
        ratio = (energies[-2] - energies[-3]) / (energies[-1] - energies[-2])

        def mismatch(shift: float) -> float:
            x = (np.arange(n - 2, n + 1) + shift) ** -EXPONENT
            return float((x[1] - x[0]) / (x[2] - x[1]) - ratio)

        low, high = -0.9 * (n - 2), 30.0
        if np.isfinite(ratio) and mismatch(low) * mismatch(high) < 0:
            offset = float(brentq(mismatch, low, high, xtol=1e-12))
    before, after = (n - 1 + offset) ** -EXPONENT, (n + offset) ** -EXPONENT
    return float(energies[-1] - (energies[-1] - energies[-2]) * after / (after - before))


def pseudogap_slope(solution: Solution) -> float:
    """The slope of P(h) at h = 0, 0.3014 (1 - R)/v0^2 with R = E[1/U_eff''^2]; NaN without double wells.

    A scaling argument: fields |h| much smaller than all others meet a jump of v* by 2 v0, as Ising spins
    do, and the regular responses reduce the fluctuations by 1 - R. R and v0 are those of the K at hand. The
    linear range is narrow (|h| well below h_c, at gamma = 4 less than the smallest field that ten steps
    resolve), and with local disorder, v0 different for every a2, no single slope exists.
    """
    model = solution.model
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
        return replace(as_k_step(one, 1, "frsb"), error=0.0)
    branch = KStep(one.model, one.m)
    points: list[KStepPoint] = []
    energies: list[float] = []
    for point in branch.coarse.ladder(one, most):
        if not point.converged:
            break
        points.append(point)
        energies.append(branch.coarse.solution(point).free_energy)
        found = extrapolate(np.array(energies))
        if len(energies) >= 5 and found.error < ACCURATE * abs(found.energy):
            break
    if not points:
        return replace(one, ansatz="frsb", converged=False, note="the iteration failed with one step")
    last = points[-1]
    if one.model.a2.continuous:
        last = branch.solve(last.x, last.steps)
    return _at_limit(branch.solution(last, "frsb"), extrapolate(np.array(energies)))


def _at_limit(solution: Solution, found: Limit) -> Solution:
    energy = float(solution.free_energy + found.shift)
    converged = solution.converged and found.error <= TOLERABLE * abs(energy)
    note = f"energy extrapolated from K = 1 to {solution.mu.size} steps; order parameters of K = {solution.mu.size}"
    return replace(
        solution,
        free_energy=energy,
        internal_energy=energy,
        error=found.error,
        converged=bool(converged),
        pseudogap_slope=pseudogap_slope(solution),
        note=note,
    )


def solve(model: Model, steps: int | None = None) -> Solution:
    """All full-RSB solutions at T = 0 for a field F >= 0; the physical one on top.

    ``steps`` is the largest K (default 8; 5 with a continuous distribution of a2).
    """
    most = steps or (STEPS_WITH_LOCAL_DISORDER if model.a2.continuous else STEPS)
    one = one_step_rsb.solve(model)
    solutions = [limit(replace(s, solutions=()), most) for s in (one, *one.solutions)]
    completed = []
    for s in with_onset(solutions, max(other.mu.size for other in solutions)):
        if np.isnan(s.error):
            # A polarised state that branched off the glass: the glass's own extrapolation, as its error.
            glass = next(other for other in solutions if other.phase == "glassy")
            shift = glass.free_energy - _last_energy(glass)
            completed.append(_at_limit(s, Limit(s.free_energy + shift, abs(shift), shift)))
        else:
            completed.append(s)
    return physical(completed)


def _last_energy(solution: Solution) -> float:
    """Energy of the K steps whose order parameters ``solution`` holds."""
    branch = KStep(solution.model, solution.m)
    x = pack(solution.q, solution.C, solution.mu)
    return branch.solution(KStepPoint(solution.mu.size, x, 0.0, 0, True)).free_energy
