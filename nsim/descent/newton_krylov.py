r"""Newton steps without a Hessian matrix: M x = g by conjugate gradients, positive definiteness by Lanczos iteration.

All that is asked of J are products, one for all columns of a batch per step: for large batches that is faster than to
factorise the Hessian of each column, and it is the only way where no rank can hold a Hessian or J is spread over ranks.
M = diag(G''(v))/gamma - J is preconditioned with its diagonal; with the inner residual at ``FORCING`` of the gradient,
the gradient falls by about that factor per Newton step, so that products in single precision are enough inside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh_tridiagonal

from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass
from nsim.sample.hessian import LANCZOS_FROM, lowest_mode

STEPS = 15
FORCING = 1e-3  # |M x - g| / |g| of an inner solution
INNER_STEPS = 500  # beyond, M is so soft that a descent does better
SOFTEST = 0.5  # floor of the preconditioner [E0/v0^2]
LOOK_EVERY, LANCZOS_STEPS = 15, 300
SETTLED = 1e-2  # residual of the lowest Ritz value, relative to it
ROUNDING = 1e-5  # of products in single precision, relative to the norm of M


def finish(
    glass: Glass, v: np.ndarray, tolerance: float, rough: CouplingMatrix | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton steps of every column while they at least halve its gradient.

    Parameters
    ----------
    glass
        The sample.
    v
        States near minima, shape (N, R); not changed.
    tolerance
        Wanted max |gradient| [E0/v0].
    rough
        J with products in single precision, for large systems.

    Returns
    -------
    v, max_gradient, positive
        The best states (N, R), their max |gradient| (R,), and whether the Hessian is positive definite (R,); that is
        looked at only where the gradient is below the tolerance.
    """
    v = np.array(v, order="C")
    J = glass.couplings if rough is None else rough
    gradient = glass.gradient(v)
    largest = np.abs(gradient).max(axis=0)
    moving = np.flatnonzero(largest > 0.1 * tolerance)
    for _ in range(STEPS):
        if not len(moving):
            break
        move, solved = solve(J, glass.on_site_curvature(v[:, moving]), gradient[:, moving])
        moving, move = moving[solved], move[:, solved]
        if not len(moving):
            break
        trial = v[:, moving] - move
        trial_gradient = glass.gradient(trial)
        trial_largest = np.abs(trial_gradient).max(axis=0)
        better = trial_largest < 0.5 * largest[moving]
        moving = moving[better]
        v[:, moving], gradient[:, moving] = trial[:, better], trial_gradient[:, better]
        largest[moving] = trial_largest[better]
        moving = moving[largest[moving] > 0.1 * tolerance]
    positive = np.zeros(v.shape[1], dtype=bool)
    there = np.flatnonzero(largest <= tolerance)
    if len(there):
        positive[there] = positive_definite(glass, v[:, there], J)
    return v, largest, positive


def solve(J: CouplingMatrix, diagonal: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solutions x of (diag - J) x = g to a residual of ``FORCING``, column by column.

    Parameters
    ----------
    J
        The couplings.
    diagonal, g
        Diagonal and right-hand side of every column, shape (N, R).

    Returns
    -------
    x, solved
        Shape (N, R), and where there is a solution (R,): not where the matrix is seen not to be positive.
    """
    unit = np.sqrt((g * g).sum(axis=0))
    solved = np.ones(g.shape[1], dtype=bool)
    solution = np.zeros_like(g)
    at = np.flatnonzero(unit > 0)
    diagonal, residual = diagonal[:, at], g[:, at] / unit[at]  # of order 1: nothing underflows in single precision
    preconditioner = np.maximum(np.abs(diagonal), SOFTEST)
    x, direction = np.zeros_like(residual), residual / preconditioner
    squared = (residual * direction).sum(axis=0)
    for _ in range(INNER_STEPS):
        if not len(at):
            break
        image = diagonal * direction - J @ direction
        curvature = (direction * image).sum(axis=0)
        upward = curvature > 0
        step = np.where(upward, squared / np.where(upward, curvature, 1.0), 0.0)
        x += step * direction
        residual -= step * image
        open_ = upward & ((residual * residual).sum(axis=0) > FORCING**2)
        if not open_.all():
            solved[at[~upward]] = False
            solution[:, at] = x
            at, diagonal, preconditioner, x, residual, direction, squared = (
                np.compress(open_, a, axis=-1) for a in (at, diagonal, preconditioner, x, residual, direction, squared)
            )
        z = residual / preconditioner
        new = (residual * z).sum(axis=0)
        direction = z + new / squared * direction
        squared = new
    solution[:, at] = x
    return unit * solution, solved


def positive_definite(glass: Glass, v: np.ndarray, J: CouplingMatrix) -> np.ndarray:
    """Whether the Hessian of each column is positive definite, bool (R,).

    Lanczos iteration from a fixed start without reorthogonalisation, which repeats Ritz values but leaves the lowest
    one right, until that is settled. What comes closer to zero than rounding goes to `nsim.sample.hessian.lowest_mode`.
    """
    n, columns = v.shape
    if n < LANCZOS_FROM:
        return np.array([lowest_mode(glass, v[:, r])[0] > 0 for r in range(columns)])
    diagonal = glass.on_site_curvature(v)
    floor = ROUNDING * (np.abs(diagonal).max(axis=0) + 2)
    answer, at = np.zeros(columns, dtype=bool), np.arange(columns)
    start = np.random.default_rng(0).standard_normal((n, 1))  # nothing of the physics depends on it
    q = np.tile(start, columns) / np.linalg.norm(start)
    before, beta = np.zeros_like(q), np.zeros(columns)
    alphas, betas = np.zeros((LANCZOS_STEPS, columns)), np.zeros((LANCZOS_STEPS, columns))
    for step in range(min(LANCZOS_STEPS, n)):
        w = diagonal * q - J @ q - beta * before
        alpha = (q * w).sum(axis=0)
        w -= alpha * q
        beta = np.sqrt((w * w).sum(axis=0))
        alphas[step, at], betas[step, at] = alpha, beta
        before, q = q, w / np.maximum(beta, 1e-300)
        if (step + 1) % LOOK_EVERY and step + 1 < n:
            continue
        lowest, residual = np.empty(len(at)), np.empty(len(at))
        for k, r in enumerate(at):
            tridiagonal = (alphas[: step + 1, r], betas[:step, r])
            ritz: Any = eigh_tridiagonal(*tridiagonal, select="i", select_range=(0, 0))
            lowest[k], residual[k] = ritz[0][0], beta[k] * abs(ritz[1][-1, 0])
        # A Ritz value lies above the lowest eigenvalue: a negative one decides at once.
        settled = (lowest < -floor[at]) | ((lowest > floor[at]) & (residual < SETTLED * lowest))
        answer[at[settled]] = lowest[settled] > 0
        at, q, before, beta, diagonal = (np.compress(~settled, a, axis=-1) for a in (at, q, before, beta, diagonal))
        if not len(at):
            return answer
    for r in at:
        answer[r] = lowest_mode(glass, v[:, r])[0] > 0
    return answer
