"""Time of a run before the job is queued: pilot tasks are timed here, larger ones extrapolated.

A pilot task with a quench gives the cost of relaxing and measuring: its matrix factorisations, timed apart, grow with
N^3, the rest is products J v and grows with N^2, a little faster where J leaves the cache. A short Monte Carlo chain,
or motion, gives the cost of a sweep. Compiling is not counted (`nsim.campaign.working_time`). Memory:
`nsim.campaign.memory`; the search of double wells: `nsim.landscape.landscape_estimate`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh, lapack

from nsim.campaign.memory import bytes_on_disk, check_memory, rank_memory
from nsim.campaign.protocols import PROTOCOLS, start
from nsim.campaign.tasks import Task, perform, task_width, tasks_of
from nsim.campaign.working_time import seconds_of
from nsim.dynamics import langevin, monte_carlo
from nsim.dynamics.heat_bath import HeatBathChain
from nsim.dynamics.langevin import LangevinDynamics
from nsim.dynamics.monte_carlo import Chain, MetropolisChain
from nsim.run_file import RunFile
from nsim.sample.glass import Glass
from nsim.sample.hessian import cholesky, resolvent_diagonal_and_localisation
from nsim.streams import Purpose, generator

PILOT_N = 1024  # larger systems are extrapolated from this size
PILOT_SWEEPS, PILOT_STEPS = 20, 100
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
    double_wells_seconds: float = 0.0  # of the core seconds: the search around the states

    def add_double_wells(self, sample_seconds: dict[int, float], samples: dict[int, int], ranks: int) -> None:
        """Add the search of double wells, a task of which is a sample, to the time of the run."""
        total = sum(sample_seconds[n] * count for n, count in samples.items())
        self.double_wells_seconds = total
        self.core_seconds += total
        self.seconds += max(total / ranks, max(sample_seconds.values()))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def estimate(run: RunFile, ranks: int = 1, ranks_per_sample: int = 1, rows: bool = False) -> Estimate:
    """Time pilot tasks of each size and add up; raises `InputError` if not even one rank fits into this machine."""
    before = seconds_of(lambda: PROTOCOLS[run.protocol.kind].prepare(run))  # by every rank, all at the same time
    if not rows:
        check_memory(run)
    tasks = tasks_of(run)
    width = min(task_width(run), run.ensemble.replicas)
    seconds = {n: _task_seconds(run, n, width) for n in run.ensemble.samples_of}
    total = sum(seconds[task.n] * task.width / width for task in tasks) + ranks * before
    longest = before + max(seconds.values()) / (ranks_per_sample if rows else 1)
    own, shared = rank_memory(run, ranks_per_sample, rows)
    return Estimate(
        len(tasks), seconds, total, max(total / ranks, longest), own + shared, shared, float(bytes_on_disk(run))
    )


def _task_seconds(run: RunFile, n: int, width: int) -> float:
    pilot_n = min(n, PILOT_N)
    pilot = run.model_copy(
        update={
            "couplings": run.couplings.model_copy(update={"file": None}),
            "protocol": run.protocol.model_copy(update={"kind": "quench"}),
        }
    )
    perform(pilot, Task(2, 0, 0, 1))  # brings in what is imported late
    total = seconds_of(lambda: perform(pilot, Task(pilot_n, 0, 0, width)))
    if n > pilot_n:
        cubic = min(width * _cubic_seconds(run, pilot_n), total) if run.output.response else 0.0
        total = cubic * (n / pilot_n) ** 3 + (total - cubic) * (n / pilot_n) ** GROWTH
    protocol = PROTOCOLS[run.protocol.kind]
    if sweeps := protocol.sweeps(run):
        columns = width * protocol.columns(run, n)
        batch = min(run.ensemble.batch, columns)
        sweep = _sweep_seconds(run, pilot, pilot_n, batch) * (n / pilot_n) ** 2 * columns / batch
        total += sweep * sweeps * (1 + BESIDE_SWEEPS / n if protocol.together else 1)
    return total


def _sweep_seconds(run: RunFile, pilot: RunFile, n: int, batch: int) -> float:
    """One sweep, or one time step of a motion, of a batch; of so many that random numbers are drawn anew once."""
    glass = Glass.draw(run.model, run.seed, n, 0)
    streams = [generator(run.seed, n, 0, Purpose.MONTE_CARLO, r) for r in range(batch)]
    v, recipe = start(glass, pilot, 0, range(batch)), run.recipe
    if run.protocol.kind == "langevin":
        motion = LangevinDynamics(glass, v, streams, recipe.temperature, recipe.time_step, recipe.friction, recipe.mass)
        motion.run(1)
        steps = max(PILOT_STEPS, langevin.CHUNK // v.size)
        return seconds_of(lambda: motion.run(steps)) / steps
    heat_bath = run.protocol.kind == "anneal" and run.protocol.algorithm == "heat-bath"
    chain: Chain = (
        HeatBathChain(glass, v, streams) if heat_bath else MetropolisChain(glass, v, streams, np.sqrt(run.model.length))
    )
    chain.sweep(1.0)
    count = max(PILOT_SWEEPS, monte_carlo.CHUNK // (2 * v.size))

    def sweeps() -> None:
        for _ in range(count):
            chain.sweep(1.0)

    return seconds_of(sweeps) / count


def _cubic_seconds(run: RunFile, n: int) -> float:
    """The work on one state that grows with N^3: Cholesky factors in either precision, an inverse, normal modes."""
    M = np.eye(n) + 0.5 / n

    def factorise() -> None:
        lapack.spotrf(M.astype(np.float32).T, lower=True, overwrite_a=True)
        if run.output.spectrum:
            eigh(M + np.diag(np.linspace(0, 1, n)), driver="evr", check_finite=False)
        resolvent_diagonal_and_localisation(cholesky(M))

    return seconds_of(factorise)
