"""Complexity of 1RSB states along the family at given mu.

The replicated free energy f(mu), optimised over everything else, is the Legendre transform of the complexity
(R. Monasson, Phys. Rev. Lett. 75, 2847 (1995)):

    mu f(mu) = min_e [mu e - Sigma(e)],   Sigma(mu) = mu^2 df/dmu,   e(mu) = d(mu f)/dmu = f + Sigma/mu.

Sigma vanishes at the optimum mu* and is positive below it. At T > 0, e is the free energy of a state and mu = m/T.
Sigma N would be the logarithm of the number of states if these were what 1RSB takes them for. In the glass they are
not: sites whose v* jumps at h = 0 make the innermost replicon minus infinity at T = 0, and it is negative at T > 0,
so that Sigma does not count minima literally.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model, ParameterError
from meanfield.replicas.k_step_rsb import KStep, free_energy, pack
from meanfield.replicas.k_step_states import one_step
from meanfield.replicas.one_step_family import Family
from meanfield.replicas.solution import Solution

Array = NDArray[np.float64]

LABEL = "complexity of the one-step ansatz: where it is not stable Sigma does not count minima literally"
# The largest range of mu/mu*, and the ratio of neighbours.
LOWEST, HIGHEST = 0.1, 4.0
MOST_POINTS = 2000
# The last step of mu, relative, on the way to an end; ln((q_1 - q_0)/q_0) beyond which q_0, or the breaking, vanishes.
CLOSEST = 1e-3
VANISHES, COLLAPSES = 2.5, -10.0
# Why the curve ends, and whether that is its end rather than the iteration's.
RANGE = "end of the range: {:g} mu*"
NO_Q0 = "q_0 vanishes"
NO_BREAKING = "the breaking vanishes"
NO_TEMPERATURE = "mu = 1/T"
FAILED = "the iteration failed"


@dataclass(frozen=True)
class Complexity:
    """The curve, arrays (n,) in order of mu; per site.

    Attributes
    ----------
    solution : the optimum, where the complexity vanishes
    mu : mu = beta m
    complexity : Sigma(mu)
    energy : e(mu), energy of the states at T = 0, their free energy at T > 0
    free_energy : f(mu)
    q : array (n, 2), q_0 and q_1
    C, p : response and mean displacement
    replicons : array (n, 2), outer and inner; the inner one without jumps at T = 0
    ends : why the curve ends towards small and towards large mu
    requested : points asked for, of which an early end leaves fewer
    """

    solution: Solution
    mu: Array
    complexity: Array
    energy: Array
    free_energy: Array
    q: Array
    C: Array
    p: Array
    replicons: Array
    ends: tuple[str, str]
    requested: int

    @property
    def converged(self) -> bool:
        """Whether both ends are those of the family or of the range."""
        return self.solution.converged and FAILED not in self.ends

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether both replicons are positive and no site jumps, so that Sigma could be taken literally."""
        return np.all(self.replicons > 0.0, axis=1) & (not self.solution.has_jump)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        s = self.solution
        return {
            "gamma": s.model.gamma,
            "temperature": s.temperature,
            "j0": s.model.j0,
            "field": s.model.field,
            "label": LABEL,
            "optimum": {"mu": float(s.mu[0]), "free_energy": s.free_energy},
            "mu": self.mu.tolist(),
            "complexity": self.complexity.tolist(),
            "energy": self.energy.tolist(),
            "free_energy": self.free_energy.tolist(),
            "q": self.q.tolist(),
            "C": self.C.tolist(),
            "p": self.p.tolist(),
            # At T = 0 a jump makes the inner replicon minus infinity.
            "replicons": [[float(a), None if s.has_jump else float(b)] for a, b in self.replicons],
            "stable": self.stable.tolist(),
            "ends": list(self.ends),
            "points_requested": self.requested,
            "converged": self.converged,
        }


