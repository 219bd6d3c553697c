r"""The temperature at which a quantity that does not depend on N at the transition has the same value for two sizes.

Two such quantities, of overlaps q of independent replicas, [...] the average over samples:

    Binder ratio            (3 - [<q^4>]/[<q^2>]^2)/2
    scaled overlap          N^(2/3) [<q^2>]

The second has the exponents beta = 1, nu d_u = 3 of the transition of the Sherrington-Kirkpatrick model, where
q ~ N^(-beta/(nu d_u)) = N^(-1/3) at T_g. In the glass it grows with N, above T_g it falls as N^(-1/3). The Binder ratio
need not cross: above T_g it is negative where samples differ much in [<q^2>], and rises to 0 with N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from validation.statistics.resampling import resampled

Array = NDArray[np.float64]
Invariant = Callable[[int, Array, Array], Array]  # of N, <q^2> and <q^4> per sample (samples, M); by temperature (M,)

MOST_LOST = 0.2  # share of resamplings in which two sizes may fail to cross


@dataclass(frozen=True)
class OverlapMoments:
    """<q^2> and <q^4> of the samples of one size, (samples, M), hottest temperature first (M,)."""

    n: int
    temperatures: Array
    squared: Array
    fourth: Array

    def curve(self, invariant: Invariant) -> Array:
        """The invariant by temperature, (M,)."""
        return invariant(self.n, self.squared, self.fourth)

    def resampled(self, invariant: Invariant) -> Array:
        """Its curves for samples drawn again, (draws, M)."""
        data = np.stack([self.squared, self.fourth], axis=1)
        return resampled(data, lambda rows: invariant(self.n, rows[:, 0], rows[:, 1]), seed=self.n)


def binder(n: int, squared: Array, fourth: Array) -> Array:
    """(3 - [q^4]/[q^2]^2)/2."""
    return np.asarray((3 - fourth.mean(axis=0) / squared.mean(axis=0) ** 2) / 2)


def scaled_overlap(n: int, squared: Array, fourth: Array) -> Array:
    """N^(2/3) [q^2]."""
    return np.asarray(n ** (2 / 3) * squared.mean(axis=0))


def crossing(small: OverlapMoments, large: OverlapMoments, invariant: Invariant) -> tuple[float, float] | None:
    """Temperature at which two sizes have the same value, by interpolation; error by bootstrap over samples.

    The sizes have independent samples, which are drawn again independently. None where they do not cross.
    """
    curves = zip(small.resampled(invariant), large.resampled(invariant), strict=True)
    values = [_first_crossing(small.temperatures, *pair) for pair in curves]
    whole = _first_crossing(small.temperatures, small.curve(invariant), large.curve(invariant))
    there = np.array([value for value in values if value is not None])
    if whole is None or len(there) < (1 - MOST_LOST) * len(values):
        return None
    return whole, float(there.std(ddof=1))


def _first_crossing(temperatures: Array, small: Array, large: Array) -> float | None:
    """Where the larger size begins to have the larger value: the hottest such sign change."""
    difference = large - small
    for at in range(len(difference) - 1):  # hottest first
        if difference[at] < 0 <= difference[at + 1]:
            share = difference[at] / (difference[at] - difference[at + 1])
            return float(temperatures[at] + share * (temperatures[at + 1] - temperatures[at]))
    return None


def crossing_limit(known: Sequence[tuple[int, tuple[float, float]]]) -> tuple[float, float] | None:
    """The crossing of the two largest sizes, its drift from the pair before as a systematic error."""
    if not known:
        return None
    value, error = known[-1][1]
    if len(known) == 1:
        return value, error
    drift, noise = abs(value - known[-2][1][0]), float(np.hypot(error, known[-2][1][1]))
    return value, float(np.hypot(error, np.sqrt(max(drift**2 - noise**2, 0.0))))
