"""Relaxation ends in true minima, whatever the start."""

import numpy as np
import pytest
from scipy import integrate, optimize

from nsim.descent.newton_finish import SINGLE_FROM
from nsim.descent.relaxation import DESCENTS, relax
from nsim.run_sections import Model
from nsim.sample.glass import Glass


def starts(glass, columns, seed=0, scale=5.0):
    return scale * np.random.default_rng(seed).standard_normal((glass.n, columns))


@pytest.mark.parametrize(
    "model", [Model(gamma=4.0), Model(gamma=1.0, j0=3.0), Model(gamma=1.0, a2=-3.0, field=0.2), Model(gamma=0.4)]
)
def test_minima_to_tolerance_with_positive_hessian(model):
    glass = Glass.draw(model, seed=1, n=80, sample=0)
    begin = starts(glass, 7)
    relaxed = relax(glass, begin)
    assert relaxed.converged.all()
    assert np.abs(glass.gradient(relaxed.v)).max() < 1e-10
    assert relaxed.max_gradient == pytest.approx(np.abs(glass.gradient(relaxed.v)).max(axis=0), abs=1e-13)
    assert (glass.energy(relaxed.v) < glass.energy(begin)).all()
    for r in range(7):
        assert np.linalg.eigvalsh(glass.hessian(relaxed.v[:, r]))[0] > 0


@pytest.mark.parametrize("method", sorted(DESCENTS))
@pytest.mark.parametrize("model", [Model(gamma=4.0), Model(gamma=1.0, a2=-3.0, field=0.2)])
def test_every_descent_ends_in_minima(model, method):
    glass = Glass.draw(model, seed=1, n=60, sample=0)
    relaxed = relax(glass, starts(glass, 5), method=method)
    assert relaxed.converged.all()
    assert np.abs(glass.gradient(relaxed.v)).max() < 1e-10
    assert min(np.linalg.eigvalsh(glass.hessian(relaxed.v[:, r]))[0] for r in range(5)) > 0


def test_steepest_descent_is_the_gradient_flow():
    """The minimum an accurate integrator of dv/dt = -dU/dv arrives at, for every start; others reach some of them."""
    same = dict.fromkeys(DESCENTS, 0)
    for sample in range(3):
        glass = Glass.draw(Model(gamma=4.0), seed=7, n=48, sample=sample)
        begin = starts(glass, 4, seed=sample)
        found = {method: relax(glass, begin, method=method).v for method in DESCENTS}
        for r in range(4):
            flow = integrate.solve_ivp(
                lambda t, v, glass=glass: -glass.gradient(v),
                (0, 400),
                begin[:, r],
                method="LSODA",
                rtol=1e-9,
                atol=1e-9,
            )
            for method in DESCENTS:
                same[method] += np.abs(found[method][:, r] - flow.y[:, -1]).max() < 1e-3
    assert same["steepest-descent"] == 12
    assert same["conjugate-gradient"] < 12  # negative control: the comparison can tell dynamics apart


@pytest.mark.parametrize("n", [SINGLE_FROM - 1, SINGLE_FROM + 50])
def test_single_precision_leaves_no_trace(n):
    """Large systems descend with products in single precision and finish with one factorisation in it."""
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=n, sample=0)
    relaxed = relax(glass, starts(glass, 4))
    assert relaxed.converged.all()
    assert np.abs(glass.gradient(relaxed.v)).max() < 1e-10
    assert min(np.linalg.eigvalsh(glass.hessian(relaxed.v[:, r]))[0] for r in range(4)) > 0


def test_tightest_tolerance():
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=60, sample=0)
    relaxed = relax(glass, starts(glass, 4), tolerance=1e-13)
    assert relaxed.converged.all()
    assert np.abs(glass.gradient(relaxed.v)).max() < 1e-12  # recomputed in another order: rounding of 60 terms


