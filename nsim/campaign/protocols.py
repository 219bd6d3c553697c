"""Protocols: how a batch of relaxed states is made from a sample, and what is measured on the way.

To add one, write a function that makes the states, declare what it measures, and name it in `PROTOCOLS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nsim.descent.relaxation import Relaxed, relax
from nsim.dynamics import temperature_ladder, thermal_observables, two_time
from nsim.dynamics.annealing import adaptive_temperatures, anneal, temperatures
from nsim.dynamics.cold_starts import Block, cool
from nsim.dynamics.langevin import LangevinDynamics
from nsim.dynamics.parallel_tempering import ParallelTempering, own_blocks
from nsim.parallel.checkpoint import NEVER, Checkpoint, Report, Stage, State
from nsim.parallel.rank_group import Group
from nsim.run_file import RunFile
from nsim.sample.glass import Glass
from nsim.streams import Purpose, generator
from nsim.variables import Coordinate, Variable

PILOTS = 16  # replicas of the pilot of an adaptive annealing
COOLING = 5  # the cold starts of a tempering are annealed for the fifth part of its burn-in


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


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Parameters
    ----------
    make
        ``make(glass, run, sample, replicas, group, checkpoint)`` returns what it made; it depends on nothing but its
        arguments. Long work pauses at its step boundaries (`nsim.parallel.checkpoint`).
    variables
        What it measures on the way, by name.
    coordinates
        ``coordinates(run, n)``: its own dimensions, a function of the run file alone.
    whole_samples
        Whether all replicas of a sample are made together, as one task.
    together
        Whether all ranks of a group make a task together (all of them call ``make``, the first rank's answer counts);
        else every rank makes a task of its own, and ``group`` is a rank alone.
    of_averages
        What the summary makes of averages over samples, each a function of these by their names in the summary.
    columns
        ``columns(run, n)``: states that move for each replica: the rungs of a ladder.
    sweeps
        ``sweeps(run)``: Monte Carlo sweeps of each of these states.
    prepare
        What every rank works out once, before its first task, if it takes long.
    warnings
        What is legal but unlikely to be meant, beyond what the run file alone shows; one line each.
    by_products
        Whether products J v are all it asks of the couplings, so that their rows may be spread over ranks.
    """

    make: Callable[[Glass, RunFile, int, Sequence[int], Group, Checkpoint], Made]
    variables: Mapping[str, Variable] = field(default_factory=dict)
    coordinates: Callable[[RunFile, int], dict[str, Coordinate]] = lambda run, n: {}
    whole_samples: bool = False
    together: bool = False
    of_averages: Mapping[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = field(default_factory=dict)
    columns: Callable[[RunFile, int], int] = lambda run, n: 1
    sweeps: Callable[[RunFile], float] = lambda run: 0.0
    prepare: Callable[[RunFile], object] = lambda run: None
    warnings: Callable[[RunFile], list[str]] = lambda run: []
    by_products: bool = False


def start(glass: Glass, run: RunFile, sample: int, replicas: Sequence[int]) -> np.ndarray:
    """Starting states, shape (N, R): random (each replica from its own stream) or uniform."""
    protocol = run.recipe
    if protocol.start == "uniform":
        return np.full((glass.n, len(replicas)), protocol.start_value, dtype=float)
    streams = (generator(run.seed, glass.n, sample, Purpose.START, replica) for replica in replicas)
    return np.stack([protocol.start_std * stream.standard_normal(glass.n) for stream in streams], axis=1)


def quench(
    glass: Glass, run: RunFile, sample: int, replicas: Sequence[int], group: Group, checkpoint: Checkpoint = NEVER
) -> Made:
    """Relax the start: with a wide random start, an instantaneous quench from T = infinity."""
    return Made(relaxed(glass, run, start(glass, run, sample, replicas)))


def annealing(
    glass: Glass, run: RunFile, sample: int, replicas: Sequence[int], group: Group, checkpoint: Checkpoint = NEVER
) -> Made:
    """Cool the start by Monte Carlo from t_start to t_end, then relax."""
    protocol = run.recipe
    span = protocol.t_start, protocol.t_end, protocol.sweeps
    held = checkpoint.load() or {}
    if "schedule" in held:
        schedule = held["schedule"]
    elif protocol.schedule == "adaptive":
        # The pilots belong to the sample: every batch of its replicas finds the same schedule.
        pilots = [generator(run.seed, glass.n, sample, Purpose.PILOT, pilot) for pilot in range(PILOTS)]
        first = start(glass, run, sample, range(PILOTS))
        pilot = Stage(checkpoint, held, "pilot")
        schedule = adaptive_temperatures(glass, first, pilots, *span, protocol.algorithm, pilot)
    else:
        schedule = temperatures(protocol.schedule, *span)
    streams = [generator(run.seed, glass.n, sample, Purpose.MONTE_CARLO, replica) for replica in replicas]
    cooling = Stage(checkpoint, held, "cooling", {"schedule": schedule})
    v = anneal(glass, start(glass, run, sample, replicas), streams, schedule, protocol.algorithm, cooling)
    return Made(relaxed(glass, run, v))


def langevin(
    glass: Glass, run: RunFile, sample: int, replicas: Sequence[int], group: Group, checkpoint: Checkpoint = NEVER
) -> Made:
    """Move the start at one temperature, measure two-time correlations, then relax."""
    protocol = run.recipe
    streams = [generator(run.seed, glass.n, sample, Purpose.DYNAMICS, replica) for replica in replicas]
    motion = LangevinDynamics(
        glass,
        start(glass, run, sample, replicas),
        streams,
        protocol.temperature,
        protocol.time_step,
        protocol.friction,
        protocol.mass,
    )
    measured = two_time.follow(motion, run, checkpoint)
    return Made(relaxed(glass, run, motion.v), measured)


def tempering(
    glass: Glass, run: RunFile, sample: int, replicas: Sequence[int], group: Group, checkpoint: Checkpoint = NEVER
) -> Made:
    """Parallel tempering of as many ladders as there are replicas; the coldest states are relaxed at the end.

    Even ladders start from the start of the protocol, odd ones from states annealed from there to t_end: energies
    come down in the first and up in the second.
    """
    protocol = run.recipe
    rungs = temperature_ladder.ladder(run, glass.n).rungs
    count = len(rungs.temperatures)
    total, width = len(replicas) * count, run.ensemble.batch
    held = checkpoint.load() or {}

    def block(columns: range) -> Block:
        keys = [replicas[c // count] * temperature_ladder.LARGEST_LADDER + c % count for c in columns]
        streams = [generator(run.seed, glass.n, sample, Purpose.MONTE_CARLO, key) for key in keys]
        cold = [at for at, column in enumerate(columns) if column // count % 2]
        return Block(start(glass, run, sample, keys), streams, cold)

    blocks = {columns: block(columns) for columns in own_blocks(total, width, group)}
    if "ladders" not in held:
        cooling = temperatures("exponential", protocol.t_start, protocol.t_end, max(1, protocol.burn_in // COOLING))
        cool(glass, list(blocks.values()), -(-total // width), cooling, group, Stage(checkpoint, held, "cold"))
    swap_stream = generator(run.seed, glass.n, sample, Purpose.SWAPS)
    ladders = ParallelTempering(
        glass, rungs, len(replicas), lambda own: (blocks[own].v, blocks[own].streams), swap_stream, width, group
    )
    averages = thermal_observables.ThermalAverages(ladders, protocol.measure_every)
    measured_sweeps = protocol.sweeps // protocol.measure_every * protocol.measure_every
    done = 0
    if "ladders" in held:
        ladders.restore(held["ladders"])
        averages.restore(held["averages"])
        done = held["sweeps"]
        held.clear()  # it may be large

    def state() -> State:
        return {"ladders": ladders.state(), "averages": averages.state(), "sweeps": done}

    def report() -> Report:
        return {"share": done / (protocol.burn_in + measured_sweeps), **ladders.report()}

    while done < protocol.burn_in + measured_sweeps:
        ladders.run(1, protocol.swap_every)
        done += 1
        if done == protocol.burn_in:
            ladders.reset_counts()
        elif done > protocol.burn_in and (done - protocol.burn_in) % protocol.measure_every == 0:
            averages.add()
        checkpoint.pause(state, report)
    measured = averages.results(run.model.j0 if run.couplings_path is None else None)
    return Made(relaxed(glass, run, ladders.states()[:, :, -1]), measured)


def _rungs(run: RunFile, n: int) -> np.ndarray:
    return temperature_ladder.temperatures_of(run)  # the same for all sizes


def _tempering_sweeps(run: RunFile) -> float:
    protocol = run.recipe
    return protocol.burn_in * (1 + 1 / COOLING / 2) + protocol.sweeps  # every second ladder is annealed first


def relaxed(glass: Glass, run: RunFile, v: np.ndarray) -> Relaxed:
    """The columns of ``v`` relaxed as the run file says."""
    options = run.relaxation
    return relax(glass, v, options.tolerance, options.max_iterations, options.method, run.output.response)


PROTOCOLS: dict[str, Protocol] = {
    "quench": Protocol(quench, by_products=True),
    "anneal": Protocol(annealing, sweeps=lambda run: run.protocol.sweeps),
    "tempering": Protocol(
        tempering,
        thermal_observables.VARIABLES,
        coordinates=lambda run, n: thermal_observables.coordinates(_rungs(run, n)),
        whole_samples=True,
        together=True,
        of_averages={"binder": thermal_observables.binder_ratio},
        columns=lambda run, n: len(_rungs(run, n)),
        sweeps=_tempering_sweeps,
        prepare=lambda run: temperature_ladder.ladder(run, max(run.ensemble.samples_of)),
        warnings=temperature_ladder.warnings,
    ),
    "langevin": Protocol(
        langevin,
        two_time.VARIABLES,
        two_time.coordinates,
        sweeps=two_time.all_steps,  # a step costs a product, as a sweep does
    ),
}
