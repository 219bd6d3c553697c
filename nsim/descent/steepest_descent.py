r"""Gradient flow dv/dt = -dU/dv, followed faithfully: what the literature means by a quench.

Unlike conjugate gradients, whose long steps skip basins, the flow ends in the minimum whose basin the start belongs
to. It is integrated with the embedded Runge-Kutta pair of Bogacki and Shampine (orders 3 and 2, three products J V
per step for all columns, every column with its own step width), with a local error below a fixed displacement.
"""

from __future__ import annotations

import numpy as np

from nsim.descent.active_columns import ActiveColumns
from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass

LOCAL_ERROR = 1e-3  # largest error of any displacement per step [v0] ...
RELATIVE_ERROR = 0.05  # ... and relative to the largest move: keeps the step stable where everything is small
SAFETY, SHRINK, GROW = 0.9, 0.2, 3.0


def descend(
    glass: Glass,
    v: np.ndarray,
    stop: np.ndarray,
    budget: np.ndarray,
    rough: CouplingMatrix | None = None,
    held: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the flow until max |gradient| of each column is below ``stop`` or its budget of steps is spent.

    Parameters and results are those of `nsim.descent.conjugate_gradient.descend`; ``rough`` is not used.
    """
    active = ActiveColumns(v, stop, budget)
    v = active.result.copy()
    free = np.ones(v.shape)  # 0 where a site is held
    if held is not None:
        free[held, np.arange(len(held))] = 0.0
    k1 = -free * glass.gradient(v)
    width = 0.1 / (1 + np.abs(k1).max(axis=0))
    step = 0
    while True:
        v, k1, width, free = active.keep(np.abs(k1).max(axis=0), step, v, k1, width, free)
        if not active:
            return active.result, active.steps
        with np.errstate(over="ignore", invalid="ignore"):  # a step far too wide is refused below
            k2 = -free * glass.gradient(v + width / 2 * k1)
            k3 = -free * glass.gradient(v + 0.75 * width * k2)
            new = v + width * (2 * k1 + 3 * k2 + 4 * k3) / 9
            k4 = -free * glass.gradient(new)
            error = np.abs(width * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8)).max(axis=0)
        error = np.where(np.isfinite(error), error, np.inf)
        allowed = np.minimum(LOCAL_ERROR, RELATIVE_ERROR * width * np.abs(k1).max(axis=0))
        accepted = error <= allowed
        v, k1 = np.where(accepted, new, v), np.where(accepted, k4, k1)
        factor = SAFETY * np.cbrt(allowed / np.maximum(error, 1e-30))
        width = width * np.clip(factor, SHRINK, GROW)
        step += 1