def test_gaussian_limit():
    """a4 = 0: the minimum is M^{-1} F, whatever the start."""
    glass = Glass.draw(Model(gamma=0.2, a4=0.0, field=0.7), seed=1, n=50, sample=0)
    relaxed = relax(glass, starts(glass, 3))
    exact = np.linalg.solve(np.diag(glass.a2 / glass.gamma) - glass.J, np.full(50, 0.7))
    assert relaxed.converged.all()
    np.testing.assert_allclose(relaxed.v, np.repeat(exact[:, None], 3, axis=1), rtol=1e-10)


def test_one_particle():
    """N = 1: the roots of G'(v)/gamma = F."""
    glass = Glass(np.zeros((1, 1)), np.array([-3.0]), 1.0, 1.0, field=0.5)
    relaxed = relax(glass, np.array([[4.0, -4.0, 0.1]]))
    roots = np.sort(np.roots([1 / 6, 0, -3.0, -0.5]).real)
    np.testing.assert_allclose(relaxed.v[0], [roots[2], roots[0], roots[2]], rtol=1e-12)


def test_two_particles_against_all_minima_by_brute_force():
    J = np.array([[0.0, 1.2], [1.2, 0.0]])
    glass = Glass(J, np.array([-1.0, -2.0]), 1.0, 1.0, field=0.1)
    found = set()
    for x in np.linspace(-6, 6, 25):
        for y in np.linspace(-6, 6, 25):
            answer = optimize.minimize(lambda v: float(glass.energy(v)), [x, y], jac=glass.gradient, tol=1e-12)
            if np.linalg.eigvalsh(glass.hessian(answer.x))[0] > 0:
                found.add(tuple(np.round(answer.x, 4)))
    grid = np.array(np.meshgrid(np.linspace(-6, 6, 25), np.linspace(-6, 6, 25))).reshape(2, -1)
    relaxed = relax(glass, grid)
    assert relaxed.converged.all()
    assert {tuple(v) for v in np.round(relaxed.v.T, 4)} == found


def test_mirrored_starts_reach_mirrored_minima():
    glass = Glass.draw(Model(gamma=4.0), seed=2, n=64, sample=0)
    begin = starts(glass, 5)
    np.testing.assert_allclose(relax(glass, -begin).v, -relax(glass, begin).v, atol=1e-9)


def test_exchanged_sites_reach_the_exchanged_minimum():
    """Sums run in another order, so short of a bifurcation on the way the same minimum comes out to 1e-8."""
    glass = Glass.draw(Model(gamma=4.0), seed=2, n=64, sample=0)
    begin = starts(glass, 4)
    order = np.random.default_rng(3).permutation(64)
    exchanged = Glass(np.ascontiguousarray(glass.J[np.ix_(order, order)]), glass.a2[order], glass.a4, glass.gamma)
    np.testing.assert_allclose(relax(exchanged, begin[order]).v, relax(glass, begin).v[order], atol=1e-8)


def test_company_in_the_batch_does_not_matter():
    glass = Glass.draw(Model(gamma=4.0), seed=2, n=64, sample=0)
    begin = starts(glass, 6)
    together = relax(glass, begin)
    for r in range(6):
        np.testing.assert_allclose(relax(glass, begin[:, [r]]).v[:, 0], together.v[:, r], atol=1e-8)


def test_a_start_on_a_saddle_is_pushed_off():
    """The origin has zero gradient but is no minimum of a glass; both mirror images are as deep."""
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=30, sample=0)
    relaxed = relax(glass, np.zeros((30, 2)))
    assert relaxed.converged.all()
    assert (glass.energy(relaxed.v) < -1).all()


def test_a_spent_budget_is_reported_not_hidden():
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=200, sample=0)
    relaxed = relax(glass, starts(glass, 3), max_iterations=5)
    assert not relaxed.converged.any()
    assert (relaxed.max_gradient > 1e-10).all()
    assert (relaxed.iterations <= 5).all()
