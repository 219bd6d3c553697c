r"""Where paths between pairs of minima are highest: elastic bands, whose maxima are then refined to true saddles.

A band is a string of images held at equal distances (E, Ren and Vanden-Eijnden, J. Chem. Phys. 126, 164103 (2007)):
every step moves all images down the preconditioned gradient, v <- v - h g/P with P_i = max(|G_i''|/gamma, 1/2) as in
`nsim.descent.conjugate_gradient`, then spreads them evenly along the curve again. The images of all bands of a sample
are columns, so that a step is one matrix product. The preconditioner bends the path but keeps its stationary points,
and only those are used: each maximum along a band is refined to a saddle (`nsim.landscape.saddle_newton`); the band's
own height is never quoted as a barrier.
"""

from __future__ import annotations

import numba
import numpy as np

from nsim.descent.conjugate_gradient import SOFTEST
from nsim.sample.glass import Glass

IMAGES = 15
STEPS = 100
STEP = 0.25  # of the preconditioned gradient; stable since P^{-1} M has no eigenvalue beyond about 5
TOGETHER = 256  # columns of one product: beyond, arrays leave the cache


def bands(glass: Glass, firsts: np.ndarray, lasts: np.ndarray, images: int = IMAGES, steps: int = STEPS) -> np.ndarray:
    """Bands relaxed between pairs of states, the columns of two arrays (N, P); shape (N, P, images).

    They start as straight lines.
    """
    n, pairs = firsts.shape
    block = max(1, TOGETHER // images)
    if pairs > block:
        parts = [
            bands(glass, firsts[:, k : k + block], lasts[:, k : k + block], images, steps)
            for k in range(0, pairs, block)
        ]
        return np.concatenate(parts, axis=1)
    share = np.linspace(0, 1, images)
    J = np.ascontiguousarray(glass.J, dtype=np.float64)
    v = firsts[:, :, None] * (1 - share) + lasts[:, :, None] * share
    for _ in range(steps):
        product = (J @ v.reshape(n, -1)).reshape(v.shape)
        moved, pieces = _downhill(v, product, glass.a2, float(glass.a4), float(glass.gamma), float(glass.field))
        v = _spread(moved, pieces)
    return v


def band(glass: Glass, first: np.ndarray, last: np.ndarray, images: int = IMAGES, steps: int = STEPS) -> np.ndarray:
    """One band between two states (N,), shape (N, images)."""
    return bands(glass, first[:, None], last[:, None], images, steps)[:, 0]


@numba.njit(cache=True, error_model="numpy")
def _downhill(
    v: np.ndarray, J_v: np.ndarray, a2: np.ndarray, a4: float, gamma: float, field: float
) -> tuple[np.ndarray, np.ndarray]:
    """All inner images (N, P, K) a step down, and the lengths of the pieces between neighbours (P, K - 1)."""
    n, pairs, images = v.shape
    moved = np.empty_like(v)
    squared = np.zeros((pairs, images - 1))
    for i in range(n):
        for p in range(pairs):
            moved[i, p, 0], moved[i, p, images - 1] = v[i, p, 0], v[i, p, images - 1]
            for k in range(1, images - 1):
                x = v[i, p, k]
                gradient = (a2[i] + a4 / 6 * x * x) * x / gamma - J_v[i, p, k] - field
                moved[i, p, k] = x - STEP * gradient / max(abs(a2[i] + a4 / 2 * x * x) / gamma, SOFTEST)
            for k in range(images - 1):
                apart = moved[i, p, k + 1] - moved[i, p, k]
                squared[p, k] += apart * apart
    return moved, np.sqrt(squared)


@numba.njit(cache=True, error_model="numpy")
def _spread(v: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """The images (N, P, K) moved along the polygons they form until they are equally far apart."""
    n, pairs, images = v.shape
    piece, share = np.zeros((pairs, images), np.int64), np.zeros((pairs, images))
    for p in range(pairs):
        whole, begin, at = pieces[p].sum(), 0.0, 0
        for k in range(1, images - 1):
            wanted = whole * k / (images - 1)
            while at < images - 2 and begin + pieces[p, at] < wanted:
                begin += pieces[p, at]
                at += 1
            piece[p, k], share[p, k] = at, (wanted - begin) / max(pieces[p, at], 1e-300)
    spread = v.copy()
    for i in range(n):
        for p in range(pairs):
            for k in range(1, images - 1):
                left = v[i, p, piece[p, k]]
                spread[i, p, k] = left + share[p, k] * (v[i, p, piece[p, k] + 1] - left)
    return spread


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
