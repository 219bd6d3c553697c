"""Random streams keyed by physics: f(seed; n, sample, replica, purpose), never by rank, order or time.

Every use of randomness is listed once, in `Purpose`. Disorder belongs to a sample (its streams carry no replica);
starting points and dynamics belong to a replica. The couplings use a counter-based generator, which can be entered
anywhere: that is how any block of J is drawn without the rest (`nsim.sample.couplings`).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Every use of randomness; the numbers are part of the definition of a run and never change meaning."""

    COUPLINGS = 0
    STIFFNESS = 1
    START = 2
    MONTE_CARLO = 3
    SWAPS = 4  # of temperatures, one stream for a sample
    DYNAMICS = 5  # first momenta, then noise
    PILOT = 6  # short annealing that finds a schedule
    WALK = 7  # thermal exploration around a minimum, one stream for each walker spawned from it
    RESAMPLING = 16  # of samples, in bootstraps (numbers in between are left to the physics)


NO_REPLICA = 2**32 - 1  # stands in the key where a stream belongs to the sample, not to one of its replicas


def seed_sequence(
    seed: int, n: int, sample: int, purpose: Purpose, replica: int = NO_REPLICA
) -> np.random.SeedSequence:
    """The source of a stream.

    Parameters
    ----------
    seed
        Campaign seed, any non-negative integer.
    n, sample, replica
        System size, disorder sample, replica (left out for disorder).
    purpose
        What the numbers are for.
    """
    return np.random.SeedSequence(seed, spawn_key=(n, sample, replica, int(purpose)))


def philox_key(seed: int, n: int, sample: int, purpose: Purpose) -> np.ndarray:
    """128-bit key of a counter-based stream, which can be entered anywhere; uint64, shape (2,)."""
    return seed_sequence(seed, n, sample, purpose).generate_state(2, np.uint64)


def generator(seed: int, n: int, sample: int, purpose: Purpose, replica: int = NO_REPLICA) -> np.random.Generator:
    """Generator of a stream that is read from its beginning (SFC64: half the cost of a counter-based one)."""
    return np.random.Generator(np.random.SFC64(seed_sequence(seed, n, sample, purpose, replica)))
