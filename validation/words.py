"""The verdicts in words: one sentence for the whole, and what each theory gets right and wrong here."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

from validation.checks import THRESHOLD, Check
from validation.comparison import Comparison
from validation.predictions import Theory
from validation.quantities import QUANTITIES


@dataclass(frozen=True)
class Statements:
    """What is to be said of one theory."""

    label: str
    opening: str
    right: list[str]
    wrong: list[str]
    open_questions: list[str]


def headline(comparison: Comparison) -> str:
    """The verdict in one sentence."""
    tested = [check for check in comparison.checks if check.verdict != "not tested"]
    failed = [check for check in tested if check.verdict == "fail"]
    where = _where(comparison)
    if not tested:
        return f"Nothing could be tested: {where}, and no comparison is precise enough for a verdict."
    if failed:
        names = ", ".join(dict.fromkeys(check.observable for check in failed))
        return (
            f"Simulation and theory do not stand as they should: {where}, and {len(failed)} of {len(tested)} "
            f"tested comparisons fail ({names})."
        )
    if comparison.regime.rs_exact:
        return f"Simulation and mean-field theory agree: {where}, and all {len(tested)} tested comparisons pass."
    return (
        f"As expected, mean-field theory with few steps of symmetry breaking fails in known ways: {where}, and all "
        f"{len(tested)} tested comparisons pass."
    )


def _where(comparison: Comparison) -> str:
    regime = comparison.regime
    if not regime.solved:
        return "there is no RS solution to compare with"
    return "RS is stable here and exact for N → ∞" if regime.rs_exact else "this is a glass, where RS is unstable"


def statements(comparison: Comparison) -> list[Statements]:
    """For each theory, what it gets right and wrong, from the extrapolated checks (or those of the largest N)."""
    extrapolated = [check for check in comparison.checks if check.n is None]
    largest = max(size.n for size in comparison.simulation.sizes)
    checks = extrapolated or [check for check in comparison.checks if check.n == largest]
    return [
        _statements(theory, checks, bool(extrapolated), largest) for theory in comparison.mean_field.theories.values()
    ]


def _statements(theory: Theory, checks: list[Check], extrapolated: bool, largest: int) -> Statements:
    basis = "Extrapolated to N → ∞" if extrapolated else f"At N = {largest}, not extrapolated"
    right, wrong, undecided = [], [], []
    for check in checks:
        z = check.z[theory.name]
        if z is None:
            continue
        line = _line(theory, check)
        if check.expected[theory.name] is None:
            undecided.append(line)
        elif abs(z) < THRESHOLD:
            right.append(line)
        else:
            wrong.append(line)
    if theory.solution is None:
        basis = theory.problem
    return Statements(theory.label, basis, right, wrong, undecided)


def _line(theory: Theory, check: Check) -> str:
    """One comparison as a phrase."""
    quantity = QUANTITIES[check.observable]
    prediction, z = check.prediction[theory.name], check.z[theory.name]
    assert prediction is not None
    assert z is not None
    unit = "" if quantity.unit == "1" else f" {quantity.unit}"
    return (
        f"{quantity.meaning}: {with_error(check.simulation, check.stderr)}{unit} simulated, "
        f"{prediction:.5g} predicted (z = {z:+.1f})"
    )


def with_error(value: float | None, error: float | None) -> str:
    """A number with its error, rounded to two digits of the error."""
    if value is None:
        return "-"
    if not error:
        return f"{value:.6g}"
    digits = max(0, 1 - floor(log10(error)))
    if digits > 8:
        return f"{value:.3g} ± {error:.1g}"
    return f"{value:.{digits}f} ± {error:.{digits}f}"
