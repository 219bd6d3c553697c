"""Simulation against theory, number by number: z-scores and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from validation.predictions import THEORIES, Theory
from validation.verdicts.expectations import Expectation

Verdict = Literal["pass", "fail", "not tested"]

THRESHOLD = 3.0  # |z| below which two numbers agree
RESOLUTION = 0.02  # relative error above which agreement says little: 3 of it would hide 6%
POWER = 5.0  # errors that an expected difference must span before its absence counts
ACCURACY = 1e-9  # of relaxed states: a standard error cannot be smaller
FEWEST_SAMPLES = 10  # below, the standard error itself is too uncertain for |z| < 3


@dataclass(frozen=True)
class Check:
    """One observable, at one size or extrapolated (``n`` None), against every theory; None: undefined.

    ``prediction_error`` is that of full RSB's limit of many steps; of other theories what the solver left.
    """

    observable: str
    n: int | None
    temperature: float
    simulation: float | None
    stderr: float | None
    prediction: dict[str, float | None]
    z: dict[str, float | None]
    expected: dict[str, str | None]
    verdict: Verdict
    reason: str
    prediction_error: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(THEORIES))

    def to_dict(self) -> dict[str, Any]:
        """The check for JSON."""
        return asdict(self)


def compare(
    observable: str,
    n: int | None,
    value: float,
    stderr: float | None,
    theories: Mapping[str, Theory],
    expected: Mapping[str, Expectation],
    samples: int,
    problem: str = "",
    temperature: float = 0.0,
) -> Check:
    """Compare one simulated number with every theory.

    Parameters
    ----------
    observable, n
        Name, and size or None for an extrapolated value.
    value, stderr
        Simulation with its standard error (None: undefined).
    theories, expected
        What they predict, and what is expected of the comparison.
    samples
        Disorder samples behind the number (of the size that has the fewest).
    problem
        Why there is no standard error.
    temperature
        Of the simulation [E0]; 0 for relaxed states.
    """
    prediction: dict[str, float | None] = {}
    own: dict[str, float | None] = {}
    z: dict[str, float | None] = {}
    verdicts: dict[str, tuple[Verdict, str]] = {}
    for name in THEORIES:
        theory = theories.get(name)
        predicted = None if theory is None else finite(theory.values.get(observable))
        prediction[name] = predicted
        own[name] = None if predicted is None or theory is None else finite(theory.error(observable))
        if predicted is None or stderr is None or theory is None:
            z[name] = None
            unsolved = predicted is None and theory is not None and theory.solution is None
            reason = expected[name].reason if unsolved or stderr is not None else problem
            verdicts[name] = ("not tested", reason)
            continue
        error = math.hypot(stderr, theory.error(observable), ACCURACY)
        score = (value - predicted) / error
        z[name] = score
        verdicts[name] = judge(expected[name], score, error, predicted, samples)
    verdict = overall([verdict for verdict, _ in verdicts.values()])
    return Check(
        observable=observable,
        n=n,
        temperature=temperature,
        simulation=finite(value),
        stderr=stderr,
        prediction=prediction,
        z=z,
        expected={name: expected[name].kind for name in THEORIES},
        verdict=verdict,
        reason=_reason(verdict, verdicts),
        prediction_error=own,
    )


def judge(expected: Expectation, z: float, error: float, prediction: float, samples: int) -> tuple[Verdict, str]:
    """Verdict on one comparison, with its reason."""
    if expected.kind is None:
        return "not tested", expected.reason
    if samples < FEWEST_SAMPLES:
        return "not tested", f"only {samples} samples: the error itself is too uncertain"
    if expected.kind == "agree":
        if abs(z) >= THRESHOLD:
            return "fail", f"should agree, |z| = {abs(z):.1f}: {expected.reason}"
        if prediction != 0 and error > RESOLUTION * abs(prediction):
            return "not tested", f"the error is above {RESOLUTION:.0%}, too large to confirm agreement"
        return "pass", expected.reason
    if (z if expected.above else abs(z)) > THRESHOLD:
        return "pass", expected.reason
    if z < -THRESHOLD:
        return "fail", f"lies below the theory, z = {z:.1f}, where it must lie above: {expected.reason}"
    if POWER * error > expected.gap:
        return "not tested", f"the error is too large to see the expected difference: {expected.reason}"
    return "fail", f"should differ, |z| = {abs(z):.1f}: {expected.reason}"


def overall(verdicts: list[Verdict]) -> Verdict:
    """Fail if any fails, pass if anything was tested."""
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts else "not tested"


def finite(value: float | None) -> float | None:
    """The value, or None where it is undefined or infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def _reason(verdict: Verdict, verdicts: Mapping[str, tuple[Verdict, str]]) -> str:
    """Why this verdict: the reasons that decide it, each with the theories it speaks of unless it speaks of all."""
    theories: dict[str, list[str]] = {}
    for name, (own, reason) in verdicts.items():
        if own == verdict:
            theories.setdefault(reason, []).append(THEORIES[name])
    if len(theories) == 1 and len(next(iter(theories.values()))) == len(verdicts):
        return next(iter(theories))
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in theories.items())
