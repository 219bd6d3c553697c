r"""The theory of a deliberate mistake: couplings of variance c/N instead of 1/N, which simulation must reject.

No new solver is needed. With lambda = sqrt(c) and J = lambda J', J' of variance 1/N,

    U(v; J, gamma, J0, F) = lambda U(v; J', lambda gamma, J0/lambda, F/lambda),

so states are the same, energies and curvatures are lambda times, temperatures divided by lambda.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from meanfield import Model, Solution
from validation.predictions import THEORIES

VARIANCE = 1.05  # c of the negative controls
REASON = f"negative control: theory for couplings of variance {VARIANCE:g}/N, which are not those of the simulation"


@dataclass(frozen=True)
class WrongCouplings:
    """The equivalent model with couplings of variance 1/N.

    Attributes
    ----------
    model : Model
    scale : float
        lambda: energies, fields and curvatures of the wrong model over those of this one.
    """

    model: Model
    scale: float

    def temperature(self, temperature: float) -> float:
        """Temperature of the equivalent model."""
        return temperature / self.scale


def wrong_couplings(model: Model, variance: float = VARIANCE) -> WrongCouplings:
    """The model with couplings of variance ``variance``/N, told as one with variance 1/N."""
    scale = math.sqrt(variance)
    equivalent = replace(model, gamma=model.gamma * scale, j0=model.j0 / scale, field=model.field / scale)
    return WrongCouplings(equivalent, scale)


def energies(solutions: Mapping[str, Solution], scale: float = 1.0) -> dict[str, tuple[float, float] | None]:
    """Internal energies of solutions with their errors, by name of the ansatz; ``scale`` as in `WrongCouplings`."""
    found: dict[str, tuple[float, float] | None] = dict.fromkeys(THEORIES)
    for name, solution in solutions.items():
        if solution.converged:
            error = solution.error if math.isfinite(solution.error) else 0.0
            error = math.hypot(error, abs(solution.internal_energy) * solution.residual)
            found[name] = scale * solution.internal_energy, scale * error
    return found
