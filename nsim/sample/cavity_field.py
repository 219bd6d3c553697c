r"""From a minimum to local potentials: reaction coefficients C_i and cavity fields h_i.

With Gr = M^{-1} the inverse Hessian of the minimum v and l_i its raw local fields,

    C_i = G_i''(v_i)/gamma - 1/Gr_ii        how all other sites answer to site i, adiabatically and linearly
    h_i = l_i - C_i v_i                     the field that would act on site i if that answer were taken away

so that U_eff,i(x) = -h_i x - C_i x^2/2 + G_i(x)/gamma [KH98 (10)] has a minimum at x = v_i with curvature 1/Gr_ii.
The h_i, not the raw l_i, are what mean-field theory calls the effective field.
"""

from __future__ import annotations

import numpy as np

from nsim.sample.glass import Glass


def reaction_coefficient(glass: Glass, v: np.ndarray, response: np.ndarray) -> np.ndarray:
    """C_i [E0/v0^2] from the response Gr_ii; shapes (N,) or (N, R)."""
    return glass.on_site_curvature(v) - 1 / response


def cavity_field(local_field: np.ndarray, C: np.ndarray, v: np.ndarray) -> np.ndarray:
    """h_i = l_i - C_i v_i [E0/v0]; shapes (N,) or (N, R)."""
    return local_field - C * v


def localisation(Gr: np.ndarray) -> np.ndarray:
    """S2_i = sum_{j != i} (Gr_ji/Gr_ii)^2 of a response matrix (N, N): how far the others move with site i; (N,).

    Below about 0.3 a double well of U_eff,i is nearly always a true double well of the landscape, above 1 hardly ever.
    """
    return (Gr**2).sum(axis=0) / np.diagonal(Gr) ** 2 - 1
