"""Quantum levels along a path, against exact levels and against finite differences of another kind."""

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from meanfield.quantum.tunnel_splitting import tunnel_splitting
from nsim.landscape.gradient_flow import both_sides
from nsim.landscape.path_quantum import Path, join, potential_on_grid, tunnelling
from nsim.landscape.tunnel_doublet import levels
from nsim.landscape.well_quantum import well_tunnelling
from nsim.sample.glass import Glass


def one_site(field: float = 0.0, a2: float = -2.0) -> tuple[Glass, Path]:
    """One particle in a quartic double well: its path is the coordinate itself."""
    glass = Glass(np.zeros((1, 1)), np.array([a2]), 1.0, 1.0, field)
    top = np.roots([1 / 6, 0, a2, -field]).real
    saddle = np.array([top[np.abs(top).argmin()]])
    ((first, second),) = both_sides(glass, saddle[:, None])
    return glass, join(glass, saddle, first.path, second.path)


def by_finite_differences(glass: Glass, X: float, tilt: float = 0.0) -> np.ndarray:
    """Lowest levels on two fine grids, extrapolated in the spacing squared."""
    found = []
    for points in (4001, 8001):
        x = np.linspace(-9, 9, points)
        V = glass.energy(x[None, :]) + tilt * x
        h = x[1] - x[0]
        off = np.full(points - 1, -X / 2 / h**2)
        found.append(eigh_tridiagonal(V + X / h**2, off, select="i", select_range=(0, 3), eigvals_only=True))
    return found[1] + (found[1] - found[0]) / 3


def test_harmonic_levels_are_exact():
    s = np.linspace(-12, 12, 3000)
    np.testing.assert_allclose(levels(s, 0.5 * s**2, 1.0, 5), np.arange(5) + 0.5, atol=1e-10)


@pytest.mark.parametrize(("X", "field"), [(1.0, 0.0), (0.8, 0.0), (0.8, 0.05), (2.0, 0.2)])
def test_splitting_of_a_quartic_double_well(X, field):
    glass, path = one_site(field)
    exact = by_finite_differences(glass, X)
    s, V = potential_on_grid(glass, path, X)
    np.testing.assert_allclose(levels(s, V, X, 4), exact, atol=2e-5)
    found = tunnelling(glass, path, X)
    assert found.splitting == pytest.approx(exact[1] - exact[0], rel=2e-3)
    # Without the field the well is symmetric: the splitting there is the smallest any tilt can reach.
    level = by_finite_differences(glass, X, tilt=field)
    assert found.delta0 == pytest.approx(level[1] - level[0], rel=2e-2)


def test_path_of_one_site_is_its_coordinate():
    glass, path = one_site(0.1)
    minima = np.sort(np.roots([1 / 6, 0, -2.0, -0.1]).real)[[0, 2]]
    assert path.length == pytest.approx(np.ptp(minima), abs=1e-9)
    assert path.potential[0] == pytest.approx(glass.energy(np.array([minima[0]])), abs=1e-9)
    s = np.linspace(0, path.length, 50)[1:-1]
    grid, V = potential_on_grid(glass, path, 1.0, points=2000)
    np.testing.assert_allclose(np.interp(s, grid, V), glass.energy((minima[0] + s)[None, :]), atol=2e-3)


@pytest.mark.parametrize(("a2", "X"), [(-3.0, 0.5), (-6.0, 0.5), (-12.0, 0.5), (-12.0, 0.02)])
def test_splittings_however_small_are_those_of_the_mean_field_code(a2, X):
    """Two programs that share nothing: Taylor expansion with a Wronskian there, Numerov with eliminated halves here."""
    exact = float(tunnel_splitting(0.0, a2, 1.0, 1.0, X).item())
    _, path = one_site(a2=a2)
    found = tunnelling(Glass(np.zeros((1, 1)), np.array([a2]), 1.0, 1.0), path, X)
    # The action, about -ln Delta_0, carries a relative error of Numerov's method and of the path's potential.
    assert found.log_delta0 == pytest.approx(exact, abs=2e-4 + 2e-6 * abs(exact))
    assert found.splitting == pytest.approx(np.exp(exact), rel=1e-2)


def test_a_bent_path_is_filled_in_where_its_points_are_far_apart():
    """Two coupled sites, one soft: a fifth of the points, with the directions there, give the same path."""
    glass = Glass(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([-2.0, 1.2]), 1.0, 1.0)
    saddle = np.zeros(2)
    ((first, second),) = both_sides(glass, saddle[:, None])
    sparse = [np.concatenate([side.path[:-1:5], side.path[-1:]]) for side in (first, second)]
    whole, thin = join(glass, saddle, first.path, second.path), join(glass, saddle, *sparse)
    polygon = sum(np.linalg.norm(np.diff(np.vstack([saddle, side]), axis=0), axis=1).sum() for side in sparse)
    assert polygon < (1 - 5e-4) * whole.length  # it is bent
    assert thin.length == pytest.approx(whole.length, rel=1e-4)


@pytest.mark.parametrize(("C", "a2"), [(2.5, -1.0), (1.0, -4.0)])
def test_wells_of_linear_response_have_the_same_splittings(C, a2):
    exact = float(tunnel_splitting(C, a2, 1.0, 1.0, 0.5).item())
    assert well_tunnelling(0.0, C, a2, 1.0, 1.0, 0.5).log_delta0 == pytest.approx(exact, abs=2e-4)
    # A field tilts the well: the splitting at resonance stays, the asymmetry does not.
    tilted = well_tunnelling(0.02, C, a2, 1.0, 1.0, 0.5)
    assert tilted.log_delta0 == pytest.approx(exact, abs=0.02)
    assert tilted.splitting > 10 * np.exp(exact)


def test_a_tilt_does_not_change_the_smallest_splitting():
    """In a field the wells are far apart in energy; the splitting at resonance stays that of the symmetric well."""
    X = 0.5
    level, tilted = (tunnelling(*one_site(field, a2=-4.0), X) for field in (0.0, 0.02))
    assert tilted.log_delta0 == pytest.approx(level.log_delta0, abs=0.02)
    assert tilted.splitting > 1e3 * level.splitting
    # The other well lies higher by the field times the distance of the wells, and no tunnelling hides that.
    assert tilted.splitting == pytest.approx(0.02 * 2 * np.sqrt(24), rel=0.02)


def test_without_a_level_below_the_barrier_there_are_no_two_wells():
    glass, path = one_site(a2=-0.5)
    assert np.isnan(tunnelling(glass, path, 2.0).log_delta0)
    assert tunnelling(glass, path, 2.0).splitting > 0
