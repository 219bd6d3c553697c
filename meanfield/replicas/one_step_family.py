"""1RSB at given mu: the family whose optimum in mu is the solution.

At fixed mu (at T > 0 fixed m = mu T) the overlaps q_0, q_1, the response C and the mean field are optimised. With a
mean field the family begins at mu -> 0 with the overlap q_1 and the response of RS, where q_0 is the fixed point of

    q_0 = E[(E_z v*(h_0 + sqrt(q_1 - q_0) z))^2]

below q_1. There df/dmu > 0, and f rises up to the optimum. Following it is slower than Newton's iteration in all
unknowns, and safe where that gets lost. Without a mean field q_0 vanishes below a smallest mu.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield.model import ParameterError
from meanfield.replicas.k_step_averages import KStepAverages
from meanfield.replicas.k_step_rsb import KStep
from meanfield.replicas.newton import affine_newton

Array = NDArray[np.float64]

# Where the condition for mu stands among those of `KStep`.
MU = 3
# First mu q_1 and the factor to the next on the way up.
WEAKEST, STEP = 1e-3, 2.5
FIXED_POINT_STEPS = 60
# Residual, relative, and correction of the logarithms of the order parameters that count as solved and as none.
ACCEPT, ACCEPT_STEP = 1e-8, 1e-7
# Relative breaking below which a member is RS, and share q_0/q_1 below which q_0 has vanished, as logarithms of
# (q_1 - q_0)/q_0.
COLLAPSED, UNRELATED = -16.0, 14.0


@dataclass(frozen=True)
class Member:
    """A member of the family.

    Attributes
    ----------
    x : array (4,) or, with a mean field to be closed, (5,)
        Unknowns of `KStep` with one step, mu among them.
    slope : df/dmu in units of (q_1^2 - q_0^2)/4; zero at the optimum
    """

    x: Array
    slope: float
    residual: float
    converged: bool


@dataclass(frozen=True)
class Family:
    """All 1RSB states of one branch at given mu."""

    branch: KStep

    def averages(self, x: Array) -> KStepAverages:
        """All averages at the unknowns ``x``."""
        return self.branch.fields(x, 1).averages()

    def solve(self, mu: float, start: Array) -> Member:
        """Newton's iteration at fixed ``mu`` from the unknowns ``start`` of a neighbour."""

        def unknowns(y: Array) -> Array:
            return np.insert(y, MU, np.log(mu) + y[0])

        def residual(y: Array) -> Array:
            return np.delete(self.branch.residual(unknowns(y), 1), MU)

        root = affine_newton(residual, np.delete(start, MU), accept=ACCEPT_STEP)
        x = unknowns(root.x)
        slope = -float(self.branch.residual(x, 1)[MU])
        sensible = root.residual < ACCEPT and COLLAPSED < x[1] < UNRELATED
        return Member(x, slope, root.residual, bool(root.converged and sensible and np.isfinite(slope)))

    def rising(self, q: float, C: float) -> Iterator[Member]:
        """Members with mu increasing from zero, beside the RS state (q, C); ends where one fails."""
        mu = WEAKEST / q
        try:
            start = self._first(q, C)
        except ParameterError:
            return
        while True:
            member = self.solve(mu, start)
            if not member.converged:
                return
            yield member
            start, mu = member.x, STEP * mu

    def _first(self, q: float, C: float) -> Array:
        """Unknowns at mu -> 0: the fixed point of q_0."""
        x = np.array([np.log(q), 0.0, np.log(C), np.log(WEAKEST)])
        if self.branch.closes_mean_field:
            x = np.append(x, 1.0)
        for _ in range(FIXED_POINT_STEPS):
            q0 = float(self.averages(x).q[0])
            before, x[1] = x[1], np.log(max(q - q0, 1e-6 * q) / q0)
            if abs(x[1] - before) < 1e-3:
                break
        return x

    def near_optimum(self, q: float, C: float) -> Array | None:
        """Unknowns close to the optimum in mu; None where the family ends before."""
        before: Member | None = None
        for member in self.rising(q, C):
            if member.slope <= 0.0:
                if before is None:
                    return member.x
                share = before.slope / (before.slope - member.slope)
                return before.x + share * (member.x - before.x)
            before = member
        return None
