"""Groups of ranks that share a sample: their collective calls, failures in them, and runs that use them."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.launch import call, command, data_of, environment

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(240)]

PREAMBLE = """
import sys
import numpy as np
from nsim.parallel.rank_group import PeerFailedError
from nsim.parallel.ranks import connect
ranks = connect()
group = ranks.group(int(sys.argv[1]))
"""


def run_script(tmp_path, text, ranks, *arguments):
    script = tmp_path / "script.py"
    script.write_text(PREAMBLE + text)
    launcher = command("x", ranks=ranks)
    return subprocess.run(
        [*launcher[: launcher.index("-m")], str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment() | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2])])},
        check=False,
    )


@pytest.fixture
def run_path(run_dict, write_toml):
    return write_toml(
        run_dict(
            ensemble={"n": [24, 40], "samples": [8, 5], "replicas": 5, "batch": 2},
            protocol={"kind": "anneal", "sweeps": 50},
            model={"gamma": 4.0, "a2": {"mean": 1.0, "std": 0.5}},
        )
    )


def test_collective_calls(tmp_path):
    done = run_script(
        tmp_path,
        """
first = ranks.rank // 2 * 2
def work():
    assert (group.rank, group.size) == (ranks.rank - first, 2)
    assert group.broadcast(ranks.rank) == first
    rows = group.all_gather(np.full((1 + group.rank, 3), 10.0 * group.rank))
    assert rows.tolist() == [[0.0] * 3, [10.0] * 3, [10.0] * 3]
    assert group.sum(np.array([1, 2 + group.rank])).tolist() == [2, 5]
    shared = group.shared((2, 5))
    shared[group.rank] = ranks.rank
    group.barrier()
    assert shared[:, 0].tolist() == [first, first + 1]
for _ in range(3):
    group.together(work)
print("fine")
""",
        4,
        2,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fine") == 4


def test_one_that_fails_stops_its_peers_and_the_group_goes_on(tmp_path):
    """Before, between and after collective calls; a shared array too large is an error on all, not a bus error."""
    done = run_script(
        tmp_path,
        """
def work(when):
    if group.rank == 1 and when == 0:
        raise ValueError("on purpose")
    shared = group.shared((4,))
    if group.rank == 1 and when == 1:
        raise ValueError("on purpose")
    group.all_gather(np.zeros(3))
    if group.rank == 1 and when == 2:
        raise ValueError("on purpose")
    if when == 3:
        group.shared((10**7, 10**7))
    return when

for when in range(4):
    try:
        group.together(lambda: work(when))
    except (ValueError, PeerFailedError, MemoryError) as error:
        breaking = {0: 1, 1: 1, 2: 1, 3: 0}[when]
        assert isinstance(error, PeerFailedError) == (group.rank != breaking), error
    else:
        raise AssertionError(when)
assert group.together(lambda: work(4)) == 4
print("fine")
""",
        3,
        3,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fine") == 3


def test_groups_do_not_change_the_data(run_path, tmp_path):
    """Three batches of a sample among two ranks (one has two) or three, with one copy of J."""
    assert call("nsim", "run", run_path, "--out", tmp_path / "serial").returncode == 0
    for ranks, of_a_sample in ((2, 2), (4, 2), (3, 3)):
        out = tmp_path / f"r{ranks}"
        done = call("nsim", "run", run_path, "--out", out, "--ranks-per-sample", of_a_sample, ranks=ranks)
        assert done.returncode == 0, done.stderr
        assert data_of(out) == data_of(tmp_path / "serial")


@pytest.mark.parametrize("ranks", [None, 3])
def test_a_group_that_does_not_fit_is_refused(run_path, tmp_path, ranks):
    done = call("nsim", "run", run_path, "--out", tmp_path / "run", "--ranks-per-sample", 2, ranks=ranks)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"nsim: error: 2 ranks per sample: the number of ranks must be a multiple of it, and is {ranks or 1}"
    ]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("together", "breaking"), [(False, (0, 1)), (True, (1,)), (True, (0, 1))])
def test_a_failing_task_is_recorded_and_the_others_are_done(run_path, tmp_path, together, breaking):
    """Named with its error, whichever of the ranks that work on it fails; the run goes on to its end."""
    done = run_script(
        tmp_path,
        f"""
