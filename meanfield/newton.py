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
            jacobian = _forward_difference(residual, x, r)
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


def _norm(r: Array) -> float:
    norm = float(np.max(np.abs(r)))
    return norm if np.isfinite(norm) else np.inf


def _forward_difference(residual: Callable[[Array], Array], x: Array, r: Array) -> Array:
    # 1e-7: for unknowns of order one the truncation and rounding errors of the difference balance.
    columns = []
    for k in range(x.size):
        step = 1e-7 * max(1.0, abs(x[k]))
        shifted = x.copy()
        shifted[k] += step
        columns.append((residual(shifted) - r) / step)
    return np.array(columns).T
