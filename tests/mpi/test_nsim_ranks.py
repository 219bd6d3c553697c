"""nsim under mpiexec: the same results bit for bit on any number of ranks, after kills, and a common end of errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.launch import call, command, data_of, environment, running_processes

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(240)]


@pytest.fixture
def run_path(run_dict, write_toml):
    return write_toml(
        run_dict(
            ensemble={"n": [24, 40], "samples": [16, 10], "replicas": 5, "batch": 3},
            protocol={"kind": "anneal", "sweeps": 150},
            model={"gamma": 4.0, "a2": {"mean": 1.0, "std": 0.5}},
        )
    )


def test_identical_data_on_one_to_four_ranks(run_path, tmp_path):
    assert call("nsim", "run", run_path, "--out", tmp_path / "serial").returncode == 0
    serial = data_of(tmp_path / "serial")
    for ranks in (1, 2, 3, 4):
        done = call("nsim", "run", run_path, "--out", tmp_path / f"r{ranks}", ranks=ranks)
        assert done.returncode == 0, done.stderr
        assert data_of(tmp_path / f"r{ranks}") == serial


def test_only_one_rank_speaks(run_dict, write_toml, tmp_path):
    """Commands that know nothing of ranks, under a launcher."""
    run_path, out = write_toml(run_dict()), tmp_path / "run"
    assert call("nsim", "run", run_path, "--out", out).returncode == 0
    for words in (["summary", out], ["status", out], ["ground-states", out], ["spectrum", out], ["estimate", run_path]):
        done = call("nsim", *words, "--json", ranks=2)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    alone, together = (call("nsim", "export", out, "--to", "csv", ranks=ranks) for ranks in (None, 2))
    assert (together.returncode, together.stdout) == (0, alone.stdout)
    done = call("nsim", "merge", out, "--out", tmp_path / "whole", ranks=2)
    assert (done.returncode, done.stderr.count("merged 1 run(s)")) == (0, 1)
    refused = call("nsim", "correlations", out, ranks=2)
    assert (refused.returncode, refused.stderr.count("nsim: error")) == (2, 1)


def test_identical_landscapes_serially_and_on_two_ranks(run_dict, write_toml, tmp_path):
    path = write_toml(run_dict(ensemble={"n": [16, 24], "samples": [4, 3], "replicas": 3}, double_wells={"modes": 2}))
    assert call("nsim", "run", path, "--out", tmp_path / "serial").returncode == 0
    done = call("nsim", "run", path, "--out", tmp_path / "ranks", ranks=2)
    assert done.returncode == 0, done.stderr
    assert data_of(tmp_path / "ranks", "landscape.h5") == data_of(tmp_path / "serial", "landscape.h5")


def test_every_rank_takes_part(run_path, tmp_path, monkeypatch):
    """Parts carry the rank that sealed them; a stopped run shows who worked."""
    out = tmp_path / "run"
    process = subprocess.Popen(command("nsim", "run", run_path, "--out", out, ranks=2), env=environment())
    deadline = time.monotonic() + 60
    seen = set()
    while process.poll() is None and time.monotonic() < deadline:
        seen |= {path.name.split("-")[1] for path in (out / "parts").glob("[!.]*.h5")}
        time.sleep(0.005)
    assert process.wait(60) == 0
    assert seen == {"rank00000", "rank00001"}


@pytest.mark.parametrize("ranks", [None, 2])
def test_killed_runs_continue_to_the_same_data(run_dict, write_toml, tmp_path, ranks):
    """SIGKILL to the whole job, twice, each time once something new is sealed; then to the end on three ranks."""
    run_path = write_toml(
        run_dict(ensemble={"n": 40, "samples": 120, "replicas": 4}, protocol={"kind": "anneal", "sweeps": 6000})
    )
    assert call("nsim", "run", run_path, "--out", tmp_path / "whole", ranks=2).returncode == 0
    out = tmp_path / "killed"
    done = 0
    for kill in range(2):
        process = subprocess.Popen(
            command("nsim", "run", run_path, "--out", out, ranks=ranks),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        before = set(out.glob("parts/[!.]*.h5"))
        deadline = time.monotonic() + 60
        while set(out.glob("parts/[!.]*.h5")) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = json.loads(call("nsim", "status", out, "--json").stdout)
        assert status["damaged"] == []
        assert done <= status["done"]  # nothing sealed is ever lost
        if kill == 0:
            assert 0 < status["done"] < status["tasks"]  # it came in between
        done = status["done"]
    finished = call("nsim", "run", run_path, "--out", out, ranks=3)
    assert finished.returncode == 0, finished.stderr
    assert f"{done} done before" in finished.stderr
    assert data_of(out) == data_of(tmp_path / "whole")


def test_stop_signal_reaches_all_ranks(run_dict, write_toml, tmp_path):
    """SIGUSR1 to one rank: all stop at a step boundary, what is done is sealed, status 85, and the run continues."""
    run_path = write_toml(
        run_dict(ensemble={"n": 40, "samples": 150, "replicas": 4}, protocol={"kind": "anneal", "sweeps": 6000})
    )
    out = tmp_path / "run"
    process = subprocess.Popen(
        command("nsim", "run", run_path, "--out", out, ranks=2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("parts/[!.]*.h5")) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = [pid for pid, words in running_processes() if words[0] == sys.executable and str(out) in words]
    assert len(workers) == 2
    os.kill(max(workers), signal.SIGUSR1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 85, errors
    assert "stopped on request" in errors
    status = json.loads(call("nsim", "status", out, "--json").stdout)
    assert 0 < status["done"] < status["tasks"]
    assert call("nsim", "run", run_path, "--out", out, ranks=2).returncode == 0


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_only_rank_0_speaks_of_bad_input(run_dict, write_toml, tmp_path, ranks):
    run_path = write_toml(run_dict(model__gamma=-4.0))
    done = call("nsim", "run", run_path, "--out", tmp_path / "run", ranks=ranks)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert "model.gamma = -4.0" in lines[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_too_little_memory_ends_all_ranks(run_dict, write_toml, tmp_path):
    run_path = write_toml(run_dict(ensemble={"n": 1_000_000}))
    done = call("nsim", "run", run_path, "--out", tmp_path / "run", ranks=2, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("2 rank(s) on this node need") == 1


def test_a_rank_that_breaks_ends_the_job(tmp_path):
    """An internal error on one rank: its traceback, and the others do not wait for ever."""
    script = tmp_path / "broken.py"
    script.write_text(
        "from nsim.parallel.ranks import connect\n"
        "ranks = connect()\n"
        "if ranks.rank == 1:\n"
        "    raise RuntimeError('broken on purpose')\n"
        "ranks.wait_for_all()\n"
    )
    launcher = command("x", ranks=2)[:3]
    began = time.monotonic()
    done = subprocess.run(
        [*launcher, command("x")[0], str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert time.monotonic() - began < 30
    assert done.returncode != 0
    assert "rank 1 of 2 failed" in done.stderr
    assert "broken on purpose" in done.stderr


def test_a_rank_that_breaks_outside_a_task_names_it_and_ends_the_job(run_dict, write_toml, tmp_path):
    """Its disk fails in a way nobody foresees: rank, task and traceback, and all are gone within seconds."""
    script = tmp_path / "broken.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from nsim.campaign import campaign\n"
        "from nsim.parallel.ranks import connect\n"
        "from nsim.run_file import load\n"
        "ranks = connect()\n"
        "campaign.SEAL_EVERY, campaign.SEALING_SHARE = 0.0, float('inf')\n"
        "def broken(*_):\n"
        "    raise RuntimeError('broken on purpose')\n"
        "if ranks.rank == 1:\n"
        "    campaign.write_part = broken\n"
        "campaign.run_campaign(load(Path(sys.argv[1])), Path(sys.argv[2]), ranks)\n"
    )
    path = write_toml(run_dict(ensemble={"n": 24, "samples": 400, "replicas": 4}))
    launcher = command("x", ranks=2)
    done = subprocess.run(
        [*launcher[: launcher.index("-m")], str(script), str(path), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode not in (0, 85)
    assert "rank 1 of 2 failed at task n = 24, sample" in done.stderr
    assert "broken on purpose" in done.stderr
    status = json.loads(call("nsim", "status", tmp_path / "run", "--json").stdout)
    assert status["damaged"] == []


def test_a_time_limit_ends_a_run_in_time_and_resumable(run_dict, write_toml, tmp_path):
    """One task that would take minutes; a later job goes on from its checkpoint."""
    path = write_toml(run_dict(ensemble={"n": 32, "replicas": 2}, protocol={"kind": "anneal", "sweeps": 5_000_000}))
    out, limit, resumed = tmp_path / "run", 3, False
    while not resumed:
        saved = list(out.glob("checkpoints/n*.npz"))
        began = time.monotonic()
        done = call("nsim", "run", path, "--out", out, "--time-limit", limit)
        assert done.returncode == 85, done.stderr
        assert time.monotonic() - began < limit + 30  # Python starts and ends slowly on a busy machine
        assert "stopped before its time is over" in done.stderr
        resumed = "goes on from its checkpoint" in done.stderr
        assert resumed <= bool(saved)
        limit *= 1 if saved else 2
        assert limit < 50
    status = json.loads(call("nsim", "status", out, "--json").stdout)
    assert (status["running"], status["done"], status["checkpoints"]) == (False, 0, 1)
