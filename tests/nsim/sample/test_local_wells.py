"""Double wells of U_eff against brute force on a grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsim.sample.local_wells import local_wells


def brute_force(h, C, a2, a4, gamma):
    """Stationary points from the roots of the cubic, values from the definition of U_eff."""
    roots = np.roots([a4 / (6 * gamma), 0, a2 / gamma - C, -h])
    x = np.sort(roots.real[abs(roots.imag) < 1e-9 * (1 + abs(roots))])
    return x, -h * x - C * x**2 / 2 + (a2 * x**2 / 2 + a4 * x**4 / 24) / gamma


@given(
    h=st.floats(-3, 3),
    C=st.floats(-1, 4),
    a2=st.floats(-4, 4),
    a4=st.floats(0.1, 5),
    gamma=st.floats(0.2, 5),
    side=st.booleans(),
)
def test_against_roots(h, C, a2, a4, gamma, side):
    kappa, u = C - a2 / gamma, a4 / (6 * gamma)
    critical = 2 * kappa / 3 * np.sqrt(kappa / (3 * u)) if kappa > 0 else 0.0
    if abs(abs(h) - critical) < 1e-3 * (1 + critical):
        return  # at the fold the number of roots is a matter of rounding
    x, U = brute_force(h, C, a2, a4, gamma)
    v = x[-1] if side else x[0]
    wells = local_wells(np.array([h]), np.array([C]), np.array([v]), np.array([a2]), a4, gamma, 0.5)
    assert wells.exists[0] == (len(x) == 3) == (abs(h) < critical)
    if wells.exists[0]:
        other, occupied = (U[0], U[2]) if side else (U[2], U[0])
        size = np.abs(U).max() + 1e-6
        assert wells.asymmetry[0] == pytest.approx(other - occupied, abs=1e-7 * size)
        assert wells.barrier[0] == pytest.approx(U[1] - max(U[0], U[2]), abs=1e-7 * size)
        assert wells.distance[0] == pytest.approx(x[2] - x[0], rel=1e-6)
        # lambda = (d/2) sqrt(2 m V/hbar^2) with hbar^2/m = 0.5
        assert wells.tunnelling[0] == pytest.approx(wells.distance[0] / 2 * np.sqrt(2 * wells.barrier[0] / 0.5))


def test_symmetric_well_in_closed_form():
    """H = 0: minima at +-v0, v0 = sqrt(kappa/u), barrier kappa^2/(4u), no asymmetry [KH98 (13)]."""
    kappa, u = 0.9, 1 / 24
    wells = local_wells(np.zeros(1), np.array([kappa + 0.25]), np.ones(1), np.ones(1), 1.0, 4.0, 1.0)
    assert wells.distance[0] == pytest.approx(2 * np.sqrt(kappa / u))
    assert wells.barrier[0] == pytest.approx(kappa**2 / (4 * u))
    assert wells.asymmetry[0] == pytest.approx(0, abs=1e-12)


def test_undefined_input_has_no_well():
    wells = local_wells(np.array([np.nan]), np.array([np.nan]), np.ones(1), np.ones(1), 1.0, 4.0, 1.0)
    assert not wells.exists.any()
