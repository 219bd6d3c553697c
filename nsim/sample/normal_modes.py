r"""Normal modes of a minimum: the spectrum of its Hessian, M e_k = w_k e_k with |e_k| = 1.

    frequency            omega_k = sqrt(w_k/m)
    participation        p_k = 1/sum_i e_ik^4          (1: a single site; N: all alike; N/3: a random vector)
    resolvent diagonal   Gr_ii = sum_k e_ik^2/w_k,     so that sum_i Gr_ii = sum_k 1/w_k

Up to `DENSE` sites all modes are found at once, in two N x N arrays in double precision. Of larger systems the lowest
ones come from Lanczos iteration on M^{-1} (shift-invert at zero), with one Cholesky factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence

from nsim.sample.glass import Glass
from nsim.sample.hessian import cholesky, shift_invert

DENSE = 8000  # sites up to which all modes are found
LOWEST = 200  # modes of larger systems
BLOCK = 64  # columns squared at a time


@dataclass(frozen=True)
class NormalModes:
    """Modes of one state, from the softest on."""

    eigenvalue: np.ndarray  # (K,) w_k, ascending [E0/v0^2]; NaN where iteration did not converge
    participation: np.ndarray  # (K,) p_k
    response: np.ndarray | None  # (N,) Gr_ii [v0^2/E0]; None: not all modes are known


def modes_of(n: int) -> int:
    """How many modes `normal_modes` finds of a system of n sites."""
    return n if n <= DENSE else LOWEST


def normal_modes(glass: Glass, v: np.ndarray) -> NormalModes:
    """All modes at the minimum ``v``, shape (N,), or the lowest ones of a large system.

    Raises `nsim.sample.hessian.NotAMinimumError` for a large system that is at no minimum.
    """
    if glass.n <= DENSE:
        # Symmetric: the transpose is Fortran order without a copy.
        eigenvalue, modes = eigh(glass.hessian(v).T, driver="evr", overwrite_a=True, check_finite=False)
        return NormalModes(eigenvalue, *_participation(modes, eigenvalue))
    return lowest_modes(glass, v, modes_of(glass.n))


def lowest_modes(glass: Glass, v: np.ndarray, count: int) -> NormalModes:
    """The ``count`` lowest modes at the minimum ``v``, by Lanczos iteration on the inverse of the Hessian.

    Raises `nsim.sample.hessian.NotAMinimumError` where it is not positive definite.
    """
    try:
        inverse, modes = shift_invert(cholesky(glass.hessian(v)), count)
    except (ArpackError, ArpackNoConvergence):
        return NormalModes(np.full(count, np.nan), np.full(count, np.nan), None)
    order = np.argsort(-inverse)
    return NormalModes(1 / inverse[order], _participation(modes[:, order])[0], None)


def frequencies(eigenvalue: np.ndarray, mass: float = 1.0) -> np.ndarray:
    """Omega = sqrt(w/m) [sqrt(E0/m)/v0], shape of ``eigenvalue``; NaN where it is negative."""
    return np.sqrt(np.where(eigenvalue >= 0, eigenvalue, np.nan) / mass)


def _participation(modes: np.ndarray, eigenvalue: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Participation numbers of the columns of ``modes`` and, from all of them, the diagonal of the resolvent."""
    participation = np.empty(modes.shape[1])
    response = None if eigenvalue is None else np.zeros(len(modes))
    for k in range(0, modes.shape[1], BLOCK):
        square = modes[:, k : k + BLOCK] ** 2
        participation[k : k + BLOCK] = 1 / (square**2).sum(axis=0)
        if response is not None and eigenvalue is not None:
            response += square @ (1 / eigenvalue[k : k + BLOCK])
    return participation, response
