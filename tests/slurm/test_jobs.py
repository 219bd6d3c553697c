"""The job scripts as they stand, under a real Slurm of two nodes: nothing is lost, and the bits are a serial run's."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.launch import call, data_of
from tests.slurm.controller import processes

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(280)]

HOUSE = Path(__file__).parents[2]
BOTH_NODES = ("--nodes=2", "--ntasks-per-node=1")


@pytest.fixture(autouse=True)
def one_environment(slurm, request):
    """Jobs take the commands of the tests' own environment, and compile once."""
    bin_folder = Path(sys.executable).parent
    if not (bin_folder / "mpiexec.hydra").exists():
        pytest.skip("srun --mpi=pmi2 needs the MPI library of the extra `mpich`")
    kernels = request.config.cache.mkdir("nsim-kernels")
    slurm.environment |= {"NSIM_BIN": str(bin_folder), "NUMBA_CACHE_DIR": str(kernels)}


@pytest.fixture
def submit(slurm, tmp_path):
    """Submit a script of slurm/ for a run file and directory; returns the number of the job."""

    def submit(script, run_file, directory, *options):
        where = (f"--chdir={HOUSE}", f"--output={tmp_path}/job-%j.log")
        return slurm.submit(*where, *options, HOUSE / "slurm" / script, run_file, directory)

    return submit


def logs(folder):
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))


def ranks_of(slurm):
    """Process numbers of the ranks that are running."""
    return [
        number
        for number, environment in processes(slurm.folder)
        if any(word.startswith("SLURM_PROCID=") for word in environment)
        and re.match(r"\S*python\S* .*nsim run ", words_of(number))
    ]


def words_of(number):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ")
    return ""


def is_warned(number):
    """Whether SIGUSR1 waits for a process that is held; Slurm may let it go on by itself, so that it has ended."""
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except OSError:
        return True
    return int(re.search(r"ShdPnd:\s*(\w+)", status)[1], 16) >> (signal.SIGUSR1 - 1) & 1


def same_as_serial(run_file, tmp_path):
    assert call("nsim", "run", run_file, "--out", tmp_path / "serial").returncode == 0
    return data_of(tmp_path / "job") == data_of(tmp_path / "serial")


def sealed(directory):
    return len(list(directory.glob("parts/[!.]*.h5")))


def anneal(run_dict, samples, sweeps):
    return run_dict(
        ensemble={"n": 40, "samples": samples, "replicas": 4}, protocol={"kind": "anneal", "sweeps": sweeps}
    )


def test_two_nodes_are_two_groups_of_one_rank(slurm):
    """What a shared window can be made on is a node, and ranks of a step find each other."""
    program = (
        "from nsim.parallel.ranks import connect; ranks = connect(); "
        "everyone = ranks.gather((ranks.rank, ranks.size, ranks.on_this_node)); print(everyone or '', end='')"
    )
    assert slurm.call("srun", *BOTH_NODES, sys.executable, "-c", program).strip() == "[(0, 2, 1), (1, 2, 1)]"
    crowded = slurm.call("srun", "--nodes=1", "--ntasks=2", sys.executable, "-c", program)
    assert crowded.strip() == "[(0, 2, 2), (1, 2, 2)]"


def test_walltime_requeue_and_the_bits_of_a_serial_run(slurm, submit, run_dict, write_toml, tmp_path):
    """Slurm's own warning before the limit reaches every rank; the job requeues itself and goes on."""
    run_file = write_toml(anneal(run_dict, 24, 6000))
    job = submit("ensemble.sbatch", run_file, tmp_path / "job", *BOTH_NODES, "--time=1", "--signal=USR1@60")
    slurm.until(lambda: sealed(tmp_path / "job"))
    ranks = ranks_of(slurm)
    assert len(ranks) == 2
    for number in ranks:  # held, so that little work is left when the warning comes, within half a minute
        os.kill(number, signal.SIGSTOP)
    slurm.until(lambda: all(map(is_warned, ranks)))
    for number in ranks:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGCONT)
    slurm.until(lambda: slurm.job(job)["Restarts"] != "0")
    slurm.call("scontrol", "update", f"JobId={job}", "TimeLimit=10")  # once is enough
    states = slurm.wait(job)
    log = logs(tmp_path)
    assert states == ["COMPLETED"], log
    assert "stopped on request (SIGUSR1)" in log
    assert "done before" in log
    assert same_as_serial(run_file, tmp_path)


