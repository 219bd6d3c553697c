r"""What the lowest of R replicas may still have missed: the mean lowest energy of ever more replicas, continued.

Of the R energies E_(0) <= E_(1) <= ... of a sample, r taken at random have the expected lowest

    e_r = sum_i binom(R - 1 - i, r - 1)/binom(R, r) E_(i).

Doubling the replicas lowers it by delta(r) = e_r - e_2r, which falls with every doubling, and by a ratio that falls,
too. Continued with its last ratio rho = delta(R/2)/delta(R/4), the series

    delta(R/2) (rho + rho^2 + ...) = delta(R/2) rho/(1 - rho)

bounds what replicas beyond R would still find, from above. From below it is zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

Array = NDArray[np.float64]

FEWEST_REPLICAS = 8


def expected_lowest(energy: Array, r: int) -> Array:
    """e_r of every sample, shape (samples,), from energies (samples, R); r <= R."""
    replicas = energy.shape[1]
    weight = np.array([comb(replicas - 1 - i, r - 1) for i in range(replicas)]) / comb(replicas, r)
    return np.asarray(np.sort(energy, axis=1) @ weight)


def still_missed(energy: Array) -> float:
    """Bound of what ever more replicas would lower the mean lowest energy by; NaN for few replicas, or no sample.

    Samples of which a replica did not converge (not finite) are left out.
    """
    whole = energy[np.isfinite(energy).all(axis=1)]
    replicas = energy.shape[1]
    if replicas < FEWEST_REPLICAS or len(whole) == 0:
        return float("nan")
    quarter, half, all_of_them = (expected_lowest(whole, replicas // share).mean() for share in (4, 2, 1))
    before, last = quarter - half, half - all_of_them
    if last <= 0:
        return 0.0
    ratio = min(last / before, 0.9) if before > 0 else 0.9
    return float(last * ratio / (1 - ratio))
