r"""A site moved out and back again: are its loops closed, and what do they cost?

From a minimum the site is moved out to a given reach on either side (`adiabatic_scan`). Where nothing gave way the way
back is the way out. After avalanches the scan is turned round and followed back to where it began; if the others are
not as they were then, it goes once more round from where it has got to. The loop is

    reversible     no avalanche: U_i(x) is one smooth function on that side
    closed         back at the very state it set out from
    closed later   not so, but the second round ends where it began: a loop beside the state
    open           neither
    lost           a scan that could not be followed to its end

Round a closed loop the energy returns, so that the work done on the site is what the avalanches have dissipated,
loop integral of U_i' dx = sum of their energy drops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nsim.landscape.adiabatic_scan import Leg, follow
from nsim.landscape.eigenvector_following import natural_length
from nsim.landscape.stationary_catalogue import SAME_DISPLACEMENT
from nsim.sample.glass import Glass

LOOPS = ("reversible", "closed", "closed later", "open", "lost")
ROUNDS = 2
REACH = 1.5  # how far from 0 a site is moved, in units of the natural length; at least ...
BEYOND = 1.25  # ... this times its displacement in the minimum, so that its mirror position is passed


@dataclass(frozen=True)
class Excursion:
    """A site moved to one side and back."""

    direction: int  # +1 or -1
    legs: list[Leg]  # out, back, out, back
    loop: str  # one of `LOOPS`

    @property
    def dissipated(self) -> float:
        """Energy that one round of the loop costs [E0]; NaN where it is open or lost."""
        if self.loop in ("open", "lost"):
            return np.nan
        return float(sum(avalanche.drop for leg in self.legs[-2:] for avalanche in leg.avalanches))


def reach(glass: Glass, x: float) -> float:
    """How far a site at ``x`` is moved, on either side of 0 [v0]."""
    return max(REACH * natural_length(glass), BEYOND * abs(x))


def both_ways(glass: Glass, v: np.ndarray, site: int, method: str = "conjugate-gradient") -> list[Excursion]:
    """Move ``site`` of the minimum ``v``, shape (N,), up and back, then down and back.

    ``method`` is the descent of the avalanches, as in `adiabatic_scan.follow`.
    """
    far = reach(glass, float(v[site]))
    return [excursion(glass, v, site, direction, far, method) for direction in (1, -1)]


def excursion(
    glass: Glass, v: np.ndarray, site: int, direction: int, far: float, method: str = "conjugate-gradient"
) -> Excursion:
    """Move ``site`` from the minimum ``v`` to ``direction * far`` and back, as often as the loop needs."""
    home, legs = float(v[site]), []
    start, loop = v, "open"
    for number in range(ROUNDS):
        out = follow(glass, start, site, direction * far, method)
        legs.append(out)
        if out.lost:
            return Excursion(direction, legs, "lost")
        if not number and not out.avalanches:
            return Excursion(direction, legs, "reversible")
        back = follow(glass, out.end, site, home, method)
        legs.append(back)
        if back.lost:
            return Excursion(direction, legs, "lost")
        if np.abs(back.end - start).max() < SAME_DISPLACEMENT:
            loop = "closed later" if number else "closed"
            break
        start = back.end
    return Excursion(direction, legs, loop)
