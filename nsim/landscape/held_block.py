r"""All sites but one: their block of the Hessian, their answer to the one held, and the fold where they give way.

With site i held at x and b = M_{j != i, i} = -J_{j != i, i}, B the Hessian without row and column i, the others rest at
g_j = dU/dv_j = 0, j != i, and answer to a displacement of site i by

    w = dv_{j != i}/dx = -B^{-1} b,    C_eff = dl_i/dx = -b.w = b^T B^{-1} b,    U_i''(x) = G_i''(x)/gamma - C_eff

U_i(x) being the energy with the others at rest and the last quantity the Schur complement of B. At a fold the lowest
eigenvalue of B vanishes, and beyond it the others have no rest nearby. It is the regular solution of

    g_j(v) = 0  (j != i),    sigma(v) = 0,    [[B, p], [p^T, 0]] (phi, sigma) = (0, 1)

with p close to the null vector (Griewank and Reddien, IMA J. Numer. Anal. 4, 295 (1984)). As d(sigma) = -phi^T dB phi
and only the diagonal of B depends on v, d(sigma)/dv_j = -phi_j^2 a4 v_j/gamma: a step of Newton's method takes one
factorisation of the bordered matrix, and convergence is quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from nsim.sample.glass import Glass

INVERSE_ITERATIONS = 12
FOLD_STEPS = 15
FOLD_SINGULAR = 1e-9  # |sigma| at a fold [E0/v0^2]


@dataclass(frozen=True)
class HeldBlock:
    """The block of the others at one state, factorised; vectors have N entries, that of site i apart."""

    site: int
    factor: np.ndarray  # (N, N) lower Cholesky factor of B, row and column i those of the unit matrix
    answer: np.ndarray  # (N,) w, and 1 at site i
    C_eff: float  # [E0/v0^2]

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """B^{-1} rhs, shape (N,); the entry of site i is passed through."""
        return lapack.dpotrs(self.factor, rhs, lower=True)[0]


def factorise(glass: Glass, v: np.ndarray, site: int) -> HeldBlock | None:
    """The block of the others at the state ``v``, shape (N,); None where it is not positive definite."""
    M = glass.hessian(v)
    b = M[site].copy()
    b[site] = 0.0
    M[site], M[:, site], M[site, site] = 0.0, 0.0, 1.0
    factor, info = lapack.dpotrf(M.T, lower=True, overwrite_a=True)
    if info != 0:
        return None
    answer = -lapack.dpotrs(factor, b, lower=True)[0]
    C_eff = -float(b @ answer)
    answer[site] = 1.0
    return HeldBlock(site, factor, answer, C_eff)


def rest_force(glass: Glass, v: np.ndarray, site: int) -> np.ndarray:
    """dU/dv_j of the others, shape (N,); 0 at site i."""
    gradient = glass.gradient(v)
    gradient[site] = 0.0
    return gradient


def softest(block: HeldBlock) -> tuple[float, np.ndarray]:
    """The lowest eigenvalue of B and its mode, shape (N,), by inverse iteration from the answer of the others.

    The answer blows up along the mode that gives way, so that near a fold a few iterations are enough.
    """
    mode = block.answer.copy()
    mode[block.site] = 0.0
    norm = np.linalg.norm(mode)
    if norm == 0:
        return np.inf, mode
    mode /= norm
    for _ in range(INVERSE_ITERATIONS):
        mode = block.solve(mode)
        norm = np.linalg.norm(mode)
        mode /= norm
    return 1.0 / float(norm), mode


@dataclass(frozen=True)
class Fold:
    """Where the others give way: their block has one eigenvalue 0, all else positive."""

    v: np.ndarray  # (N,)
    mode: np.ndarray  # (N,) the null vector, length 1, pointing downhill


def locate_fold(
    glass: Glass, v: np.ndarray, block: HeldBlock, within: float = np.inf, tolerance: float = 1e-10
) -> Fold | None:
    r"""The fold ahead of the state ``v``, shape (N,), or behind it; None if Newton's method does not find one.

    The start is the fold of the normal form: with the lowest eigenpair (lambda, phi), a = phi.b and the third
    derivative k along phi, a dx + lambda s + k s^2/2 = 0 has its fold at s = -lambda/k, dx = lambda^2/(2 a k). Where
    that is farther away than twice ``within``, nothing is searched.
    """
    site = block.site
    lowest, mode = softest(block)
    cubic = _cubic(glass, v, mode)
    pull = -float(glass.J[site] @ mode)
    if not np.isfinite(lowest) or cubic == 0 or pull == 0:
        return None
    ahead = lowest**2 / (2 * pull * cubic)
    if not abs(ahead) <= 2 * within:
        return None
    rest = block.answer - mode * (block.answer @ mode)  # what moves apart from the soft mode
    at = v + ahead * rest - lowest / cubic * mode
    at[site] = v[site] + ahead
    for _ in range(FOLD_STEPS):
        force = rest_force(glass, at, site)
        bordered = glass.hessian(at)
        b = bordered[site].copy()
        b[site] = 0.0
        bordered[site], bordered[:, site], bordered[site, site] = mode, mode, 0.0
        unit = np.zeros(glass.n)
        unit[site] = 1.0
        _, _, solved, info = lapack.dgesv(bordered.T, np.stack([unit, force, b], axis=1), overwrite_a=True)
        if info != 0 or not np.isfinite(solved).all():
            return None
        (sigma, alpha, beta), solved[site] = solved[site].copy(), 0.0
        null, y, z = solved.T
        if np.abs(force).max() <= tolerance and abs(sigma) <= FOLD_SINGULAR:
            return _proved(glass, at, site, null / np.linalg.norm(null))
        # B null = -sigma p, B y = force - alpha p, B z = b - beta p: the move is y - dx z + c null at site i's dx.
        slope = -(null**2) * glass.a4 * at / glass.gamma
        system = np.array([[-beta, sigma], [-(slope @ z), slope @ null]])
        if abs(np.linalg.det(system)) < 1e-300:
            return None
        dx, c = np.linalg.solve(system, np.array([-alpha, sigma - slope @ y]))
        move = y - dx * z + c * null
        move[site] = dx
        if not np.isfinite(move).all():
            return None
        at = at - move
        mode = null / np.linalg.norm(null)
    return None


def _cubic(glass: Glass, v: np.ndarray, mode: np.ndarray) -> float:
    """Third derivative of U along ``mode`` [E0/v0^3]."""
    return float(glass.a4 / glass.gamma * (v * mode**3).sum())


def _proved(glass: Glass, v: np.ndarray, site: int, mode: np.ndarray) -> Fold | None:
    """The fold, if the block has no other eigenvalue that is not positive."""
    M = glass.hessian(v)
    M[site], M[:, site], M[site, site] = 0.0, 0.0, 1.0
    M += np.outer(mode, mode)  # lifts the eigenvalue 0 to 1
    _, info = lapack.dpotrf(M.T, lower=True, overwrite_a=True)
    cubic = _cubic(glass, v, mode)
    if info != 0 or cubic == 0:
        return None
    return Fold(v, -np.sign(cubic) * mode)
