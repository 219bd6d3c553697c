"""Memory of a run: what is predicted is what is used, and a run that does not fit is refused with what would help."""

import json
import subprocess
import sys
import time
import tracemalloc
from unittest import mock

import pytest

from nsim import run_file
from nsim.campaign import estimate, memory
from nsim.campaign.memory import INTERPRETER, bytes_on_disk, check_disk, check_memory, node_memory, rank_memory
from nsim.campaign.tasks import Task, perform
from nsim.errors import InputError
from tests.launch import call, environment

PEAK = """
import sys
from pathlib import Path
import pandas  # prints the summary: else a small run would have its peak there, a large one before
from nsim.cli import cli
cli.main(["run", sys.argv[1], "--out", sys.argv[2]], standalone_mode=False)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])  # kB of this process, not of its parent
"""


@pytest.fixture
def peak(write_toml, tmp_path):
    """Bytes `nsim run` uses at its peak, in a process of its own."""

    def measure(run):
        path = write_toml(run, "run.toml")
        out = tmp_path / f"{run_file.load(path).ensemble.n}"
        done = subprocess.run(
            [sys.executable, "-c", PEAK, path, out], capture_output=True, text=True, env=environment(), check=True
        )
        return 1024 * int(done.stdout.splitlines()[-1])

    return measure


def large(run_dict, n, precision, response):
    """A quench of one state."""
    return run_dict(
        ensemble={"n": n}, couplings={"precision": precision}, output={"response": response, "sites": False}
    )


@pytest.mark.parametrize(("precision", "response"), [("double", True), ("single", True), ("single", False)])
def test_a_run_uses_what_was_predicted(run_dict, peak, precision, response):
    """Within 30%, beyond what the libraries take: room for BLAS buffers and compiled kernels."""
    small, warm, run = (large(run_dict, n, precision, response) for n in (64, 600, 3000))
    peak(warm)  # compiles and caches the kernels of large systems, which takes memory once
    used = peak(run) - peak(small)
    predicted = sum(rank_memory(run_file.parse(run))) - sum(rank_memory(run_file.parse(small)))
    assert 0.7 * predicted < used < 1.15 * predicted


def test_normal_modes_use_what_was_predicted(run_dict, peak):
    """All eigenvectors beside the Hessian."""
    small, run = (large(run_dict, n, "double", True) for n in (64, 1800))
    for each in (small, run):
        each["output"]["spectrum"] = True
    used = peak(run) - peak(small)
    predicted = sum(rank_memory(run_file.parse(run))) - sum(rank_memory(run_file.parse(small)))
    assert 0.7 * predicted < used < 1.15 * predicted


def test_many_replicas_of_a_small_system_use_what_was_predicted(run_dict):
    """Where the columns of a batch count and the N x N arrays do not; beyond what a few columns take."""
    runs = [
        run_file.parse(
            run_dict(ensemble={"n": 64, "replicas": columns, "batch": 256}, relaxation={"max_iterations": 3})
        )
        for columns in (2, 256)
    ]
    used = []
    for run in (runs[0], *runs):  # the first brings in what is imported late
        tracemalloc.start()
        perform(run, Task(64, 0, 0, run.ensemble.replicas))
        used.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, many = (sum(rank_memory(run)) for run in runs)
    assert 0.5 * (many - few) < used[2] - used[1] < many - few


def test_libraries_alone_fit_into_their_share(run_dict, peak):
    assert 0.5 * INTERPRETER < peak(large(run_dict, 16, "double", True)) < 1.1 * INTERPRETER


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_thousand_sites_within_8_gb(run_dict, peak, tmp_path):
    """Relaxed, proven to be a minimum (status 0), measured with its inverse Hessian."""
    assert 4e9 < peak(large(run_dict, 20_000, "double", True)) < 8e9


def test_sharing_and_spreading(run_dict):
    """One copy of J per node for the ranks of a group; rows divide it."""
    run = run_file.parse(large(run_dict, 10_000, "double", False))
    J, rough = 8e8, 4e8
    alone, shared = node_memory(run, 4), node_memory(run, 4, ranks_per_sample=4)
    assert alone - shared == pytest.approx(3 * J)
    rows = node_memory(run, 4, ranks_per_sample=4, rows=True)
    assert shared - rows == pytest.approx(3 * rough)
    assert node_memory(run, 1, ranks_per_sample=4, rows=True) < 0.3 * (J + rough) + 1.2 * INTERPRETER


