r"""Control variates of local disorder: moments of the stiffness a2_i of the sites of a sample, with exact means.

Where a2 scatters, most of the difference between samples is that of their sites. With x_i = (a2_i - E[a2])/std
the means

    A_k = (1/N) sum_i x_i^k - E[x^k],   k = 1..4,   E[x^k] = 0, 1, 0, 3 (normal) or 0, 1, 0, 9/5 (uniform)

are exactly zero. They join the numbers of the couplings in `coupling_controls`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nsim.run_file import RunFile
from nsim.run_sections import GaussianStiffness, Model, UniformStiffness
from nsim.sample.glass import draw_stiffness

Array = NDArray[np.float64]

POWERS = np.arange(1, 5)
NAMES = tuple(f"A{power}" for power in POWERS)


def stiffness_moments(run: RunFile, n: int) -> Array | None:
    """A_1 to A_4 of every sample of one size, shape (samples, 4); None without local disorder."""
    scale = _scale(run.model)
    if scale is None:
        return None
    mean, std, moments = scale
    drawn = np.array([draw_stiffness(run.model, seed, n, sample) for seed, sample in run.origins(n)])
    x = ((drawn - mean) / std)[:, :, None]
    return np.asarray((x**POWERS).mean(axis=1) - moments)


def _scale(model: Model) -> tuple[float, float, Array] | None:
    """Mean, standard deviation and E[x^k] of the distribution of a2; None where it has one value."""
    match model.a2:
        case GaussianStiffness(mean=mean, std=std) if std > 0:
            return mean, std, np.array([0.0, 1.0, 0.0, 3.0])
        case UniformStiffness(low=low, high=high) if high > low:
            return (low + high) / 2, (high - low) / math.sqrt(12), np.array([0.0, 1.0, 0.0, 9 / 5])
        case _:
            return None
