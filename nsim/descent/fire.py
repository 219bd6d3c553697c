r"""FIRE, the fast inertial relaxation engine: damped dynamics that turns its velocity towards the force.

    P = F.w;  P > 0:  w <- (1 - alpha) w + alpha |w| F/|F|,  after N_MIN such steps dt <- 1.1 dt, alpha <- 0.99 alpha
              P <= 0: w <- 0, dt <- dt/2, alpha <- 0.1

with semi-implicit Euler steps, every column with its own dt and alpha. Bitzek, Koskinen, Gaehler, Moseler and Gumbsch,
Phys. Rev. Lett. 97, 170201 (2006). One product J V per step for all columns.
"""

from __future__ import annotations

import numpy as np

from nsim.descent.active_columns import ActiveColumns
from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass

N_MIN, GROW, SHRINK, ALPHA, ALPHA_DECAY = 5, 1.1, 0.5, 0.1, 0.99
LARGEST_MOVE = 0.5  # of any displacement in one step [v0]; keeps the quartic walls from throwing a site out


def descend(
    glass: Glass, v: np.ndarray, stop: np.ndarray, budget: np.ndarray, rough: CouplingMatrix | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Relax until max |gradient| of each column is below ``stop`` or its budget of steps is spent.

    Parameters and results are those of `nsim.descent.conjugate_gradient.descend`; ``rough`` is not used.
    """
    active = ActiveColumns(v, stop, budget)
    v = active.result.copy()
    force = -glass.gradient(v)
    w = np.zeros_like(v)
    # Stable below 2/omega_max; it adapts, and the first steps are limited by LARGEST_MOVE.
    dt = 0.5 / np.sqrt(2 + np.abs(glass.on_site_curvature(v)).max(axis=0))
    dt_max = 10 * dt
    alpha, uphill_free = np.full(v.shape[1], ALPHA), np.zeros(v.shape[1], dtype=np.int64)
    step = 0
    while True:
        v, force, w, dt, dt_max, alpha, uphill_free = active.keep(
            np.abs(force).max(axis=0), step, v, force, w, dt, dt_max, alpha, uphill_free
        )
        if not active:
            return active.result, active.steps
        power = (force * w).sum(axis=0)
        downhill = power > 0
        turn = alpha * np.sqrt((w * w).sum(axis=0) / (force * force).sum(axis=0))
        w = np.where(downhill, (1 - alpha) * w + turn * force, 0.0)
        uphill_free = np.where(downhill, uphill_free + 1, 0)
        faster = uphill_free > N_MIN
        dt = np.where(downhill, np.where(faster, np.minimum(GROW * dt, dt_max), dt), SHRINK * dt)
        alpha = np.where(downhill, np.where(faster, ALPHA_DECAY * alpha, alpha), ALPHA)
        w = w + dt * force
        move = dt * w
        move *= np.minimum(1.0, LARGEST_MOVE / np.maximum(np.abs(move).max(axis=0), 1e-300))
        v = v + move
        force = -glass.gradient(v)
        step += 1
