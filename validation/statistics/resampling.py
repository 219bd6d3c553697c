"""Errors of what is not a mean: bootstrap over disorder samples, jackknife of ratios, widths, autocorrelated series.

A disorder sample is the unit that is drawn again, with all its states: these are not independent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nsim.streams import Purpose, generator

Array = NDArray[np.float64]

RESAMPLES = 400


def bootstrap(
    data: Array, statistic: Callable[[Array], Array | float], resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Array, Array]:
    """A statistic of samples and its bootstrap error.

    Parameters
    ----------
    data : array (samples, ...)
        One row for each disorder sample; columns of one row stay together, so correlated ratios are right.
    statistic
        Function of such an array, with a number or an array.
    resamples, seed
        How often samples are drawn again, and from which stream.

    Returns
    -------
    value, stderr : arrays
        Of the data as they are, and the scatter of the statistic over resamples.
    """
    return np.asarray(statistic(data), float), resampled(data, statistic, resamples, seed).std(axis=0, ddof=1)


def resampled(
    data: Array, statistic: Callable[[Array], Array | float], resamples: int = RESAMPLES, seed: int = 0
) -> Array:
    """The statistic of samples drawn again, (resamples, ...); parameters as for `bootstrap`."""
    stream = generator(seed, len(data), 0, Purpose.RESAMPLING)
    return np.array([statistic(data[stream.integers(0, len(data), len(data))]) for _ in range(resamples)])


def jackknife(data: Array, statistic: Callable[[Array], float], blocks: int = 50) -> tuple[float, float]:
    """A smooth statistic of samples, less its bias of order 1/samples, and its error, from leaving out blocks."""
    parts = np.array_split(np.arange(len(data)), min(blocks, len(data)))
    whole = float(statistic(data))
    left = np.array([statistic(np.delete(data, part, axis=0)) for part in parts])
    count = len(parts)
    mean = float(left.mean())
    return count * whole - (count - 1) * mean, float(np.sqrt((count - 1) * ((left - mean) ** 2).mean()))


def ratio(numerator: Array, denominator: Array) -> tuple[float, float]:
    """Mean over mean of two observables of the same samples, with their correlation; jackknife."""
    return jackknife(np.column_stack([numerator, denominator]), lambda d: d[:, 0].mean() / d[:, 1].mean())


def width(values: Array) -> tuple[float, float]:
    """Standard deviation over samples and its error, by jackknife: right also for skewed distributions."""
    return jackknife(values, lambda d: float(d.std(ddof=1)))


def integrated_time(series: Array, window: float = 5.0) -> tuple[float, float]:
    """Integrated autocorrelation time tau = 1/2 + sum rho(t) of one chain, and the standard error of its mean.

    The sum is cut at the smallest t >= ``window`` tau [Sokal]. The mean of n measurements has the variance
    2 tau s^2/n.
    """
    n = len(series)
    centred = series - series.mean()
    size = 2 ** int(np.ceil(np.log2(2 * n)))
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    correlation = np.fft.irfft(power, size)[:n] / n
    if correlation[0] <= 0:
        return 0.5, 0.0
    taus = np.cumsum(correlation / correlation[0]) - 0.5
    enough = np.flatnonzero(np.arange(n) >= window * taus)
    tau = float(max(taus[enough[0]] if len(enough) else taus[-1], 0.5))
    return tau, float(np.sqrt(2 * tau * correlation[0] / n))
