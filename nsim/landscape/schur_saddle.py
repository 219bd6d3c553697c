r"""The saddle that a double well of one site makes: Newton's method on the reduced force of that site.

With v_{j != i} relaxed at given v_i = x the energy is a function U_i(x) of one coordinate, whose slope is dU/dv_i and
whose curvature is the Schur complement

    s = M_ii - b^T B^{-1} b,    B = M without row and column i,  b = M_{j != i, i}

A saddle of U with U_i' = 0 at the top of U_i has index 1 if B is positive definite and s < 0 (Haynsworth): the proof
needs one Cholesky factorisation and no eigenvalues. Newton's step on all coordinates, by blocks,

    y = B^{-1} g_{j != i},   dx = -(g_i - b.y)/s,   dv_{j != i} = -y - B^{-1} b dx

starts at the top of the linear-response well U_eff,i, all others displaced along the response Gr_{:,i}/Gr_ii. The block
is factorised again only where the last step contracted the gradient badly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from nsim.sample.glass import Glass

STEPS = 40
CONTRACTION = 0.1  # of the gradient by a chord step, above which the block is factorised again


@dataclass(frozen=True)
class SchurSaddle:
    """How a search ended."""

    v: np.ndarray  # (N,)
    max_gradient: float  # [E0/v0]
    index_one: bool  # proved: the block of the other sites is positive definite, its Schur complement negative
    factorisations: int


def schur_saddle(
    glass: Glass, start: np.ndarray, site: int, tolerance: float = 1e-10, farthest: float = np.inf
) -> SchurSaddle:
    """Newton's method from ``start``, shape (N,), to a saddle along the coordinate of ``site``.

    Parameters
    ----------
    glass
        The sample.
    start
        Near the top of the barrier (`top_of_response`).
    site
        The coordinate i.
    tolerance
        Wanted max |gradient| [E0/v0].
    farthest
        The search is given up where a step exceeds this [v0].
    """
    v = start.copy()
    gradient = glass.gradient(v)
    largest = float(np.abs(gradient).max())
    factor = response = None
    schur, factorisations, fresh = np.inf, 0, False
    for _ in range(STEPS):
        if factor is None:
            block = _block(glass, v, site)
            factor, response, schur = block
            factorisations, fresh = factorisations + 1, True
            if factor is None or response is None or not schur < 0:
                return SchurSaddle(v, largest, False, factorisations)
        if largest <= tolerance and fresh:
            return SchurSaddle(v, largest, True, factorisations)
        if largest <= tolerance:
            factor = None  # the proof belongs to the point itself
            continue
        rest = gradient.copy()
        rest[site] = 0.0
        y = lapack.dpotrs(factor, rest, lower=True)[0]
        # With w = B^{-1} b the response of the others is -w, and b.y = w.g.
        dx = -(gradient[site] + response @ rest) / schur
        move = response * dx - y
        move[site] = dx
        if not np.abs(move).max() <= farthest:
            break
        v = v + move
        gradient, before, fresh = glass.gradient(v), largest, False
        largest = float(np.abs(gradient).max())
        if not largest < CONTRACTION * before:
            factor = None
    return SchurSaddle(v, largest, False, factorisations)


def _block(glass: Glass, v: np.ndarray, site: int) -> tuple[np.ndarray | None, np.ndarray | None, float]:
    """Cholesky factor of B (row and column ``site`` those of the unit matrix), response -B^{-1} b, Schur complement."""
    M = glass.hessian(v)
    b, own = M[site].copy(), float(M[site, site])
    b[site] = 0.0
    M[site], M[:, site], M[site, site] = 0.0, 0.0, 1.0
    factor, info = lapack.dpotrf(M.T, lower=True, overwrite_a=True)
    if info != 0:
        return None, None, np.inf
    response = -lapack.dpotrs(factor, b, lower=True)[0]
    return factor, response, own + float(b @ response)


def top_of_response(v: np.ndarray, response: np.ndarray, site: int, top: float) -> np.ndarray:
    """The minimum ``v`` moved along the linear response Gr_{:,i}, shape (N,), until v_i is ``top``; shape (N,)."""
    return v + response / response[site] * (top - v[site])
