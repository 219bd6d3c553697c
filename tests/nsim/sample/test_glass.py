"""The landscape: U, its gradient and Hessian against definitions and complex-step derivatives."""

import numpy as np
import pytest
from scipy import stats

from nsim.run_sections import GaussianStiffness, Model, UniformStiffness
from nsim.sample.glass import Glass, draw_stiffness

STEP = 1e-30  # complex step: no cancellation, so derivatives are exact to rounding


@pytest.fixture
def glass():
    model = Model(gamma=2.5, j0=0.7, a2=GaussianStiffness(mean=0.5, std=2.0), a4=1.3, field=0.4)
    return Glass.draw(model, seed=3, n=9, sample=1)


@pytest.fixture
def v():
    return np.random.default_rng(0).standard_normal(9) * 3


def energy_by_definition(glass, v):
    U = 0.0
    for i in range(glass.n):
        for j in range(glass.n):
            if i != j:
                U = U - 0.5 * glass.J[i, j] * v[i] * v[j]
        U = U + (glass.a2[i] * v[i] ** 2 / 2 + glass.a4 * v[i] ** 4 / 24) / glass.gamma - glass.field * v[i]
    return U


def test_energy_is_its_definition(glass, v):
    assert glass.energy(v) == pytest.approx(energy_by_definition(glass, v), rel=1e-13)


def test_gradient_and_hessian_by_complex_step(glass, v):
    unit = np.eye(9)
    gradient = [np.imag(energy_by_definition(glass, v + 1j * STEP * e)) / STEP for e in unit]
    assert glass.gradient(v) == pytest.approx(gradient, rel=1e-12)
    hessian = np.array([np.imag(glass.gradient(v + 1j * STEP * e)) / STEP for e in unit])
    np.testing.assert_allclose(glass.hessian(v), hessian, rtol=1e-12, atol=1e-13)


def test_columns_are_single_states(glass, v):
    batch = np.stack([v, -2 * v, 0 * v], axis=1)
    for r in range(3):
        assert glass.energy(batch)[r] == pytest.approx(glass.energy(batch[:, r]), rel=1e-13, abs=1e-13)
        np.testing.assert_allclose(glass.gradient(batch)[:, r], glass.gradient(batch[:, r]), rtol=1e-12)


def test_exchange_of_sites(glass, v):
    order = np.random.default_rng(1).permutation(9)
    exchanged = Glass(glass.J[np.ix_(order, order)], glass.a2[order], glass.a4, glass.gamma, glass.field)
    assert exchanged.energy(v[order]) == pytest.approx(glass.energy(v), rel=1e-13)


def test_mirror_symmetry_needs_zero_field(glass, v):
    without = Glass(glass.J, glass.a2, glass.a4, glass.gamma)
    assert without.energy(-v) == pytest.approx(without.energy(v), rel=1e-14)
    assert glass.energy(-v) - glass.energy(v) == pytest.approx(2 * glass.field * v.sum(), rel=1e-10)


def variance_score(z):
    """(mean of z^2 - 1) in its standard error, for normal z."""
    return (np.mean(z**2) - 1) / np.sqrt(2 / len(z))


def test_local_disorder(seeds, p_values):
    n = 20_000
    for seed in seeds:
        gaussian = draw_stiffness(Model(gamma=1.0, a2=GaussianStiffness(mean=1.0, std=5.0)), seed, n, 0)
        z = (gaussian - 1) / 5
        p_values.append(stats.kstest(z, "norm").pvalue)
        p_values += [float(2 * stats.norm.sf(abs(score))) for score in (z.mean() * np.sqrt(n), variance_score(z))]
        # Negative control: a standard deviation 5% off.
        assert abs(variance_score(1.05 * z)) > 4
        uniform = draw_stiffness(Model(gamma=1.0, a2=UniformStiffness(low=-1.0, high=3.0)), seed, n, 0)
        assert uniform.min() >= -1
        assert uniform.max() <= 3
        p_values.append(stats.kstest(uniform, stats.uniform(-1, 4).cdf).pvalue)
    if len(seeds) == 1:
        assert min(p_values) > 1e-3
    assert np.array_equal(draw_stiffness(Model(gamma=1.0, a2=0.3), 1, 4, 0), [0.3] * 4)
