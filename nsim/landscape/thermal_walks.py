"""Short thermal motion from a minimum, then a quench: which minima lie within reach of a temperature?

A few walkers start at the minimum and take Metropolis sweeps at one low temperature, each with a random stream of its
own, as the columns of one batch; the step width follows the acceptance (`nsim.dynamics.annealing`), which samples
nothing in particular but explores. Their end points are relaxed by the stated descent. What they find besides flips and
scans are minima behind collective barriers, which no single site is the coordinate of.
"""

from __future__ import annotations

import numpy as np

from nsim.descent.relaxation import Relaxed, relax
from nsim.dynamics.annealing import anneal
from nsim.sample.glass import Glass
from nsim.streams import Purpose, seed_sequence


def streams_of(seed: int, n: int, sample: int, replica: int, walks: int) -> list[np.random.Generator]:
    """One generator for each walker from the state of a replica; more walkers do not change the first ones."""
    source = seed_sequence(seed, n, sample, Purpose.WALK, replica)
    return [np.random.Generator(np.random.SFC64(child)) for child in source.spawn(walks)]


def thermal_walks(
    glass: Glass,
    v: np.ndarray,
    streams: list[np.random.Generator],
    temperature: float,
    sweeps: int,
    method: str = "conjugate-gradient",
) -> Relaxed:
    """Walk from the minimum ``v``, shape (N,), and relax.

    Parameters
    ----------
    glass
        The sample.
    v
        Where all walkers start, shape (N,).
    streams
        A generator for each walker.
    temperature
        Of the walk [E0].
    sweeps
        Its length.
    method
        Descent of the quench: a name in `nsim.descent.relaxation.DESCENTS`.

    Returns
    -------
    Relaxed
        The minima reached, one column for each walker.
    """
    walkers = np.repeat(v[:, None], len(streams), axis=1)
    walked = anneal(glass, walkers, streams, np.full(sweeps, temperature))
    return relax(glass, walked, method=method)
