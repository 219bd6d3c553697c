"""SIGKILL at random moments: no sealed result is lost, nothing is damaged, and the data come out the same.

A forked copy of this process carries out the run, so that a kill costs a tenth of a second and not the start of an
interpreter. It is killed wherever it happens to be: at work, while it seals, checkpoints, merges, or starts.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from nsim import run_file
from nsim.campaign import campaign, checkpoints
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.errors import ExitStatus
from nsim.parallel.ranks import SerialRanks
from tests.launch import call, command, data_of, environment

PROTOCOLS = [
    {"kind": "tempering", "sweeps": 300, "temperatures": [40.0, 30.0]},
    {"kind": "quench"},
    {"kind": "anneal", "sweeps": 2000},
]


def forked(run, path, told):
    """Carry out a run in a copy of this process, which tells through a pipe every part it has sealed; its number."""
    child = os.fork()
    if child:
        return child
    try:
        write_part = campaign.write_part

        def tell(part, results, run_id):
            write_part(part, results, run_id)
            os.write(told, "".join(f"{'-'.join(map(str, task))}\n" for task in results).encode())

        campaign.write_part = tell
        run_campaign(run, path, SerialRanks(), checkpoint_every=0.02)
    finally:
        os._exit(0)


def sealed_tasks(path):
    directory = RunDirectory(path)
    sealed = directory.sealed(directory.run())
    assert sealed.damaged == []
    return set(sealed.tasks)


def kill_often(run_dict, tmp_path, monkeypatch, kills):
    """Runs of a few tasks each, some short, some long enough for checkpoints; a new one whenever one is done."""
    monkeypatch.setattr(campaign, "SEAL_EVERY", 0.02)
    monkeypatch.setattr(campaign, "SEALING_SHARE", np.inf)
    monkeypatch.setattr(checkpoints, "POLL", 0.005)
    rng = random.Random(1)
    killed = whole = resumed = 0
    while killed < kills:
        protocol = PROTOCOLS[whole % len(PROTOCOLS)]
        run = run_file.parse(run_dict(ensemble={"n": 8, "samples": 8, "replicas": 2}, protocol=protocol, seed=whole))
        expected, path = tmp_path / f"expected{whole}", tmp_path / f"killed{whole}"
        began = time.monotonic()
        run_campaign(run, expected, SerialRanks())
        takes = time.monotonic() - began
        acknowledged = set()
        for _ in range(kills // 6 + 1):
            reading, told = os.pipe()
            child = forked(run, path, told)
            os.close(told)
            time.sleep(rng.uniform(0, 0.6 * takes))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            with os.fdopen(reading) as words:
                acknowledged |= {tuple(map(int, line.split("-"))) for line in words.read().split()}
            if (path / "run.json").exists():
                assert acknowledged <= sealed_tasks(path)
            else:
                assert not acknowledged
            resumed += bool(list(path.glob("checkpoints/n*.npz")))
            killed += os.WIFSIGNALED(status)
            if not os.WIFSIGNALED(status):
                break  # it was faster
        assert run_campaign(run, path, SerialRanks()).status == ExitStatus.DONE
        assert data_of(path) == data_of(expected)
        assert not [file for file in path.rglob(".tmp-*") if file.is_file()]
        whole += 1
    assert whole >= 3
    assert resumed > 0  # some were killed in the midst of a task with a checkpoint


def test_fifty_kills_at_random_moments_lose_nothing(run_dict, tmp_path, monkeypatch):
    kill_often(run_dict, tmp_path, monkeypatch, 50)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_kills_at_random_moments_lose_nothing(run_dict, tmp_path, monkeypatch):
    kill_often(run_dict, tmp_path, monkeypatch, 500)


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.timeout(3600)
def test_a_hundred_kills_of_ranks_that_share_couplings(run_dict, write_toml, tmp_path):
    """Launcher and ranks at once, from their start on; no couplings stay in shared memory."""
    n = 400
    path = write_toml(
        run_dict(
            ensemble={"n": n, "samples": 40, "replicas": 4, "batch": 2}, protocol={"kind": "anneal", "sweeps": 400}
        )
    )
    before = set(Path("/dev/shm").iterdir())
    rng = random.Random(2)
    out = tmp_path / "run"
    done = set()
    more = ("--ranks-per-sample", 2, "--checkpoint-every", 0.5)
    for _ in range(100):
        process = subprocess.Popen(
            command("nsim", "run", path, "--out", out, *more, ranks=2),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        time.sleep(rng.uniform(0.2, 5.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if (out / "run.json").exists():
            now = sealed_tasks(out)
            assert done <= now
            done = now
        left = [file for file in set(Path("/dev/shm").iterdir()) - before if file.stat().st_size >= 8 * n * n]
        assert [file for file in left if not file.name.startswith("mpich_shm_")] == []
    assert call("nsim", "run", path, "--out", out, ranks=2, timeout=1200).returncode == 0
    assert call("nsim", "run", path, "--out", tmp_path / "whole", ranks=2, timeout=1200).returncode == 0
    assert data_of(out) == data_of(tmp_path / "whole")
