r"""The last digits of a minimum: Newton steps, and the proof that the Hessian is positive definite.

Tiny systems take true Newton steps, v <- v - M^{-1} g with a Cholesky factorisation at each. Others factorise once for
all steps (chord steps): the error still falls by a factor of ten to a thousand per step, and only the first costs N^3.
For large ones that factorisation is in single precision, which halves its cost; with gradients in double precision
the result is as exact. What single precision cannot factorise is left to `nsim.descent.newton_krylov`.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from nsim.descent import newton_krylov
from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass

CHORD_FROM = 100  # sites from which one factorisation serves all steps
SINGLE_FROM = 400  # ... and is made in single precision
STEPS = 15


def finish(
    glass: Glass, v: np.ndarray, tolerance: float, rough: CouplingMatrix | None = None
) -> tuple[np.ndarray, float, bool]:
    """Newton steps while they at least halve the gradient.

    Parameters
    ----------
    glass
        The sample, with J whole on this rank.
    v
        A state near a minimum, shape (N,).
    tolerance
        Wanted max |gradient| [E0/v0].
    rough
        J in single precision, for large systems.

    Returns
    -------
    v, max_gradient, positive
        The best state, its max |gradient|, and whether the Hessian (where it was last factorised, at most a Newton
        step away) is positive definite.
    """
    single = None if rough is None else rough.whole
    gradient = glass.gradient(v)
    largest = float(np.abs(gradient).max())
    chord = glass.n >= CHORD_FROM
    factor, positive = _factor(glass, v) if single is None else _single_factor(glass, v, single)
    if single is not None and not positive:
        del factor
        states, gradients, minima = newton_krylov.finish(glass, v[:, None], tolerance, rough)
        return states[:, 0], float(gradients[0]), bool(minima[0])
    for _ in range(STEPS):
        if not positive or largest <= 1e-3 * tolerance:
            break
        if single is not None:
            # Scaled to order 1: a gradient of 1e-10 squared would underflow in single precision.
            move = lapack.spotrs(factor, (gradient / largest).astype(np.float32), lower=True)[0] * largest
        else:
            move = lapack.dpotrs(factor, gradient, lower=True)[0]
        trial = v - move
        trial_gradient = glass.gradient(trial)
        trial_largest = float(np.abs(trial_gradient).max())
        if not trial_largest < 0.5 * largest:
            break
        v, gradient, largest = trial, trial_gradient, trial_largest
        if not chord:
            factor, positive = _factor(glass, v)
        elif largest <= 0.1 * tolerance:
            break
    return v, largest, positive


def _factor(glass: Glass, v: np.ndarray) -> tuple[np.ndarray, bool]:
    """Cholesky factor of the Hessian, and whether there is one."""
    # LAPACK reads the lower triangle of the (symmetric) matrix in Fortran order.
    factor, info = lapack.dpotrf(glass.hessian(v).T, lower=True, overwrite_a=True)
    return factor, info == 0


def _single_factor(glass: Glass, v: np.ndarray, single: np.ndarray) -> tuple[np.ndarray, bool]:
    """The same in single precision."""
    M = np.negative(single)
    M[np.diag_indices_from(M)] += glass.on_site_curvature(v).astype(np.float32)
    factor, info = lapack.spotrf(M.T, lower=True, overwrite_a=True)
    return factor, info == 0
