r"""Less noise in polarised phases: the known mean of the couplings as a control variate.

Most of the scatter between samples of a polarised phase comes from one number, the sum of a sample's couplings,

    X = (1/N) sum_{i != j} J_ij - J0 (N - 1)/N,     E[X] = 0,   Var[X] = 2 (N - 1)/N^2,

which adds to the mean field. Its own mean is known exactly, so an observable y can be freed of it,

    y' = y - b X,   b = Cov[y, X]/Var[X],

with the same expectation and a smaller variance. X depends on the couplings alone, which are drawn again from the
campaign's seed. A mistake in their mean would be subtracted too: X is therefore tested first and not used where it
deviates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsim.run_file import RunFile
from nsim.sample import couplings

Array = NDArray[np.float64]

MOST_COUPLINGS = 10**9  # to draw again: some ten seconds
DEVIATION = 4.0  # standard errors of the mean of X beyond which the couplings are not what they should be
FEWEST_SAMPLES = 30  # below, the fitted b would bias the mean


@dataclass(frozen=True)
class CouplingSums:
    """X of every sample of one size, shape (samples,), and the z-score of its mean."""

    X: Array
    z: float

    @property
    def usable(self) -> bool:
        """Whether X has the mean it must have, in enough samples."""
        return abs(self.z) < DEVIATION and len(self.X) >= FEWEST_SAMPLES


def affordable(run: RunFile) -> bool:
    """Whether the couplings of a run can be drawn again: they come from its seed and are not too many."""
    count = sum(samples * n**2 for n, samples in run.ensemble.samples_of.items())
    return run.couplings_path is None and count <= MOST_COUPLINGS


def coupling_sums(run: RunFile, n: int) -> CouplingSums:
    """Draw the couplings of every sample of size n again and add them up."""
    samples, j0 = run.ensemble.samples_of[n], run.model.j0
    X = np.array([couplings.draw(seed, n, sample, j0).sum() / n for seed, sample in run.origins(n)])
    X -= j0 * (n - 1) / n
    error = np.sqrt(2 * (n - 1) / samples) / n
    return CouplingSums(X, float(X.mean() / error) if n > 1 else 0.0)


def without(y: Array, X: Array) -> Array:
    """Free y of X: y - b X with the fitted slope b, shapes (samples,); y unchanged if X does not vary."""
    variance = X.var()
    if variance == 0:
        return y
    # The slope is fitted with the mean of X free; X itself enters with its exact mean, zero.
    slope = np.mean((y - y.mean()) * (X - X.mean())) / variance
    return y - slope * X
