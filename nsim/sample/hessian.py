r"""The Hessian M = diag(G''(v))/gamma - J of a minimum: its inverse's diagonal and its softest modes.

A factorisation works in place, on one N x N array in double precision; where that is too much, or where J is spread
over ranks, the softest modes come from products J x alone.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigvalsh, lapack
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from nsim.sample.glass import Glass

LANCZOS_FROM = 300  # sites from which Lanczos iteration beats a dense eigenvalue solver
SHIFT_INVERT_FROM = 150  # ... with a Cholesky factor at hand
KRYLOV = 60  # vectors it keeps
PRECISE = 1e-10  # relative error of an eigenvalue
SIGN = 1e-3  # ... of one of which the sign is wanted


class NotAMinimumError(ArithmeticError):
    """The Hessian is not positive definite."""


def cholesky(M: np.ndarray) -> np.ndarray:
    """Lower Cholesky factor of M, shape (N, N) in Fortran order; takes the memory of M.

    Raises `NotAMinimumError` unless M is positive definite.
    """
    # Symmetric: the transpose is Fortran order without a copy.
    factor, info = lapack.dpotrf(M.T, lower=True, overwrite_a=True)
    if info != 0:
        raise NotAMinimumError("the Hessian is not positive definite")
    return factor


def resolvent(M: np.ndarray) -> np.ndarray:
    """Gr = M^{-1}, shape (N, N) [v0^2/E0], by a Cholesky inverse; takes the memory of M.

    Raises `NotAMinimumError` unless M is positive definite.
    """
    inverse, _ = lapack.dpotri(cholesky(M), lower=True, overwrite_c=True)
    Gr = np.tril(inverse, -1)
    Gr += Gr.T
    np.fill_diagonal(Gr, np.diagonal(inverse))
    return Gr


def resolvent_diagonal(factor: np.ndarray) -> np.ndarray:
    r"""Diagonal of Gr = M^{-1}, shape (N,) [v0^2/E0]: the response dv_i/dF_i; destroys the Cholesky factor L of M.

    With M = L L^T it is Gr_ii = sum_k (L^{-1})_ki^2: half the arithmetic of the whole inverse.
    """
    inverse, _ = lapack.dtrtri(factor, lower=True, overwrite_c=True)
    return np.einsum("ij,ij->i", inverse.T, inverse.T)


def resolvent_diagonal_and_localisation(factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Gr_ii and S2_i = sum_{j != i} (Gr_ji/Gr_ii)^2, both shape (N,); destroys the Cholesky factor L of M.

    Gr = L^{-T} L^{-1} is made in place, one triangle of it: the arithmetic of one inverse.
    """
    inverse, _ = lapack.dtrtri(factor, lower=True, overwrite_c=True)
    diagonal = np.einsum("ij,ij->i", inverse.T, inverse.T)
    Gr, _ = lapack.dlauum(inverse, lower=True, overwrite_c=True)  # the upper triangle stays zero
    square = np.einsum("ij,ij->i", Gr.T, Gr.T) + np.einsum("ij,ij->j", Gr.T, Gr.T)
    return diagonal, np.maximum(square / diagonal**2 - 2, 0.0)  # either sum has the diagonal


def lowest_eigenvalues(glass: Glass, v: np.ndarray, count: int, factor: np.ndarray | None = None) -> np.ndarray:
    """The ``count`` lowest eigenvalues of M at the state v, ascending, shape (count,) [E0/v0^2].

    NaN beyond the N there are, and where iteration does not converge. Large matrices are treated by Lanczos iteration
    with a fixed start vector: on M^{-1} with a Cholesky ``factor`` (two triangular solves per step), else on M.
    """
    found = np.full(count, np.nan)
    kept = min(count, glass.n)
    if glass.n < (LANCZOS_FROM if factor is None else SHIFT_INVERT_FROM) or kept > glass.n // 2:
        M = np.diag(glass.on_site_curvature(v)) - glass.couplings @ np.eye(glass.n)
        found[:kept] = eigvalsh(M, subset_by_index=[0, kept - 1])
        return found
    try:
        if factor is None:
            values, _ = _lanczos(_operator(glass, v), kept, "SA", PRECISE)
            found[:kept] = np.sort(values)
        else:
            found[:kept] = np.sort(1 / shift_invert(factor, kept)[0])
    except (ArpackError, ArpackNoConvergence):
        pass
    return found


def lowest_mode(glass: Glass, v: np.ndarray) -> tuple[float, np.ndarray]:
    """The lowest eigenvalue of M, good enough to know its sign, and its mode, shape (N,); NaN if it cannot be found."""
    if glass.n < LANCZOS_FROM:
        values, modes = np.linalg.eigh(np.diag(glass.on_site_curvature(v)) - glass.couplings @ np.eye(glass.n))
        return float(values[0]), modes[:, 0]
    try:
        values, modes = _lanczos(_operator(glass, v), 1, "SA", SIGN)
    except (ArpackError, ArpackNoConvergence):
        return np.nan, np.zeros(glass.n)
    return float(values[0]), modes[:, 0]


def shift_invert(factor: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` largest eigenvalues of M^{-1} and their vectors, shapes (count,) and (N, count), unsorted.

    Lanczos iteration with two triangular solves a step, from the lower Cholesky ``factor`` of M; raises ArpackError.
    """
    n = len(factor)
    inverse = LinearOperator((n, n), matvec=lambda x: lapack.dpotrs(factor, x, lower=True)[0], dtype=np.float64)
    return _lanczos(inverse, count, "LM", 1e-13)


def _operator(glass: Glass, v: np.ndarray) -> LinearOperator:
    curvature = glass.on_site_curvature(v)
    return LinearOperator(
        (glass.n, glass.n), matvec=lambda x: curvature * np.ravel(x) - glass.couplings @ np.ravel(x), dtype=np.float64
    )


def _lanczos(operator: LinearOperator, count: int, which: str, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    n = operator.shape[0]
    start = np.random.default_rng(0).standard_normal(n)  # nothing of the physics depends on it
    vectors = min(n, max(KRYLOV, 2 * count + 1)) if which == "SA" else None
    return eigsh(operator, k=count, which=which, v0=start, tol=tolerance, ncv=vectors)


def spectrum(glass: Glass, v: np.ndarray) -> np.ndarray:
    """All eigenvalues of the Hessian at the state v, ascending, shape (N,) [E0/v0^2]."""
    return eigvalsh(glass.hessian(v))
