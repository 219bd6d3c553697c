"""Negative controls: the same number beside the wrong theory, with what must come out of it."""

from __future__ import annotations

import pytest

from validation.claims.finding import StudyCheck, agree, check
from validation.claims.negative_control import negative_control

SAMPLES = 100


def judged(value: float, stderr: float, **more: float) -> StudyCheck:
    predictions = {"rs": (-2.0, 0.0), "frsb": (-1.0, 0.001)}
    return check("energy", "e", "here", None, value, stderr, predictions, {"frsb": agree("so")}, SAMPLES, **more)


def test_the_same_number_stands_beside_the_wrong_theory() -> None:
    own = judged(-1.0, 0.01, temperature=3.0)
    made = negative_control(own, {"frsb": (-1.1, 0.002)}, SAMPLES)
    assert made.control
    assert not own.control
    assert made.label == own.label
    assert made.conditions == "here; coupling variance 1.05/N in theory"
    one = made.check
    assert (one.observable, one.n, one.temperature, one.simulation, one.stderr) == ("energy", None, 3.0, -1.0, 0.01)
    assert one.prediction == {"rs": None, "1rsb": None, "frsb": -1.1}
    assert one.expected == {"rs": None, "1rsb": None, "frsb": "differ"}
    assert one.z["frsb"] == pytest.approx(0.1 / (0.01**2 + 0.002**2) ** 0.5)
    assert one.verdict == "pass"


@pytest.mark.parametrize(
    ("value", "stderr", "verdict"),
    [
        (-1.0, 0.001, "pass"),  # rejects the mistake
        (-1.1, 0.001, "fail"),  # has it
        (-1.0, 0.05, "not tested"),  # the error does not see it
    ],
)
def test_verdicts(value: float, stderr: float, verdict: str) -> None:
    assert negative_control(judged(value, stderr), {"frsb": (-1.1, 0.0)}, SAMPLES).check.verdict == verdict


def test_what_can_be_seen_is_the_distance_of_the_wrong_theory_from_the_right_one() -> None:
    """Not its distance from the number: an outlier does not make a blind test."""
    outlier = judged(-1.2, 0.05)
    assert negative_control(outlier, {"frsb": (-1.1, 0.0)}, SAMPLES).check.verdict == "not tested"
    assert negative_control(outlier, {"frsb": (-1.3, 0.0)}, SAMPLES).check.verdict == "fail"


def test_a_mistake_in_what_is_measured() -> None:
    """A law that holds for every theory: the prediction stays, and the number is another one."""
    nothing = dict.fromkeys(("rs", "1rsb", "frsb"), (0.0, 0.0))
    law = check("gap", "g", "here", None, 0.001, 0.001, nothing, dict.fromkeys(nothing, agree("law")), SAMPLES)
    made = negative_control(law, nothing, SAMPLES, (0.1, 0.002), where="the law")
    assert made.conditions.endswith("in the law")
    assert (made.check.simulation, made.check.stderr) == (0.1, 0.002)
    assert made.check.verdict == "pass"
    assert negative_control(law, nothing, SAMPLES, (0.001, 0.002)).check.verdict == "not tested"


def test_a_theory_without_a_solution_tests_nothing() -> None:
    assert negative_control(judged(-1.0, 0.01), {"frsb": None}, SAMPLES).check.verdict == "not tested"
