"""Protocols: how a batch of relaxed states is made from a sample, and what is measured on the way.

To add one, write a function that makes the states, declare what it measures, and name it in `PROTOCOLS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nsim.annealing import anneal, temperatures
from nsim.glass import Glass
from nsim.rank_group import Group
from nsim.relaxation import Relaxed, relax
from nsim.run_file import RunFile
from nsim.streams import Purpose, generator
from nsim.variables import Coordinate, Variable


@dataclass(frozen=True)
class Made:
    """What a protocol made of a batch of replicas.

    Parameters
    ----------
    relaxed
        The final states, one per replica.
    measured
        The protocol's own variables of this batch: as declared, without the axis ``sample``.
    """

    relaxed: Relaxed
    measured: dict[str, np.ndarray] = field(default_factory=dict)


def _no_coordinates(run: RunFile, n: int) -> dict[str, Coordinate]:
    return {}


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Parameters
    ----------
    make
        ``make(glass, run, sample, replicas, group)`` returns what it made; it depends on nothing but its arguments.
    variables
        What it measures on the way, by name.
    coordinates
        ``coordinates(run, n)``: its own dimensions, a function of the run file alone.
    whole_samples
        Whether all replicas of a sample are made together, as one task.
    together
        Whether all ranks of a group make a task together (all of them call ``make``, the first rank's answer counts);
        else every rank makes a task of its own, and ``group`` is a rank alone.
    """

    make: Callable[[Glass, RunFile, int, Sequence[int], Group], Made]
    variables: Mapping[str, Variable] = field(default_factory=dict)
    coordinates: Callable[[RunFile, int], dict[str, Coordinate]] = _no_coordinates
    whole_samples: bool = False
    together: bool = False


def start(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int]) -> np.ndarray:
    """Starting states, shape (N, R): random (each replica from its own stream) or uniform."""
    protocol = run.recipe
    if protocol.start == "uniform":
        return np.full((glass.n, len(replicas)), protocol.start_value, dtype=float)
    streams = (generator(run.seed, glass.n, sample, Purpose.START, replica) for replica in replicas)
    return np.stack([protocol.start_std * stream.standard_normal(glass.n) for stream in streams], axis=1)


def quench(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int], group: Group) -> Made:
    """Relax the start: with a wide random start, an instantaneous quench from T = infinity."""
    return Made(relaxed(glass, run, start(glass, run, sample, replicas)))


def annealing(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int], group: Group) -> Made:
    """Cool the start by Monte Carlo from t_start to t_end, then relax."""
    protocol = run.recipe
    schedule = temperatures(protocol.schedule, protocol.t_start, protocol.t_end, protocol.sweeps)
    streams = [generator(run.seed, glass.n, sample, Purpose.MONTE_CARLO, replica) for replica in replicas]
    return Made(relaxed(glass, run, anneal(glass, start(glass, run, sample, replicas), streams, schedule)))


def relaxed(glass: Glass, run: RunFile, v: np.ndarray) -> Relaxed:
    """The columns of ``v`` relaxed as the run file says."""
    options = run.relaxation
    return relax(glass, v, options.tolerance, options.max_iterations, options.method)


PROTOCOLS: dict[str, Protocol] = {"quench": Protocol(quench), "anneal": Protocol(annealing)}
