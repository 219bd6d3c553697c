"""Time of a run before the job is queued: pilot tasks are timed here, larger ones extrapolated.

A pilot task with a quench gives the cost of relaxing and measuring: its matrix factorisations, timed apart, grow with
N^3, the rest is products J v and grows with N^2, a little faster where J leaves the cache. A short Monte Carlo chain
gives the cost of a sweep. Memory: `nsim.campaign.memory`.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh, lapack

from nsim.campaign.memory import check_memory, rank_memory
from nsim.campaign.protocols import PROTOCOLS, start
from nsim.campaign.tasks import Task, perform, task_width, tasks_of
from nsim.dynamics.heat_bath import HeatBathChain
from nsim.dynamics.monte_carlo import Chain, MetropolisChain
from nsim.run_file import RunFile
from nsim.sample.glass import Glass
from nsim.sample.hessian import cholesky, resolvent_diagonal_and_localisation
from nsim.sample.normal_modes import modes_of
from nsim.streams import Purpose, generator

PILOT_N = 1024  # larger systems are extrapolated from this size
PILOT_SWEEPS = 20
BESIDE_SWEEPS = 55.0  # over N: what swaps and measurements of a tempering add to its sweeps, from the benchmark
GROWTH = 2.3  # exponent in N of the time of all but the factorisations; measured: benchmarks/bench_scaling.py


@dataclass
class Estimate:
    """What a run will take."""

    tasks: int
    task_seconds: dict[int, float]  # one task of each size
    core_seconds: float
    seconds: float  # on the given number of ranks
    bytes_per_rank: float  # its share of a node's copy of J not taken off
    bytes_shared: float  # of these, what the ranks of a group have once per node
    bytes_on_disk: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def estimate(run: RunFile, ranks: int = 1, ranks_per_sample: int = 1, rows: bool = False) -> Estimate:
    """Time pilot tasks of each size and add up; raises `InputError` if not even one rank fits into this machine."""
    if not rows:
        check_memory(run)
    tasks = tasks_of(run)
    width = min(task_width(run), run.ensemble.replicas)
    seconds = {n: _task_seconds(run, n, width) for n in run.ensemble.samples_of}
    total = sum(seconds[task.n] * task.width / width for task in tasks)
    longest = max(seconds.values()) / (ranks_per_sample if rows else 1)
    site_arrays = 9 if run.output.sites else 0
    disk = sum(
        count * run.ensemble.replicas * 8 * (site_arrays * n + 12 + 2 * modes_of(n) * run.output.spectrum)
        for n, count in run.ensemble.samples_of.items()
    )
    disk += sum(_measured_bytes(run, n, count) for n, count in run.ensemble.samples_of.items())
    own, shared = rank_memory(run, ranks_per_sample, rows)
    return Estimate(len(tasks), seconds, total, max(total / ranks, longest), own + shared, shared, float(disk))


def _measured_bytes(run: RunFile, n: int, samples: int) -> int:
    """What the protocol measures on the way, of all samples of a size."""
    protocol = PROTOCOLS[run.protocol.kind]
    lengths = {"sample": samples, "replica": run.ensemble.replicas, "site": n}
    lengths |= {name: len(coordinate.values) for name, coordinate in protocol.coordinates(run, n).items()}
    return sum(8 * math.prod(lengths[name] for name in variable.dims) for variable in protocol.variables.values())


def _task_seconds(run: RunFile, n: int, width: int) -> float:
    pilot_n = min(n, PILOT_N)
    pilot = run.model_copy(
        update={
            "couplings": run.couplings.model_copy(update={"file": None}),
            "protocol": run.protocol.model_copy(update={"kind": "quench"}),
        }
    )
    perform(pilot, Task(2, 0, 0, 1))  # compile the kernels first
    began = time.perf_counter()
    perform(pilot, Task(pilot_n, 0, 0, width))
    total = time.perf_counter() - began
    if n > pilot_n:
        cubic = min(width * _cubic_seconds(run, pilot_n), total) if run.output.response else 0.0
        total = cubic * (n / pilot_n) ** 3 + (total - cubic) * (n / pilot_n) ** GROWTH
    protocol = PROTOCOLS[run.protocol.kind]
    if sweeps := protocol.sweeps(run):
        columns = width * protocol.columns(run, n)
        batch = min(run.ensemble.batch, columns)
        glass = Glass.draw(run.model, run.seed, pilot_n, 0)
        streams = [generator(run.seed, pilot_n, 0, Purpose.MONTE_CARLO, r) for r in range(batch)]
        v = start(glass, pilot, 0, range(batch))
        heat_bath = run.protocol.kind == "anneal" and run.protocol.algorithm == "heat-bath"
        chain: Chain = (
            HeatBathChain(glass, v, streams)
            if heat_bath
            else MetropolisChain(glass, v, streams, np.sqrt(run.model.length))
        )
        chain.sweep(1.0)
        began = time.perf_counter()
        for _ in range(PILOT_SWEEPS):
            chain.sweep(1.0)
        sweep = (time.perf_counter() - began) / PILOT_SWEEPS * (n / pilot_n) ** 2 * columns / batch
        total += sweep * sweeps * (1 + BESIDE_SWEEPS / n if protocol.together else 1)
    return total


def _cubic_seconds(run: RunFile, n: int) -> float:
    """The work on one state that grows with N^3: Cholesky factors in either precision, an inverse, normal modes."""
    M = np.eye(n) + 0.5 / n
    began = time.perf_counter()
    lapack.spotrf(M.astype(np.float32).T, lower=True, overwrite_a=True)
    if run.output.spectrum:
        eigh(M + np.diag(np.linspace(0, 1, n)), driver="evr", check_finite=False)
    resolvent_diagonal_and_localisation(cholesky(M))
    return time.perf_counter() - began
