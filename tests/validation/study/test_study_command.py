"""`validation study` from plan to report: what is missing is run, re-running continues, other runs are refused."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from nsim.errors import InputError
from tests.launch import environment
from validation.cli import main

STUDY = """
title = "Tiny"
seed = 3

[runs.polarised]
model = {gamma = 1.0, j0 = 3.0}
ensemble = {n = [12, 24], samples = [40, 30]}
protocol = {kind = "quench", start = "uniform", start_value = 3.5}
output = {sites = false}

[[claims]]
kind = "rs-exact"
runs = ["polarised"]
title = "Polarised"

[runs.cooling]
model = {gamma = 4.0}
ensemble = {n = 12, samples = 16, replicas = 2}
protocol = {kind = "anneal"}
vary = {"protocol.sweeps" = [5, 50]}

[[claims]]
kind = "cooling"
runs = ["cooling"]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(STUDY)
    return path


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_from_plan_to_report_and_on(study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert status("study", study, "--out", out, "--plan", "--json") == 0
    plan = json.loads(capfd.readouterr().out)
    assert [run["run"] for run in plan["runs"]] == ["polarised", "cooling-5", "cooling-50"]
    assert [run["tasks"] for run in plan["runs"]] == [70, 16, 16]
    assert plan["core_seconds_left"] > 0
    assert not out.exists()

    assert status("study", study, "--out", out, "--json") == 0
    data = json.loads(capfd.readouterr().out)
    assert data == json.loads((out / "report" / "report.json").read_text())
    assert all(run["complete"] for run in data["runs"])
    rows = {(row["observable"], row["negative_control"]) for row in data["checks"]}
    assert {("energy", False), ("q", False), ("small_field_density", False)} <= rows
    for row in data["checks"]:
        assert row["verdict"] in ("pass", "fail", "not tested")
        assert set(row["prediction"]) == set(row["z"]) == set(row["expected"]) == {"rs", "1rsb", "frsb"}
        assert row["reason"]
        assert row["conditions"]
    assert data["claims"][0]["commands"] == [f"nsim run {out}/runs/polarised.toml --out {out}/runs/polarised"]
    page = (out / "report" / "report.html").read_text()
    assert len(page) < 5_000_000
    assert not re.search(r'(src|href)="(?!#)', page)
    assert page.index(data["headline"]) < page.index("<table>") < page.index("<svg")
    with h5py.File(out / "report" / "report.h5") as file:
        assert [group.attrs["title"] for group in file.values()] == ["Polarised", "Quench against anneal"]
        checks = file["claim_0_rs_exact/checks"]
        assert len(checks["observable"]) == sum(row["claim"] == 0 for row in data["checks"])

    # Once more: nothing is computed, the report is made anew.
    made = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/results.h5")}
    assert len(made) == 3
    assert status("study", study, "--out", out, "--json") == 0
    told = capfd.readouterr()
    assert "nsim run" not in told.err
    assert {path: path.stat().st_mtime_ns for path in made} == made

    # More samples: only these are computed. Fewer, or another model: refused before anything is lost.
    study.write_text(STUDY.replace("samples = [40, 30]", "samples = [44, 30]"))
    assert status("study", study, "--out", out, "--json") == 0
    assert "70 of 74 tasks done" in capfd.readouterr().err
    for other, message in (
        (STUDY, "holds more samples"),
        (STUDY.replace("j0 = 3.0", "j0 = 2.9"), "holds another run"),
    ):
        study.write_text(other)
        assert status("study", study, "--out", out) == 2
        told = capfd.readouterr()
        assert message in told.err
        assert told.err.startswith("validation: error: ")
        assert len(told.err.splitlines()) == 1


def test_a_claim_that_fails_leaves_the_others(
    study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(evidence: object) -> None:
        raise InputError("no cavity fields in these runs")

    monkeypatch.setattr("validation.claims.rs_exact.judge", broken)
    out = tmp_path / "out"
    assert status("study", study, "--out", out, "--json") == 1
    told = capfd.readouterr()
    data = json.loads(told.out)
    assert [claim["verdict"] == "not evaluated" for claim in data["claims"]] == [True, False]
    assert data["claims"][0]["statement"] == "Not evaluated: no cavity fields in these runs"
    assert {row["claim"] for row in data["checks"]} == {1}
    assert "Not evaluated, for an error: " in data["headline"]
    assert told.err.splitlines()[-1].endswith("Not evaluated: no cavity fields in these runs")
    assert "Traceback" not in told.err
    assert "no cavity fields in these runs" in (out / "report" / "report.html").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_study_goes_on(study: Path, tmp_path: Path, number: signal.Signals) -> None:
    """A signal to the study alone while a run is under way: the run stops at once, sealed; status 85."""
    study.write_text(STUDY.replace("samples = [40, 30]", "samples = [4000, 3000]"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "validation", "study", str(study), "--out", str(out)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    parts = out / "runs" / "polarised" / "parts"
    deadline = time.monotonic() + 100
    while not (parts.exists() and any(parts.glob("*.h5"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(timeout=60) == 85
    done = subprocess.run(
        [sys.executable, "-m", "nsim", "status", str(out / "runs" / "polarised"), "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    held = json.loads(done.stdout)
    assert 0 < held["done"] < held["tasks"]
    assert held["damaged"] == []


def test_slurm_jobs_are_written_for_what_is_missing(
    study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    study.write_text(
        STUDY + '\n[slurm]\nranks = 8\nranks_per_node = 4\nsetup = ["module load mpi"]\noptions = ["--account=x"]\n'
    )
    assert status("study", study, "--out", out, "--slurm", "--json") == 0
    submit = Path(json.loads(capfd.readouterr().out)["submit"])
    scripts = sorted(path.name for path in submit.parent.iterdir())
    assert scripts == [
        "report.sbatch",
        "run-cooling-5.sbatch",
        "run-cooling-50.sbatch",
        "run-polarised.sbatch",
        "submit.sh",
    ]
    for path in submit.parent.iterdir():
        assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
    text = (submit.parent / "run-polarised.sbatch").read_text()
    for line in ("#SBATCH --ntasks=8", "#SBATCH --ntasks-per-node=4", "#SBATCH --account=x", "module load mpi"):
        assert line in text.splitlines()
    assert "-m nsim run" in text
    assert (out / "runs" / "polarised.toml").exists()
    assert not (out / "runs" / "polarised").exists()


def test_options_that_exclude_each_other(study: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status("study", study, "--plan", "--slurm") == 2
    assert "exclude each other" in capfd.readouterr().err


@pytest.mark.parametrize("option", [[], ["--slurm"]])
def test_a_directory_that_cannot_be_made(
    study: Path, tmp_path: Path, option: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.txt").write_text("")
    assert status("study", study, "--out", tmp_path / "file.txt/out", *option) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"validation: error: \S*file\.txt/out\S*: Not a directory\n", told.err)
