"""The verdict in a sentence, and deviations in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from validation.predictions import Theory
from validation.report.typesetting import typeset
from validation.report.words import deviation, headline, statements, z_relation, z_text
from validation.simulation import Simulation
from validation.verdicts.checks import Check
from validation.verdicts.comparison import Comparison, compare_run


def only_symmetry(comparison: Comparison) -> Comparison:
    """The same comparison with data that resolve nothing but p = 0."""
    checks = [c if c.observable == "p" else replace(c, verdict="not tested") for c in comparison.checks]
    return replace(comparison, checks=checks)


def test_known_failures_are_claimed_where_one_was_seen(glassy: Comparison) -> None:
    text = headline(glassy)
    assert "fails in known ways" in text
    tested = {check.observable for check in glassy.checks if check.verdict == "pass"} - {"p"}
    assert tested
    assert (f"all {len(tested)} tested comparisons pass" if len(tested) > 1 else "the one tested") in text
    assert text.endswith("p = 0, as symmetry demands of any theory.")


def test_symmetry_alone_tests_no_theory(glassy: Comparison) -> None:
    blind = only_symmetry(glassy)
    text = headline(blind)
    assert text.startswith("No deviation could be resolved with these data")
    assert "fails in known ways" not in text
    assert "comparisons pass" not in text
    assert blind.verdict == "not tested"


def test_quenched_states_resolve_nothing_and_the_headline_says_why(quenched: Path) -> None:
    comparison = compare_run(Simulation.open(quenched))
    assert comparison.verdict == "not tested"
    assert "quenched states are not ground states" in headline(comparison)


def test_a_broken_symmetry_fails_once(glassy: Comparison) -> None:
    broken = [replace(c, verdict="fail") if c.observable == "p" else c for c in glassy.checks]
    comparison = replace(glassy, checks=broken)
    assert comparison.verdict == "fail"
    assert "1 of" in headline(comparison)
    assert "fails (p)" in headline(comparison)


def test_one_state_per_sample_counts_once(polarised: Path) -> None:
    """With a single relaxation per sample the lowest energy is the mean one."""
    comparison = compare_run(Simulation.open(polarised))
    tested = [check.observable for check in comparison.checks if check.verdict == "pass"]
    assert {"energy", "lowest_energy"} <= set(tested)
    assert f"all {len(tested) - 1} tested comparisons pass" in headline(comparison)


def test_symmetry_is_no_merit_of_a_theory(glassy: Comparison) -> None:
    for said in statements(glassy):
        assert any(line.startswith("Zero by symmetry, in any theory: mean displacement") for line in said.lines)
        assert not any("mean displacement" in line for line in said.lines if line.startswith("Right"))


def test_what_must_differ_is_not_called_right_for_want_of_precision(glassy: Comparison) -> None:
    """The energy of four small sizes does not reject RS, of which it is known that it must."""
    energy = next(c for c in glassy.checks if c.n is None and c.observable == "energy")
    assert energy.expected["rs"] == "differ"
    assert energy.z["rs"] is not None
    assert abs(energy.z["rs"]) < 3
    assert energy.verdict == "not tested"
    lines = statements(glassy)[0].lines
    told = [line for line in lines if "energy per site, mean over states" in line]
    assert len(told) == 1
    assert told[0].startswith("Expected to be wrong, not resolved")


@pytest.mark.parametrize(
    ("z", "text", "relation"),
    [
        (1.26, "+1.3", "z = +1.3"),
        (-9.9, "-9.9", "z = -9.9"),
        (202.3, "> 10", "z > 10"),
        (-202.3, "< -10", "z < -10"),
    ],
)
def test_z_beyond_ten_is_told_as_such(z: float, text: str, relation: str) -> None:
    assert z_text(z) == text
    assert z_relation(z) == relation


@pytest.mark.parametrize(
    ("observable", "prediction", "value", "stderr", "text"),
    [
        ("double_well_fraction", 0.13195, 0.00125, 0.00065, "predicted 106 times too many"),
        ("double_well_fraction", 0.13195, 0.00125, 0.0021, "predicted more than 24 times too many"),
        ("small_field_weight", 0.039878, 0.005, 0.001, "predicted 8 times too many"),
        ("field_variance", 32.8, 71.1, 0.5, "predicted 2.2 times too small"),
        ("lambda_min", 1.2568, 0.02, 0.01, "predicted 63 times too large"),
        ("energy", -12.454, -12.064, 0.05, "predicted 3.2% too low"),
        ("p", 0.0, 0.3, 0.05, "predicted 0, simulated 0.3"),
        ("p", 0.2, -0.3, 0.05, "predicted 0.2, simulated -0.3"),
    ],
)
def test_deviations_in_words(observable: str, prediction: float, value: float, stderr: float, text: str) -> None:
    own = {"rs": prediction, "1rsb": None, "frsb": None}
    check = Check(observable, None, 0.0, value, stderr, own, {}, {}, "pass", "")
    assert deviation(Theory("rs", None), check) == text


@pytest.mark.parametrize(
    ("plain", "page"),
    [
        ("gamma = 4, J0 = 0", "γ = 4, J<sub>0</sub> = 0"),
        ("E0/v0^2", "E<sub>0</sub>/v<sub>0</sub><sup>2</sup>"),
        ("mean of 1/U_eff''", "mean of 1/U<sub>eff</sub>″"),
        ("N^(-2/3), |h| < h0", "N<sup>−2/3</sup>, |h| &lt; h<sub>0</sub>"),
        ("v -> -v for N -> infinity", "v → -v for N → ∞"),
        ("<script>", "&lt;script&gt;"),
    ],
)
def test_formulas_are_typeset(plain: str, page: str) -> None:
    assert typeset(plain) == page
