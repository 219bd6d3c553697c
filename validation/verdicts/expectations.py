"""What simulation should say about each theory, and why: the one place where expectations are written down.

An expectation is made before the numbers are compared, from the regime alone. "agree" is expected only where a
theory is exact, "differ" only where it is known to be wrong by more than other effects could hide; everything else
is compared without a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from validation.predictions import THEORIES, Theory
from validation.verdicts.regime import Regime

Kind = Literal["agree", "differ"]


@dataclass(frozen=True)
class Expectation:
    """What is expected of a comparison.

    Attributes
    ----------
    kind : "agree", "differ" or None
    reason : str
    above : bool
        Where they differ, simulation has to lie above the theory.
    gap : float
        Where they differ, at least by about so much: what the error must resolve.
    """

    kind: Kind | None
    reason: str
    above: bool = False
    gap: float = 0.0


EXACT = "RS is stable here and exact for N -> infinity; 1RSB and full RSB coincide with it"
SYMMETRY = "p = 0 at every N, by the symmetry v -> -v"
FINITE_N = "finite N: shifted from the N -> infinity theory, with which only extrapolated values are compared"
RARE_SITES = "the lowest eigenvalue follows rare soft sites, the law of its edge sets in at much larger N"
NOT_SOLVED = "no converged solution"
RS_TOO_LOW = (
    "the RS energy lies below that of true ground states (which rises with each step of symmetry breaking), and "
    "annealed states lie at it or above"
)
ONE_STEP_CLOSE = "1RSB differs from the true energy by about 0.2%, less than annealed states resolve"
EXCESS = "annealed states lie at the full RSB energy or above it, by an excess that falls with slower cooling"
NEAR_GROUND = "full RSB describes ground states; annealed states come near them, and how near is not known beforehand"
TOO_MANY_WELLS = (
    "the ansatz has a flat P(h) at small fields, and with it a finite density of double wells; "
    "in annealed states these are rare"
)
PSEUDOGAP = "the ansatz has a flat P(h) at h = 0, where annealed states show a pseudogap"
UNDECIDED_WELLS = "whether the true solution has double wells is not certain at these parameters"
INTRINSIC_WELLS = "the on-site potential makes double wells by itself, in every theory"
NO_BOUND = "RS and 1RSB are approximations here and no bound says how far off"
FIELD_BY_ANSATZ = "in the glass h depends on which response is subtracted: the ansatz's C contains jumps"


def expectations(
    observable: str, extrapolated: bool, regime: Regime, theories: Mapping[str, Theory]
) -> dict[str, Expectation]:
    """The expectation for every theory, of one observable at finite N or extrapolated."""
    found = {}
    for name in THEORIES:
        theory = theories.get(name)
        if theory is None or theory.solution is None:
            found[name] = Expectation(None, (theory and theory.problem) or NOT_SOLVED)
        elif observable == "p" and regime.p_fixed_by_symmetry:
            found[name] = Expectation("agree", SYMMETRY)
        elif not extrapolated:
            found[name] = Expectation(None, FINITE_N)
        elif regime.rs_exact:
            found[name] = _where_rs_is_exact(observable)
        else:
            found[name] = _in_the_glass(observable, theory, regime, theories)
    return found


def _where_rs_is_exact(observable: str) -> Expectation:
    return Expectation(None, RARE_SITES) if observable == "lambda_min" else Expectation("agree", EXACT)


def _in_the_glass(observable: str, theory: Theory, regime: Regime, theories: Mapping[str, Theory]) -> Expectation:
    if regime.not_annealed:
        return Expectation(None, regime.not_annealed)
    if theory.name == "frsb":
        return Expectation(None, EXCESS if observable in ("energy", "lowest_energy") else NEAR_GROUND)
    match observable:
        case "lambda_min":
            return Expectation(None, RARE_SITES)
        case "energy" | "lowest_energy":
            if theory.name == "1rsb":
                return Expectation(None, ONE_STEP_CLOSE)
            one_step = theories["1rsb"].values.get("energy")
            if one_step is None:
                return Expectation(None, "how far RS is off is not known without a 1RSB solution")
            gap = one_step - theory.values["energy"]
            return Expectation("differ", RS_TOO_LOW, above=True, gap=gap)
        case "double_well_fraction":
            if regime.intrinsic_double_wells:
                return Expectation(None, INTRINSIC_WELLS)
            if not regime.double_wells:
                return Expectation(None, UNDECIDED_WELLS)
            return Expectation("differ", TOO_MANY_WELLS, gap=theory.values[observable] / 2)
        case "small_field_weight":
            if not regime.double_wells:
                return Expectation(None, UNDECIDED_WELLS)
            return Expectation("differ", PSEUDOGAP, gap=theory.values[observable] / 2)
        case "field_variance":
            return Expectation(None, FIELD_BY_ANSATZ)
    return Expectation(None, NO_BOUND)
