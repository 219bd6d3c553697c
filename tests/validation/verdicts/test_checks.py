"""Verdicts: what passes, what fails, what is left open."""

from __future__ import annotations

import numpy as np
import pytest

from nsim import run_file
from validation.predictions import THEORIES, Theory, predict
from validation.report.words import told
from validation.verdicts.checks import FEWEST_SAMPLES, POWER, RESOLUTION, compare, judge, overall
from validation.verdicts.expectations import Expectation

AGREE = Expectation("agree", "exact")
DIFFER = Expectation("differ", "wrong", gap=1.0)
ABOVE = Expectation("differ", "too low", above=True, gap=1.0)
NONE = Expectation(None, "not known")
MANY = 100


@pytest.mark.parametrize(
    ("expected", "z", "error", "verdict"),
    [
        (AGREE, 2.9, 0.001, "pass"),
        (AGREE, -3.1, 0.001, "fail"),
        (AGREE, 0.5, 1.1 * RESOLUTION, "not tested"),  # too coarse to confirm
        (AGREE, 4.0, 1.1 * RESOLUTION, "fail"),  # but not too coarse to refute
        (DIFFER, -3.1, 0.1, "pass"),
        (DIFFER, 3.1, 0.1, "pass"),
        (DIFFER, 1.0, 0.9 / POWER, "fail"),
        (DIFFER, 1.0, 1.1 / POWER, "not tested"),
        (ABOVE, 3.1, 0.1, "pass"),
        (ABOVE, -3.1, 0.1, "fail"),  # on the wrong side
        (ABOVE, -1.0, 0.9 / POWER, "fail"),
        (NONE, 50.0, 0.1, "not tested"),
    ],
)
def test_judge(expected: Expectation, z: float, error: float, verdict: str) -> None:
    assert judge(expected, z, error, prediction=1.0, samples=MANY)[0] == verdict


def test_few_samples_are_not_judged() -> None:
    assert judge(AGREE, 10.0, 0.001, 1.0, FEWEST_SAMPLES - 1)[0] == "not tested"


def test_a_vanishing_prediction_has_no_relative_error() -> None:
    assert judge(AGREE, 1.0, 0.5, prediction=0.0, samples=MANY)[0] == "pass"


def test_overall() -> None:
    assert overall(["pass", "fail", "not tested"]) == "fail"
    assert overall(["pass", "not tested"]) == "pass"
    assert overall(["not tested"]) == "not tested"
    assert overall([]) == "not tested"


def test_undefined_numbers_are_none() -> None:
    theories = {"rs": Theory("rs", None, problem="no convergence"), "1rsb": Theory("1rsb", None, {"q": 2.0})}
    expected = dict.fromkeys(THEORIES, NONE)
    check = compare("q", 64, 1.0, None, theories, expected, 1, problem="one sample gives no error")
    assert check.prediction == {"rs": None, "1rsb": 2.0, "frsb": None}
    assert check.z == {"rs": None, "1rsb": None, "frsb": None}
    assert check.verdict == "not tested"
    assert "one sample gives no error" in check.reason


def test_z_of_equal_exact_numbers_is_zero() -> None:
    """An ergodic state has v = 0 in every sample: no scatter, and nothing to complain about."""
    theories = {"rs": Theory("rs", None, {"q": 0.0}), "1rsb": Theory("1rsb", None, {"q": 0.0})}
    expected = {"rs": AGREE, "1rsb": AGREE, "frsb": NONE}
    check = compare("q", None, 1e-22, 0.0, theories, expected, MANY)
    assert check.verdict == "pass"
    assert check.z["rs"] == pytest.approx(0, abs=1e-9)


class WithError(Theory):
    """A theory that knows its own error."""

    def error(self, observable: str) -> float:
        return 0.4


def test_the_error_of_the_theory_enters_z() -> None:
    expected = dict.fromkeys(THEORIES, NONE)
    check = compare("q", None, 3.0, 0.3, {"frsb": WithError("frsb", None, {"q": 2.0})}, expected, MANY)
    assert check.z["frsb"] == pytest.approx(1.0 / 0.5)


def test_the_error_of_a_prediction_is_told_and_enters_z() -> None:
    theories = {"1rsb": Theory("1rsb", None, {"q": 2.0}), "frsb": Theory("frsb", None, {"q": 2.0}, {"q": 0.4})}
    check = compare("q", None, 2.5, 0.3, theories, dict.fromkeys(THEORIES, NONE), MANY)
    assert check.to_dict()["prediction_error"] == {"rs": None, "1rsb": 0.0, "frsb": 0.4}
    assert check.z["1rsb"] == pytest.approx(0.5 / 0.3)
    assert check.z["frsb"] == pytest.approx(1.0)
    assert told(check.prediction["frsb"], check.prediction_error["frsb"]) == "2.00 ± 0.40"
    assert told(check.prediction["1rsb"], check.prediction_error["1rsb"]) == "2"
    assert told(check.prediction["rs"], check.prediction_error["rs"]) == "–"


@pytest.mark.parametrize("gamma", [2.2, 2.5])
def test_full_rsb_below_the_onset_of_double_wells(gamma: float) -> None:
    """No jumps: marginal stability is E[1/U''^2] = 1 and a Hessian whose spectrum reaches zero."""
    record = {
        "seed": 1,
        "model": {"gamma": gamma, "j0": 0.3},
        "ensemble": {"n": [16]},
        "protocol": {"kind": "quench"},
    }
    full = predict(run_file.parse(record)).theories["frsb"]
    assert abs(full.values["replicon_sum"] - 1.0) <= 2.0 * full.error("replicon_sum")
    assert 0.0 <= full.values["lambda_min"] <= 2.0 * full.error("lambda_min")
    assert full.solution is not None
    C = full.solution.limit(lambda one: one.C)
    assert abs(full.values["C"] - float(C.value)) <= 2.0 * float(np.hypot(full.error("C"), C.error))
