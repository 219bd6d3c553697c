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
    """What is to be said of one theory: an opening sentence and one line for each kind of outcome."""

    label: str
    opening: str
    lines: list[str]


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
    where = "Extrapolated to N → ∞" if extrapolated else f"At N = {largest}, not extrapolated"
    return [_statements(theory, checks, where) for theory in comparison.mean_field.theories.values()]


def _statements(theory: Theory, checks: list[Check], where: str) -> Statements:
    if theory.solution is None:
        return Statements(theory.label, f"No prediction: {theory.problem}.", [])
    right: list[str] = []
    wrong: list[str] = []
    open_right: list[str] = []
    open_wrong: list[str] = []
    for check in checks:
        z = check.z[theory.name]
        if z is None:
            continue
        judged, within = check.expected[theory.name] is not None, abs(z) < THRESHOLD
        if within:
            (right if judged else open_right).append(f"{_meaning(check)} (z = {z:+.1f})")
        else:
            (wrong if judged else open_wrong).append(f"{_meaning(check)}, {deviation(theory, check)} (z = {z:+.1f})")
    lines = [
        f"{title}: {'; '.join(found)}."
        for title, found in (
            ("Right, within three errors", right),
            ("Wrong", wrong),
            ("Compared without an expectation, within three errors", open_right),
            ("Compared without an expectation, off", open_wrong),
        )
        if found
    ]
    solution = theory.solution
    stability = f"replicon {solution.replicon:.3g}"
    if solution.double_well_fraction > 0:
        wells = f"{solution.double_well_fraction:.2%} of sites"
        stability += f" from its regular part, but double wells at {wells}: their jump makes it unstable at T = 0"
    opening = f"{where}. The solution is {solution.phase} ({stability})."
    if solution.note:
        opening += f" {solution.note}."
    return Statements(theory.label, opening, lines)


def _meaning(check: Check) -> str:
    return QUANTITIES[check.observable].meaning


def deviation(theory: Theory, check: Check) -> str:
    """How far a prediction lies from the simulated value, in words."""
    prediction, value = check.prediction[theory.name], check.simulation
    assert prediction is not None
    assert value is not None
    if prediction == 0 or prediction * value <= 0 or abs(value) < THRESHOLD * (check.stderr or 0.0):
        return f"predicted {prediction:.3g}, simulated {value:.3g}"
    ratio = prediction / value
    if ratio >= 2:
        return f"predicted {_factor(ratio)} times the simulated value"
    if ratio <= 0.5:
        return f"predicted {_factor(1 / ratio)} times too small"
    percent = 100 * (prediction - value) / abs(value)
    return f"predicted {abs(percent):.2g}% too {'high' if percent > 0 else 'low'}"


def _factor(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


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
