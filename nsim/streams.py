"""Random streams keyed by physics: f(seed; n, sample, replica, purpose), never by rank, order or time.

Every use of randomness is listed once, in `Purpose`. Disorder belongs to a sample (its streams carry no replica);
starting points and dynamics belong to a replica. Philox is counter-based: a stream can be entered at any counter,
which is how any block of J is drawn without the rest (`nsim.couplings`).
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


NO_REPLICA = 2**32 - 1  # stands in the key where a stream belongs to the sample, not to one of its replicas


def key(seed: int, n: int, sample: int, purpose: Purpose, replica: int = NO_REPLICA) -> np.ndarray:
    """128-bit Philox key of a stream.

    Parameters
    ----------
    seed
        Campaign seed, any non-negative integer.
    n, sample, replica
        System size, disorder sample, replica (left out for disorder).
    purpose
        What the numbers are for.

    Returns
    -------
    ndarray of uint64, shape (2,)
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(n, sample, replica, int(purpose)))
    return sequence.generate_state(2, np.uint64)


def generator(seed: int, n: int, sample: int, purpose: Purpose, replica: int = NO_REPLICA) -> np.random.Generator:
    """Generator of the stream with this key, at its beginning."""
    return np.random.Generator(np.random.Philox(key=key(seed, n, sample, purpose, replica)))
