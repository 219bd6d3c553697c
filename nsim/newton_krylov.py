r"""Newton steps without a Hessian matrix: M x = g by conjugate gradients, positive definiteness by Lanczos iteration.

For systems whose Hessian no rank can hold, or whose couplings are spread over ranks: all that is asked of J are
products. M = diag(G''(v))/gamma - J is preconditioned with its diagonal; with the inner residual at ``FORCING`` of the
gradient, the gradient falls by about that factor per Newton step, so that single precision is enough inside.
"""

from __future__ import annotations

import numpy as np

from nsim.coupling_matrix import CouplingMatrix
from nsim.glass import Glass
from nsim.hessian import lowest_mode

STEPS = 15
FORCING = 1e-3  # |M x - g| / |g| of an inner solution
INNER_STEPS = 500  # beyond, M is so soft that a descent does better
SOFTEST = 0.5  # floor of the preconditioner [E0/v0^2]


def finish(
    glass: Glass, v: np.ndarray, tolerance: float, rough: CouplingMatrix | None = None
) -> tuple[np.ndarray, float, bool]:
    """Newton steps while they at least halve the gradient; parameters and results as in `nsim.newton_finish.finish`.

    The lowest eigenvalue of the Hessian is looked at in double precision, and only where the gradient is below the
    tolerance.
    """
    gradient = glass.gradient(v)
    largest = float(np.abs(gradient).max())
    for _ in range(STEPS):
        if largest <= 0.1 * tolerance:
            break
        move = solve(glass.couplings if rough is None else rough, glass.on_site_curvature(v), gradient)
        if move is None:
            break
        trial = v - move
        trial_gradient = glass.gradient(trial)
        trial_largest = float(np.abs(trial_gradient).max())
        if not trial_largest < 0.5 * largest:
            break
        v, gradient, largest = trial, trial_gradient, trial_largest
    positive = largest <= tolerance and lowest_mode(glass, v)[0] > 0
    return v, largest, positive


def solve(J: CouplingMatrix, diagonal: np.ndarray, g: np.ndarray) -> np.ndarray | None:
    """Solution x of (diag - J) x = g to a residual of ``FORCING``, shape (N,); None if the matrix is not positive."""
    preconditioner = np.maximum(np.abs(diagonal), SOFTEST)
    unit = float(np.sqrt(g @ g))
    if unit == 0.0:
        return np.zeros_like(g)
    x, residual = np.zeros_like(g), g / unit  # of order 1, so that nothing underflows in single precision
    z = residual / preconditioner
    direction, squared = z, residual @ z
    for _ in range(INNER_STEPS):
        image = diagonal * direction - J @ direction
        curvature = direction @ image
        if not curvature > 0:
            return None
        step = squared / curvature
        x = x + step * direction
        residual = residual - step * image
        if residual @ residual <= FORCING**2:
            break
        z = residual / preconditioner
        new = residual @ z
        direction = z + new / squared * direction
        squared = new
    return unit * x
