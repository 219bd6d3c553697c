"""The verdicts in words: one sentence for the whole, and what each theory gets right and wrong here."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

from meanfield import Solution
from validation.predictions import GIVEN, Theory
from validation.quantities import QUANTITIES, label
from validation.verdicts.checks import THRESHOLD, Check
from validation.verdicts.comparison import Comparison

ROUNDING = 1e-6  # relative error of a prediction that is not told
LARGEST_Z = 10.0  # told as a number; how far beyond depends on tails of the error that nobody knows


@dataclass(frozen=True)
class Statements:
    """What is to be said of one theory: an opening sentence and one line for each kind of outcome."""

    label: str
    opening: str
    lines: list[str]


def headline(comparison: Comparison) -> str:
    """The verdict in one sentence, one on what symmetry demands, which tests no theory, and one on equilibrium."""
    return " ".join(filter(None, [_relaxed(comparison), _equilibrium(comparison)]))


def _equilibrium(comparison: Comparison) -> str:
    """What thermal averages say; empty where there are none."""
    if not comparison.equilibrium:
        return ""
    judged = [check for check in comparison.thermal_checks if check.verdict != "not tested"]
    failed = [check for check in judged if check.verdict == "fail"]
    at = ", ".join(f"{t:.4g}" for t in dict.fromkeys(check.temperature for check in failed or judged))
    if failed:
        names = ", ".join(dict.fromkeys(check.observable for check in failed))
        return f"In equilibrium {len(failed)} of {_comparisons(len(judged))} fail ({names}; T = {at})."
    if judged:
        return f"In equilibrium {_all_pass(len(judged))} (T = {at})."
    return "In equilibrium at T > 0 nothing could be tested."


def _relaxed(comparison: Comparison) -> str:
    judged = [check for check in comparison.checks if check.verdict != "not tested"]
    # With one state per sample the lowest energy is the mean one: the same comparison, counted once.
    single = all(size.states == size.samples for size in comparison.simulation.sizes)
    distinct = [check for check in judged if not (single and check.observable == "lowest_energy")]
    tested = [check for check in distinct if not comparison.trivial(check)]
    trivial = [check for check in judged if comparison.trivial(check)]
    if comparison.simulation.run.couplings.file is not None:
        return f"Nothing could be tested: {GIVEN}."
    where = _where(comparison)
    failed = list(dict.fromkeys(label(check.observable) for check in judged if check.verdict == "fail"))
    if failed:
        # The rows of p = 0, one for each size, are one statement.
        count = len(tested) + bool(trivial)
        failures = sum(check.verdict == "fail" for check in tested) + any(c.verdict == "fail" for c in trivial)
        return (
            f"Simulation and theory do not stand as they should: {where}, and {failures} of {_comparisons(count)} "
            f"{'fails' if failures == 1 else 'fail'} ({', '.join(failed)})."
        )
    symmetry = " p = 0, as symmetry demands of any theory." if trivial else ""
    if comparison.regime.rs_exact and tested:
        return f"Simulation and mean-field theory agree: {where}, and {_all_pass(len(tested))}.{symmetry}"
    if any("differ" in check.expected.values() for check in tested):
        return (
            f"As expected, mean-field theory with few steps of symmetry breaking fails in known ways: {where}, and "
            f"{_all_pass(len(tested))}.{symmetry}"
        )
    if comparison.regime.glassy:
        why = comparison.regime.not_annealed or "no comparison is precise enough for a verdict"
        return (
            f"No deviation could be resolved with these data: {where}, and nothing could be tested ({why}).{symmetry}"
        )
    return f"Nothing could be tested: {where}, and no comparison is precise enough for a verdict.{symmetry}"


def _comparisons(count: int) -> str:
    return "1 tested comparison" if count == 1 else f"{count} tested comparisons"


def _all_pass(count: int) -> str:
    return "the one tested comparison passes" if count == 1 else f"all {count} tested comparisons pass"


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
    return [_statements(theory, checks, where, comparison) for theory in comparison.mean_field.theories.values()]


def _statements(theory: Theory, checks: list[Check], where: str, comparison: Comparison) -> Statements:
    if theory.solution is None:
        return Statements(theory.label, f"No prediction: {theory.problem}.", [])
    trivial: list[str] = []
    right: list[str] = []
    wrong: list[str] = []
    unresolved: list[str] = []
    open_right: list[str] = []
    open_wrong: list[str] = []
    for check in checks:
        z = check.z[theory.name]
        if z is None:
            continue
        judged, within = check.expected[theory.name] is not None, abs(z) < THRESHOLD
        if within and comparison.trivial(check):
            trivial.append(f"{_meaning(check)} ({z_relation(z)})")
        elif within and check.expected[theory.name] == "differ":
            unresolved.append(f"{_meaning(check)} ({z_relation(z)})")
        elif within:
            (right if judged else open_right).append(f"{_meaning(check)} ({z_relation(z)})")
        else:
            (wrong if judged else open_wrong).append(f"{_meaning(check)}, {deviation(theory, check)} ({z_relation(z)})")
    lines = [
        f"{title}: {'; '.join(found)}."
        for title, found in (
            ("Right, within three errors", right),
            ("Wrong", wrong),
            ("Expected to be wrong, not resolved (within three errors)", unresolved),
            ("Compared without an expectation, within three errors", open_right),
            ("Compared without an expectation, off", open_wrong),
            ("Zero by symmetry, in any theory", trivial),
        )
        if found
    ]
    solution = theory.solution
    stability = f"replicon {solution.replicon:.3g}"
    if solution.double_well_fraction > 0:
        wells = f"{solution.double_well_fraction:.2%} of sites"
        stability += f" from its regular part, but double wells at {wells}: their jump makes it unstable at T = 0"
    if theory.name == "frsb" and solution.broken:
        stability = "marginally stable in the limit of infinitely many steps"
    opening = f"{where}. The solution is {phase(solution)} ({stability})."
    if solution.note:
        opening += f" {solution.note[0].upper()}{solution.note[1:]}."
    return Statements(theory.label, opening, lines)


def phase(solution: Solution) -> str:
    """The phase of a solution; an order that only a field makes is not called a phase of its own."""
    model = solution.model
    if model.field == 0:
        return solution.phase
    # Without a field the polarised phase begins at J0 = 1 (exact) or, beside the ergodic one, at a2/gamma = J0 + 1/J0.
    ergodic = model.a2.std == 0 and model.j0 > 0 and model.a2.mean / model.gamma >= model.j0 + 1 / model.j0
    if model.j0 <= 1 or ergodic:
        return "polarised by the field"
    return "polarised, by the couplings and the field"


def _meaning(check: Check) -> str:
    return QUANTITIES[check.observable].meaning


def deviation(theory: Theory, check: Check) -> str:
    """How far a prediction lies from the simulated value, in words."""
    prediction, value = check.prediction[theory.name], check.simulation
    assert prediction is not None
    assert value is not None
    stderr, counted = check.stderr or 0.0, QUANTITIES[check.observable].rare
    if abs(value) < stderr or prediction * value < 0:
        # The ratio itself is not known: at least what two errors leave of it.
        ratio = abs(prediction) / (abs(value) + 2 * stderr)
        if prediction * value > 0 and ratio >= 2:
            return f"predicted more than {_factor(ratio)} times too {'many' if counted else 'large'}"
        return f"predicted {prediction:.3g}, simulated {value:.3g}"
    if prediction == 0 or value == 0:
        return f"predicted {prediction:.3g}, simulated {value:.3g}"
    ratio = prediction / value
    if ratio >= 2:
        return f"predicted {_factor(ratio)} times too {'many' if counted else 'large'}"
    if ratio <= 0.5:
        return f"predicted {_factor(1 / ratio)} times too {'few' if counted else 'small'}"
    percent = 100 * (prediction - value) / abs(value)
    return f"predicted {abs(percent):.2g}% too {'high' if percent > 0 else 'low'}"


def _factor(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def z_text(z: float | None) -> str:
    """A z-score for people; beyond ten errors only that it is."""
    if z is None:
        return "–"
    return f"{'>' if z > 0 else '<'} {'-' * (z < 0)}{LARGEST_Z:g}" if abs(z) > LARGEST_Z else f"{z:+.1f}"


def z_relation(z: float) -> str:
    """The same with its name: z = +1.3, z > 10."""
    return f"z {'' if abs(z) > LARGEST_Z else '= '}{z_text(z)}"


def told(value: float | None, error: float | None) -> str:
    """A prediction for people: with its error where that is more than rounding."""
    if value is None:
        return "–"
    return f"{value:.5g}" if error is None or error <= ROUNDING * abs(value) else with_error(value, error)


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
