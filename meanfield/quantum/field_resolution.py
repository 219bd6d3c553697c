"""How well the fields of an ensemble resolve a temperature: the error of C(T) from their spacing near h = 0.

At low temperature only double wells with an asymmetry of the order of T count. Every field of an ensemble stands for
its weight: with s = sqrt(gap^2 - Delta_0^2), the part of a splitting that grows with the field, the wells ordered by s
are spread over the cells that hold their weights if the density is even from one to the next. What that changes in the
specific heat of the two-level systems estimates what the spacing costs. It is of the order of C itself where T lies
between two neighbours, and pessimistic where a quadrature resolves T. As the change oscillates with T the largest of
three neighbouring temperatures is taken. Of a random sample it says nothing about the scatter.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from meanfield.quantum.canonical import two_level
from meanfield.quantum.thermodynamics import read_temperatures
from meanfield.quantum.well_statistics import well_statistics
from meanfield.sites.local_potentials import LocalPotentials

Array = NDArray[np.float64]

NODES = 8  # per cell
NEIGHBOUR = 1.6  # ratio of neighbouring temperatures; C of double wells grows linearly
FAR = 40.0  # gaps beyond this many T contribute nothing


def resolution_error(ensemble: LocalPotentials, hbar2_over_m: float, temperatures: ArrayLike) -> Array:
    """Estimated error of the specific heat from the spacing of the fields, (T,); zero without double wells."""
    T = read_temperatures(temperatures)
    wells = well_statistics(ensemble, hbar2_over_m)
    if wells.weight.size == 0:
        return np.zeros(T.size)
    zero = np.minimum(np.exp(wells.log_tunnel_energy), wells.splitting)
    s = np.sqrt((wells.splitting - zero) * (wells.splitting + zero))
    order = np.argsort(s, kind="stable")
    s, zero, weight = s[order], zero[order], wells.fraction * wells.weight[order]
    # Mirror images, and other wells at the same place, share a cell.
    distinct, inverse = np.unique(s, return_inverse=True)
    mass = np.cumsum(np.bincount(inverse, weights=weight))
    middle = mass - 0.5 * np.diff(mass, prepend=0.0)
    beyond = distinct[-1] + (distinct[-1] - (distinct[-2] if distinct.size > 1 else 0.0))
    edges = np.interp(np.append(0.0, mass), np.concatenate([[0.0], middle, mass[-1:]]), [0.0, *distinct, beyond])
    t, w = np.polynomial.legendre.leggauss(NODES)
    low, high = edges[inverse], edges[inverse + 1]
    changes = [
        np.abs(_changes(s, zero, weight, low, high, factor * T, 0.5 * (1.0 + t), 0.5 * w)) / factor
        for factor in (1.0 / NEIGHBOUR, 1.0, NEIGHBOUR)
    ]
    return np.max(changes, axis=0)


@njit(cache=True)
def _changes(
    s: Array, zero: Array, weight: Array, low: Array, high: Array, T: Array, node: Array, node_weight: Array
) -> Array:
    """What spreading wells over their cells changes in the specific heat, (T,)."""
    result = np.zeros(T.size)
    for j in range(T.size):
        if T[j] <= 0.0:
            continue
        for i in range(s.size):
            if low[i] > FAR * T[j]:
                break
            here, _ = two_level(np.hypot(zero[i], s[i]) / T[j])
            spread = 0.0
            for k in range(node.size):
                c, _ = two_level(np.hypot(zero[i], low[i] + node[k] * (high[i] - low[i])) / T[j])
                spread += node_weight[k] * c
            result[j] += weight[i] * (spread - here)
    return result
