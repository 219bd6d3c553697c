"""The exponent omega of each observable's leading finite-size correction, x_N = x_inf + a N^{-omega}.

Fixed by theory where theory fixes it. Where it does not, one is chosen and said to be, with an interval of others
that are as plausible: what x_inf changes over that interval is part of its error.
`validation.statistics.extrapolation` uses them.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.verdicts.regime import Regime


@dataclass(frozen=True)
class Exponent:
    """An exponent and why it is taken.

    Attributes
    ----------
    omega : float or None
        None: no dependence on N.
    reason : str
    interval : (float, float) or None
        Plausible exponents where theory fixes none; None where it does.
    """

    omega: float | None
    reason: str
    interval: tuple[float, float] | None = None


BY_SYMMETRY = Exponent(None, "zero at every N by the symmetry v -> -v")
REGULAR = Exponent(1.0, "1/N, the loop expansion around a stable RS saddle point")
GLASSY_ENERGY = Exponent(2 / 3, "N^(-2/3), glassy ground-state energies of fully connected models")
EDGE = Exponent(2 / 3, "N^(-2/3), the edge of a random-matrix spectrum")

# The interval reaches up to a regular correction, 1/N, and as far down from 2/3 on a logarithmic scale, to 1/2. The
# data cannot tell: from N = 32 to 256 every exponent in it fits.
CHOSEN = Exponent(2 / 3, "N^(-2/3) as for the energy; no theory fixes it, 1/2 to 1 are plausible", (1 / 2, 1.0))
ENERGY_DERIVATIVE = Exponent(
    2 / 3,
    "N^(-2/3) as for the energy, whose derivative q = 2 gamma de/d(a2) is in true ground states; annealed states are "
    "not quite these, 1/2 to 1 are plausible",
    (1 / 2, 1.0),
)
# P(h = 0) of the SK model falls as N^(-1/3); a window of fixed width is wider than that at large N.
SMALL_FIELD = Exponent(
    1 / 2,
    "N^(-1/2), chosen: for a window of fixed width no theory fixes it; N^(-1/3), which is that of P(h = 0), to 1/N "
    "are plausible",
    (1 / 3, 1.0),
)
SOFT_MODE = Exponent(
    2 / 5,
    "N^(-2/5), lowest of N modes with density of states D(omega) ~ omega^4; N^(-2/3) with D(omega) ~ omega^2",
    (2 / 5, 2 / 3),
)

# In equilibrium below a transition of the SK kind; overlaps scale as N^(-1/3) at the transition itself.
CRITICAL_OVERLAP = Exponent(
    2 / 3, "N^(-2/3), chosen: N^(-1/3), which is that of overlaps at the transition, to 1/N are plausible", (1 / 3, 1.0)
)

_IN_THE_GLASS = {
    "energy": GLASSY_ENERGY,
    "lowest_energy": GLASSY_ENERGY,
    "q": ENERGY_DERIVATIVE,
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
