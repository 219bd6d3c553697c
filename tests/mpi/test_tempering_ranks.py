"""Ladders spread over ranks: the data are the same bit for bit."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.launch import call, command, data_of, environment, running_processes

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(240)]


@pytest.fixture
def run_path(run_dict, write_toml):
    """Three ladders of six rungs or so, in blocks of five columns: they neither fit ladders nor ranks."""
    return write_toml(
        run_dict(
            ensemble={"n": [12, 30], "samples": [3, 2], "replicas": 3, "batch": 5},
            protocol={"kind": "tempering", "sweeps": 120, "t_start": 40.0, "t_end": 8.0, "swap_every": 2},
            model={"gamma": 4.0, "field": 0.2},
        )
    )


def test_ladders_on_several_ranks_give_the_same_data(run_path, tmp_path):
    assert call("nsim", "run", run_path, "--out", tmp_path / "serial").returncode == 0
    serial = data_of(tmp_path / "serial")
    for ranks, of_a_sample in ((2, 1), (2, 2), (3, 3)):
        out = tmp_path / f"r{ranks}-{of_a_sample}"
        done = call("nsim", "run", run_path, "--out", out, "--ranks-per-sample", of_a_sample, ranks=ranks)
        assert done.returncode == 0, done.stderr
        assert data_of(out) == serial


def test_more_ranks_than_blocks(run_dict, write_toml, tmp_path):
    """One block of columns: the other ranks of the group have nothing to sweep, and the same swaps."""
    path = write_toml(
        run_dict(
            ensemble={"n": 8, "samples": 1},
            protocol={"kind": "tempering", "sweeps": 40, "temperatures": [40.0, 30.0, 20.0]},
        )
    )
    assert call("nsim", "run", path, "--out", tmp_path / "serial").returncode == 0
    assert call("nsim", "run", path, "--out", tmp_path / "r3", "--ranks-per-sample", 3, ranks=3).returncode == 0
    assert data_of(tmp_path / "r3") == data_of(tmp_path / "serial")


def test_a_killed_tempering_continues_to_the_same_data(run_dict, write_toml, tmp_path):
    """SIGKILL once something is sealed; then to the end with the ladders on two ranks."""
    path = write_toml(
        run_dict(
            ensemble={"n": 24, "samples": 16, "batch": 5},
            protocol={"kind": "tempering", "sweeps": 1500, "t_start": 40.0, "t_end": 8.0},
        )
    )
    assert call("nsim", "run", path, "--out", tmp_path / "whole").returncode == 0
    out = tmp_path / "killed"
    process = subprocess.Popen(
        command("nsim", "run", path, "--out", out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("parts/[!.]*.h5")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = call("nsim", "run", path, "--out", out, "--ranks-per-sample", 2, ranks=2)
    assert done.returncode == 0, done.stderr
    assert "done before" in done.stderr
    assert data_of(out) == data_of(tmp_path / "whole")


def test_stopped_inside_a_sample_and_continued_on_other_numbers_of_ranks(run_dict, write_toml, tmp_path):
    """One long sample: SIGUSR1 to one of two ranks that share its ladders, then on three ranks, then alone."""
    path = write_toml(
        run_dict(
            ensemble={"n": 24, "samples": 1, "batch": 3, "replicas": 4},
            protocol={"kind": "tempering", "sweeps": 3000, "temperatures": [40.0, 33.0, 27.0, 22.0]},
        )
    )
    assert call("nsim", "run", path, "--out", tmp_path / "whole").returncode == 0
    out = tmp_path / "stopped"
    for ranks in (2, 3):
        more = ("--ranks-per-sample", ranks, "--checkpoint-every", 0.2)
        process = subprocess.Popen(
            command("nsim", "run", path, "--out", out, *more, ranks=ranks),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        before = {file: file.stat().st_mtime_ns for file in out.glob("checkpoints/n*.npz")}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            now = {file: file.stat().st_mtime_ns for file in out.glob("checkpoints/n*.npz")}
            if now and now != before:
                break
            time.sleep(0.01)
        workers = [pid for pid, words in running_processes() if words[0] == sys.executable and str(out) in words]
        assert len(workers) == ranks
        os.kill(max(workers), signal.SIGUSR1)
        asked = time.monotonic()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 85, errors
        assert time.monotonic() - asked < 20  # the rest of the sample would take longer on one core
        assert ("goes on from its checkpoint" in errors) == (ranks == 3)
    done = call("nsim", "run", path, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "goes on from its checkpoint" in done.stderr
    assert data_of(out) == data_of(tmp_path / "whole")