from dataclasses import replace
from pathlib import Path
from nsim.campaign import handful
from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.campaign.protocols import PROTOCOLS
from nsim.parallel.checkpoint import NEVER
from nsim.parallel.rank_group import ALONE
PROTOCOLS["anneal"] = replace(PROTOCOLS["anneal"], together={together})
perform = handful.perform
def failing(run, task, J, group=ALONE, checkpoint=NEVER):
    group.barrier()
    if (task.n, task.sample, task.first) == (40, 2, 2) and ranks.rank in {breaking}:
        raise ArithmeticError("on purpose")
    group.barrier()
    return perform(run, task, J)
handful.perform = failing
outcome = run_campaign(run_file.load(Path(sys.argv[2])), Path(sys.argv[3]), ranks, ranks_per_sample=2)
assert outcome.status == 1
""",
        2,
        1,
        run_path,
        tmp_path / "run",
    )
    assert done.returncode == 0, done.stderr
    status = json.loads(call("nsim", "status", tmp_path / "run", "--json").stdout)
    assert status["failures"] == {"n = 40, sample 2, replicas 2..3": "ArithmeticError: on purpose"}
    assert (status["tasks"], status["done"]) == (39, 38)


@pytest.mark.parametrize(("ranks", "precision"), [(2, "double"), (3, "single")])
def test_rows_over_ranks_reach_the_serial_minima(run_dict, write_toml, tmp_path, ranks, precision):
    """N above and below where Lanczos and single precision set in; sizes that do not divide by the ranks."""
    run = run_dict(
        ensemble={"n": [41, 430], "samples": 1, "replicas": 5, "batch": 4},
        output={"response": False},
        couplings={"precision": precision},
    )
    run_path = write_toml(run)
    assert call("nsim", "run", run_path, "--out", tmp_path / "serial").returncode == 0
    spread = ("--ranks-per-sample", ranks, "--couplings", "rows")
    done = call("nsim", "run", run_path, "--out", tmp_path / "rows", *spread, ranks=ranks)
    assert done.returncode == 0, done.stderr
    for n in (41, 430):
        with h5py.File(tmp_path / "serial/results.h5") as one, h5py.File(tmp_path / "rows/results.h5") as other:
            assert other[f"n{n}/converged"][()].all()
            for name, error in (("v", 1e-9), ("energy", 1e-9), ("local_field", 1e-9), ("eigenvalue", 1e-8)):
                np.testing.assert_allclose(other[f"n{n}/{name}"], one[f"n{n}/{name}"], atol=error)
            assert np.isnan(other[f"n{n}/C"][()]).all()


def test_stability_without_quartic_term_is_looked_at_in_rows(run_dict, write_toml, tmp_path):
    for gamma, status in ((0.2, 0), (2.0, 2)):
        run_path = write_toml(
            run_dict(model={"gamma": gamma, "a4": 0.0}, ensemble={"n": 30, "samples": 3}, output={"response": False})
        )
        out = tmp_path / f"{gamma}"
        done = call("nsim", "run", run_path, "--out", out, "--ranks-per-sample", 2, "--couplings", "rows", ranks=2)
        assert done.returncode == status, done.stderr
        assert ("positive definite" in done.stderr) == (status == 2)


def test_killed_ranks_leave_no_couplings_behind(run_dict, write_toml, tmp_path):
    """SIGKILL while J is shared. (What the MPI library itself may leave of its start-up, 2 MB, is smaller than J.)"""
    n = 700
    run_path = write_toml(
        run_dict(ensemble={"n": n, "samples": 500, "replicas": 2, "batch": 1}, protocol={"kind": "quench"})
    )
    before = set(Path("/dev/shm").iterdir())
    out = tmp_path / "run"
    process = subprocess.Popen(
        command("nsim", "run", run_path, "--out", out, "--ranks-per-sample", 2, ranks=2),
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
    time.sleep(0.5)
    left = [path for path in set(Path("/dev/shm").iterdir()) - before if path.stat().st_size >= 8 * n * n]
    assert not left
