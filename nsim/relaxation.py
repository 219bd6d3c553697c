r"""From any state to its inherent structure: a minimum of U with max |dU/dv_i| below the tolerance.

All replicas of one sample move together as the columns of an N x R batch, so that each step costs one matrix
product J D. Nonlinear conjugate gradients (Polak-Ribiere with restarts) with the exact line minimum do the descent;
a few Newton steps, each one Cholesky factorisation, do the last digits, where conjugate gradients would crawl along
the soft modes of a marginal glass. Which minimum is reached is decided by the descent: Newton only takes over where
the gradient is so small that it cannot leave the basin, and hands back where it does not contract.

A state that ends on a saddle is pushed off along its negative mode and relaxed again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.linalg import eigh, lapack

from nsim.glass import Glass
from nsim.line_minimum import first_minimum, quartic_coefficients

REFRESH = 50  # steps between two exact products J V; in between J V is updated, and rounding errors add up
NEWTON_STEPS = 8
PUSHES = 20  # off saddles, before a state is given up as not converged


@dataclass(frozen=True)
class Relaxed:
    """What a relaxation ended with; one entry per column."""

    v: np.ndarray  # (N, R) displacements
    max_gradient: np.ndarray  # (R,) max_i |dU/dv_i| [E0/v0]
    iterations: np.ndarray  # (R,) conjugate-gradient steps
    converged: np.ndarray  # (R,) bool: gradient below tolerance and Hessian positive definite


def relax(glass: Glass, v: np.ndarray, tolerance: float = 1e-10, max_iterations: int = 100_000) -> Relaxed:
    """Relax the columns of ``v`` to minima of U.

    Parameters
    ----------
    glass
        The sample.
    v
        Starting states, shape (N, R); not changed.
    tolerance
        Largest |dU/dv_i| of a converged state [E0/v0].
    max_iterations
        Conjugate-gradient steps allowed in all, pushes off saddles included.

    Returns
    -------
    Relaxed
    """
    v = np.array(v, dtype=float, order="C")
    columns = v.shape[1]
    max_gradient = np.full(columns, np.inf)
    iterations = np.zeros(columns, dtype=np.int64)
    converged = np.zeros(columns, dtype=bool)
    # How far conjugate gradients go before Newton is tried; tightened for a column whenever Newton fails on it.
    handover = np.full(columns, max(tolerance, 1e-5))
    pushes = np.zeros(columns, dtype=int)
    open_columns = np.arange(columns)
    while len(open_columns):
        batch, steps = _conjugate_gradients(
            glass, v[:, open_columns], handover[open_columns], max_iterations - iterations[open_columns]
        )
        iterations[open_columns] += steps
        v[:, open_columns] = batch
        for r in open_columns:
            v[:, r], max_gradient[r], positive = _newton(glass, v[:, r], tolerance)
            if max_gradient[r] > tolerance:
                # Not yet in the quadratic region. At the tolerance itself conjugate gradients alone must manage.
                handover[r] = max(handover[r] * 1e-2, 0.5 * tolerance)
            elif positive:
                converged[r] = True
            else:
                pushes[r] += 1
                v[:, r] = _push_off_saddle(glass, v[:, r])
                handover[r] = max(tolerance, 1e-5)
        spent = (iterations >= max_iterations) | (pushes > PUSHES)
        open_columns = np.flatnonzero(~converged & ~spent)
    return Relaxed(v, max_gradient, iterations, converged)


def _conjugate_gradients(
    glass: Glass, v: np.ndarray, stop: np.ndarray, budget: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Descend until max |gradient| of each column is below its ``stop`` or its budget of steps is spent.

    Finished columns leave the batch. Returns the states, shape (N, R), and the steps taken, shape (R,).
    """
    result = np.array(v, order="C")
    steps = np.zeros(v.shape[1], dtype=np.int64)
    active = np.arange(v.shape[1])
    v, Jv = result.copy(), glass.J @ result
    gradient = np.empty_like(v)
    direction = np.zeros_like(v)
    squared = np.ones(v.shape[1])
    step = 0
    while True:
        squared, largest = _descent_direction(
            v, Jv, glass.a2, glass.a4, glass.gamma, glass.field, gradient, direction, squared, step == 0
        )
        running = (largest > stop[active]) & (step < budget[active])
        if not running.all():
            result[:, active] = v
            steps[active] = step
            active = active[running]
            if not len(active):
                return result, steps
            v, Jv = np.compress(running, v, axis=1), np.compress(running, Jv, axis=1)
            gradient, direction = (
                np.compress(running, gradient, axis=1),
                np.compress(running, direction, axis=1),
            )
            squared = squared[running]
        Jd = glass.J @ direction
        _step_to_line_minimum(v, Jv, direction, gradient, Jd, glass.a2, glass.a4, glass.gamma)
        step += 1
        if step % REFRESH == 0:
            Jv = glass.J @ v


