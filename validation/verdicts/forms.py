"""How each observable approaches its limit N -> infinity: the forms that are plausible before data are seen.

Where theory fixes the leading power all forms begin with it and differ in the term of next order; where it fixes none,
several powers stand side by side. `validation.statistics.finite_size` fits and averages them: what the forms differ by
is part of the error of a limit.
"""

from __future__ import annotations

from validation.statistics.finite_size import Form
from validation.verdicts.regime import Regime

BY_SYMMETRY = (Form((), "zero at every N by the symmetry v -> -v"),)
REGULAR = (
    Form((1.0,), "1/N, the loop expansion around a stable RS saddle point"),
    Form((1.0, 2.0), "the same, next order"),
)
GLASSY_ENERGY = (
    Form((2 / 3,), "N^(-2/3), glassy ground-state energies of fully connected models"),
    Form((2 / 3, 1.0), "the same, next order 1/N"),
    Form((2 / 3, 4 / 3), "the same, next order N^(-4/3)"),
)
# Energies of the SK model follow the leading power from N = 15 on [Boettcher, Eur. Phys. J. B 46, 501 (2005)].
SK_ENERGY = GLASSY_ENERGY[:1]
# q = 2 gamma de/d(a2) has the exponents of the energy in true ground states; annealed states are not quite these.
ANNEALED_Q = (*GLASSY_ENERGY, Form((1.0,), "1/N, as plausible for states that are not quite ground states"))
EDGE = (
    Form((2 / 3,), "N^(-2/3), the edge of a random-matrix spectrum"),
    Form((2 / 3, 4 / 3), "the same, next order"),
)
SMALL_FIELDS = (
    Form((1 / 3,), "N^(-1/3), as P(h = 0) of the SK model"),
    Form((1 / 3, 2 / 3), "the same, next order"),
    Form((2 / 3,), "as the energy"),
)
# A window of fixed width is wider than N^(-1/3) at large N.
SMALL_WINDOW = (*SMALL_FIELDS, Form((1.0,), "1/N, in a window that is wide against N^(-1/3)"))
SOFT_MODE = (
    Form((2 / 5,), "N^(-2/5), lowest of N modes with D(omega) ~ omega^4"),
    Form((2 / 3,), "N^(-2/3), lowest of N modes with D(omega) ~ omega^2"),
    Form((), "the exponent is fitted", free=True),
)
# Overlaps scale as N^(-1/3) at a transition of the SK kind; a regular correction is 1/N.
NOT_FIXED = (
    Form((1 / 3,), "N^(-1/3), as overlaps at a transition of the SK kind"),
    Form((2 / 3,), "N^(-2/3), as the energy"),
    Form((1.0,), "1/N, a regular correction"),
)
RESPONSE = (*NOT_FIXED, Form((2 / 3, 1.0), "as the energy, next order 1/N"))
# A field F is a scale of its own: it cuts correlations off, and corrections become regular beyond N ~ F^-3 or so.
IN_A_FIELD = (
    Form((2 / 3,), "as the energy"),
    Form((1.0,), "1/N, regular beyond the size that the field sets"),
    Form((2 / 3, 1.0), "both"),
    Form((1.0, 2.0), "regular, next order"),
)

_IN_THE_GLASS = {
    "energy": GLASSY_ENERGY,
    "lowest_energy": GLASSY_ENERGY,
    "q": ANNEALED_Q,
    "C": RESPONSE,
    "replicon_sum": RESPONSE,
    "small_field_weight": SMALL_WINDOW,
    "lambda_min": SOFT_MODE,
}


def forms(observable: str, regime: Regime) -> tuple[Form, ...]:
    """The forms of an observable of relaxed states in the regime of a run."""
    if observable == "p" and regime.p_fixed_by_symmetry:
        return BY_SYMMETRY
    if regime.rs_exact:
        return EDGE if observable == "lambda_min" else REGULAR
    return _IN_THE_GLASS.get(observable, NOT_FIXED)


def thermal_forms(observable: str, rs_exact: bool) -> tuple[Form, ...]:
    """The forms of a thermal average: above a transition, or in equilibrium below one of the SK kind."""
    if rs_exact:
        return REGULAR
    return GLASSY_ENERGY if observable == "energy" else NOT_FIXED