def test_a_run_that_does_not_fit_says_what_would(run_dict, monkeypatch):
    run = run_file.parse(large(run_dict, 20_000, "double", True))  # 6.9 GB
    monkeypatch.setattr(memory, "available_memory", lambda: 8e9)
    assert len(check_memory(run)) == 1  # tight
    monkeypatch.setattr(memory, "available_memory", lambda: 9e9)
    assert check_memory(run) == []
    for available, words in (
        (6e9, "with couplings.precision = 'single'$"),
        (2.5e9, "with couplings.precision = 'single' and output.response = false$"),
        (1e9, "1 GB are available$"),
    ):
        monkeypatch.setattr(memory, "available_memory", lambda available=available: available)
        with pytest.raises(InputError, match=words):
            check_memory(run)


def test_what_does_not_fit_into_shared_memory_is_refused(run_dict, monkeypatch):
    run = run_file.parse(large(run_dict, 10_000, "double", False))  # J takes 0.8 GB
    monkeypatch.setattr(memory, "available_memory", lambda: 1e12)
    monkeypatch.setattr(memory, "free_shared_memory", lambda: 1.7e9)
    assert check_memory(run, 4, ranks_per_sample=2) == []
    assert check_memory(run, 8, ranks_per_sample=1) == []  # nothing is shared
    with pytest.raises(InputError, match=r"shared copies of J take 2.4 GB .* 1.7 GB are free"):
        check_memory(run, 6, ranks_per_sample=2)


def test_a_disk_too_small_is_warned_of(run_dict, tmp_path, monkeypatch):
    run = run_file.parse(run_dict(ensemble={"n": 1000, "samples": 100, "replicas": 10}))
    assert 8e6 * 9 < bytes_on_disk(run) < 8e6 * 12  # nine numbers of every site, and some of every state
    for free, warnings in ((1e9, 0), (5e7, 1)):
        monkeypatch.setattr(memory.shutil, "disk_usage", lambda path, free=free: mock.Mock(free=free))
        found = check_disk(run, tmp_path / "not/there/yet")
        assert len(found) == warnings
    assert "0.05 GB are free" in found[0]


def test_estimate_refuses_what_no_rank_can_hold(run_dict, write_toml):
    path = write_toml(large(run_dict, 10_000_000, "single", False))
    done = call("nsim", "estimate", path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "GB of memory for n = 10000000" in done.stderr
    rows = ("--ranks-per-sample", 5000, "--couplings", "rows")  # 80 GB each, somewhere else
    assert json.loads(call("nsim", "estimate", path, "--json", *rows).stdout)["bytes_per_rank"] > 8e10


@pytest.mark.slow
def test_time_is_predicted_within_a_factor_of_two(run_dict, write_toml, tmp_path):
    """Three times the size of the pilot; on a quiet machine."""
    path = write_toml(large(run_dict, 3072, "double", True))
    predicted = json.loads(call("nsim", "estimate", path, "--json").stdout)["core_seconds"]
    perform(run_file.load(path), Task(64, 0, 0, 1))  # compile
    began = time.perf_counter()
    perform(run_file.load(path), Task(3072, 0, 0, 1))
    assert 0.5 < predicted / (time.perf_counter() - began) < 2


@pytest.mark.parametrize("algorithm", ["metropolis", "heat-bath"])
def test_estimate_times_the_algorithm_of_the_run(run_dict, monkeypatch, algorithm):
    made = []
    for name in ("MetropolisChain", "HeatBathChain"):
        chain = getattr(estimate, name)
        monkeypatch.setattr(estimate, name, lambda *a, name=name, chain=chain: made.append(name) or chain(*a))
    estimate.estimate(run_file.parse(run_dict(protocol={"kind": "anneal", "sweeps": 20, "algorithm": algorithm})))
    assert set(made) == {{"metropolis": "MetropolisChain", "heat-bath": "HeatBathChain"}[algorithm]}