def test_array_and_the_chain_that_ends_in_a_report(slurm, run_dict, write_toml, tmp_path):
    """slurm/campaign.sh: three jobs side by side, put together and judged by a fourth that waits for them."""
    ensemble = {"n": [24, 32, 48], "samples": [9, 7, 5], "replicas": 3, "batch": 2}
    run_file = write_toml(run_dict(ensemble=ensemble, model__gamma=0.4))  # whose theory is quickly solved
    words = [HOUSE / "slurm/campaign.sh", "slurm/array.sbatch", run_file, tmp_path / "job", "--array=1-3"]
    done = subprocess.run(words, cwd=HOUSE, env=slurm.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    array, report = map(int, done.stdout.split())
    assert slurm.job(report)["Dependency"].startswith(f"afterok:{array}")
    assert set(slurm.wait(array, report, timeout=120)) == {"COMPLETED"}, logs(tmp_path / "job")
    assert same_as_serial(run_file, tmp_path)
    assert "0 tasks on 1 rank(s)" in logs(tmp_path / "job")  # the last one computed nothing
    assert json.loads((tmp_path / "job/report/report.json").read_text())["checks"]


def test_a_run_that_fails_takes_its_report_out_of_the_queue(slurm, run_dict, write_toml, tmp_path):
    run_file = write_toml(run_dict(model__gamma=-1.0))
    words = [HOUSE / "slurm/campaign.sh", "slurm/ensemble.sbatch", run_file, tmp_path / "job", *BOTH_NODES]
    done = subprocess.run(words, cwd=HOUSE, env=slurm.environment, capture_output=True, text=True, check=True)
    assert slurm.wait(*map(int, done.stdout.split())) == ["FAILED", "CANCELLED"]
    assert logs(tmp_path / "job").count("model.gamma = -1.0") == 1


def test_a_node_dies_and_the_job_goes_on(slurm, submit, run_dict, write_toml, tmp_path):
    """All of a node's processes killed, its daemon first; what was sealed is kept, the rest is done afterwards."""
    run_file = write_toml(anneal(run_dict, 24, 6000))
    job = submit("ensemble.sbatch", run_file, tmp_path / "job", *BOTH_NODES)
    slurm.until(lambda: sealed(tmp_path / "job"))
    slurm.kill_node("n2")
    slurm.until(lambda: slurm.job(job)["JobState"] != "RUNNING" and any("DOWN" in state for state in slurm.states()))
    before = json.loads(call("nsim", "status", tmp_path / "job", "--json").stdout)
    assert 0 < before["done"] < before["tasks"]
    slurm.start_node("n2")
    assert slurm.wait(job, timeout=150) == ["COMPLETED"], logs(tmp_path)
    assert int(slurm.job(job)["Restarts"]) >= 1
    assert f"{before['done']} done before" in logs(tmp_path)
    assert same_as_serial(run_file, tmp_path)


def test_tempering_over_two_nodes_stopped_and_continued(slurm, submit, run_dict, write_toml, tmp_path):
    run_file = write_toml(
        run_dict(
            ensemble={"n": 32, "samples": 1, "replicas": 2},
            protocol={"kind": "tempering", "sweeps": 15000, "t_start": 40.0, "t_end": 8.0},
        )
    )
    job = submit("tempering.sbatch", run_file, tmp_path / "job", *BOTH_NODES)
    slurm.until(lambda: slurm.job(job)["JobState"] == "RUNNING" and (tmp_path / "job/run.json").exists())
    time.sleep(1.0)
    slurm.call("scancel", "--signal=USR1", job)
    assert slurm.wait(job, timeout=120) == ["COMPLETED"], logs(tmp_path)
    assert same_as_serial(run_file, tmp_path)


def test_one_system_in_rows_over_two_nodes(slurm, submit, run_dict, write_toml, tmp_path):
    run_file = write_toml(
        run_dict(ensemble={"n": 300, "samples": 1, "replicas": 2}, output={"response": False}), name="large.toml"
    )
    job = submit("large.sbatch", run_file, tmp_path / "job", *BOTH_NODES)
    assert slurm.wait(job) == ["COMPLETED"], logs(tmp_path)
    assert call("nsim", "run", run_file, "--out", tmp_path / "serial").returncode == 0
    with h5py.File(tmp_path / "job/results.h5") as job_file, h5py.File(tmp_path / "serial/results.h5") as serial_file:
        np.testing.assert_allclose(job_file["n300/v"][()], serial_file["n300/v"][()], rtol=0, atol=1e-9)


def test_nothing_is_left_running(slurm):
    """Between jobs there are the daemons and nothing else."""
    slurm.until(lambda: len(list(processes(slurm.folder))) <= 5, timeout=20)
