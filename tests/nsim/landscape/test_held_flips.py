"""Sites pushed over and held, against scipy's stiff integrator and the definition."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from nsim.descent import conjugate_gradient, steepest_descent
from nsim.descent.relaxation import relax
from nsim.landscape.held_flips import held_flips
from nsim.run_sections import Model
from nsim.sample.glass import Glass


@pytest.fixture(scope="module")
def state():
    glass = Glass.draw(Model(gamma=4.0), 1, 24, 0)
    return glass, relax(glass, 5 * np.random.default_rng(3).standard_normal((24, 1))).v[:, 0]


@pytest.mark.parametrize("descend", [conjugate_gradient.descend, steepest_descent.descend])
def test_a_held_site_stays_while_the_others_relax(state, descend):
    glass, v = state
    sites = np.array([3, 17, 5])
    columns = np.repeat(v[:, None], 3, axis=1)
    columns[sites, range(3)] *= -1
    end, _ = descend(glass, columns, np.full(3, 1e-6), np.full(3, 10_000), None, held=sites)
    gradient = glass.gradient(end)
    np.testing.assert_array_equal(end[sites, range(3)], -v[sites])
    assert (np.abs(gradient[sites, range(3)]) > 1e-3).all()  # its own force is not zero
    gradient[sites, range(3)] = 0
    assert np.abs(gradient).max() < 1e-6


def test_flips_by_the_gradient_flow_end_where_scipy_goes(state):
    glass, v = state
    flips = held_flips(glass, v, method="steepest-descent")
    assert flips.converged.all()
    assert 0 < (~flips.returned).sum() < glass.n
    for i, end in zip(flips.site, flips.v.T, strict=True):
        free = np.arange(glass.n) != i
        x = np.where(free, v, -v)
        for mask in (free, np.ones(glass.n, dtype=bool)):
            flow = solve_ivp(
                lambda t, y, m=mask: -1.0 * m * glass.gradient(y), (0, 3000), x, "LSODA", rtol=1e-8, atol=1e-8
            )
            x = flow.y[:, -1]
        np.testing.assert_allclose(end, x, atol=1e-4)
    returned = np.abs(flips.v - v[:, None]).max(axis=0) < 1e-5
    np.testing.assert_array_equal(flips.returned, returned)


def test_flips_by_conjugate_gradients_end_in_minima(state):
    glass, v = state
    flips = held_flips(glass, v, np.arange(0, 24, 2))
    assert flips.converged.all()
    assert np.abs(glass.gradient(flips.v)).max() < 1e-10
    for end in flips.v.T:
        assert np.linalg.eigvalsh(glass.hessian(end))[0] > 0


def test_a_second_minimum_close_by_is_not_taken_for_a_return():
    glass = Glass(np.zeros((1, 1)), np.array([-1.5e-4]), 1.0, 1.0)  # minima at +-0.03
    flips = held_flips(glass, np.array([0.03]))
    assert flips.converged.all()
    assert not flips.returned.any()
    np.testing.assert_allclose(flips.v, [[-0.03]], atol=1e-6)
