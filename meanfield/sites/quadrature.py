"""Gauss-Legendre panels for Gaussian averages of functions with a jump at h = 0.

At T = 0 the response of a site jumps at h = 0 wherever its potential has two wells, so every
average over effective fields is folded onto the half line h >= 0: an even function of h meets the
weight N(h; m, q) + N(-h; m, q), an odd one the difference. On the half line everything is smooth.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Fields beyond 9 standard deviations carry 2e-19 of the weight of a Gaussian; with the growth of
# v*^2 (a power of h) their share of any average stays below rounding.
FIELD_RANGE = 9.0


@cache
def gauss_legendre(n: int) -> tuple[Array, Array]:
    """Nodes and weights (n,) of the Gauss-Legendre rule on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    x, w = 0.5 * (x + 1.0), 0.5 * w
    x.flags.writeable = w.flags.writeable = False
    return x, w


def gauss_legendre_panels(edges: Array, n: int) -> tuple[Array, Array]:
    """Composite rule with ``n`` nodes between neighbouring edges.

    Parameters
    ----------
    edges : array (..., P + 1)
        Increasing panel edges; empty panels are allowed.
    n : int
        Nodes per panel.

    Returns
    -------
    nodes, weights : arrays (..., P * n)
    """
    edges = np.asarray(edges, dtype=float)
    x, w = gauss_legendre(n)
    width = np.diff(edges, axis=-1)[..., None]
    nodes = edges[..., :-1, None] + width * x
    weights = width * w
    shape = (*edges.shape[:-1], -1)
    return nodes.reshape(shape), weights.reshape(shape)


def normal_density(x: Array, variance: float) -> Array:
    """Density of a centred normal distribution of the given variance."""
    return np.exp(-0.5 * x * x / variance) / np.sqrt(2.0 * np.pi * variance)


def half_line_edges(mean: float, std: float, finest: float | None = None, step: float = 2.0) -> Array:
    """Panel edges in |h| that resolve the folded Gaussian N(|h|; +-mean, std^2).

    Parameters
    ----------
    mean, std : float
        Of the Gaussian before folding; std > 0.
    finest : float, optional
        Length over which the averaged function varies at h = 0. Panels then grow by factors of two
        from this length outwards, which resolves any function whose nearest singularity lies at
        that distance from the real axis.
    step : float
        Largest panel in units of std.
    """
    mean = abs(mean)
    low, high = max(0.0, mean - FIELD_RANGE * std), mean + FIELD_RANGE * std
    count = max(1, int(np.ceil((high - low) / (step * std))))
    edges = np.linspace(low, high, count + 1)
    if finest is not None and low == 0.0 and finest < edges[1]:
        graded = finest * 2.0 ** np.arange(0.0, np.log2(edges[1] / finest) + 1e-9)
        if graded[-1] > 0.7 * edges[1]:
            graded = graded[:-1]
        edges = np.concatenate(([0.0], graded, edges[1:]))
    return edges


def folded_normal(h: Array, mean: float, variance: float) -> tuple[Array, Array]:
    """Weights for even and for odd functions on the half line h >= 0: N(h) + N(-h), N(h) - N(-h)."""
    near, far = normal_density(h - abs(mean), variance), normal_density(h + abs(mean), variance)
    # The difference without cancellation, however small the mean.
    return near + far, -np.sign(mean) * near * np.expm1(-2.0 * h * abs(mean) / variance)
