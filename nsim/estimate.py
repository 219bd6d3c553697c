"""Memory and time of a run before the job is queued: pilot tasks are timed here, larger ones extrapolated.

Memory of a rank: J (and a copy in single precision), the Hessian and two LAPACK copies of it, the batch's vectors,
the random numbers drawn ahead.
Time: one pilot task with few sweeps gives the cost of relaxing and measuring, a short chain that of a sweep.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nsim.glass import Glass
from nsim.monte_carlo import CHUNK, MetropolisChain
from nsim.protocols import PROTOCOLS, start
from nsim.run_file import RunFile
from nsim.streams import Purpose, generator
from nsim.tasks import Task, perform, task_width, tasks_of

PILOT_N = 512  # larger systems are extrapolated from this size
PILOT_SWEEPS = 20
BESIDE_SWEEPS = 55.0  # over N: what swaps and measurements of a tempering add to its sweeps, from the benchmark
GROWTH = 2.4  # exponent of a quench's time in N, measured between 512 and 1500: BLAS gains speed while N^3 takes over
INTERPRETER = 250e6  # bytes of a rank before it has drawn anything: Python with its libraries


@dataclass
class Estimate:
    """What a run will take."""

    tasks: int
    task_seconds: dict[int, float]  # one task of each size
    core_seconds: float
    seconds: float  # on the given number of ranks
    bytes_per_rank: float
    bytes_on_disk: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def rank_memory(run: RunFile) -> float:
    """Bytes a rank needs at its peak."""
    n, width = max(run.ensemble.samples_of), min(task_width(run), run.ensemble.replicas)
    columns = width * PROTOCOLS[run.protocol.kind].columns(run, n)
    batches = -(-columns // run.ensemble.batch)
    return INTERPRETER + 8 * (4.5 * n * n + 12.0 * n * width + 2.0 * CHUNK * batches + 4.0 * n * columns)


def available_memory() -> float:
    """Bytes this process may still use: the machine's available memory, or a smaller limit of its control group."""
    try:
        text = Path("/proc/meminfo").read_text()
        free = 1024.0 * int(text.split("MemAvailable:")[1].split()[0])
    except (OSError, IndexError, ValueError):
        free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        limit = float(Path("/sys/fs/cgroup/memory.max").read_text())
        used = float(Path("/sys/fs/cgroup/memory.current").read_text())
        free = min(free, limit - used)
    except (OSError, ValueError):  # no control group, or its limit is "max"
        pass
    return free


def estimate(run: RunFile, ranks: int = 1) -> Estimate:
    """Time pilot tasks of each size and add up."""
    tasks = tasks_of(run)
    width = min(task_width(run), run.ensemble.replicas)
    seconds = {n: _task_seconds(run, n, width) for n in run.ensemble.samples_of}
    total = sum(seconds[task.n] * task.width / width for task in tasks)
    longest = max(seconds.values())
    site_arrays = 9 if run.output.sites else 0
    disk = sum(
        count * run.ensemble.replicas * 8 * (site_arrays * n + 12) for n, count in run.ensemble.samples_of.items()
    )
    return Estimate(len(tasks), seconds, total, max(total / ranks, longest), rank_memory(run), float(disk))


def _task_seconds(run: RunFile, n: int, width: int) -> float:
    pilot_n = min(n, PILOT_N)
    pilot = run.model_copy(update={"couplings": None, "protocol": run.protocol.model_copy(update={"kind": "quench"})})
    perform(pilot, Task(2, 0, 0, 1))  # compile the kernels first
    began = time.perf_counter()
    perform(pilot, Task(pilot_n, 0, 0, width))
    total = (time.perf_counter() - began) * (n / pilot_n) ** GROWTH
    protocol = PROTOCOLS[run.protocol.kind]
    if sweeps := protocol.sweeps(run):
        columns = width * protocol.columns(run, n)
        batch = min(run.ensemble.batch, columns)
        glass = Glass.draw(run.model, run.seed, pilot_n, 0)
        streams = [generator(run.seed, pilot_n, 0, Purpose.MONTE_CARLO, r) for r in range(batch)]
        chain = MetropolisChain(glass, start(glass, pilot, 0, range(batch)), streams, np.sqrt(run.model.length))
        chain.sweep(1.0)
        began = time.perf_counter()
        for _ in range(PILOT_SWEEPS):
            chain.sweep(1.0)
        sweep = (time.perf_counter() - began) / PILOT_SWEEPS * (n / pilot_n) ** 2 * columns / batch
        total += sweep * sweeps * (1 + BESIDE_SWEEPS / n if protocol.together else 1)
    return total
