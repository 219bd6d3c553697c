"""The function q(x) of full RSB and the distribution P(q) of overlaps, from the steps of the ladder.

K steps give mu_k on (q_{k-1}, q_k); the smooth function mu(q) that they sample passes through the middles of the
steps. Its inverse is read off at given mu for every K and extrapolated as (K + K_0)^-2. With x = T mu,

    P(q) = dx/dq on (q(0), q_EA),  and a delta function of weight 1 - x(q_EA) at q_EA = q_K

is the distribution of overlaps of two states drawn at temperature T (at zero field each |q| stands for both signs).
At T = 0 it is T dmu/dq to first order in T, and dmu/dq is given: the density of pairs of states per energy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from meanfield.replicas.limits import Limit, limit
from meanfield.replicas.solution import Solution

Array = NDArray[np.float64]

POINTS = 60
FEWEST_STEPS = 2  # from which a curve can be drawn
FINE = 2000
POWER = 2.0  # of the convergence in K of curves sampled at the middles of steps


@dataclass(frozen=True)
class OverlapDistribution:
    """q(mu) and P(q) on a grid of n values of mu.

    Attributes
    ----------
    mu : array (n,), mu = x/T
    q : Limit of arrays (n,)
    density : Limit of arrays (n,), dmu/dq
    temperature : float
    largest : Limit, q_EA
    """

    mu: Array
    q: Limit
    density: Limit
    temperature: float
    largest: Limit

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; x and P(q) only at T > 0."""
        result = {
            "mu": self.mu.tolist(),
            "q": self.q.value.tolist(),
            "q_error": self.q.error.tolist(),
            "dmu_dq": self.density.value.tolist(),
            "dmu_dq_error": self.density.error.tolist(),
            "q_EA": self.largest.to_dict(),
        }
        if self.temperature > 0.0:
            result["x"] = (self.temperature * self.mu).tolist()
            result["P"] = (self.temperature * self.density.value).tolist()
        return result


def overlap_distribution(solution: Solution, points: int = POINTS) -> OverlapDistribution | None:
    """q(mu) and P(q) of full RSB; None where the symmetry is not broken or too few K were solved.

    The grid of mu is the range that all K used have in common, so that nothing is extrapolated in mu.
    """
    members = [s for s in solution.ladder if s.mu.size >= FEWEST_STEPS][-3:]
    if len(members) < 3:
        return None
    mu = np.geomspace(members[0].mu[0], members[0].mu[-1], points)
    q, density = np.swapaxes([_smooth(s, mu) for s in members], 0, 1)
    steps = members[-1].mu.size
    return OverlapDistribution(
        mu,
        limit(q, steps, power=POWER),
        limit(density, steps, power=POWER),
        solution.temperature,
        solution.limit(lambda s: s.q[-1]),
    )


def _smooth(s: Solution, mu: Array) -> tuple[Array, Array]:
    """Q and dmu/dq at ``mu`` from the middles of the steps of one K.

    Where v* jumps mu diverges at q_EA as 1/y, y^2 = 1 - q/q_diag: mu y is a smooth function of y there, and
    elsewhere too.
    """
    top = s.q_diag
    y = np.sqrt(1.0 - 0.5 * (s.q[1:] + s.q[:-1]) / top)
    strength = s.mu * y
    if s.m == 0.0:
        y, strength = np.append(1.0, y), np.append(0.0, strength)  # q(0) = 0
    curve = CubicSpline(y[::-1], strength[::-1])
    fine = np.linspace(y[-1], y[0], FINE)
    values = curve(fine) / fine
    at = np.interp(mu, values[::-1], fine[::-1])
    for _ in range(3):
        slope = (curve.derivative()(at) - curve(at) / at) / at
        at = at - (curve(at) / at - mu) / slope
    return top * (1.0 - at**2), -(curve.derivative()(at) - curve(at) / at) / at / (2.0 * at * top)
