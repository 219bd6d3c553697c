"""Damped Newton iteration for the few order parameters of a replica ansatz."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Residuals are relative errors of the order parameters; quadrature and rounding leave about 1e-14.
TARGET = 1e-13
ACCEPT = 1e-10


@dataclass(frozen=True)
class Root:
    """Outcome of `newton`: the best point, its residual (max norm), and whether that is acceptable."""

    x: Array
    residual: float
    iterations: int
    converged: bool


def newton(
    residual: Callable[[Array], Array],
    start: Array,
    max_step: float = 0.7,
    max_iterations: int = 40,
    target: float = TARGET,
) -> Root:
    """Solve ``residual(x) = 0`` for x of shape (n,), both of order one.

    The Jacobian is a forward difference, kept as long as it serves (chord steps). Unknowns are
    logarithms of order parameters, so a step is limited to ``max_step`` and halved until the
    residual falls. Stops at ``target``; what a larger one or rounding leaves is accepted up to 1e-10.
    Returns the best point met; never raises.
    """
    x = np.array(start, dtype=float)
    r = residual(x)
    norm = _norm(r)
    best, best_norm = x, norm
    jacobian: Array | None = None
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        if not np.isfinite(norm) or norm <= target:
            break
        fresh = jacobian is None
        if jacobian is None:
            jacobian = forward_difference(residual, x, r)
        try:
            step = np.linalg.solve(jacobian, -r)
        except np.linalg.LinAlgError:
            break
        length = np.max(np.abs(step))
        if not np.isfinite(length):
            break
        step *= min(1.0, max_step / max(length, 1e-300))
        fraction, trial_norm, trial, trial_r = 1.0, np.inf, x, r
        while fraction > (0.02 if fresh else 0.9):
            trial = x + fraction * step
            trial_r = residual(trial)
            trial_norm = _norm(trial_r)
            if trial_norm < norm:
                break
            fraction *= 0.5
        if trial_norm >= norm:
            if not fresh:
                jacobian = None
                continue
            if norm <= ACCEPT or not np.isfinite(trial_norm):
                break
            # A non-monotone step: the order parameters may have to pass a ridge of the residual.
        if trial_norm > 0.1 * norm:
            jacobian = None
        x, r, norm = trial, trial_r, trial_norm
        if norm < best_norm:
            best, best_norm = x, norm
    return Root(best, float(best_norm), iterations, bool(best_norm <= max(ACCEPT, target)))


def affine_newton(
    residual: Callable[[Array], Array],
    start: Array,
    max_step: float = 0.7,
    max_iterations: int = 40,
    target: float = 1e-11,
    accept: float = 1e-7,
) -> Root:
    """Solve ``residual(x) = 0`` where the equations have very different scales, as with many levels.

    Progress is measured by the Newton correction itself, which does not depend on how the equations
    are scaled: a step is taken if the correction with the same Jacobian is then smaller (Deuflhard's
    natural monotonicity test). The iteration has converged when the correction of the unknowns,
    logarithms of order parameters, is below ``accept``; it goes on to ``target`` if rounding allows.
    """
    x = np.array(start, dtype=float)
    r = residual(x)
    best, best_r, best_step = x, r, np.inf
    iterations, fresh = 0, False
    inverse: Array = np.empty((x.size, x.size))
    known = False
    step = np.zeros_like(x)
    while iterations < max_iterations and np.all(np.isfinite(r)):
        iterations += 1
        if not known:
            try:
                inverse = np.asarray(np.linalg.inv(forward_difference(residual, x, r, 1e-6)), float)
            except np.linalg.LinAlgError:
                break
            known = fresh = True
            step = inverse @ -r
        length = _norm(step)
        if length < best_step:
            best, best_r, best_step = x, r, length
        if not np.isfinite(length) or length <= target:
            break
        fraction = min(1.0, max_step / length)
        while True:
            trial = x + fraction * step
            trial_r = residual(trial)
            following = inverse @ -trial_r if np.all(np.isfinite(trial_r)) else np.full_like(x, np.inf)
            if _norm(following) < (1.0 - 0.25 * fraction) * length:
                break
            fraction *= 0.5
            if fraction < 0.01:
                break
        if fraction < 0.01:
            if fresh:
                break
            known = False
            continue
        # Chord steps as long as they shrink fast.
        known = fraction == 1.0 and _norm(following) < 0.1 * length
        x, r, step, fresh = trial, trial_r, following, False
    return Root(best, _norm(best_r), iterations, bool(best_step <= accept))


def _norm(r: Array) -> float:
    norm = float(np.max(np.abs(r)))
    return norm if np.isfinite(norm) else np.inf


def forward_difference(residual: Callable[[Array], Array], x: Array, r: Array, relative: float = 1e-7) -> Array:
    """The Jacobian of ``residual`` at x (n,), where it is r (k,): shape (k, n).

    With 1e-7 and unknowns of order one the truncation and rounding errors of the difference balance;
    equations that amplify rounding errors want more.
    """
    columns = []
    for k in range(x.size):
        step = relative * max(1.0, abs(x[k]))
        shifted = x.copy()
        shifted[k] += step
        columns.append((residual(shifted) - r) / step)
    return np.array(columns).T
