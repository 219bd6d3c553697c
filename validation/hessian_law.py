r"""The spectrum of the Hessian M = diag(d) - J for N -> infinity: the diagonal plus a semicircular matrix.

With d_i = G''(v_i)/gamma and couplings of variance 1/N, the resolvent g(z) = lim (1/N) Tr (M - z)^{-1} obeys

    g(z) = E_d[1/(d - z - g(z))],   density of eigenvalues = Im g(lambda + i0)/pi              [Pastur 1972].

Instead of iterating in g, follow w = z + g = x + i y: its inverse z = w - E_d[1/(d - w)] is explicit, and z is real
where y = 0 or

    E_d[1/((d - x)^2 + y^2)] = 1,

whose root y(x) is unique because the left side falls with y [Biane, Indiana Univ. Math. J. 46 (1997)]. Then
lambda(x) = x - E_d[(d - x)/((d - x)^2 + y^2)] increases with x and the density there is y(x)/pi.

A mean J0/N of the couplings moves a single eigenvalue and is invisible here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BISECTIONS = 50  # y lies in [0, 1]: to 1e-15


def density(d: Array, points: int = 400, weight: Array | None = None) -> tuple[Array, Array]:
    """Density of eigenvalues as a curve.

    Parameters
    ----------
    d : array (n,)
        Diagonal of the Hessian, G''(v_i)/gamma [E0/v0^2].
    points : int
        Points of the curve.
    weight : array (n,), optional
        Weights of the d, sum 1; equal unless given.

    Returns
    -------
    eigenvalue, density : arrays (points,)
        Ascending lambda [E0/v0^2] and the density, whose integral is 1; it is zero outside.
    """
    d, weight = _weighted(d, weight)
    # The semicircle has radius 2, so y > 0 needs a d within distance 1 of x.
    x = np.linspace(d.min() - 1.0, d.max() + 1.0, points)
    y = _height(d, weight, x)
    distance = d[:, None] - x
    eigenvalue = x - weight @ (distance / (distance**2 + np.maximum(y, 1e-300) ** 2))
    inside = y > 0
    # Close the curve at zero on both sides.
    inside[:-1] |= inside[1:]
    inside[1:] |= inside[:-1]
    return eigenvalue[inside], y[inside] / np.pi


def lower_edge(d: Array, weight: Array | None = None) -> float:
    """Lowest eigenvalue for N -> infinity [E0/v0^2].

    The edge is where w - E_d[1/(d - w)], w below all d, is stationary: E_d[1/(d - w)^2] = 1. It is zero in a
    marginally stable state.
    """
    d, weight = _weighted(d, weight)
    low, high = d.min() - 1.0, d.min()
    for _ in range(2 * BISECTIONS):
        w = 0.5 * (low + high)
        if w in (low, high):
            break
        low, high = (w, high) if weight @ (d - w) ** -2.0 < 1 else (low, w)
    return float(low - weight @ (1 / (d - low)))


def _weighted(d: Array, weight: Array | None) -> tuple[Array, Array]:
    d = np.asarray(d, float)
    return d, np.full(len(d), 1 / len(d)) if weight is None else np.asarray(weight, float)


def _height(d: Array, weight: Array, x: Array) -> Array:
    """y(x) >= 0, shape of x; zero outside the spectrum."""
    squared = (d[:, None] - x) ** 2
    low, high = np.zeros_like(x), np.ones_like(x)
    for _ in range(BISECTIONS):
        y = 0.5 * (low + high)
        above = weight @ (1 / (squared + y * y)) > 1
        low, high = np.where(above, y, low), np.where(above, high, y)
    return np.where(low > 0, 0.5 * (low + high), 0.0)
