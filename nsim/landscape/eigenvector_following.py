r"""Saddles of index 1 by eigenvector following, and stationary points of any index by Newton's method.

In the eigenbasis of the Hessian, M e_k = w_k e_k, with c_k = g.e_k the component of the gradient, the step is

    s_k = -c_k / d_k  for all modes but the one followed, which goes uphill with  s_k = +c_k / d_k,
    d_k = ( |w_k| + sqrt(w_k^2 + 4 c_k^2) ) / 2                     (Wales, J. Chem. Phys. 101, 3750 (1994))

which is Newton's step near a saddle with one negative eigenvalue, and of the order of sqrt|c_k| far from it. No
component may exceed a cap; the cap shrinks when a search takes long, which ends cycles. The mode followed is the
lowest one; a search that climbs out of a minimum along another mode keeps to it (largest overlap) while its eigenvalue
is positive. `newton` takes plain (capped) Newton steps, which end on points of every index.

Searches of one sample come as columns; each is a compiled loop of its own, for the Hessian differs from column to
column. For N up to a few hundred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from nsim.sample.glass import Glass

LOWEST = -1  # follow the lowest mode from the start
CAP = 0.3  # largest component of a step, in units of the natural length of the model
PATIENCE = 30  # steps after which the cap starts to shrink like 1/steps
STEPS = 120


@dataclass(frozen=True)
class Stationary:
    """Where searches ended; one entry per column."""

    v: np.ndarray  # (N, R) displacements
    max_gradient: np.ndarray  # (R,) max_i |dU/dv_i| [E0/v0]
    index: np.ndarray  # (R,) negative eigenvalues of the Hessian
    softest: np.ndarray  # (R,) smallest |eigenvalue| [E0/v0^2]
    steps: np.ndarray  # (R,)


def natural_length(glass: Glass) -> float:
    """sqrt(6 (gamma |J| + k)/a4) [v0]: no stationary point is much farther out; |J| the norm of J, k = max(0, -a2).

    The norm is bounded by the largest row sum of J_ij^2, times 2: exact for random couplings, enough for others.
    """
    if not glass.a4 > 0:
        return 1.0
    strength = 2 * np.sqrt((glass.J**2).sum(axis=1).max(initial=0.0))
    return float(np.sqrt(6 * (glass.gamma * max(strength, 1e-3) / 2 + max(0.0, -glass.a2.min())) / glass.a4))


def follow(
    glass: Glass,
    starts: np.ndarray,
    modes: np.ndarray | int = LOWEST,
    tolerance: float = 1e-11,
    steps: int = STEPS,
) -> Stationary:
    """Climb from each column of ``starts`` (N, R) to a saddle of index 1.

    Parameters
    ----------
    glass
        The sample.
    starts
        Where to start, shape (N, R). A start at a minimum must be pushed off it first.
    modes
        Number of the mode to follow at first (0 is the softest), or `LOWEST`; a number or shape (R,).
    tolerance
        Wanted max |gradient| [E0/v0].
    steps
        Steps allowed. What has not converged then has ``max_gradient`` above the tolerance.
    """
    columns = starts.shape[1]
    wanted = np.broadcast_to(np.asarray(modes, dtype=np.int64), (columns,)).copy()
    return _search(glass, starts, wanted, tolerance, steps)


def newton(glass: Glass, starts: np.ndarray, tolerance: float = 1e-11, steps: int = STEPS) -> Stationary:
    """Capped Newton steps from each column of ``starts`` (N, R) to the next stationary point of any index."""
    return _search(glass, starts, None, tolerance, steps)


def _search(glass: Glass, starts: np.ndarray, modes: np.ndarray | None, tolerance: float, steps: int) -> Stationary:
    rows = np.array(starts.T, dtype=float, order="C")
    model = (
        np.ascontiguousarray(glass.J, dtype=np.float64),
        glass.a2,
        float(glass.a4),
        float(glass.gamma),
        float(glass.field),
    )
    cap = CAP * natural_length(glass)
    if modes is None:
        found = _newton_all(rows, *model, cap, tolerance, steps)
    else:
        found = _follow_all(rows, modes, *model, cap, tolerance, steps)
    max_gradient, index, softest, taken = found
    return Stationary(np.ascontiguousarray(rows.T), max_gradient, index, softest, taken)


@numba.njit(cache=True, error_model="numpy")
def gradient_and_hessian(
    v: np.ndarray, J: np.ndarray, a2: np.ndarray, a4: float, gamma: float, field: float
) -> tuple[np.ndarray, np.ndarray]:
    """DU/dv (N,) and the Hessian (N, N) of one state."""
    M = -J
    gradient = -(J @ v)
    for i in range(len(v)):
        x = v[i]
        gradient[i] += (a2[i] + a4 / 6 * x * x) * x / gamma - field
        M[i, i] += (a2[i] + a4 / 2 * x * x) / gamma
    return gradient, M


@numba.njit(cache=True, error_model="numpy")
def _follow_all(
    rows: np.ndarray,
    modes: np.ndarray,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    cap: float,
    tolerance: float,
    steps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvector following from every row, in place."""
    count, n = rows.shape
    largest, index, softest, taken = np.zeros(count), np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    for r in range(count):
        v, mode = rows[r].copy(), modes[r]
        followed = np.zeros(n)
        for step in range(steps):
            gradient, M = gradient_and_hessian(v, J, a2, a4, gamma, field)
            w, modes_here = np.linalg.eigh(M)
            basis = modes_here.T.copy()
            largest[r], softest[r], taken[r] = np.abs(gradient).max(), np.abs(w).min(), step
            index[r] = (w < 0).sum()
            c = basis @ gradient
            if mode >= 0:
                if step > 0:
                    mode = np.abs(basis @ followed).argmax()
                followed = basis[mode].copy()
                if w[mode] < 0 and step > 0:
                    mode = -1
            uphill = max(mode, 0)
            if largest[r] <= tolerance:
                break
            limit = cap * min(1.0, PATIENCE / (step + 1))
            for k in range(n):
                s = -2 * c[k] / (abs(w[k]) + np.sqrt(w[k] * w[k] + 4 * c[k] * c[k]) + 1e-300)
                s = -s if k == uphill else s
                v += max(-limit, min(limit, s)) * basis[k]
        rows[r] = v
    return largest, index, softest, taken


@numba.njit(cache=True, error_model="numpy")
def _newton_all(
    rows: np.ndarray,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    cap: float,
    tolerance: float,
    steps: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method from every row, in place."""
    count = len(rows)
    largest, index, softest, taken = np.zeros(count), np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    for r in range(count):
        v = rows[r].copy()
        for step in range(steps):
            gradient, M = gradient_and_hessian(v, J, a2, a4, gamma, field)
            largest[r], taken[r] = np.abs(gradient).max(), step
            if largest[r] <= tolerance:
                break
            move = np.linalg.solve(M, gradient)
            limit = cap * min(1.0, PATIENCE / (step + 1))
            v -= move * min(1.0, limit / np.abs(move).max())
        _, M = gradient_and_hessian(v, J, a2, a4, gamma, field)
        w = np.linalg.eigvalsh(M)
        index[r], softest[r] = (w < 0).sum(), np.abs(w).min()
        rows[r] = v
    return largest, index, softest, taken
