"""Time of the search of double wells before the job is queued: some states of a pilot are explored here."""

from __future__ import annotations

import numpy as np

from nsim.campaign.tasks import Task, perform
from nsim.campaign.working_time import seconds_of
from nsim.landscape.landscape_run import effort_of, explore_sample
from nsim.run_file import RunFile
from nsim.sample.glass import Glass

PILOT_N = 128  # larger systems are extrapolated from this size
PILOT_SAMPLES, PILOT_STATES = 2, 2  # states differ in what is around them
SMALL_N = 6  # brings in what is imported late
GROWTH = 2.0  # exponent in N of the time of a state; measured from N = 64 to 192: 1.5, rising


def sample_seconds(run: RunFile, n: int) -> float:
    """Time to explore the states of one sample of size n."""
    _explore(run, SMALL_N, 1)
    pilot_n, states = min(n, PILOT_N), min(PILOT_STATES, run.ensemble.replicas)
    seconds = sum(_explore(run, pilot_n, states, sample) for sample in range(PILOT_SAMPLES)) / (PILOT_SAMPLES * states)
    return seconds * run.ensemble.replicas * (n / pilot_n) ** GROWTH


def _explore(run: RunFile, n: int, states: int, sample: int = 0) -> float:
    """Time to explore some quenched states of a sample; making them is not counted."""
    pilot = run.model_copy(
        update={
            "couplings": run.couplings.model_copy(update={"file": None}),
            "protocol": run.protocol.model_copy(update={"kind": "quench"}),
        }
    )
    v = perform(pilot, Task(n, sample, 0, states))["v"]
    glass = Glass.draw(run.model, run.seed, n, sample, dtype=run.couplings.dtype)
    return seconds_of(lambda: explore_sample(glass, np.asarray(v), effort_of(run), run.seed, sample))
