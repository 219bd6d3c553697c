"""Double wells of single-site potentials: asymmetry, barrier, distance, tunnelling parameter.

With minima v_L, v_R and barrier top v_B of U_eff (roots of u v^3 - kappa v - h, which sum to zero)
the energy differences are exact integrals of the force, free of the cancellation of large energies:

    U(v_B) - U(v_L) = u w^3 (2 d - w)/12,   w = v_B - v_L,  d = v_R - v_L,

likewise from the right, and Delta = U(v_L) - U(v_R) = -u d^3 v_B/4. Definitions: KH98 (13)-(15).

At the energy of the upper minimum v_L = -a (h > 0) the particle enters the lower well at a - b, b^2 = 2 h/(u a), and
with R^2 = 4 a^2 - b^2 the action is

    int sqrt(2 (U - U(v_L))) dv = sqrt(u/2) [2 a^2 R - R^3/3 - a b^2 ln((2 a + R)/b)].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError
from meanfield.sites.single_site import coefficients, effective_curvature, stationary_points

Array = NDArray[np.float64]
BarrierFrom = Literal["upper", "lower", "mean"]


@dataclass(frozen=True)
class DoubleWells:
    """Properties of the double wells of an ensemble of local potentials; NaN where there is none.

    Attributes
    ----------
    exists : array of bool
    asymmetry : |U(v_L) - U(v_R)| [energy]
    barrier : barrier height V [energy], seen from ``barrier_from``
    distance : v_R - v_L [displacement]
    barrier_from : {"upper", "lower", "mean"}
        Which minimum V is measured from: the upper one, the lower one, or the mean of both.
    action : integral of sqrt(2 (U_eff - U_upper)) dv through the barrier, at the energy U_upper of the upper minimum
    curvature : U_eff'' at the upper minimum
    """

    exists: NDArray[np.bool_]
    asymmetry: Array
    barrier: Array
    distance: Array
    barrier_from: BarrierFrom
    action: Array
    curvature: Array

    def tunnelling(self, hbar2_over_m: float) -> Array:
        """Tunnelling parameter lambda = (d/2) sqrt(2 m V/hbar^2) of KH98: Delta_0 ~ hbar omega_0 exp(-lambda).

        The prefactor 1/2 is KH98's; the WKB integral over a symmetric quartic barrier has 2/3.
        """
        if not hbar2_over_m > 0:
            raise ParameterError(f"hbar2_over_m must be positive, got {hbar2_over_m}")
        return 0.5 * self.distance * np.sqrt(2.0 * self.barrier / hbar2_over_m)

    def wkb(self, hbar2_over_m: float) -> Array:
        """WKB exponent of tunnelling, ``action`` sqrt(m)/hbar: (2/3) d sqrt(2 m V/hbar^2) in a symmetric well."""
        if not hbar2_over_m > 0:
            raise ParameterError(f"hbar2_over_m must be positive, got {hbar2_over_m}")
        return self.action / np.sqrt(hbar2_over_m)

    def tunnel_energy(self, hbar2_over_m: float) -> Array:
        """KH98's estimate Delta_0 = hbar omega_0 exp(-lambda), omega_0 of the upper minimum."""
        return np.sqrt(self.curvature * hbar2_over_m) * np.exp(-self.tunnelling(hbar2_over_m))

    def splitting(self, hbar2_over_m: float) -> Array:
        """KH98's estimate of the splitting, sqrt(Delta^2 + Delta_0^2) [KH98 (15)]."""
        return np.hypot(self.asymmetry, self.tunnel_energy(hbar2_over_m))


def double_wells(
    h: ArrayLike,
    C: ArrayLike,
    a2: ArrayLike,
    a4: ArrayLike,
    gamma: ArrayLike,
    barrier_from: BarrierFrom = "upper",
) -> DoubleWells:
    """Double wells of U_eff(v; h) = -h v - C v^2/2 + G(v)/gamma for arrays of parameters."""
    if barrier_from not in ("upper", "lower", "mean"):
        raise ParameterError(f"barrier_from must be 'upper', 'lower' or 'mean', got {barrier_from!r}")
    _, u = coefficients(C, a2, a4, gamma)
    # By symmetry at |h|: the left minimum is then the upper one.
    left, top, right = stationary_points(np.abs(np.asarray(h, float)), C, a2, a4, gamma)
    distance = right - left
    from_upper, from_lower = top - left, right - top
    upper = u * from_upper**3 * (2.0 * distance - from_upper) / 12.0
    lower = u * from_lower**3 * (2.0 * distance - from_lower) / 12.0
    barrier = {"upper": upper, "lower": lower, "mean": 0.5 * (upper + lower)}[barrier_from]
    a = -left
    b2 = 2.0 * np.abs(np.asarray(h, float)) / (u * a)
    R = np.sqrt(np.maximum(4.0 * a * a - b2, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.where(b2 == 0, 0.0, b2 * (np.log(2.0 * a + R) - 0.5 * np.log(b2)))
    action = np.sqrt(0.5 * u) * (2.0 * a * a * R - R**3 / 3.0 - a * logarithm)
    return DoubleWells(
        exists=~np.isnan(top),
        asymmetry=np.maximum(-0.25 * u * distance**3 * top, 0.0),
        barrier=barrier,
        distance=distance,
        barrier_from=barrier_from,
        action=np.maximum(action, 0.0),  # where two wells begin all terms cancel
        curvature=effective_curvature(left, C, a2, a4, gamma),
    )
