"""The single-site potential of mean-field theory and its stationary points.

    U_eff(v; h) = -h v - C v^2/2 + G(v)/gamma,   G(v) = a2 v^2/2 + a4 v^4/24          [KH98 (10)]

in the short form U_eff' = u v^3 - kappa v - h with kappa = C - a2/gamma and u = a4/(6 gamma). It
has two wells for kappa > 0 and |h| < h_c = (2 kappa/3) sqrt(kappa/(3u)) [KH98 (13)]. All functions
broadcast over their arguments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def coefficients(C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike) -> tuple[Array, Array]:
    """The pair kappa = C - a2/gamma and u = a4/(6 gamma)."""
    kappa = np.asarray(C, float) - np.asarray(a2, float) / np.asarray(gamma, float)
    return kappa, np.asarray(a4, float) / (6.0 * np.asarray(gamma, float))


def local_potential(v: ArrayLike, a2: ArrayLike, a4: ArrayLike) -> Array:
    """G(v) = a2 v^2/2 + a4 v^4/24, the local potential of KH98 (3)."""
    square = np.asarray(v, float) ** 2
    return square * (0.5 * np.asarray(a2, float) + np.asarray(a4, float) * square / 24.0)


def effective_potential(
    v: ArrayLike, h: ArrayLike, C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike
) -> Array:
    """U_eff(v; h) = -h v - C v^2/2 + G(v)/gamma, in units of the energy."""
    kappa, u = coefficients(C, a2, a4, gamma)
    v = np.asarray(v, float)
    return -np.asarray(h, float) * v + v * v * (-0.5 * kappa + 0.25 * u * v * v)


def effective_force(v: ArrayLike, h: ArrayLike, C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike) -> Array:
    """Gradient U_eff'(v; h) = u v^3 - kappa v - h."""
    kappa, u = coefficients(C, a2, a4, gamma)
    v = np.asarray(v, float)
    return v * (u * v * v - kappa) - np.asarray(h, float)


def effective_curvature(v: ArrayLike, C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike) -> Array:
    """Curvature U_eff''(v) = 3 u v^2 - kappa."""
    kappa, u = coefficients(C, a2, a4, gamma)
    return 3.0 * u * np.asarray(v, float) ** 2 - kappa


def critical_field(C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike) -> Array:
    """h_c: two wells exist for |h| < h_c. Zero where kappa <= 0."""
    kappa, u = coefficients(C, a2, a4, gamma)
    kappa = np.maximum(kappa, 0.0)
    return (2.0 * kappa / 3.0) * np.sqrt(kappa / (3.0 * u))


def cubic_roots(h: ArrayLike, kappa: ArrayLike, u: ArrayLike) -> tuple[Array, Array, Array]:
    """Real roots of u v^3 - kappa v - h = 0 for h >= 0 and u > 0.

    Closed forms (trigonometric inside the region of three roots, hyperbolic outside), then two
    Newton steps. With x = v/s and s = sqrt(|kappa|/3u) the equation is x^3 - 3 sign(kappa) x = 2 eta,
    eta = h/h_c.

    Returns
    -------
    left, middle, right : arrays
        Left well, barrier and right well. ``right`` is the largest root, always there and the
        global minimum; the others are NaN unless kappa > 0 and h < h_c.
    """
    h, kappa, u = np.broadcast_arrays(*(np.asarray(a, float) for a in (h, kappa, u)))
    scale = np.sqrt(np.abs(kappa) / (3.0 * u))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        eta = 1.5 * h / (np.abs(kappa) * scale)
        # Where kappa is negligible (eta infinite or undefined) the cube root is the answer.
        cubic = ~(eta < 1e12)
        eta = np.where(cubic, 1.0, eta)
        double = (kappa > 0) & (eta < 1.0) & ~cubic
        angle = np.arccos(np.minimum(eta, 1.0)) / 3.0
        right = np.where(
            kappa > 0,
            np.where(double, 2.0 * np.cos(angle), 2.0 * np.cosh(np.arccosh(np.maximum(eta, 1.0)) / 3.0)),
            2.0 * np.sinh(np.arcsinh(eta) / 3.0),
        )
        right = np.where(cubic, np.cbrt(h / u), scale * right)
        left = np.where(double, scale * 2.0 * np.cos(angle + 2.0 * np.pi / 3.0), np.nan)
        # arccos loses the small angle of the middle root at small h; arcsin keeps it.
        middle = np.where(double, -scale * 2.0 * np.sin(np.arcsin(np.minimum(eta, 1.0)) / 3.0), np.nan)
    return (
        _polish(left, h, kappa, u),
        _polish(middle, h, kappa, u),
        _polish(right, h, kappa, u),
    )


def _polish(v: Array, h: Array, kappa: Array, u: Array) -> Array:
    for _ in range(2):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = (v * (u * v * v - kappa) - h) / (3.0 * u * v * v - kappa)
        # At a fold the slope vanishes and the closed form is already as good as rounding allows.
        v = v - np.where(np.abs(step) < 1e-3 * np.abs(v), step, 0.0)
    return v


def stationary_points(
    h: ArrayLike, C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike
) -> tuple[Array, Array, Array]:
    """Left minimum, barrier and right minimum of U_eff(v; h).

    Returns
    -------
    left, barrier, right : arrays of the broadcast shape
        NaN for what does not exist: a single minimum is ``right`` for h >= 0, ``left`` for h < 0.
    """
    kappa, u = coefficients(C, a2, a4, gamma)
    h = np.asarray(h, float)
    left, middle, right = cubic_roots(np.abs(h), kappa, u)
    positive = h >= 0
    return (
        np.where(positive, left, -right),
        np.where(positive, middle, -middle),
        np.where(positive, right, -left),
    )


def global_minimum(h: ArrayLike, C: ArrayLike, a2: ArrayLike, a4: ArrayLike, gamma: ArrayLike) -> Array:
    """Position v*(h) of the global minimum: odd in h, at h = 0 the right one of two equal wells."""
    kappa, u = coefficients(C, a2, a4, gamma)
    h = np.asarray(h, float)
    right = cubic_roots(np.abs(h), kappa, u)[2]
    return np.where(h >= 0, right, -right)
