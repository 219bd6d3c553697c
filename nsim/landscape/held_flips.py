r"""Pushing sites over: v_i -> -v_i held while all others relax, then released. Does another minimum result?

All flips of one state are columns of one batch (each column with its own held site) through the same descents as every
relaxation (`nsim.descent.conjugate_gradient`, `nsim.descent.steepest_descent`). Most flips fall back. Those are
recognised together by chord steps v <- v - M*^{-1} g(v) with the Cholesky factor of the state the flips started from:
one triangular solve for all columns, instead of a factorisation for each. What does not contract to it is relaxed like
any other state. Conjugate gradients and the gradient flow lead 2 to 3% of the flips to different minima: which was used
is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from nsim.descent import conjugate_gradient, steepest_descent
from nsim.descent.relaxation import HANDOVER, relax
from nsim.landscape.stationary_catalogue import SAME_DISPLACEMENT
from nsim.sample.glass import Glass
from nsim.sample.hessian import cholesky

HELD_DESCENTS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "conjugate-gradient": conjugate_gradient.descend,
    "steepest-descent": steepest_descent.descend,
}
HELD_UNTIL = 1e-6  # gradient of the others [E0/v0] at release: on flat stretches it dips below 1e-3 far from the end
CHORD_STEPS = 8


@dataclass(frozen=True)
class HeldFlips:
    """Where the flips of a state ended; one entry per flipped site."""

    site: np.ndarray  # (R,)
    v: np.ndarray  # (N, R) the minima reached
    returned: np.ndarray  # (R,) bool: it is the state the flip started from
    converged: np.ndarray  # (R,) bool
    method: str  # which descent decided the basin


def held_flips(
    glass: Glass,
    v: np.ndarray,
    sites: np.ndarray | None = None,
    method: str = "conjugate-gradient",
    tolerance: float = 1e-10,
    max_iterations: int = 20_000,
) -> HeldFlips:
    """Flip each of ``sites`` (all, if None) of the minimum ``v``, shape (N,), hold it, relax the rest, release it.

    Parameters
    ----------
    glass
        The sample.
    v
        A minimum, shape (N,).
    sites
        Which sites to flip, shape (R,).
    method
        The descent: a name in `HELD_DESCENTS`.
    tolerance
        Largest |dU/dv_i| of a converged state [E0/v0].
    max_iterations
        Steps of each descent.
    """
    sites = np.arange(glass.n) if sites is None else np.asarray(sites)
    columns = np.repeat(v[:, None], len(sites), axis=1)
    columns[sites, np.arange(len(sites))] *= -1
    descend = HELD_DESCENTS[method]
    budget = np.full(len(sites), max_iterations)
    columns, _ = descend(glass, columns, np.full(len(sites), HELD_UNTIL), budget, None, held=sites)
    columns, _ = descend(glass, columns, np.full(len(sites), HANDOVER), budget, None)
    factor = cholesky(glass.hessian(v))
    returned = _falls_back(glass, v, columns, factor)
    columns[:, returned] = v[:, None]
    converged = returned.copy()
    other = np.flatnonzero(~returned)
    if len(other):
        relaxed = relax(glass, columns[:, other], tolerance, max_iterations, method)
        columns[:, other], converged[other] = relaxed.v, relaxed.converged
        returned[other] = relaxed.converged & (np.abs(relaxed.v - v[:, None]).max(axis=0) < SAME_DISPLACEMENT)
    return HeldFlips(sites, columns, returned, converged, method)


def _falls_back(glass: Glass, v: np.ndarray, columns: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Which columns chord steps bring back to ``v`` without ever getting farther from it, bool (R,)."""
    distance = np.abs(columns - v[:, None]).max(axis=0)
    # Where the curvature of a site has changed by more than the softest mode can bear, the chord is no guide.
    near = np.flatnonzero(distance < 0.1)
    trial, before = columns[:, near], distance[near]
    contracts = np.ones(len(near), dtype=bool)
    for _ in range(CHORD_STEPS):
        trial = trial - lapack.dpotrs(factor, glass.gradient(trial), lower=True)[0]
        now = np.abs(trial - v[:, None]).max(axis=0)
        contracts &= (now < before) | (now < 0.1 * SAME_DISPLACEMENT)
        before = now
    found = np.zeros(columns.shape[1], dtype=bool)
    found[near] = contracts & (before < SAME_DISPLACEMENT)
    return found
