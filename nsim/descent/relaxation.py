r"""From any state to its inherent structure: a minimum of U with max |dU/dv_i| below the tolerance.

All replicas of one sample move together as the columns of an N x R batch, so that each step costs one matrix product
with J. A descent, chosen by name, decides which minimum is reached; where the gradient is so small that the basin is
settled, Newton steps do the last digits (`nsim.descent.newton_finish`; `nsim.descent.newton_krylov` without a Hessian
matrix) and hand back where they do not contract.

    conjugate-gradient   fast; its long steps may skip a basin or two (the default)
    fire                 damped inertial dynamics, popular for glasses
    steepest-descent     the gradient flow followed faithfully: what the literature calls a quench

A state that ends on a saddle is pushed off along its negative mode and relaxed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nsim.descent import conjugate_gradient, fire, newton_finish, newton_krylov, steepest_descent
from nsim.descent.line_minimum import first_minimum, quartic_coefficients
from nsim.descent.newton_finish import SINGLE_FROM
from nsim.sample.coupling_matrix import CouplingMatrix
from nsim.sample.glass import Glass
from nsim.sample.hessian import lowest_mode

Descent = Callable[
    [Glass, np.ndarray, np.ndarray, np.ndarray, CouplingMatrix | None],
    tuple[np.ndarray, np.ndarray],
]
DESCENTS: dict[str, Descent] = {
    "conjugate-gradient": conjugate_gradient.descend,
    "fire": fire.descend,
    "steepest-descent": steepest_descent.descend,
}

HANDOVER = 1e-3  # gradient [E0/v0] from which Newton is tried first
TIGHTEN = 1e-2  # ... and by how much less it is tried again
BATCH_FROM = 8  # columns from which products finish all at once, sooner than a factorisation of each Hessian
PUSHES = 20  # off saddles, before a state is given up as not converged


@dataclass(frozen=True)
class Relaxed:
    """What a relaxation ended with; one entry per column."""

    v: np.ndarray  # (N, R) displacements
    max_gradient: np.ndarray  # (R,) max_i |dU/dv_i| [E0/v0]
    iterations: np.ndarray  # (R,) steps of the descent
    converged: np.ndarray  # (R,) bool: gradient below tolerance and Hessian positive definite


def relax(
    glass: Glass,
    v: np.ndarray,
    tolerance: float = 1e-10,
    max_iterations: int = 100_000,
    method: str = "conjugate-gradient",
    factorise: bool = True,
) -> Relaxed:
    """Relax the columns of ``v`` to minima of U.

    Parameters
    ----------
    glass
        The sample.
    v
        Starting states, shape (N, R); not changed.
    tolerance
        Largest |dU/dv_i| of a converged state [E0/v0].
    max_iterations
        Steps of the descent allowed in all, those after pushes off saddles included.
    method
        Which descent: a name in `DESCENTS`.
    factorise
        Whether the Hessian may be factorised, which takes an N x N array beside J; else, and where J is spread over
        ranks, products with J do everything.

    Returns
    -------
    Relaxed
    """
    v = np.array(v, dtype=float, order="C")
    columns = v.shape[1]
    rough = glass.couplings.rough() if glass.n >= SINGLE_FROM else None  # half the bytes, twice the flops
    by_products = not factorise or glass.couplings.whole is None or (rough is not None and columns >= BATCH_FROM)
    finish = newton_krylov.finish if by_products else _finish_one_by_one
    max_gradient = np.full(columns, np.inf)
    iterations = np.zeros(columns, dtype=np.int64)
    converged = np.zeros(columns, dtype=bool)
    first = max(tolerance, HANDOVER)
    handover = np.full(columns, first)
    pushes = np.zeros(columns, dtype=int)
    open_columns = np.arange(columns)
    while len(open_columns):
        left = max_iterations - iterations[open_columns]
        v[:, open_columns], steps = DESCENTS[method](glass, v[:, open_columns], handover[open_columns], left, rough)
        iterations[open_columns] += steps
        v[:, open_columns], max_gradient[open_columns], positive = finish(glass, v[:, open_columns], tolerance, rough)
        for r, minimum in zip(open_columns, positive, strict=True):
            if max_gradient[r] > tolerance:
                # Not yet in the quadratic region. At the tolerance itself the descent alone must manage.
                handover[r] = max(handover[r] * TIGHTEN, 0.5 * tolerance)
            elif minimum:
                converged[r] = True
            else:
                pushes[r] += 1
                v[:, r] = _push_off_saddle(glass, v[:, r])
                handover[r] = first
        spent = (iterations >= max_iterations) | (pushes > PUSHES)
        open_columns = np.flatnonzero(~converged & ~spent)
    return Relaxed(v, max_gradient, iterations, converged)


def _finish_one_by_one(
    glass: Glass, v: np.ndarray, tolerance: float, rough: CouplingMatrix | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton steps of every column with its own factorised Hessian; as `nsim.descent.newton_krylov.finish`."""
    states, gradients, positive = zip(
        *(newton_finish.finish(glass, v[:, r], tolerance, rough) for r in range(v.shape[1])), strict=True
    )
    return np.stack(states, axis=1), np.array(gradients), np.array(positive)


def _push_off_saddle(glass: Glass, v: np.ndarray) -> np.ndarray:
    """The lower of the two line minima along the most negative mode, one on either side of the saddle."""
    _, mode = lowest_mode(glass, v)
    mode = mode * np.sign(mode[np.argmax(np.abs(mode))])  # the sign from LAPACK is arbitrary
    sides = []
    for d in (mode, -mode):
        gradient = glass.gradient(v)
        if gradient @ d > 0:
            gradient = gradient * 0.0  # at a saddle the slope is rounding; curvature alone drives the push
        x, direction, slope, Jd = (np.ascontiguousarray(y[:, None]) for y in (v, d, gradient, glass.couplings @ d))
        c = quartic_coefficients(x, direction, slope, Jd, glass.a2, glass.a4, glass.gamma)[:, 0]
        downhill = min(c[0], -1e-12 * (abs(c[1]) + abs(c[3])))
        sides.append(v + first_minimum(downhill, c[1], c[2], c[3]) * d)
    return min(sides, key=lambda side: float(glass.energy(side)))