def complexity(model: Model, temperature: float = 0.0, points: int = 40) -> Complexity:
    """The family through the physical 1RSB solution, at ``points`` values from a tenth to four times the optimum mu*.

    It ends earlier where q_0 vanishes (small mu without a mean field), where the breaking does, and at mu = 1/T.
    Raises `ParameterError` where the physical solution is not broken.
    """
    if not 3 <= points <= MOST_POINTS:
        raise ParameterError(f"points must be from 3 to {MOST_POINTS}, got {points}")
    optimum = one_step(model, temperature)
    if not (optimum.broken and optimum.converged):
        raise ParameterError(f"no complexity: no broken 1RSB solution is the physical one ({optimum.note})")
    branch = KStep(model, optimum.m, temperature=temperature)
    x = pack(optimum.q, optimum.C, optimum.mu)
    x = np.append(x, 1.0) if branch.closes_mean_field else x
    ratio = (HIGHEST / LOWEST) ** (1.0 / (points - 1))
    below, lower_end = _walk(branch, x, 1.0 / ratio)
    above, upper_end = _walk(branch, x, ratio)
    rows = [*below[::-1], _row(branch, x), *above]
    mu, f, sigma, C, p = np.array(rows).T[:5]
    q, replicons = np.array(rows)[:, 5:7], np.array(rows)[:, 7:]
    mu[len(below)] = optimum.mu[0]
    return Complexity(optimum, mu, sigma, f + sigma / mu, f, q, C, p, replicons, (lower_end, upper_end), points)


def _walk(branch: KStep, x: Array, ratio: float) -> tuple[list[tuple[float, ...]], str]:
    """Members from the optimum ``x`` on, mu growing by ``ratio`` each time, and why they end."""
    family = Family(branch)
    rows: list[tuple[float, ...]] = []
    first = mu = float(np.exp(x[3] - x[0]))
    change = np.zeros_like(x)
    while LOWEST < mu * ratio / first < HIGHEST:
        if mu * ratio * branch.temperature >= 1.0:
            return rows, NO_TEMPERATURE
        x, change, arrived = _advance(family, x, change, mu, ratio)
        if not arrived:
            if ratio < 1.0 and branch.m == 0.0 and x[1] > VANISHES:
                return rows, NO_Q0
            return rows, NO_BREAKING if x[1] < COLLAPSES else FAILED
        mu *= ratio
        rows.append(_row(branch, x))
    return rows, RANGE.format(LOWEST if ratio < 1.0 else HIGHEST)


def _advance(family: Family, x: Array, change: Array, mu: float, ratio: float) -> tuple[Array, Array, bool]:
    """From the member ``x`` at ``mu`` to that at ``ratio`` mu, in smaller steps where Newton's iteration needs them.

    ``change`` is dx/dln mu, a prediction. The last value tells whether it was reached; else ``x`` is close to the end.
    """
    done, whole = 0.0, float(np.log(ratio))
    step = whole
    while abs(whole - done) > 1e-12:
        step = whole - done if abs(step) > abs(whole - done) else step
        target = mu * float(np.exp(done + step))
        member = family.solve(target, x + step * change)
        if not member.converged:
            member = family.solve(target, x)
        if member.converged:
            x, change, done = member.x, (member.x - x) / step, done + step
        elif abs(step) < CLOSEST:
            return x, change, False
        else:
            step *= 0.5
    return x, change, True


def _row(branch: KStep, x: Array) -> tuple[float, ...]:
    """(mu, f, Sigma, C, p, q_0, q_1, outer replicon, inner replicon)."""
    fields = branch.fields(x, 1)
    a = fields.averages()
    (q0, q1), (mu,) = fields.q, fields.mu
    f = free_energy(branch.model, a, fields.q, fields.C, fields.mu) + 0.25 * branch.temperature * fields.C**2
    sigma = mu * (0.25 * mu * (q1**2 - q0**2) - float(a.gain[0]))
    replicons = 1.0 - a.replicon_sums
    return mu, f, sigma, fields.C, a.p if branch.m else 0.0, q0, q1, replicons[0], replicons[1]
