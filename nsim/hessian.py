r"""The Hessian M = diag(G''(v))/gamma - J of a minimum: its inverse's diagonal and its softest modes."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigvalsh, lapack

from nsim.glass import Glass


class NotAMinimumError(ArithmeticError):
    """The Hessian is not positive definite."""


def resolvent_diagonal(M: np.ndarray) -> np.ndarray:
    r"""Diagonal of Gr = M^{-1}, shape (N,) [v0^2/E0]: the linear response dv_i/dF_i of each site.

    One Cholesky factorisation and inverse, N^3 flops each way. Raises `NotAMinimumError` unless M > 0.
    """
    factor, info = lapack.dpotrf(M.T, lower=True)
    if info != 0:
        raise NotAMinimumError("the Hessian is not positive definite")
    inverse, _ = lapack.dpotri(factor, lower=True, overwrite_c=True)
    return np.diagonal(inverse).copy()


def lowest_eigenvalues(M: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` lowest eigenvalues, ascending, shape (count,) [E0/v0^2]; NaN beyond the N there are."""
    found = np.full(count, np.nan)
    kept = min(count, len(M))
    found[:kept] = eigvalsh(M, subset_by_index=[0, kept - 1])
    return found


def spectrum(glass: Glass, v: np.ndarray) -> np.ndarray:
    """All eigenvalues of the Hessian at the state v, ascending, shape (N,) [E0/v0^2]."""
    return eigvalsh(glass.hessian(v))
