"""Above the glass temperature RS is exact for N -> infinity: tempering must agree after 1/N extrapolation."""

import json
from dataclasses import replace

import pytest

import meanfield
from nsim import run_file
from nsim.campaign import run_campaign
from nsim.ranks import SerialRanks
from nsim.run_directory import RunDirectory
from nsim.summary import summarise
from validation import thermal
from validation.comparison import compare_run
from validation.extrapolation import extrapolate
from validation.report import write
from validation.simulation import Simulation
from validation.thermal import BELOW, NEAR, thermal_checks

SIZES = {32: 240, 64: 120, 128: 60}  # samples


@pytest.mark.parametrize("gamma", [pytest.param(1.0, marks=pytest.mark.slow), 4.0])
def test_energy_and_q_join_rs_above_the_transition(gamma, tmp_path):
    model = meanfield.Model(gamma=gamma)
    transition = meanfield.glass_temperature(model)
    temperatures = [round(transition * ratio, 4) for ratio in (2.0, 1.5)]
    run = run_file.parse(
        {
            "seed": 5,
            "model": {"gamma": gamma},
            "ensemble": {"n": list(SIZES), "samples": list(SIZES.values()), "replicas": 4},
            "protocol": {"kind": "tempering", "temperatures": temperatures, "sweeps": 200, "burn_in": 100},
            "output": {"sites": False},
        }
    )
    run_campaign(run, tmp_path / "run", SerialRanks())
    groups = summarise(RunDirectory(tmp_path / "run"))["groups"]
    for temperature in temperatures:
        rs = meanfield.solve(model, "rs", temperature=temperature)
        assert rs.replicon > 0
        assert abs(rs.C - rs.q_diag / temperature) < 1e-9  # q = 0
        here = [group["observables"] for group in groups if group["temperature"] == temperature]
        for name, theory in (("energy", rs.internal_energy), ("q", rs.q_diag)):
            means, errors = ([found[name][key] for found in here] for key in ("mean", "stderr"))
            limit = extrapolate(list(SIZES), means, errors, omega=1.0)
            assert abs(limit.value - theory) < 4 * limit.stderr
            # The comparison is sharp: a few per cent of q_hat would show, and the smallest system alone is off.
            assert limit.stderr < 0.01 * rs.q_diag
            assert abs(means[0] - theory) > 4 * errors[0]
        for found in here:  # at every N: integration by parts over the couplings
            gap = found["gauss_gap"]
            assert abs(gap["mean"]) < 4 * gap["stderr"]


SMALL = {
    "seed": 8,
    "model": {"gamma": 4.0},
    "ensemble": {"n": [16, 32, 64], "samples": [60, 40, 30], "replicas": 2},
    "protocol": {"kind": "tempering", "temperatures": [43.1, 24.0, 15.0], "sweeps": 400, "burn_in": 100},
}


def carried_out(record, path):
    run_campaign(run_file.parse(record), path, SerialRanks())
    return Simulation.open(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return carried_out(SMALL, tmp_path_factory.mktemp("small") / "run")


def test_a_report_has_rows_above_zero_temperature(small, tmp_path):
    """Judged where RS is stable and far from its transition (21.55), shown elsewhere; in JSON, page and verdict."""
    comparison = compare_run(small)
    hot = {(check.temperature, check.observable): check for check in thermal_checks(small) if check.n is None}
    assert set(hot) == {(t, name) for t in (43.1, 24.0, 15.0) for name in ("energy", "q")}
    rs = meanfield.solve(meanfield.Model(gamma=4.0), "rs", temperature=43.1)
    for name, value in (("energy", rs.internal_energy), ("q", rs.q_diag)):
        assert hot[43.1, name].prediction == dict.fromkeys(("rs", "1rsb", "frsb"), value)
        assert set(hot[43.1, name].expected.values()) == {"agree"}
        assert abs(hot[43.1, name].z["rs"]) < 4
        assert hot[24.0, name].reason == NEAR
        assert hot[15.0, name].reason == BELOW
        assert hot[15.0, name].prediction["frsb"] is None
        assert {hot[t, name].verdict for t in (24.0, 15.0)} == {"not tested"}
    write(comparison, tmp_path / "report", "test")
    rows = json.loads((tmp_path / "report/report.json").read_text())["checks"]
    assert [row["temperature"] for row in rows] == [check.temperature for check in comparison.checks]
    assert {row["temperature"] for row in rows} == {0.0, 43.1, 24.0, 15.0}
    assert "Thermal averages at T" in (tmp_path / "report/report.html").read_text()


def test_a_wrong_theory_fails_above_the_transition(small, monkeypatch):
    right = thermal.mean_field_model
    monkeypatch.setattr(thermal, "mean_field_model", lambda run: replace(right(run), gamma=4.6))
    failed = [check for check in thermal_checks(small) if check.verdict == "fail"]
    assert {(check.temperature, check.observable) for check in failed} >= {(43.1, "q")}


def test_what_is_not_in_equilibrium_is_not_judged(tmp_path):
    short = SMALL | {"protocol": SMALL["protocol"] | {"sweeps": 10, "burn_in": 0}}
    checks = thermal_checks(carried_out(short, tmp_path / "run"))
    assert {check.verdict for check in checks} == {"not tested"}
    assert any("not in equilibrium" in check.reason for check in checks)


def test_other_runs_have_no_thermal_rows(tmp_path):
    quench = {"seed": 8, "model": {"gamma": 4.0}, "ensemble": {"n": 8, "samples": 2}, "protocol": {"kind": "quench"}}
    assert thermal_checks(carried_out(quench, tmp_path / "run")) == []
