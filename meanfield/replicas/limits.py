"""The limit K -> infinity of anything that K optimised steps give, with an error estimate.

Energies, stationary in all order parameters, converge as (K + K_0)^-4 (Oppermann and Schmidt, Phys. Rev. E 78,
061124 (2008), for Ising spins; here for every gamma). Other quantities converge more slowly, with powers from 1
(q_0 without a mean field) over 5/3 (the density of fields at h = 0) and 2 (almost everything without jumps),
so that three successive K have to give the power as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

ENERGY_EXPONENT = 4.0
# K_0 where it cannot be told from the exponent or from few energies: 1.1 to 1.3 in the models in which it was seen.
TYPICAL_OFFSET = 1.2
# The powers that occur; three values that suggest another one are not in their asymptotic regime yet.
SLOWEST, FASTEST = 1.0, 4.5
# The share of what is added to the last value that counts as uncertain, beside the last change of the limit.
DOUBT = 0.1
MEMBERS = 4  # the last values used: two limits from three each


@dataclass(frozen=True)
class Limit:
    """A limit and its estimated error; arrays where the quantity is one."""

    value: Array
    error: Array

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers of a scalar limit for JSON."""
        value, error = float(self.value), float(self.error)
        return {"value": value if np.isfinite(value) else None, "error": error if np.isfinite(error) else None}


def energy_limit(energies: ArrayLike, steps: int | None = None) -> Limit:
    """The limit of energies (n,), e_K = e + A/(K + K_0)^4; the last has K = ``steps``, by default n.

    The error is twice the last change of the limit. That change shrinks by a factor below 1/2 with every K
    (measured), so that the changes still to come add up to less.
    """
    e = np.asarray(energies, float)
    if e.size < 2:
        return Limit(e[-1], np.array(np.nan))
    first = (steps or e.size) - e.size + 1
    limits = [_by_offset(e[:n], first + n - 1) for n in range(max(2, e.size - 1), e.size + 1)]
    change = 2.0 * np.abs(limits[1] - limits[0]) if len(limits) == 2 else np.abs(limits[0] - e[-1])
    # Rounding and quadrature leave 1e-12 of an energy, amplified by the extrapolation.
    return Limit(np.array(limits[-1]), change + 1e-11 * np.abs(e[-1]))


def _by_offset(e: Array, K: int) -> float:
    """The limit from the last two or three energies, the last of which has ``K`` steps."""
    from scipy.optimize import brentq  # slow to import, and RS and 1RSB need it not

    offset = TYPICAL_OFFSET
    if e.size >= 3 and e[-1] != e[-2]:
        ratio = (e[-2] - e[-3]) / (e[-1] - e[-2])

        def mismatch(shift: float) -> float:
            x = (np.arange(K - 2, K + 1) + shift) ** -ENERGY_EXPONENT
            return float((x[1] - x[0]) / (x[2] - x[1]) - ratio)

        low, high = 0.1 - 0.9 * (K - 2), 30.0
        if np.isfinite(ratio) and mismatch(low) * mismatch(high) < 0:
            offset = float(brentq(mismatch, low, high, xtol=1e-12))
    before, after = (K - 1 + offset) ** -ENERGY_EXPONENT, (K + offset) ** -ENERGY_EXPONENT
    return float(e[-1] - (e[-1] - e[-2]) * after / (after - before))


def limit(values: ArrayLike, steps: int, power: float | None = None) -> Limit:
    """The limit of quantities (n, ...), the last of which has K = ``steps`` and the others one step less each.

    y_K = y + A/(K + K_0)^w, with w from three values wherever it lies in the range that occurs, else at its end.
    Curves, which oscillate about their limit with the positions of the steps, need a given w, the ``power``.
    The error is twice the last change of the limit plus a tenth of what was added to the last value.
    """
    y = np.asarray(values, float)[-MEMBERS:]
    if y.shape[0] < 3:
        return Limit(y[-1], np.full(y.shape[1:], np.nan) if y.shape[0] < 2 else np.abs(y[-1] - y[-2]) * steps)
    if power is not None:
        last, before = _by_power(y[-2:], steps, power), _by_power(y[-3:-1], steps - 1, power)
    elif y.shape[0] == MEMBERS:
        last, before = _by_exponent(y[1:], steps), _by_exponent(y[:-1], steps - 1)
    else:
        last, before = _by_exponent(y, steps), 0.5 * (y[-1] + _by_exponent(y, steps))
    return Limit(last, 2.0 * np.abs(last - before) + DOUBT * np.abs(last - y[-1]))


def _by_exponent(y: Array, steps: int) -> Array:
    """The limit from three successive values (3, ...), the last with K = ``steps``."""
    K = np.arange(steps - 2, steps + 1) + TYPICAL_OFFSET
    first, second = y[1] - y[0], y[2] - y[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(second == 0.0, np.inf, first / second)
    # The ratio of successive changes rises with w: bisection for all values at once. Changes of opposite signs
    # are far from any power law and count as the slowest.
    low, high = np.full(ratio.shape, SLOWEST), np.full(ratio.shape, FASTEST)
    for _ in range(40):
        w = 0.5 * (low + high)
        found = (K[1] ** -w - K[0] ** -w) / (K[2] ** -w - K[1] ** -w)
        low, high = np.where(found < ratio, w, low), np.where(found < ratio, high, w)
    return _by_power(y[1:], steps, 0.5 * (low + high))


def _by_power(y: Array, steps: int, w: float | Array) -> Array:
    """The limit from two successive values (2, ...), the last with K = ``steps``."""
    K = np.array([steps - 1.0, steps]) + TYPICAL_OFFSET
    return y[1] - (y[1] - y[0]) * K[1] ** -w / (K[1] ** -w - K[0] ** -w)
