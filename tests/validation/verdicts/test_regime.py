"""Where a run lies in the phase diagram, and what is expected there."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from meanfield import solve
from nsim import run_file
from tests.validation.conftest import simulate
from validation.predictions import MeanField, mean_field_model, predict
from validation.report.words import phase
from validation.simulation import Simulation
from validation.verdicts.comparison import Comparison, compare_run
from validation.verdicts.expectations import EXACT, INTRINSIC_WELLS, UNDECIDED_WELLS, expectations
from validation.verdicts.forms import BY_SYMMETRY, GLASSY_ENERGY, REGULAR, forms
from validation.verdicts.regime import QUENCHED, Regime, regime_of


def run(model: dict[str, Any], kind: str = "anneal", start: str = "random", **protocol: Any) -> run_file.RunFile:
    protocol |= {"kind": kind, "start": start}
    return run_file.parse({"seed": 1, "model": model, "ensemble": {"n": 8}, "protocol": protocol})


@cache
def solved(model: str) -> MeanField:
    return predict(run(json.loads(model)))


def regime(record: run_file.RunFile) -> tuple[Regime, dict[str, Any]]:
    theories = solved(record.model.model_dump_json()).theories
    return regime_of(record, theories["rs"].solution, theories["1rsb"].solution), theories


def regime_in_rs(record: run_file.RunFile) -> Regime:
    """The same without a 1RSB solution, where that does not matter."""
    return regime_of(record, solve(mean_field_model(record), "rs"), None)


def kinds(record: run_file.RunFile, observable: str) -> tuple[tuple[str | None, str | None], str]:
    found, theories = regime(record)
    expected = expectations(observable, True, found, theories)
    # Full RSB is judged where something exact is known of it: it coincides with a stable RS, and by symmetry.
    assert expected["frsb"].kind == ("agree" if found.rs_exact or observable == "p" else None)
    return (expected["rs"].kind, expected["1rsb"].kind), expected["rs"].reason


def test_ergodic_phase() -> None:
    found, _ = regime(run({"gamma": 0.3}))
    assert found.rs_exact
    assert found.p_fixed_by_symmetry
    assert kinds(run({"gamma": 0.3}), "energy") == (("agree", "agree"), EXACT)


def test_polarised_phase() -> None:
    found = regime_in_rs(run({"gamma": 1.0, "j0": 3.0}))
    assert found.rs_exact
    assert found.polarised
    assert found.folded
    assert not found.p_fixed_by_symmetry
    assert forms("energy", found) == REGULAR


def test_a_field_leaves_nothing_to_fold() -> None:
    found = regime_in_rs(run({"gamma": 1.0, "j0": 3.0, "field": 0.5}))
    assert found.polarised
    assert not found.folded


def test_glass() -> None:
    found, _ = regime(run({"gamma": 4.0}))
    assert found.glassy
    assert forms("energy", found) == GLASSY_ENERGY
    assert kinds(run({"gamma": 4.0}), "energy")[0] == ("differ", None)
    assert kinds(run({"gamma": 4.0}), "p")[0] == ("agree", "agree")
    assert forms("p", found) == BY_SYMMETRY


def test_a_uniform_start_breaks_the_symmetry() -> None:
    found, _ = regime(run({"gamma": 4.0}, start="uniform"))
    assert not found.p_fixed_by_symmetry


def test_quenched_states_are_not_ground_states() -> None:
    for name in ("energy", "double_well_fraction", "small_field_weight"):
        assert kinds(run({"gamma": 4.0}, kind="quench"), name) == ((None, None), QUENCHED)


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ({"sweeps": 1}, "1 sweeps"),
        ({"sweeps": 99}, "99 sweeps"),
        ({"t_start": 15.0}, "below the glass temperature 21.55"),
        ({"t_start": 40.0, "t_end": 10.0}, "cooled only to T = 10"),
    ],
)
def test_cooling_in_name_only_is_a_quench(protocol: dict[str, Any], reason: str) -> None:
    record = run({"gamma": 4.0}, **protocol)
    assert reason in regime(record)[0].not_annealed
    for name in ("energy", "double_well_fraction", "small_field_weight"):
        found, why = kinds(record, name)
        assert found == (None, None)
        assert reason in why


def test_slow_cooling_through_the_transition_is_an_anneal() -> None:
    assert regime(run({"gamma": 4.0}, sweeps=100, t_start=22.0, t_end=0.1))[0].not_annealed == ""


def test_where_no_theory_fixes_the_exponent_several_stand_side_by_side() -> None:
    def leading(name: str, regime: Regime) -> set[float]:
        return {form.exponents[0] for form in forms(name, regime) if form.exponents}

    glass, _ = regime(run({"gamma": 4.0}))
    for name in ("energy", "lowest_energy"):
        assert leading(name, glass) == {2 / 3}
    for name in ("C", "replicon_sum", "field_variance", "double_well_fraction", "small_field_weight"):
        assert leading(name, glass) == {1 / 3, 2 / 3, 1.0}
    assert leading("q", glass) == {2 / 3, 1.0}
    assert any(form.free for form in forms("lambda_min", glass))
    polarised = regime_in_rs(run({"gamma": 1.0, "j0": 3.0}, kind="quench"))
    assert leading("C", polarised) == {1.0}
    # Wherever one power is fixed a term of next order is allowed for.
    for name, where in (("energy", glass), ("C", polarised), ("lambda_min", polarised)):
        assert any(len(form.exponents) > 1 for form in forms(name, where))


def test_order_made_by_a_field_is_named_so() -> None:
    def name(**model: float) -> str:
        return phase(solve(mean_field_model(run({"gamma": 1.0, **model})), "rs"))

    assert name(j0=3.0) == "polarised"
    assert name(field=0.5) == "polarised by the field"
    assert name(gamma=0.3, j0=1.2, field=0.5) == "polarised by the field"  # ergodic without it
    assert name(j0=3.0, field=0.5) == "polarised, by the couplings and the field"
    assert name(gamma=4.0) == "glassy"


def test_no_claim_where_double_wells_are_uncertain() -> None:
    assert kinds(run({"gamma": 1.2}), "small_field_weight") == ((None, None), UNDECIDED_WELLS)


def test_wells_of_the_site_itself_are_no_fault_of_a_theory() -> None:
    record = run({"gamma": 1.0, "a2": -2.0}, t_start=40.0)
    assert kinds(record, "double_well_fraction") == ((None, None), INTRINSIC_WELLS)
    assert kinds(record, "small_field_weight")[0] == ("differ", "differ")


def test_local_disorder_reaches_the_theory() -> None:
    gaussian = mean_field_model(run({"gamma": 2.0, "a2": {"mean": 1.0, "std": 0.5}})).a2
    assert (gaussian.mean, gaussian.std) == pytest.approx((1.0, 0.5))
    uniform = mean_field_model(run({"gamma": 2.0, "a2": {"low": 0.5, "high": 1.5}})).a2
    assert (uniform.mean, uniform.std) == pytest.approx((1.0, 1 / 12**0.5))


def test_without_quartic_term_there_is_no_theory() -> None:
    record = run({"gamma": 0.3, "a4": 0.0})
    found, theories = regime(record)
    assert not found.solved
    assert "a4" in theories["rs"].problem
    assert not theories["rs"].failed


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"gamma": 0.3}},  # ergodic: every state is v = 0
        {"model": {"gamma": 0.3, "a4": 0.0}},  # outside the theory's domain
        {"model": {"gamma": 4.0, "field": -1.0}},
        pytest.param({"model": {"gamma": 2.0, "a2": {"mean": 1.0, "std": 0.5}}}, marks=pytest.mark.slow),
        pytest.param({"model": {"gamma": 2.0, "a2": {"low": 0.5, "high": 1.5}}}, marks=pytest.mark.slow),
        {"ensemble": {"n": 1, "samples": 3}},
        {"ensemble": {"n": [4, 8], "samples": 3}},
        {"output": {"sites": False}},
    ],
)
def test_every_kind_of_run_has_a_report(change: dict[str, Any], tmp_path: Any) -> None:
    from validation.report.page import write

    record = {
        "seed": 5,
        "model": {"gamma": 4.0},
        "ensemble": {"n": 12, "samples": 4, "replicas": 2},
        "protocol": {"kind": "quench"},
    } | change
    comparison: Comparison = compare_run(Simulation.open(simulate(record, tmp_path / "run")))
    data = write(comparison, tmp_path / "report", "test")
    assert data["verdict"] in ("pass", "not tested")
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
