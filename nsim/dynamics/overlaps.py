r"""Overlaps of independent replicas a, b of one sample at the same temperature.

    q_ab   = (1/N) sum_i v_i^a v_i^b                                                      [v0^2]
    q_link = 1/(N(N-1)) sum_{i != j} v_i^a v_j^a v_i^b v_j^b                              [v0^4]

In equilibrium <v_i>^2 averages to q_ab and <v_i v_j>^2 to q_link. All pairs are bonds here, so that
N (N-1) q_link = (N q_ab)^2 - sum_i (v_i^a v_i^b)^2 needs no product with J. Histograms are taken of the cosine
q_ab/sqrt(q_aa q_bb), which lies in [-1, 1] at every temperature.
"""

from __future__ import annotations

import numba
import numpy as np

BINS = 100  # of a histogram over [-1, 1]
EDGES = np.linspace(-1.0, 1.0, BINS + 1)
CENTRES = (EDGES[:-1] + EDGES[1:]) / 2


def pairs(replicas: int) -> np.ndarray:
    """All pairs a < b, shape (pairs, 2)."""
    a, b = np.triu_indices(replicas, 1)
    return np.stack([a, b], axis=1)


@numba.njit(cache=True, error_model="numpy")
def overlap_sums(v: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sum_i v_i^a v_i^b and sum_i (v_i^a v_i^b)^2 of pairs of replicas; v is (N, replicas, M), answers (pairs, M)."""
    sites, _, width = v.shape
    first, second = np.zeros((len(pairs), width)), np.zeros((len(pairs), width))
    for i in range(sites):
        for k in range(len(pairs)):
            a, b = v[i, pairs[k, 0]], v[i, pairs[k, 1]]
            for m in range(width):
                product = a[m] * b[m]
                first[k, m] += product
                second[k, m] += product * product
    return first, second


def count_cosines(histogram: np.ndarray, cosine: np.ndarray) -> None:
    """Count cosines, shape (pairs, M), into histograms, shape (M, BINS)."""
    bins = np.clip(((cosine + 1) / 2 * BINS).astype(int), 0, BINS - 1)
    np.add.at(histogram, (np.broadcast_to(np.arange(cosine.shape[1]), cosine.shape), bins), 1)
