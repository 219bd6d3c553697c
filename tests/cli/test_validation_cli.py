"""The command ``validation report``: output, exit statuses, and one line for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.parallel.ranks import SerialRanks
from validation.cli import main
from validation.predictions import MeanField, Theory, predict
from validation.simulation import Simulation
from validation.verdicts import comparison as comparing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "run"
    record = {
        "seed": 6,
        "model": {"gamma": 4.0},
        "ensemble": {"n": [16, 24, 32], "samples": 24, "replicas": 2},
        "protocol": {"kind": "quench"},
    }
    run_campaign(run_file.parse(record), path, SerialRanks())
    return path


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_report(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status("report", run, "--out", tmp_path / "deep" / "report") == 0
    out, err = capfd.readouterr()
    assert "energy" in out
    assert "1RSB" in out
    assert "…" not in out  # nothing is cut off where there is no terminal
    assert str(tmp_path / "deep" / "report" / "report.html") in out
    assert err == ""
    assert (tmp_path / "deep" / "report" / "report.html").exists()


def test_json_is_all_there_is_on_stdout(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status("report", run, "--out", tmp_path, "--json") == 0
    out, _ = capfd.readouterr()
    assert json.loads(out) == json.loads((tmp_path / "report.json").read_text())


@pytest.mark.parametrize("protocol", [{"kind": "quench"}, {"kind": "tempering", "sweeps": 64, "temperatures": 3}])
def test_given_couplings_are_compared_with_no_theory(
    protocol: dict[str, object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(5)
    J = np.triu(rng.normal(2 / 24, 24**-0.5, (24, 24)), 1)
    np.save(tmp_path / "J.npy", J + J.T)
    record = {
        "seed": 6,
        "model": {"gamma": 1.0, "j0": 2.0},
        "ensemble": {"n": 24, "replicas": 2},
        "protocol": protocol,
        "couplings": {"file": str(tmp_path / "J.npy")},
    }
    run_campaign(run_file.parse(record), tmp_path / "run", SerialRanks())
    capfd.readouterr()
    assert status("report", tmp_path / "run", "--out", tmp_path / "report") == 0
    out, err = capfd.readouterr()
    assert "Nothing could be tested: the couplings were given" in out
    assert err.count("the couplings were given") == 1
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    assert data["verdict"] == "not tested"
    assert {check["verdict"] for check in data["checks"]} == {"not tested"}
    for check in data["checks"]:
        assert "the couplings were given, not drawn from the ensemble" in check["reason"]
        assert set(check["prediction"].values()) == {None}
    assert data["equilibrium"] == []


def failing(mean_field: MeanField) -> MeanField:
    """Theory whose p is not what symmetry demands."""
    for theory in mean_field.theories.values():
        theory.values["p"] = 5.0
    return mean_field


def test_strict(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status("report", run, "--out", tmp_path, "--strict") == 0
    predicted = failing(predict(Simulation.open(run).run))
    monkeypatch.setattr(comparing, "predict", lambda record: predicted)
    assert status("report", run, "--out", tmp_path) == 0
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "fail"
    assert status("report", run, "--out", tmp_path, "--strict") == 1


def test_unconverged_theory(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def without_one_step(record: run_file.RunFile) -> MeanField:
        found = predict(record)
        problem = "the iteration did not converge (residual 1.0e-02)"
        return MeanField({**found.theories, "1rsb": Theory("1rsb", None, problem=problem, failed=True)}, found.window)

    monkeypatch.setattr(comparing, "predict", without_one_step)
    assert status("report", run, "--out", tmp_path) == 3
    assert "1RSB: the iteration did not converge" in capfd.readouterr().err
    data = json.loads((tmp_path / "report.json").read_text())
    assert all(check["prediction"]["1rsb"] is None and check["z"]["1rsb"] is None for check in data["checks"])
    assert any(check["prediction"]["rs"] is not None for check in data["checks"])
    assert "did not converge" in (tmp_path / "report.html").read_text()


def test_bad_input(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "results.h5").write_bytes((run / "results.h5").read_bytes()[:-100])
    empty = tmp_path / "empty"
    empty.mkdir()
    file = tmp_path / "file"
    file.write_text("")
    cases = [
        (("report", tmp_path / "nowhere", "--out", tmp_path / "r"), "nowhere"),
        (("report", empty, "--out", tmp_path / "r"), "no results.h5"),
        (("report", damaged, "--out", tmp_path / "r"), "damaged"),
        (("report", run), "--out"),
        (("report", run, "--out", file / "r"), "Not a directory"),
        (("report", run, "--out", tmp_path / "r", "--sloppy"), "--sloppy"),
        (("repport",), "repport"),
        (("figures", "--out", file / "f", "--theory-only", "--figure", "3a"), "file"),
        (("figures", "--out", tmp_path / "f", "--figure", "5"), "'5'"),
        (("figures", "--out", tmp_path / "f", "--runs", empty), "no results.h5"),
        (("figures", "--out", tmp_path / "f", "--runs", run, "--theory-only"), "either"),
        (("figures", "--out", tmp_path / "f", "--hbar2-over-m", "0"), "0.0"),
        (("local-potentials", empty), "no results.h5"),
        (("local-potentials", run, "--n", "99"), "no size N = 99"),
        (("local-potentials", run, "--out", tmp_path / "nowhere" / "x.h5"), "no such directory"),
        (("thermodynamics", run, "--temperatures", "-1"), "negative"),
        (("thermodynamics", run, "--temperatures", "warm"), "warm"),
    ]
    for arguments, message in cases:
        assert status(*arguments) == 2, arguments
        out, err = capfd.readouterr()
        assert out == ""
        assert message in err
        assert err.startswith("validation: error: ")
        assert len(err.splitlines()) == 1


def test_figures(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "figures"
    wanted = ["--figure", "2", "--figure", "3a", "--figure", "normal-modes"]
    assert status("figures", "--out", out, "--runs", run, *wanted, "--json") == 0
    data, err = capfd.readouterr()
    assert err == ""
    found = json.loads(data)["figures"]
    assert set(found) == {"2", "3a", "normal-modes"}
    for one in found.values():
        assert all((out / name).stat().st_size > 1000 for name in one["files"])
    assert "N = 32, 24 samples, 48 states" in found["3a"]["caption"]
    assert found["2"]["standard_tunnelling_model"]["RS"]["dependence"] > 0.9
    captions = (out / "captions.md").read_text()
    assert "hbar^2/m = 0.1" in captions
    assert "full RSB" in captions
    with h5py.File(out / "figure_2.h5") as file:
        assert {"asymmetry, rs", "asymmetry, frsb", "asymmetry, quenched"} <= set(file)
        assert np.all(file["asymmetry, frsb/error"][()] > 0)
    assert status("figures", "--out", out, "--theory-only", "--figure", "normal-modes") == 0


def test_simulated_sites_as_local_potentials(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The file gives `meanfield thermodynamics` what the command itself prints."""
    file, T = tmp_path / "sites.h5", "0.01,0.1,1"
    assert status("local-potentials", run, "--out", file, "--json") == 0
    numbers = json.loads(capfd.readouterr().out)
    assert (numbers["N"], numbers["samples"], numbers["sites"]) == (32, 24, 24 * 2 * 32)
    assert numbers["double_well_fraction"]["stderr"] > 0
    assert status("thermodynamics", run, "--temperatures", T, "--hbar2-over-m", "0.2", "--json") == 0
    own = json.loads(capfd.readouterr().out)
    assert all(error > 0 for error in own["specific_heat_stderr"])
    command = [sys.executable, "-m", "meanfield", "thermodynamics", "--potentials", str(file), "--hbar2-over-m", "0.2"]
    done = subprocess.run([*command, "--temperatures", T, "--json"], capture_output=True, text=True, check=True)
    same = json.loads(done.stdout)
    np.testing.assert_allclose(same["specific_heat"], own["specific_heat"], rtol=1e-9)
    assert same["resolution_error"][0] >= 0
    assert status("local-potentials", run, "--n", "16", "--out", tmp_path / "sites.csv") == 0
    assert "double_well_fraction" in capfd.readouterr().out
    assert (tmp_path / "sites.csv").read_text().startswith("h,C,")
    for ending in ("csv", "h5"):
        long = tmp_path / f"{'a' * 300}.{ending}"  # a name that no file system takes
        assert status("local-potentials", run, "--out", long) == 2
        assert capfd.readouterr() == ("", f"validation: error: {long}: File name too long\n")


