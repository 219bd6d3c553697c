"""The gradient flow against scipy's stiff integrator, and the proof that a descent has arrived."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from nsim.descent.relaxation import relax
from nsim.landscape.basins import Basins
from nsim.landscape.elastic_band import bands, maxima
from nsim.landscape.gradient_flow import _coefficients, both_sides, descend
from nsim.landscape.saddle_newton import refine
from nsim.run_sections import Model
from nsim.sample.glass import Glass

N = 40


@pytest.fixture(scope="module", params=[0.0, 0.2])
def glass(request):
    return Glass.draw(Model(gamma=4.0, field=request.param), 3, N, 0)


@pytest.fixture(scope="module")
def starts(glass):
    return 4 * np.random.default_rng(1).standard_normal((N, 12))


def flow(glass: Glass, start: np.ndarray, until: float = 3000.0):
    return solve_ivp(
        lambda t, v: -glass.gradient(v), (0, until), start, "LSODA", rtol=1e-9, atol=1e-9, dense_output=True
    )


def test_descents_end_where_the_flow_goes(glass, starts):
    for start, end in zip(starts.T, descend(glass, starts), strict=True):
        assert end.arrived
        np.testing.assert_allclose(end.v, flow(glass, start).y[:, -1], atol=1e-4)
        assert np.abs(glass.gradient(end.v)).max() < 1e-10
        assert np.linalg.eigvalsh(glass.hessian(end.v))[0] > 0
        energy = glass.energy(end.path.T)
        assert (np.diff(energy) < 0).all()


def test_paths_are_those_of_the_flow(glass, starts):
    """Points of the path lie on the curve the flow takes, whenever it is there."""
    for start, end in zip(starts.T[:4], descend(glass, starts[:, :4]), strict=True):
        curve = flow(glass, start).sol(np.concatenate([[0], np.geomspace(1e-4, 3000, 6000)])).T
        for point in end.path[1:-1]:
            # Distance to the polygon: of the nearest point, less what lies along it.
            k = int(np.clip(((curve - point) ** 2).sum(axis=1).argmin(), 1, len(curve) - 2))
            tangent = curve[k + 1] - curve[k - 1]
            apart = point - curve[k]
            apart = apart - tangent * (apart @ tangent) / max(tangent @ tangent, 1e-300)
            assert np.abs(apart).max() < 0.01


def test_a_batch_and_minima_known_before_change_nothing(glass, starts):
    together = descend(glass, starts)
    basins = Basins(glass)
    for end in together:
        basins.learn(end.v)
    known = len(basins)
    again = descend(glass, starts, basins)
    assert len(basins) == known
    for k, (one, other) in enumerate(zip(together, again, strict=True)):
        np.testing.assert_allclose(one.v, other.v, atol=1e-9)
        if k < 3:
            (alone,) = descend(glass, starts[:, [k]])
            np.testing.assert_allclose(alone.v, one.v, atol=1e-9)


def test_the_flow_never_leaves_the_ball_of_a_minimum(glass, starts):
    basins = Basins(glass)
    for v in relax(glass, starts).v.T:
        basins.learn(v)
    rng = np.random.default_rng(0)
    for minimum, radius in zip(basins.points, basins.radii, strict=True):
        direction = np.concatenate([rng.standard_normal((N, 20)), np.eye(N), -np.eye(N)], axis=1)
        inside = minimum[:, None] + radius * 0.999 * direction / np.linalg.norm(direction, axis=0)
        assert (basins.homes(inside)[0] >= 0).all()
        for v in inside.T:
            # The proof: convex on the way to the minimum, so that the flow comes nearer.
            assert np.linalg.eigvalsh(glass.hessian(v))[0] > 0
            assert glass.gradient(v) @ (v - minimum) > 0
        assert (basins.homes(minimum[:, None] + 1.01 * (inside - minimum[:, None]) / 0.999)[0] < 0).all()


def test_the_ball_of_one_site():
    """One site in a double well: the ball stays short of where the curvature vanishes."""
    glass = Glass(np.zeros((1, 1)), np.array([-6.0]), 1.0, 1.0)
    basins = Basins(glass)
    basins.learn(np.array([6.0]))  # U'' = -6 + v^2/2 = 12
    assert basins.radii[0] == pytest.approx(2.0, rel=0.02)
    assert glass.on_site_curvature(np.array([4.0]))[0] > 0


def test_mirror_images_are_known_without_a_field_only(glass, starts):
    basins = Basins(glass)
    v = relax(glass, starts[:, :1]).v[:, 0]
    assert basins.learn(v) == 0
    number, sign, _ = basins.homes(-v[:, None])
    assert (number[0] == 0) == (glass.field == 0)
    if glass.field == 0:
        assert sign[0] == -1
        assert basins.learn(-v) == 0


def test_both_sides_of_a_saddle_of_one_particle():
    glass = Glass(np.zeros((1, 1)), np.array([-3.0]), 1.0, 1.0)
    ((left, right),) = both_sides(glass, np.zeros((1, 1)))
    np.testing.assert_allclose([left.v[0], right.v[0]], [-np.sqrt(18), np.sqrt(18)])


def test_what_is_given_up_says_so(glass, starts):
    ends = descend(glass, starts, steps=3)
    assert not any(end.arrived for end in ends)
    assert all(np.isinf(end.max_gradient) for end in ends)


@pytest.mark.parametrize("stages", [2, 5, 10, 32])
def test_chebyshev_steps_are_of_second_order_and_stable_where_they_say(stages):
    """Their stability polynomial is exp(-z) to second order, and below 1 up to 0.65 (S^2 - 1)."""

    def polynomial(z: np.ndarray) -> np.ndarray:
        first, rows = _coefficients(stages)
        before, now = np.ones_like(z), 1 - first * z
        for mu, nu, mu_slope, gamma_slope in rows:
            before, now = now, (1 - mu - nu) + mu * now + nu * before - z * (mu_slope * now + gamma_slope)
        return now

    h = np.array([1e-2, 2e-2])
    error = polynomial(h) - np.exp(-h)
    assert error[1] / error[0] == pytest.approx(8, rel=0.1)
    assert np.abs(polynomial(np.linspace(0.01, 0.65 * (stages**2 - 1), 1000))).max() < 1


def test_newton_counts_negative_eigenvalues(glass, starts):
    """Refined from anywhere, what is called a saddle has one of them and no gradient."""
    minima = relax(glass, starts).v
    lines = bands(glass, minima[:, :-1], minima[:, 1:], steps=10)
    reached = 0
    for start in np.concatenate([maxima(glass, lines[:, k]) for k in range(lines.shape[1])], axis=1).T:
        v, found = refine(glass, start)
        if found:
            reached += 1
            assert np.abs(glass.gradient(v)).max() <= 1e-10
            assert (np.linalg.eigvalsh(glass.hessian(v)) < 0).sum() == 1
    assert reached > 3
