"""The exponent omega of each observable's leading finite-size correction, x_N = x_inf + a N^{-omega}.

Fixed by theory where theory fixes it; where it does not, the choice is said to be one. `validation.extrapolation`
uses them.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.regime import Regime


@dataclass(frozen=True)
class Exponent:
    """An exponent and why it is taken; ``omega`` None: no dependence on N."""

    omega: float | None
    reason: str


BY_SYMMETRY = Exponent(None, "zero at every N by the symmetry v -> -v")
REGULAR = Exponent(1.0, "1/N, the loop expansion around a stable RS saddle point")
GLASSY_ENERGY = Exponent(2 / 3, "N^(-2/3), glassy ground-state energies of fully connected models")
ENERGY_DERIVATIVE = Exponent(2 / 3, "N^(-2/3): q = 2 gamma de/da2 inherits the exponent of the ground-state energy")
SMALL_FIELD = Exponent(1 / 3, "N^(-1/3), the finite-size scaling of P(h = 0) known from the SK model")
SOFT_MODE = Exponent(2 / 5, "N^(-2/5), lowest of N modes with density of states D(omega) ~ omega^4")
EDGE = Exponent(2 / 3, "N^(-2/3), the edge of a random-matrix spectrum")
CHOSEN = Exponent(2 / 3, "N^(-2/3) as for the energy; no theory fixes this one")

_IN_THE_GLASS = {
    "energy": GLASSY_ENERGY,
    "lowest_energy": GLASSY_ENERGY,
    "q": ENERGY_DERIVATIVE,
    "displacement_variance": ENERGY_DERIVATIVE,
    "small_field_weight": SMALL_FIELD,
    "lambda_min": SOFT_MODE,
}


def exponent(observable: str, regime: Regime) -> Exponent:
    """The exponent of an observable in the regime of a run."""
    if observable == "p" and regime.p_fixed_by_symmetry:
        return BY_SYMMETRY
    if regime.rs_exact:
        return EDGE if observable == "lambda_min" else REGULAR
    return _IN_THE_GLASS.get(observable, CHOSEN)