def test_module_runs_as_the_command(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "validation", "report", str(run), "--out", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checks"]
    assert done.stderr == ""
    shown = subprocess.run(
        [sys.executable, "-m", "validation", "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert shown.returncode == 0
    assert "report" in shown.stdout
    assert "85 stopped" in shown.stdout
    assert "internal error" in " ".join(shown.stdout.split())


@pytest.mark.parametrize("command", [("local-potentials",), ("thermodynamics", "--temperatures", "0.1,1")])
def test_the_mass_is_that_of_the_run(
    command: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    record = {
        "seed": 6,
        "model": {"gamma": 4.0},
        "ensemble": {"n": 16, "samples": 3},
        "protocol": {"kind": "quench"},
        "quantum": {"hbar2_over_m": 0.37},
    }
    run_campaign(run_file.parse(record), run, SerialRanks())
    name, *options = command

    def found(*mass: object) -> dict:
        assert status(name, run, *options, *mass, "--json") == 0
        return json.loads(capfd.readouterr().out)

    own = found()
    assert own["hbar2_over_m"] == 0.37
    assert own == found("--hbar2-over-m", 0.37)
    given = found("--hbar2-over-m", 0.1)
    assert given["hbar2_over_m"] == 0.1
    if name == "thermodynamics":
        assert given["specific_heat"] != own["specific_heat"]
    assert status(name, run, *options) == 0
    assert "hbar^2/m" in (out := capfd.readouterr().out)
    assert "0.37 (of the run)" in out
    assert status(name, run, *options, "--hbar2-over-m", 0.1) == 0
    assert "0.1 (as given)" in capfd.readouterr().out


def test_report_and_finite_size_study_have_the_same_limits(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert status("report", run, "--out", tmp_path) == 0
    limits = json.loads((tmp_path / "report.json").read_text())["extrapolations"]
    capfd.readouterr()
    assert status("finite-size", run, "--json") == 0
    found = json.loads(capfd.readouterr().out)["observables"]
    assert {"energy", "q", "C"} <= limits.keys() - {"p"} <= found.keys()  # p is zero by symmetry
    for name in limits.keys() - {"p"}:
        own = dict(limits[name])
        assert own.pop("over_forms") == {"value": own["value"], "stderr": own["stderr"]}
        assert own.pop("forms") == found[name]["forms"]
        assert own == found[name]["limit"], name
