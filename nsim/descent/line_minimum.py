r"""The exact minimum of U along a line: U(v + t d) is a quartic in t, so no trial steps are needed.

    U(v + t d) - U(v) = c1 t + c2 t^2 + c3 t^3 + c4 t^4
    c1 = g.d,  c2 = 1/2 d.(D - J) d,  c3 = (a4/6 gamma) sum v d^3,  c4 = (a4/24 gamma) sum d^4,  D = diag(G''(v))/gamma

One product J d, shared by all columns of a batch, gives the coefficients and afterwards the new local fields.
Of the minima along the line the first one downhill is taken, so that a step never leaps over a barrier.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def quartic_coefficients(
    v: np.ndarray, d: np.ndarray, g: np.ndarray, Jd: np.ndarray, a2: np.ndarray, a4: float, gamma: float
) -> np.ndarray:
    """Coefficients c1..c4 of each column, shape (4, R).

    Parameters
    ----------
    v, d, g, Jd
        State, direction, gradient and J d, each of shape (N, R).
    a2, a4, gamma
        On-site potential; a2 has shape (N,).
    """
    n, columns = v.shape
    c = np.zeros((4, columns))
    for i in range(n):
        for r in range(columns):
            x, s = v[i, r], d[i, r]
            s2 = s * s
            c[0, r] += g[i, r] * s
            c[1, r] += (a2[i] + 0.5 * a4 * x * x) / gamma * s2 - s * Jd[i, r]
            c[2, r] += x * s * s2
            c[3, r] += s2 * s2
    c[1] *= 0.5
    c[2] *= a4 / (6 * gamma)
    c[3] *= a4 / (24 * gamma)
    return c


@numba.njit(cache=True)
def first_minimum(c1: float, c2: float, c3: float, c4: float) -> float:
    """Smallest t > 0 where c1 t + c2 t^2 + c3 t^3 + c4 t^4 has a minimum, for c1 < 0; infinite if it has none.

    With c4 = 0 = c3 (a4 = 0) there is none unless c2 > 0.
    """
    if c1 >= 0.0:
        return 0.0
    if c4 <= 0.0:
        return -c1 / (2 * c2) if c2 > 0.0 else np.inf
    # The slope c1 + 2 c2 t + 3 c3 t^2 + 4 c4 t^3 starts negative. If it rises to zero before its first local
    # maximum (the inflexion ta of the quartic), its root is in (0, ta]; else beyond its local minimum tb.
    low, high = 0.0, -1.0
    discriminant = 9 * c3 * c3 - 24 * c2 * c4
    if discriminant > 0.0:
        root = np.sqrt(discriminant)
        # Stable quadratic roots of 12 c4 t^2 + 6 c3 t + 2 c2.
        far = -(3 * c3 + root) if c3 >= 0.0 else -(3 * c3 - root)
        t1 = far / (12 * c4)
        t2 = 2 * c2 / far if far != 0.0 else 0.0
        ta, tb = min(t1, t2), max(t1, t2)
        if ta > 0.0 and c1 + ta * (2 * c2 + ta * (3 * c3 + ta * 4 * c4)) >= 0.0:
            high = ta
        elif tb > 0.0:
            low = tb
    if high < 0.0:
        step = max(low, (-c1 / (4 * c4)) ** (1 / 3))
        high = low + step
        while c1 + high * (2 * c2 + high * (3 * c3 + high * 4 * c4)) < 0.0:
            high += step
            step *= 2
    # Newton on the slope, kept inside the bracket by bisection.
    t = 0.5 * (low + high)
    for _ in range(200):
        slope = c1 + t * (2 * c2 + t * (3 * c3 + t * 4 * c4))
        if slope < 0.0:
            low = t
        else:
            high = t
        curvature = 2 * c2 + t * (6 * c3 + t * 12 * c4)
        new = t - slope / curvature if curvature > 0.0 else low
        if not low < new < high:
            new = 0.5 * (low + high)
        if abs(new - t) <= 4e-16 * abs(new) or new in (low, high):
            return new
        t = new
    return t
