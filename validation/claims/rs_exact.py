"""Where RS is stable it is exact: all averages of a run agree with it, and with nothing 5% off.

The comparison is that of `validation report`, for relaxed states (polarised phase) and thermal averages (above the
glass temperature, with or without local disorder); here its extrapolated rows are told, each with the negative control
of couplings that scatter too much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from meanfield import Model, Solution
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, label_of
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import wrong_couplings
from validation.plot_style import INK, SHADE, THEORY_COLOURS, figure, style
from validation.predictions import mean_field_model
from validation.verdicts.checks import THRESHOLD, Check
from validation.verdicts.comparison import Comparison, compare_run

VISIBLE = 0.01  # a relative discrepancy that must be seen

# What a wrong variance must be noticed by, as functions of the RS solution of the equivalent model and its scale.
NOTICED: dict[str, Callable[[Solution, float], float]] = {
    "energy": lambda solution, scale: scale * solution.internal_energy,
    "q": lambda solution, scale: solution.q_diag,
}


def judge(evidence: Evidence) -> Finding:
    """Compare every run of the claim with RS."""
    checks: list[StudyCheck] = []
    commands: list[str] = []
    regimes: list[str] = []
    for simulation in evidence.simulations:
        comparison = compare_run(simulation)
        model = mean_field_model(simulation.run)
        own = [one for one in _rows(comparison) if one.verdict != "not tested" or "error is above" in one.reason]
        where = _where(comparison, model)
        checks += [StudyCheck(_strict(one), where, label_of(one.observable, one.temperature > 0)) for one in own]
        checks += [made for one in own if (made := _control(one, model, where)) is not None]
        commands.append(str(simulation.provenance.get("command", "")))
        regimes.append(comparison.regime.name)
    return Finding(
        claim=evidence.claim,
        title=evidence.claim.title or "Where RS is exact",
        statement=_statement(checks),
        checks=checks,
        pictures=[_picture(checks, evidence)] if checks else [],
        numbers={"regimes": regimes, "largest_hidden_discrepancy": _hidden(checks)},
        commands=commands,
    )


def _rows(comparison: Comparison) -> list[Check]:
    """Extrapolated rows that test something, each once; of a tempering run only its thermal averages.

    Where RS is exact all states of a sample are one: its lowest energy is its energy.
    """
    thermal = [one for one in comparison.thermal_checks if one.n is None]
    relaxed = [
        one
        for one in comparison.checks
        if one.n is None and not comparison.trivial(one) and one.observable != "lowest_energy"
    ]
    return thermal or relaxed


def _strict(one: Check) -> Check:
    """Agreement passes only if a discrepancy of 1% would have been seen by three errors."""
    prediction = one.prediction["rs"]
    if one.verdict != "pass" or not prediction or one.stderr is None:
        return one
    if THRESHOLD * one.stderr <= VISIBLE * abs(prediction):
        return one
    reason = f"agrees, but three errors ({THRESHOLD * one.stderr / abs(prediction):.1%}) could hide {VISIBLE:.0%}"
    return replace(one, verdict="not tested", reason=reason)


def _control(one: Check, model: Model, where: str) -> StudyCheck | None:
    """The same number against RS for couplings of variance 1.05/N."""
    value_of = NOTICED.get(one.observable)
    if value_of is None or one.stderr is None or one.simulation is None or one.prediction["rs"] is None:
        return None
    wrong = wrong_couplings(model)
    solution = solved(wrong.model, "rs", temperature=wrong.temperature(one.temperature))
    judged = StudyCheck(one, where, label_of(one.observable, one.temperature > 0))
    return negative_control(judged, {"rs": (value_of(solution, wrong.scale), 0.0)}, 10**6)


def _where(comparison: Comparison, model: Model) -> str:
    phase = "polarised phase" if comparison.regime.polarised else "ergodic phase"
    disorder = f", a2 scatters by {model.a2.std:g}" if model.a2.std > 0 else ""
    sizes = comparison.simulation.sizes
    return f"{phase}, gamma = {model.gamma:g}, J0 = {model.j0:g}{disorder}, N = {sizes[0].n} to {sizes[-1].n}"


def _hidden(checks: list[StudyCheck]) -> float | None:
    """The largest relative discrepancy that three errors of an accepted row could hide."""
    accepted = [one.check for one in checks if not one.control and one.check.verdict == "pass"]
    hidden = [THRESHOLD * (one.stderr or 0.0) / abs(one.prediction["rs"] or math.inf) for one in accepted]
    return max(hidden) if hidden else None


def _statement(checks: list[StudyCheck]) -> str:
    own = [one.check for one in checks if not one.control]
    passed, failed = (sum(one.verdict == verdict for one in own) for verdict in ("pass", "fail"))
    controls = [one.check for one in checks if one.control]
    rejected = sum(one.verdict == "pass" for one in controls)
    hidden = _hidden(checks)
    said = f"RS agrees in {passed} of {passed + failed} tested comparisons"
    said += f", where a discrepancy of {hidden:.1%} would have been seen" if hidden else ""
    said += f"; couplings of variance 1.05/N are rejected in {rejected} of {len(controls)}."
    left = len(own) - passed - failed
    return said + (f" {left} more agree with errors too large to see 1%." if left else "")


def _picture(checks: list[StudyCheck], evidence: Evidence) -> Picture:
    """Deviations from RS in percent, with three errors, beside what the wrong couplings would give."""
    own = [one for one in checks if not one.control and one.check.stderr is not None and one.check.prediction["rs"]]
    wrong = {(one.check.observable, one.check.temperature): one.check for one in checks if one.control}
    with style():
        drawn, axes = figure(height=max(2.4, 0.34 * len(own) + 1.1))
        names = []
        for row, one in enumerate(reversed(own)):
            made = one.check
            prediction = made.prediction["rs"] or 1.0
            percent = 100 / abs(prediction)
            deviation = ((made.simulation or 0.0) - prediction) * percent
            axes.errorbar(
                [deviation],
                [row],
                xerr=[3 * (made.stderr or 0.0) * percent],
                fmt="o",
                color=INK,
                capsize=2,
                markersize=4,
            )
            control = wrong.get((made.observable, made.temperature))
            if control is not None and control.prediction["rs"] is not None:
                axes.plot(
                    [(control.prediction["rs"] - prediction) * percent],
                    [row],
                    "x",
                    color=THEORY_COLOURS["rs"],
                    markersize=7,
                )
            names.append(one.label + (f", T = {made.temperature:g}" if made.temperature else ""))
        axes.axvspan(-1, 1, color=SHADE, alpha=0.2, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.set_xlabel("simulation − RS  [% of RS]")
    caption = (
        "Extrapolated averages less the RS prediction, with three standard errors; shaded: 1%. Crosses: where RS would "
        "be for couplings of variance 1.05/N."
    )
    name = "-".join(["rs-exact", *(simulation.path.name for simulation in evidence.simulations)])
    return Picture(name, evidence.claim.title or "Deviations from RS", caption, drawn)
