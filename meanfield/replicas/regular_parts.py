"""Limits K -> infinity of regular parts, such as E[(phi_K'')^2] without jumps, around the onset of double wells.

At T = 0 the displacement v* jumps where kappa = C - a2/gamma > 0 for some site. Every finite K has such sites below the
onset already, its C being too large (at J0 = 0 and a2 = 1 full RSB has double wells from gamma = 2.557(9) on, one step
from 1.3). Below the onset full RSB has no jumps, so that

    C_reg = C,  double wells: none,  E[(phi_K'')^2] = 1 (marginal stability, replicon 0),  lowest edge of the Hessian 0,

while for finite K the integrals without jumps approach these values late and then fast, as no power of 1/(K + K_0):
extrapolated, they end anywhere. C itself, with the jumps in it, is smooth there. Its limit decides. Little above the
onset the same late approach must be expected; only what the errors of kappa leave open is covered here.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from meanfield.replicas.limits import Limit

if TYPE_CHECKING:
    from meanfield.replicas.solution import Solution

SURE = 3.0  # errors that kappa must be from zero


def jumps(solution: Solution) -> bool | None:
    """Whether v* jumps in the limit of ``solution``'s ladder; None where kappa is not distinguishable from zero."""
    if solution.temperature > 0.0:
        return False
    if solution.model.potential == "ising":
        return True
    C = solution.limit(attrgetter("C"))
    kappa = float(C.value) - solution.model.a2.low / solution.model.gamma
    return kappa > 0.0 if abs(kappa) > SURE * float(C.error) else None


def regular_limit(
    solution: Solution, quantity: Callable[[Solution], ArrayLike], smooth: Callable[[Solution], ArrayLike] | float
) -> Limit:
    """The limit of a regular part, ``quantity``, at T = 0; ``smooth`` is what it equals in full RSB without jumps.

    Extrapolated where the limit has jumps; that of ``smooth`` (or the number it is, which has no error) where it has
    none; and where this cannot be decided the extrapolated value, with an error that covers both. Without a ladder
    and at T > 0, where nothing jumps at any K: as `Solution.limit`.
    """
    found = solution.limit(quantity)
    if not solution.ladder or solution.temperature > 0.0:
        return found
    decided = jumps(solution)
    if decided:
        return found
    exact = solution.limit(smooth) if callable(smooth) else Limit(np.array(smooth), np.array(0.0))
    if decided is None:
        return Limit(found.value, np.hypot(found.error, np.abs(found.value - exact.value)))
    return exact
