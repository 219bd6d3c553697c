r"""Preconditioned conjugate gradients for a batch, each step to the exact line minimum.

With the gradient g and the diagonal preconditioner P, z = g/P, the direction is d <- -z + beta d with

    beta = max(0, z_new.(g_new - g_old) / (z_old.g_old))        (Polak-Ribiere, restarting where it turns negative)
    P_i = max(|G_i''(v_i)|/gamma, 1/2)                          (J has rows of norm 1, so that 1/2 is a soft site)

and the step along d is the first minimum of the quartic U(v + t d) (`nsim.descent.line_minimum`). The cost is one
product J D per step for all columns. Far from the minimum single precision is enough for it: it halves the cost, and J
V is brought back to double precision every few steps.
"""

from __future__ import annotations

import numba
import numpy as np

from nsim.descent.active_columns import ActiveColumns
from nsim.descent.line_minimum import first_minimum, quartic_coefficients
from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass

REFRESH = 50  # steps between two exact products J V; in between J V is updated, and rounding errors add up
SOFTEST = 0.5  # floor of the preconditioner [E0/v0^2]
SINGLE_UNTIL = 1e-4  # gradient [E0/v0] below which single precision would be felt


def descend(
    glass: Glass,
    v: np.ndarray,
    stop: np.ndarray,
    budget: np.ndarray,
    rough: CouplingMatrix | None = None,
    held: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Descend until max |gradient| of each column is below its ``stop`` or its budget of steps is spent.

    Parameters
    ----------
    glass
        The sample.
    v
        States, shape (N, R); not changed.
    stop, budget
        Where each column may stop [E0/v0], and after how many steps it must; shape (R,).
    rough
        J with products in single precision, used where ``stop`` allows; None: double precision throughout.
    held
        The site that each column keeps where it is, shape (R,); its force counts for nothing. None: all sites move.

    Returns
    -------
    v, steps
        The states, shape (N, R), and the steps each column took, shape (R,). Finished columns leave the batch.
    """
    J = glass.couplings if rough is None or (stop < SINGLE_UNTIL).any() else rough
    active = ActiveColumns(v, stop, budget)
    v, Jv = active.result.copy(), glass.couplings @ active.result
    gradient, direction = np.zeros_like(v), np.zeros_like(v)
    squared = np.ones(v.shape[1])
    held = np.full(v.shape[1], -1) if held is None else held
    step = 0
    while True:
        squared, largest = _turn(
            v, Jv, glass.a2, glass.a4, glass.gamma, glass.field, gradient, direction, squared, held, step == 0
        )
        v, Jv, gradient, direction, squared, held = active.keep(
            largest, step, v, Jv, gradient, direction, squared, held
        )
        if not active:
            return active.result, active.steps
        _step(v, Jv, direction, gradient, J @ direction, glass.a2, glass.a4, glass.gamma)
        step += 1
        if step % REFRESH == 0:
            Jv = glass.couplings @ v


@numba.njit(cache=True, error_model="numpy")
def _turn(
    v: np.ndarray,
    Jv: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    gradient: np.ndarray,
    direction: np.ndarray,
    squared: np.ndarray,
    held: np.ndarray,
    restart: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Bring gradient and direction (N, R) to the present state; return z.g and max |g|, both (R,)."""
    n, columns = v.shape
    new_squared, cross, largest = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    z = np.empty_like(v)
    for i in range(n):
        for r in range(columns):
            x = v[i, r]
            g = 0.0 if held[r] == i else (a2[i] + a4 / 6 * x * x) * x / gamma - Jv[i, r] - field
            z[i, r] = g / max(abs(a2[i] + a4 / 2 * x * x) / gamma, SOFTEST)
            cross[r] += z[i, r] * gradient[i, r]
            gradient[i, r] = g
            new_squared[r] += g * z[i, r]
            largest[r] = max(largest[r], abs(g))
    beta, downhill = np.zeros(columns), np.zeros(columns)
    if not restart:
        for r in range(columns):
            beta[r] = max(0.0, (new_squared[r] - cross[r]) / squared[r])
    for i in range(n):
        for r in range(columns):
            direction[i, r] = -z[i, r] + beta[r] * direction[i, r]
            downhill[r] += gradient[i, r] * direction[i, r]
    for r in range(columns):
        if not downhill[r] < 0.0:
            for i in range(n):
                direction[i, r] = -z[i, r]
    return new_squared, largest


@numba.njit(cache=True, error_model="numpy")
def _step(
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
