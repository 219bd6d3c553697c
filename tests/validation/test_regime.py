"""Where a run lies in the phase diagram, and what is expected there."""

from __future__ import annotations

from typing import Any

import pytest

from nsim import run_file
from validation.comparison import Comparison, compare_run
from validation.expectations import EXACT, INTRINSIC_WELLS, QUENCHED, UNDECIDED_WELLS, expectations
from validation.exponents import exponent
from validation.predictions import predict
from validation.regime import Regime, regime_of
from validation.simulation import Simulation

from .conftest import simulate


def run(model: dict[str, Any], kind: str = "anneal", start: str = "random") -> run_file.RunFile:
    return run_file.parse({"seed": 1, "model": model, "ensemble": {"n": 8}, "protocol": {"kind": kind, "start": start}})


def regime(record: run_file.RunFile) -> tuple[Regime, dict[str, Any]]:
    theories = predict(record).theories
    return regime_of(record, theories["rs"].solution, theories["1rsb"].solution), theories


def kinds(record: run_file.RunFile, observable: str) -> tuple[tuple[str | None, str | None], str]:
    found, theories = regime(record)
    expected = expectations(observable, True, found, theories)
    assert expected["frsb"].kind is None
    return (expected["rs"].kind, expected["1rsb"].kind), expected["rs"].reason


def test_ergodic_phase() -> None:
    found, _ = regime(run({"gamma": 0.3}))
    assert found.rs_exact
    assert found.p_fixed_by_symmetry
    assert kinds(run({"gamma": 0.3}), "energy") == (("agree", "agree"), EXACT)


def test_polarised_phase() -> None:
    found, _ = regime(run({"gamma": 1.0, "j0": 3.0}))
    assert found.rs_exact
    assert found.polarised
    assert found.folded
    assert not found.p_fixed_by_symmetry
    assert exponent("energy", found).omega == 1


def test_a_field_leaves_nothing_to_fold() -> None:
    found, _ = regime(run({"gamma": 1.0, "j0": 3.0, "field": 0.5}))
    assert found.polarised
    assert not found.folded


def test_glass() -> None:
    found, _ = regime(run({"gamma": 4.0}))
    assert found.glassy
    assert exponent("energy", found).omega == pytest.approx(2 / 3)
    assert kinds(run({"gamma": 4.0}), "energy")[0] == ("differ", None)
    assert kinds(run({"gamma": 4.0}), "p")[0] == ("agree", "agree")
    assert exponent("p", found).omega is None


def test_a_uniform_start_breaks_the_symmetry() -> None:
    found, _ = regime(run({"gamma": 4.0}, start="uniform"))
    assert not found.p_fixed_by_symmetry


def test_quenched_states_are_not_ground_states() -> None:
    for name in ("energy", "double_well_fraction", "small_field_weight"):
        assert kinds(run({"gamma": 4.0}, kind="quench"), name) == ((None, None), QUENCHED)


def test_no_claim_where_double_wells_are_uncertain() -> None:
    assert kinds(run({"gamma": 1.2}), "small_field_weight") == ((None, None), UNDECIDED_WELLS)


def test_wells_of_the_site_itself_are_no_fault_of_a_theory() -> None:
    record = run({"gamma": 1.0, "a2": -2.0})
    assert kinds(record, "double_well_fraction") == ((None, None), INTRINSIC_WELLS)
    assert kinds(record, "small_field_weight")[0] == ("differ", "differ")


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
        {"model": {"gamma": 2.0, "a2": {"low": 0.5, "high": 1.5}}},
        {"ensemble": {"n": 1, "samples": 3}},
        {"ensemble": {"n": [4, 8], "samples": 3}},
        {"output": {"sites": False}},
    ],
)
def test_every_kind_of_run_has_a_report(change: dict[str, Any], tmp_path: Any) -> None:
    from validation.report import write

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
