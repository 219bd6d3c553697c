r"""The Hessian M = diag(G''(v))/gamma - J of a minimum: its inverse's diagonal and its softest modes."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigvalsh, lapack
from scipy.sparse.linalg import LinearOperator, eigsh

from nsim.glass import Glass

LANCZOS_FROM = 300  # sites from which Lanczos iteration beats a dense eigenvalue solver


class NotAMinimumError(ArithmeticError):
    """The Hessian is not positive definite."""


def cholesky(M: np.ndarray) -> np.ndarray:
    """Lower Cholesky factor of M, shape (N, N) in Fortran order; raises `NotAMinimumError` unless M > 0."""
    factor, info = lapack.dpotrf(M.T, lower=True)  # symmetric: the transpose is Fortran order without a copy
    if info != 0:
        raise NotAMinimumError("the Hessian is not positive definite")
    return factor


def resolvent_diagonal(factor: np.ndarray) -> np.ndarray:
    r"""Diagonal of Gr = M^{-1} from the Cholesky factor of M, shape (N,) [v0^2/E0]: the response dv_i/dF_i."""
    inverse, _ = lapack.dpotri(factor, lower=True)
    return np.diagonal(inverse).copy()


def lowest_eigenvalues(M: np.ndarray, count: int, factor: np.ndarray | None = None) -> np.ndarray:
    """The ``count`` lowest eigenvalues, ascending, shape (count,) [E0/v0^2]; NaN beyond the N there are.

    With a Cholesky ``factor`` of M large matrices are treated by Lanczos iteration on M^{-1} (two triangular solves
    per step), which is faster than reducing them to tridiagonal form by far; the start vector is fixed.
    """
    n = len(M)
    found = np.full(count, np.nan)
    kept = min(count, n)
    if factor is None or n < LANCZOS_FROM:
        found[:kept] = eigvalsh(M, subset_by_index=[0, kept - 1])
        return found
    inverse = LinearOperator((n, n), matvec=lambda x: lapack.dpotrs(factor, x, lower=True)[0], dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)  # nothing of the physics depends on it
    largest = eigsh(inverse, k=kept, which="LM", v0=start, tol=1e-13, return_eigenvectors=False)
    found[:kept] = np.sort(1 / largest)
    return found


def spectrum(glass: Glass, v: np.ndarray) -> np.ndarray:
    """All eigenvalues of the Hessian at the state v, ascending, shape (N,) [E0/v0^2]."""
    return eigvalsh(glass.hessian(v))
