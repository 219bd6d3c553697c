"""Protocols: how a batch of relaxed states is made from a sample. To add one, write a function and name it here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nsim.annealing import anneal, temperatures
from nsim.glass import Glass
from nsim.relaxation import Relaxed, relax
from nsim.run_file import RunFile
from nsim.streams import Purpose, generator

Protocol = Callable[[Glass, RunFile, int, Sequence[int]], Relaxed]


def start(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int]) -> np.ndarray:
    """Starting states, shape (N, R): random (each replica from its own stream) or uniform."""
    protocol = run.recipe
    if protocol.start == "uniform":
        return np.full((glass.n, len(replicas)), protocol.start_value, dtype=float)
    streams = (generator(run.seed, glass.n, sample, Purpose.START, replica) for replica in replicas)
    return np.stack([protocol.start_std * stream.standard_normal(glass.n) for stream in streams], axis=1)


def quench(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int]) -> Relaxed:
    """Relax the start: with a wide random start, an instantaneous quench from T = infinity."""
    return _relax(glass, run, start(glass, run, sample, replicas))


def annealing(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int]) -> Relaxed:
    """Cool the start by Monte Carlo from t_start to t_end, then relax."""
    protocol = run.recipe
    schedule = temperatures(protocol.schedule, protocol.t_start, protocol.t_end, protocol.sweeps)
    streams = [generator(run.seed, glass.n, sample, Purpose.MONTE_CARLO, replica) for replica in replicas]
    return _relax(glass, run, anneal(glass, start(glass, run, sample, replicas), streams, schedule))


def _relax(glass: Glass, run: RunFile, v: np.ndarray) -> Relaxed:
    options = run.relaxation
    return relax(glass, v, options.tolerance, options.max_iterations, options.method)


PROTOCOLS: dict[str, Protocol] = {"quench": quench, "anneal": annealing}
