r"""From a point high on a path to the saddle of index 1 beside it.

Each step factorises the Hessian once, M = L D L^T with D of 1 x 1 and indefinite 2 x 2 blocks, which by Sylvester's law
counts its negative eigenvalues exactly. Where there is one, and Newton's step is short, it is taken: it climbs along
the negative mode and descends along all others. Elsewhere the lowest modes e_k are found, and the step is that of
eigenvector following (`nsim.landscape.eigenvector_following`) along these,

    s_k = -c_k/d_k,  uphill along one of them,   d_k = ( |w_k| + sqrt(w_k^2 + 4 c_k^2) )/2,   c_k = g.e_k

the lowest, or, as long as no curvature is negative, the one that continues a given direction, and Newton's in their
complement, where all curvatures are positive. The same factorisation at the end is the proof:
gradient below the tolerance, exactly one negative eigenvalue.
"""

from __future__ import annotations

import numba
import numpy as np
from scipy.linalg import eigh, lapack

from nsim.landscape.eigenvector_following import natural_length
from nsim.sample.glass import Glass

STEPS = 60
TRUST = 0.2  # longest move of a step, in units of the natural length
PATIENCE = 20  # steps after which it shrinks like 1/steps, which ends cycles
LANCZOS_FROM = 100  # sites from which they are found by iteration
LANCZOS_STEPS = 32
MODES = 3  # lowest modes treated apart, if no more are negative


def refine(
    glass: Glass,
    start: np.ndarray,
    tolerance: float = 1e-10,
    steps: int = STEPS,
    along: np.ndarray | None = None,
) -> tuple[np.ndarray, bool]:
    """The saddle of index 1 next to ``start``, shape (N,), and whether it was reached.

    Parameters
    ----------
    glass
        The sample, with J whole on this rank.
    start
        Near the top of a barrier, shape (N,).
    tolerance
        Wanted max |gradient| [E0/v0].
    steps
        After so many it is given up.
    along
        A direction to climb in from near a minimum, shape (N,): the mode of largest overlap with it is followed up to
        the first negative curvature. If None, the lowest mode is.
    """
    trust = TRUST * natural_length(glass)
    v = start.copy()
    for step in range(steps):
        gradient = glass.gradient(v)
        M = glass.hessian(v)
        factor, pivots, _ = lapack.dsytrf(M.T, lower=True)
        negative = negative_eigenvalues(factor, pivots)
        if np.abs(gradient).max() <= tolerance:
            if negative == 1:
                return v, True
            # Another kind of stationary point: off it along the lowest mode, or the second of several negative ones.
            low = eigh(M, subset_by_index=[0, min(1, glass.n - 1)])[1]
            v = v + 0.1 * trust * low[:, 1 if negative > 1 and glass.n > 1 else 0]
            continue
        limit = trust * min(1.0, PATIENCE / (step + 1))
        move = -lapack.dsytrs(factor, pivots, gradient, lower=True)[0]
        if negative:
            along = None
        if negative != 1 or not np.abs(move).max() <= limit:
            move, along = _follow(M, gradient, factor, pivots, negative, limit, along)
        v = v + move
    return v, False


def _follow(
    M: np.ndarray,
    gradient: np.ndarray,
    factor: np.ndarray,
    pivots: np.ndarray,
    negative: int,
    limit: float,
    along: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """A step of eigenvector following along the lowest modes, of Newton's method across them; shape (N,).

    With a direction ``along`` that is climbed in, also the mode that continues it, shape (N,).
    """
    values, low = _lowest(M, gradient, negative, along is not None)
    kept, uphill = np.arange(min(max(MODES, negative + 1), len(values))), 0
    if along is not None:
        following = int(np.abs(low.T @ along).argmax())
        along = low[:, following]
        kept = np.union1d(kept, following)
        uphill = int(np.searchsorted(kept, following))
    values, low = values[kept], low[:, kept]
    slope = low.T @ gradient
    move = -2 * slope / (np.abs(values) + np.sqrt(values**2 + 4 * slope**2) + 1e-300)
    move[uphill] = -move[uphill]
    across = -lapack.dsytrs(factor, pivots, gradient - low @ slope, lower=True)[0]
    across -= low @ (low.T @ across)
    return low @ np.clip(move, -limit, limit) + across * min(1.0, limit / (np.abs(across).max() + 1e-300)), along


def _lowest(M: np.ndarray, start: np.ndarray, negative: int, more: bool) -> tuple[np.ndarray, np.ndarray]:
    """About the lowest eigenvalues of M, ascending, and their vectors; all the negative ones are among them.

    A few Lanczos steps, from the gradient: what it has no part in the step needs not know. Where they miss one of the
    negative eigenvalues, whose number is known, the lowest ones (all, where ``more`` are wanted) are found exactly.
    """
    if len(M) >= LANCZOS_FROM:
        values, low = _lanczos(M, start, LANCZOS_STEPS)
        if (values < 0).sum() == negative:
            return values, low
    wanted = None if more else [0, min(max(MODES, negative + 1), len(M)) - 1]
    return eigh(M, subset_by_index=wanted, check_finite=False)


@numba.njit(cache=True, error_model="numpy")
def _lanczos(M: np.ndarray, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Ritz values, ascending, and vectors (N, steps) of the Krylov space of ``start``, kept orthogonal in full."""
    basis = np.zeros((steps, len(M)))
    T = np.zeros((steps, steps))
    basis[0] = start / np.sqrt(start @ start)
    for k in range(steps):
        image = M @ basis[k]
        T[k, k] = basis[k] @ image
        for _ in range(2):
            image -= basis[: k + 1].T @ (basis[: k + 1] @ image)
        if k + 1 < steps:
            length = np.sqrt(image @ image)
            T[k, k + 1] = T[k + 1, k] = length
            basis[k + 1] = image / length
    values, mixed = np.linalg.eigh(T)
    return values, basis.T @ mixed


def negative_eigenvalues(factor: np.ndarray, pivots: np.ndarray) -> int:
    """How many eigenvalues of a matrix are negative, from LAPACK's factorisation L D L^T (`dsytrf`, lower)."""
    single = pivots > 0
    # Pivoting makes a 2 x 2 block only where it is indefinite: one eigenvalue of either sign.
    return int((np.diagonal(factor)[single] < 0).sum() + (~single).sum() // 2)
