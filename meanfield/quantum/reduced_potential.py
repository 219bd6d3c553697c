"""The single-site Schroedinger problem in its own units: two parameters are left of six.

    H = (hbar^2/m) p^2/2 + U_eff(v),   p = -i d/dv,   U_eff = -h v - kappa v^2/2 + u v^4/4     [KH98 (14)]

With v = s x and energies in units of epsilon, s = (hbar^2/(m u))^(1/6) and epsilon = hbar^2/(m s^2), this is

    H/epsilon = p_x^2/2 + x^4/4 - k x^2/2 - f x,   k = kappa s^2/epsilon,   f = |h| s/epsilon,

the sign of h being a reflection. Energies are kept as heights above the minimum of the potential, so that deep wells
and large fields cost no digits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError, require_positive
from meanfield.sites.single_site import coefficients, cubic_roots

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ReducedPotentials:
    """Potentials x^4/4 - k x^2/2 - f x, f >= 0; arrays of shape (n,), or scalars for the units.

    Attributes
    ----------
    k, f : curvature parameter (two wells for k > 0 and f < (2/3) k sqrt(k/3)) and field
    energy, length : what an energy and a displacement of the reduced problem are in the units of the model
    """

    k: Array
    f: Array
    energy: Array
    length: Array

    @classmethod
    def build(
        cls,
        h: ArrayLike,
        C: ArrayLike,
        a2: ArrayLike,
        a4: ArrayLike,
        gamma: ArrayLike,
        hbar2_over_m: float,
    ) -> ReducedPotentials:
        """Reduce potentials U_eff; arguments broadcast to shape (n,)."""
        X = require_positive("hbar2_over_m", hbar2_over_m)
        kappa, u = coefficients(C, a2, a4, gamma)
        h, kappa, u = (np.atleast_1d(a) for a in np.broadcast_arrays(np.asarray(h, float), kappa, u))
        if not (np.all(np.isfinite(h)) and np.all(np.isfinite(kappa)) and np.all(u > 0)):
            raise ParameterError("local potentials need finite h and C and positive a4 and gamma")
        length = (X / u) ** (1.0 / 6.0)
        energy = X / length**2
        return cls(k=kappa * length**2 / energy, f=np.abs(h) * length / energy, energy=energy, length=length)

    def __len__(self) -> int:
        return self.k.size

    def __getitem__(self, index: NDArray[np.intp] | NDArray[np.bool_] | slice) -> ReducedPotentials:
        return ReducedPotentials(**{item.name: getattr(self, item.name)[index] for item in fields(self)})

    @property
    def minimum(self) -> Array:
        """Depth of the global minimum, energy units of the model, relative to U_eff(0) = 0."""
        right = cubic_roots(self.f, self.k, 1.0)[2]
        # With f = x^3 - k x at the minimum nothing cancels.
        return -self.energy * right**2 * (0.75 * right**2 - 0.5 * self.k)
