"""Ladders spread over ranks: the data are the same bit for bit."""

import os
import signal
import subprocess
import time

import pytest

from tests.launch import call, command, data_of, environment

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
