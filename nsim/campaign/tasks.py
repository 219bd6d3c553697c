"""A run cut into independent tasks: one disorder sample with one batch of its replicas.

The cut depends on the run file alone, never on the number of ranks, and a task's result on nothing but the task:
this is what makes a run the same bit for bit however it is spread and interrupted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nsim.campaign.observables import SPECTRUM, VARIABLES, measure
from nsim.campaign.protocols import PROTOCOLS
from nsim.parallel.checkpoint import NEVER, Checkpoint
from nsim.parallel.rank_group import ALONE, Group
from nsim.run_file import RunFile
from nsim.sample import couplings
from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass
from nsim.variables import Variable


class Task(NamedTuple):
    """Replicas [first, first + width) of sample number ``sample`` of size n."""

    n: int
    sample: int
    first: int
    width: int

    def __str__(self) -> str:
        return f"n = {self.n}, sample {self.sample}, replicas {self.first}..{self.first + self.width - 1}"


def task_width(run: RunFile) -> int:
    """Replicas of a task; the last one of a sample may have fewer."""
    return run.ensemble.replicas if PROTOCOLS[run.protocol.kind].whole_samples else run.ensemble.batch


def tasks_of(run: RunFile) -> list[Task]:
    """Every task of a run, the most expensive first, so that no rank is left alone with a large one at the end."""
    ensemble, width = run.ensemble, task_width(run)
    return sorted(
        (
            Task(n, sample, first, min(width, ensemble.replicas - first))
            for n, samples in ensemble.samples_of.items()
            for sample in range(samples)
            for first in range(0, ensemble.replicas, width)
        ),
        key=lambda task: (-task.n, task.sample, task.first),
    )


def cost(run: RunFile, task: Task) -> float:
    """Relative cost of a task: N^2 per moving state and sweep, and about N^3 to relax and measure a replica."""
    protocol = PROTOCOLS[run.protocol.kind]
    return task.width * float(task.n) ** 2 * (protocol.columns(run, task.n) * protocol.sweeps(run) + task.n)


def kept_variables(run: RunFile) -> dict[str, Variable]:
    """The arrays a run keeps: those of its relaxed states (with or without their sites), and its protocol's own."""
    sites = run.output.sites
    states = {name: variable for name, variable in VARIABLES.items() if sites or "site" not in variable.dims}
    if run.output.spectrum:
        states |= SPECTRUM
    return states | dict(PROTOCOLS[run.protocol.kind].variables)


def glass_of(run: RunFile, n: int, sample: int, J: np.ndarray | CouplingMatrix | None = None) -> Glass:
    """A sample of a run; ``J`` replaces the couplings drawn or read."""
    if J is None and run.couplings_path is not None:
        J = couplings.load(run.couplings_path, n, run.couplings.dtype)
    seed, number = run.origin(n, sample)
    return Glass.draw(run.model, seed, n, number, J, run.couplings.dtype)


def perform(
    run: RunFile,
    task: Task,
    J: np.ndarray | CouplingMatrix | None = None,
    group: Group = ALONE,
    checkpoint: Checkpoint = NEVER,
) -> dict[str, np.ndarray]:
    """Draw the sample, make the states, measure them.

    Parameters
    ----------
    run, task
        What is to be done.
    J
        Couplings that replace the drawn ones.
    group
        The ranks that do it together, where the protocol wants them together; all of them call this.
    checkpoint
        Where the state is kept meanwhile; work that is asked to stop there ends in `StoppedError`.

    Returns
    -------
    dict
        The arrays of `kept_variables`, each without its axis ``sample``.
    """
    if J is None and group.size > 1:
        J = couplings.draw_shared(group, run.seed, task.n, task.sample, run.model.j0, run.couplings.dtype)
    glass = glass_of(run, task.n, task.sample, J)
    replicas = range(task.first, task.first + task.width)
    made = PROTOCOLS[run.protocol.kind].make(glass, run, task.sample, replicas, group, checkpoint)
    found = made.measured | measure(
        glass,
        made.relaxed,
        run.output.eigenvalues,
        run.quantum.hbar2_over_m,
        run.output.response,
        run.output.spectrum,
    )
    return {name: found[name] for name in kept_variables(run)}
