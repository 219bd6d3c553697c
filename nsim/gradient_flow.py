r"""Which minimum a point belongs to: the gradient flow dv/dt = -dU/dv, integrated tightly, one column at a time.

The two minima a saddle joins are by definition where the flow goes from either side of it. The embedded Runge-Kutta
pair of Bogacki and Shampine (orders 3 and 2) with a local error far below the distance between basins follows it;
the flow is left where the Hessian is positive definite, Newton's step is short, and Newton's method from there
converges without leaving that neighbourhood. Columns differ in every step width, so each is a compiled loop of its own.
"""

from __future__ import annotations

import numba
import numpy as np

from nsim.eigenvector_following import gradient_and_hessian, natural_length
from nsim.glass import Glass

LOCAL_ERROR = 1e-6  # largest error of any displacement per step, in units of the natural length
PUSH = 1e-4  # off the saddle, in the same unit
TRY_NEWTON = 1e-2  # longest Newton step that counts as short, in the same unit
STEPS = 200_000


def descend(glass: Glass, starts: np.ndarray, tolerance: float = 1e-11) -> tuple[np.ndarray, np.ndarray]:
    """Follow the flow from each column of ``starts`` (N, R) to its minimum.

    Returns the minima (N, R) and the max |gradient| of each, infinite where no minimum was reached.
    """
    rows = np.array(starts.T, dtype=float, order="C")
    largest = _descend_all(
        rows,
        np.ascontiguousarray(glass.J),
        glass.a2,
        float(glass.a4),
        float(glass.gamma),
        float(glass.field),
        natural_length(glass),
        tolerance,
    )
    return np.ascontiguousarray(rows.T), largest


def sides(glass: Glass, saddles: np.ndarray) -> np.ndarray:
    """A point on either side of each saddle of ``saddles`` (N, R), along its unstable mode; shape (N, 2 R).

    Columns 2 r and 2 r + 1 belong to saddle r.
    """
    starts = np.empty((glass.n, 2 * saddles.shape[1]))
    for r in range(saddles.shape[1]):
        mode = np.linalg.eigh(glass.hessian(saddles[:, r]))[1][:, 0]
        mode *= np.sign(mode[np.argmax(np.abs(mode))])  # the sign from LAPACK is arbitrary
        push = PUSH * natural_length(glass) * mode
        starts[:, 2 * r], starts[:, 2 * r + 1] = saddles[:, r] - push, saddles[:, r] + push
    return starts


@numba.njit(cache=True, error_model="numpy")
def _descend_all(
    rows: np.ndarray,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    length: float,
    tolerance: float,
) -> np.ndarray:
    """The flow from every row, in place; max |gradient| of each, infinite where it did not arrive."""
    count = len(rows)
    largest = np.full(count, np.inf)
    check = 20  # steps between two looks at the Hessian
    for r in range(count):
        v = rows[r].copy()
        k1 = -_gradient(v, J, a2, a4, gamma, field)
        width = 0.01 * length / (np.abs(k1).max() + 1e-300)
        for step in range(STEPS):
            if step % check == check - 1:
                end, reached = _newton_to_minimum(v, J, a2, a4, gamma, field, TRY_NEWTON * length, tolerance)
                if reached <= tolerance:
                    v, largest[r] = end, reached
                    break
            k2 = -_gradient(v + width / 2 * k1, J, a2, a4, gamma, field)
            k3 = -_gradient(v + 0.75 * width * k2, J, a2, a4, gamma, field)
            new = v + width / 9 * (2 * k1 + 3 * k2 + 4 * k3)
            k4 = -_gradient(new, J, a2, a4, gamma, field)
            error = np.abs(width * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8)).max()
            if error <= LOCAL_ERROR * length:
                v, k1 = new, k4
            width *= min(3.0, max(0.2, 0.9 * (LOCAL_ERROR * length / (error + 1e-300)) ** (1 / 3)))
        rows[r] = v
    return largest


@numba.njit(cache=True, error_model="numpy")
def _gradient(v: np.ndarray, J: np.ndarray, a2: np.ndarray, a4: float, gamma: float, field: float) -> np.ndarray:
    return (a2 + a4 / 6 * v * v) * v / gamma - J @ v - field


@numba.njit(cache=True, error_model="numpy")
def _newton_to_minimum(
    start: np.ndarray,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    near: float,
    tolerance: float,
) -> tuple[np.ndarray, float]:
    """Newton's method while M > 0 and all moves stay within ``near``; else an infinite gradient."""
    v = start.copy()
    for _ in range(12):
        gradient, M = gradient_and_hessian(v, J, a2, a4, gamma, field)
        if np.linalg.eigvalsh(M)[0] <= 0:
            return v, np.inf
        largest = np.abs(gradient).max()
        if largest <= tolerance:
            return v, largest
        v -= np.linalg.solve(M, gradient)
        if not np.abs(v - start).max() <= near:
            return v, np.inf
    return v, np.inf