@numba.njit(cache=True)
def _descent_direction(
    v: np.ndarray,
    Jv: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    gradient: np.ndarray,
    direction: np.ndarray,
    squared: np.ndarray,
    restart: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Bring gradient and direction (N, R) to the present state; return |gradient|^2 and max |gradient|, both (R,)."""
    n, columns = v.shape
    new_squared, cross, largest = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    for i in range(n):
        for r in range(columns):
            x = v[i, r]
            g = (a2[i] + a4 / 6 * x * x) * x / gamma - Jv[i, r] - field
            if not restart:
                cross[r] += g * gradient[i, r]
            gradient[i, r] = g
            new_squared[r] += g * g
            largest[r] = max(largest[r], abs(g))
    # Polak-Ribiere, never negative: a restart along the steepest descent wherever the quadratic picture fails.
    beta = np.zeros(columns)
    downhill = np.zeros(columns)
    if not restart:
        for r in range(columns):
            beta[r] = max(0.0, (new_squared[r] - cross[r]) / squared[r])
    for i in range(n):
        for r in range(columns):
            direction[i, r] = -gradient[i, r] + beta[r] * direction[i, r]
            downhill[r] += gradient[i, r] * direction[i, r]
    for r in range(columns):
        if not downhill[r] < 0.0:
            for i in range(n):
                direction[i, r] = -gradient[i, r]
    return new_squared, largest


@numba.njit(cache=True)
def _step_to_line_minimum(
    v: np.ndarray,
    Jv: np.ndarray,
    d: np.ndarray,
    g: np.ndarray,
    Jd: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
) -> None:
    """Move every column, in place, to the first minimum of U along its direction."""
    c = quartic_coefficients(v, d, g, Jd, a2, a4, gamma)
    n, columns = v.shape
    t = np.empty(columns)
    for r in range(columns):
        t[r] = first_minimum(c[0, r], c[1, r], c[2, r], c[3, r])
    for i in range(n):
        for r in range(columns):
            v[i, r] += t[r] * d[i, r]
            Jv[i, r] += t[r] * Jd[i, r]


def _newton(glass: Glass, v: np.ndarray, tolerance: float) -> tuple[np.ndarray, float, bool]:
    """Newton steps while they contract the gradient.

    Returns the best state, its max |gradient|, and whether the Hessian there is positive definite.
    """
    v = np.array(v)
    gradient = glass.gradient(v)
    largest = float(np.abs(gradient).max())
    positive = False
    for _ in range(NEWTON_STEPS):
        # LAPACK reads the lower triangle of the (symmetric) matrix in Fortran order.
        factor, info = lapack.dpotrf(glass.hessian(v).T, lower=True, overwrite_a=True)
        positive = info == 0
        if not positive or largest <= 1e-3 * tolerance:
            break
        trial = v - lapack.dpotrs(factor, gradient, lower=True)[0]
        trial_gradient = glass.gradient(trial)
        trial_largest = float(np.abs(trial_gradient).max())
        if trial_largest > 0.5 * largest:
            break
        v, gradient, largest = trial, trial_gradient, trial_largest
    return v, largest, positive


def _push_off_saddle(glass: Glass, v: np.ndarray) -> np.ndarray:
    """The lower of the two line minima along the most negative mode, one on either side of the saddle."""
    _, modes = eigh(glass.hessian(v), subset_by_index=[0, 0])
    mode = modes[:, 0] * np.sign(modes[np.argmax(np.abs(modes[:, 0])), 0])  # the sign from LAPACK is arbitrary
    sides = []
    for d in (mode, -mode):
        gradient = glass.gradient(v)
        if gradient @ d > 0:
            gradient = gradient * 0.0  # at a saddle the slope is rounding; curvature alone drives the push
        x, direction, slope, Jd = (np.ascontiguousarray(y[:, None]) for y in (v, d, gradient, glass.J @ d))
        c = quartic_coefficients(x, direction, slope, Jd, glass.a2, glass.a4, glass.gamma)[:, 0]
        downhill = min(c[0], -1e-12 * (abs(c[1]) + abs(c[3])))
        sides.append(v + first_minimum(downhill, c[1], c[2], c[3]) * d)
    return min(sides, key=lambda side: float(glass.energy(side)))
