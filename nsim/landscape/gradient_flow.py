r"""The gradient flow dv/dt = -dU/dv, followed tightly: which minimum a point belongs to, and by which path.

The two minima a saddle joins are by definition where the flow goes from either side of it, and its way is the
minimum-energy path. The embedded Runge-Kutta pair of Bogacki and Shampine (orders 3 and 2) with a local error far below
the distance between basins follows it; the flow is left where the Hessian is positive definite and Newton's method
converges without leaving the neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.linalg import eigh

from nsim.descent.newton_finish import finish
from nsim.landscape.eigenvector_following import natural_length
from nsim.sample.glass import Glass

LOCAL_ERROR = 1e-6  # largest error of any displacement per step, in units of the natural length
PUSH = 1e-4  # off the saddle, in the same unit
TRY_NEWTON = 1e-3  # how far Newton's method may move, in the same unit
FALLEN = 0.5  # ... of its largest value since the last trial the gradient must have fallen to before the next
PATIENCE = 5  # points of the path after which it is tried all the same: the flow's own error keeps gradients up
CHUNK = 4  # steps between two points of the path
SPACING = 1e-3  # least distance of two points of the path, in units of the natural length
STEPS = 200_000


@dataclass(frozen=True)
class Descent:
    """Where the flow from a point has led."""

    v: np.ndarray  # (N,) its end
    max_gradient: float  # infinite where no minimum was reached
    path: np.ndarray  # (P, N) points on the way, the start first, the end last


def descend(glass: Glass, start: np.ndarray, tolerance: float = 1e-11) -> Descent:
    """Follow the flow from ``start``, shape (N,), to its minimum."""
    length = natural_length(glass)
    model = (
        np.ascontiguousarray(glass.J, dtype=np.float64),
        glass.a2,
        float(glass.a4),
        float(glass.gamma),
        float(glass.field),
    )
    v = np.array(start, dtype=float)
    slope = -glass.gradient(v)
    width = 0.01 * length / (np.abs(slope).max() + 1e-300)
    path = [v.copy()]
    peak, waited = 0.0, 0  # largest gradient, and points of the path, since Newton's method was last tried
    for _ in range(STEPS // CHUNK):
        width = _flow(v, slope, width, *model, LOCAL_ERROR * length, CHUNK)
        if np.abs(v - path[-1]).max() > SPACING * length:
            path.append(v.copy())
        largest = float(np.abs(slope).max())
        peak = max(peak, largest)
        waited += 1
        if largest > FALLEN * peak and waited < PATIENCE:
            continue
        peak, waited = largest, 0
        end, largest, positive = finish(glass, v, tolerance)
        if positive and largest <= tolerance and np.abs(end - v).max() <= TRY_NEWTON * length:
            path.append(end)
            return Descent(end, largest, np.array(path))
    return Descent(v, np.inf, np.array(path))


def unstable_mode(glass: Glass, saddle: np.ndarray) -> np.ndarray:
    """The mode of the lowest eigenvalue at a saddle, shape (N,), its largest entry positive."""
    mode = eigh(glass.hessian(saddle), subset_by_index=[0, 0])[1][:, 0]
    return mode * np.sign(mode[np.argmax(np.abs(mode))])  # the sign from LAPACK is arbitrary


def both_sides(glass: Glass, saddle: np.ndarray, tolerance: float = 1e-11) -> tuple[Descent, Descent]:
    """The flow from either side of a saddle of index 1, shape (N,), along its unstable mode."""
    push = PUSH * natural_length(glass) * unstable_mode(glass, saddle)
    return descend(glass, saddle - push, tolerance), descend(glass, saddle + push, tolerance)


@numba.njit(cache=True, error_model="numpy")
def _flow(
    v: np.ndarray,
    k1: np.ndarray,
    width: float,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    field: float,
    allowed: float,
    steps: int,
) -> float:
    """Some accepted steps of the flow; changes v and its slope k1 = -dU/dv, both (N,); returns the next width."""
    accepted = 0
    for _ in range(20 * steps):
        k2 = -_gradient(v + width / 2 * k1, J, a2, a4, gamma, field)
        k3 = -_gradient(v + 0.75 * width * k2, J, a2, a4, gamma, field)
        new = v + width / 9 * (2 * k1 + 3 * k2 + 4 * k3)
        k4 = -_gradient(new, J, a2, a4, gamma, field)
        error = np.abs(width * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8)).max()
        if error <= allowed:
            v[:], k1[:] = new, k4
            accepted += 1
        width *= min(3.0, max(0.2, 0.9 * (allowed / (error + 1e-300)) ** (1 / 3)))
        if accepted == steps:
            break
    return width


@numba.njit(cache=True, error_model="numpy")
def _gradient(v: np.ndarray, J: np.ndarray, a2: np.ndarray, a4: float, gamma: float, field: float) -> np.ndarray:
    return (a2 + a4 / 6 * v * v) * v / gamma - J @ v - field
