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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanfield.k_step_rsb import KStep, free_energy, pack
from meanfield.k_step_states import one_step
from meanfield.model import Model, ParameterError
from meanfield.one_step_family import Family
from meanfield.solution import Solution

Array = NDArray[np.float64]

LABEL = "complexity of the one-step ansatz: where it is not stable Sigma does not count minima literally"
# The largest range of mu/mu*, and the ratio of neighbours.
LOWEST, HIGHEST = 0.1, 4.0


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
            "converged": s.converged,
        }


def complexity(model: Model, temperature: float = 0.0, points: int = 40) -> Complexity:
    """The family through the physical 1RSB solution, at ``points`` values from a tenth to four times the optimum mu*.

    It ends earlier where q_0 vanishes (small mu without a mean field), where the breaking does, and at mu = 1/T.
    Raises `ParameterError` where the physical solution is not broken.
    """
    if not points >= 3:
        raise ParameterError(f"points must be at least 3, got {points}")
    optimum = one_step(model, temperature)
    if not (optimum.broken and optimum.converged):
        raise ParameterError(f"no complexity: no broken 1RSB solution is the physical one ({optimum.note})")
    branch = KStep(model, optimum.m, temperature=temperature)
    x = pack(optimum.q, optimum.C, optimum.mu)
    x = np.append(x, 1.0) if branch.closes_mean_field else x
    ratio = (HIGHEST / LOWEST) ** (1.0 / (points - 1))
    below = list(_walk(branch, x, 1.0 / ratio))[::-1]
    rows = [*below, _row(branch, x), *_walk(branch, x, ratio)]
    mu, f, sigma, C, p = np.array(rows).T[:5]
    q, replicons = np.array(rows)[:, 5:7], np.array(rows)[:, 7:]
    mu[len(below)] = optimum.mu[0]
    return Complexity(optimum, mu, sigma, f + sigma / mu, f, q, C, p, replicons)


def _walk(branch: KStep, x: Array, ratio: float) -> Iterator[tuple[float, ...]]:
    """Members from the optimum ``x`` on, mu growing by ``ratio`` each time."""
    family, before = Family(branch), x
    first = mu = float(np.exp(x[3] - x[0]))
    while LOWEST < mu * ratio / first < HIGHEST and mu * ratio * branch.temperature < 1.0:
        mu *= ratio
        member = family.solve(mu, 2.0 * x - before)
        if not member.converged:
            member = family.solve(mu, x)
        if not member.converged:
            return
        x, before = member.x, x
        yield _row(branch, x)


def _row(branch: KStep, x: Array) -> tuple[float, ...]:
    """(mu, f, Sigma, C, p, q_0, q_1, outer replicon, inner replicon)."""
    fields = branch.fields(x, 1)
    a = fields.averages()
    (q0, q1), (mu,) = fields.q, fields.mu
    f = free_energy(branch.model, a, fields.q, fields.C, fields.mu) + 0.25 * branch.temperature * fields.C**2
    sigma = mu * (0.25 * mu * (q1**2 - q0**2) - float(a.gain[0]))
    replicons = 1.0 - a.replicon_sums
    return mu, f, sigma, fields.C, a.p if branch.m else 0.0, q0, q1, replicons[0], replicons[1]
