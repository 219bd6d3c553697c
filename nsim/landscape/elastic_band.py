r"""Where a path between two minima is highest: an elastic band, whose maxima are then refined to true saddles.

The band is a string of images held at equal distances (E, Ren and Vanden-Eijnden, J. Chem. Phys. 126, 164103 (2007)):
every step moves all images down the preconditioned gradient, v <- v - h g/P with P_i = max(|G_i''|/gamma, 1/2) as in
`nsim.descent.conjugate_gradient`, then spreads them evenly along the curve again. Images are columns, so a step is one
matrix product. The preconditioner bends the path but keeps its stationary points, and only those are used: each maximum
along the band is refined to a saddle (`refine`); the band's own height is never quoted as a barrier.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh, lapack

from nsim.descent.conjugate_gradient import SOFTEST
from nsim.landscape.eigenvector_following import natural_length
from nsim.sample.glass import Glass

IMAGES = 21
STEPS = 120
STEP = 0.25  # of the preconditioned gradient; stable since P^{-1} M has no eigenvalue beyond about 5
NEWTON_STEPS = 12
FOLLOW_STEPS = 60
TRUST = 0.2  # longest move of a refining step, in units of the natural length


def band(glass: Glass, first: np.ndarray, last: np.ndarray, images: int = IMAGES, steps: int = STEPS) -> np.ndarray:
    """A band relaxed between two states, shape (N, images); it starts as the straight line."""
    share = np.linspace(0, 1, images)
    v = first[:, None] * (1 - share) + last[:, None] * share
    for _ in range(steps):
        stiffness = np.maximum(np.abs(glass.on_site_curvature(v)), SOFTEST)
        move = STEP * glass.gradient(v) / stiffness
        move[:, [0, -1]] = 0.0
        v = _spread(v - move)
    return v


def _spread(v: np.ndarray) -> np.ndarray:
    """The images (N, K) moved along the polygon they form until they are equally far apart."""
    length = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(v, axis=1) ** 2).sum(axis=0)))])
    wanted = np.linspace(0, length[-1], v.shape[1])[1:-1]
    piece = np.clip(np.searchsorted(length, wanted) - 1, 0, v.shape[1] - 2)
    share = (wanted - length[piece]) / np.maximum(length[piece + 1] - length[piece], 1e-300)
    inner = v[:, piece] * (1 - share) + v[:, piece + 1] * share
    return np.concatenate([v[:, :1], inner, v[:, -1:]], axis=1)


def maxima(glass: Glass, images: np.ndarray) -> np.ndarray:
    """The tops of a band (N, K), shape (N, M): where the parabola through three neighbouring energies is highest."""
    energy = glass.energy(images)
    tops = []
    for k in range(1, images.shape[1] - 1):
        if energy[k] >= energy[k - 1] and energy[k] > energy[k + 1]:
            left, right = energy[k] - energy[k - 1], energy[k] - energy[k + 1]
            shift = 0.5 * (left - right) / (left + right)  # in units of the distance between images
            neighbour = images[:, k + 1] if shift > 0 else images[:, k - 1]
            tops.append(images[:, k] + abs(shift) * (neighbour - images[:, k]))
    return np.array(tops).T.reshape(glass.n, -1)


def refine(glass: Glass, start: np.ndarray, tolerance: float = 1e-10) -> tuple[np.ndarray, bool]:
    """The saddle of index 1 next to ``start``, shape (N,), and whether it was reached.

    Newton's method first (a factorisation without pivoting for signs tells nothing, so the index is proved by the two
    lowest eigenvalues at the end); where it runs away or ends on another kind of point, eigenvector following.
    """
    trust = TRUST * natural_length(glass)
    v = start.copy()
    for _ in range(NEWTON_STEPS):
        gradient = glass.gradient(v)
        if np.abs(gradient).max() <= tolerance:
            if index_one(glass, v):
                return v, True
            break
        _, _, move, info = lapack.dgesv(glass.hessian(v), gradient)
        if info != 0 or not np.abs(move).max() <= trust:
            break
        v = v - move
    return _follow(glass, start, tolerance, trust)


def index_one(glass: Glass, v: np.ndarray) -> bool:
    """Whether the Hessian at ``v`` has exactly one negative eigenvalue."""
    if glass.n == 1:
        return bool(glass.on_site_curvature(v)[0] < 0)
    lowest = eigh(glass.hessian(v), eigvals_only=True, subset_by_index=[0, 1])
    return bool(lowest[0] < 0 < lowest[1])


def _follow(glass: Glass, start: np.ndarray, tolerance: float, trust: float) -> tuple[np.ndarray, bool]:
    """Eigenvector following for systems large enough that LAPACK is all the time."""
    v = start.copy()
    for step in range(FOLLOW_STEPS):
        gradient = glass.gradient(v)
        values, modes = eigh(glass.hessian(v), driver="evd", overwrite_a=True, check_finite=False)
        if np.abs(gradient).max() <= tolerance:
            return v, bool(values[0] < 0 and (glass.n == 1 or values[1] > 0))
        along = modes.T @ gradient
        move = -2 * along / (np.abs(values) + np.sqrt(values**2 + 4 * along**2) + 1e-300)
        move[0] = -move[0]
        limit = trust * min(1.0, 20 / (step + 1))
        v = v + modes @ np.clip(move, -limit, limit)
    return v, False
