r"""Integrated autocorrelation times of many time series at once, in bounded memory.

With the normalised autocorrelation rho(t) of a stationary series of n measurements with variance s^2,

    var(mean) = 2 tau s^2/n,    tau = 1/2 + sum_{t>=1} rho(t),    effective samples = n/(2 tau)

so tau = 1/2 where measurements are independent. The sum is cut at the smallest window W >= 5 tau(W) [Sokal, in
"Functional Integration" (Plenum, 1997), p. 131]. Series are kept as at most `BINS` bins; when these are full, pairs
are merged and bins become twice as wide. Of bins of width w with variance s_w^2 and autocorrelation time tau_w,

    tau = tau_w w s_w^2/s^2

holds exactly for var(mean); what is lost is the detail of rho below w, and with it some precision of tau.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from nsim.parallel.checkpoint import State

BINS = 1024
WINDOW = 5.0


@dataclass(frozen=True)
class Correlation:
    """Of each series, or of several together."""

    tau: np.ndarray  # integrated autocorrelation time, in measurements
    effective: np.ndarray  # effective number of independent measurements, of all series taken together
    variance: np.ndarray  # of a single measurement


class BinnedSeries:
    """Series of equal length, one number each at a time; ``shape`` is that of the numbers added."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.bins = np.zeros((BINS, *shape))  # sums over the bins
        self.squares = np.zeros(shape)
        self.total = np.zeros(shape)
        self.count = 0
        self.width = 1
        self._filled, self._in_bin = 0, 0

    def add(self, values: np.ndarray) -> None:
        """One measurement of every series."""
        self.bins[self._filled] += values
        self.squares += values**2
        self.total += values
        self.count += 1
        self._in_bin += 1
        if self._in_bin == self.width:
            self._filled, self._in_bin = self._filled + 1, 0
        if self._filled == BINS:
            self.bins[: BINS // 2] = self.bins[::2] + self.bins[1::2]
            self.bins[BINS // 2 :] = 0
            self.width *= 2
            self._filled = BINS // 2

    def state(self) -> State:
        """Everything added so far; copied."""
        return copy.deepcopy(vars(self))

    def restore(self, state: State) -> None:
        """Go on from a state."""
        vars(self).update(copy.deepcopy(state))

    def means(self) -> np.ndarray:
        """Means over the full bins in the order of time, shape ``(bins, *shape)``."""
        return self.bins[: self._filled] / self.width

    def correlation(self, common_mean: bool = True) -> Correlation:
        """Of the series along the first axis taken together (they are alike); arrays of the shape of the others.

        Deviations are taken from the common mean, so that series which disagree, as those of a frozen system do,
        show up as a long correlation time; or, to ask whether they disagree, from the mean of each.
        """
        alike = self.total.shape[0]
        nothing = np.full(self.total.shape[1:], np.nan)
        if self.count == 0:
            return Correlation(nothing, np.zeros_like(nothing), nothing)
        mean = self.total / self.count
        if common_mean:
            mean = mean.mean(axis=0)
        variance = np.maximum((self.squares / self.count - mean**2).mean(axis=0), 0)
        if self._filled < 2:
            return Correlation(nothing, np.zeros_like(nothing), variance)
        covariance = autocovariance(self.means() - mean).mean(axis=1)
        moves = (covariance[0] > 0) & (variance > 1e-14 * (mean**2).max())
        rho = np.divide(covariance, covariance[0], out=np.zeros_like(covariance), where=moves)
        ratio = np.divide(self.width * covariance[0], variance, out=np.ones_like(variance), where=moves)
        tau = np.where(moves, np.maximum(windowed_time(rho) * ratio, 0.5 / self.count), np.nan)
        effective = alike * self.count / np.where(moves, np.maximum(2 * tau, 1.0), np.inf)
        return Correlation(tau, effective, variance)


def autocovariance(deviations: np.ndarray) -> np.ndarray:
    """(1/n) sum_t x(t) x(t + k) along the first axis, for k = 0..n-1; by fast Fourier transform, padded."""
    n = len(deviations)
    transform = np.fft.rfft(deviations, 2 * n, axis=0)
    return np.fft.irfft(np.abs(transform) ** 2, 2 * n, axis=0)[:n] / n


def windowed_time(rho: np.ndarray) -> np.ndarray:
    """1/2 + sum of rho(t), t = 1..W, with W the first that is at least `WINDOW` times that sum; rho is (n, ...)."""
    tau = np.cumsum(rho, axis=0) - 0.5
    enough = np.arange(len(rho)).reshape(-1, *[1] * (rho.ndim - 1)) >= WINDOW * tau
    enough[-1] = True
    return np.take_along_axis(tau, enough.argmax(axis=0)[None], axis=0)[0]
