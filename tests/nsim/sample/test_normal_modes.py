"""Normal modes against identities, exact limits and the inverse Hessian."""

import numpy as np
import pytest
from scipy import stats

from nsim.descent.relaxation import relax
from nsim.run_sections import Model
from nsim.sample import normal_modes as modes_file
from nsim.sample.glass import Glass
from nsim.sample.normal_modes import frequencies, lowest_modes, modes_of, normal_modes


@pytest.fixture(scope="module")
def state():
    glass = Glass.draw(Model(gamma=4.0), 1, 90, 0)
    return glass, relax(glass, 5 * np.random.default_rng(3).standard_normal((90, 1))).v[:, 0]


def test_traces_and_the_diagonal_of_the_resolvent(state):
    glass, v = state
    M = glass.hessian(v)
    modes = normal_modes(glass, v)
    assert modes.eigenvalue.sum() == pytest.approx(glass.on_site_curvature(v).sum(), rel=1e-12)
    assert (modes.eigenvalue**2).sum() == pytest.approx((M**2).sum(), rel=1e-12)
    assert np.log(modes.eigenvalue).sum() == pytest.approx(np.linalg.slogdet(M)[1], rel=1e-12)
    np.testing.assert_allclose(modes.response, np.diagonal(np.linalg.inv(M)), rtol=1e-9)
    assert modes.response.sum() == pytest.approx((1 / modes.eigenvalue).sum(), rel=1e-10)
    vectors = np.linalg.eigh(M)[1]
    np.testing.assert_allclose(modes.participation, 1 / (vectors**4).sum(axis=0), rtol=1e-8)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_lanczos_finds_the_same_lowest_modes(state, count):
    glass, v = state
    whole, lowest = normal_modes(glass, v), lowest_modes(glass, v, count)
    np.testing.assert_allclose(lowest.eigenvalue, whole.eigenvalue[:count], rtol=1e-10)
    np.testing.assert_allclose(lowest.participation, whole.participation[:count], rtol=1e-6)
    assert lowest.response is None


def test_large_systems_get_their_lowest_modes(state, monkeypatch):
    glass, v = state
    whole = normal_modes(glass, v)
    monkeypatch.setattr(modes_file, "DENSE", 80)
    monkeypatch.setattr(modes_file, "LOWEST", 7)
    assert modes_of(90) == 7
    assert modes_of(80) == 80
    np.testing.assert_allclose(normal_modes(glass, v).eigenvalue, whole.eigenvalue[:7], rtol=1e-10)


def semicircle(n: int, variance: float) -> float:
    """The p-value of a harmonic glass's spectrum against Wigner's law around a2/gamma, couplings scaled."""
    drawn = Glass.draw(Model(gamma=0.25, a4=0.0), 5, n, 0)
    glass = Glass(np.sqrt(variance) * drawn.J, drawn.a2, 0.0, 0.25)
    modes = normal_modes(glass, np.zeros(n))
    return float(np.abs(np.sort(modes.eigenvalue) - quantiles(n)).max())


def quantiles(n: int) -> np.ndarray:
    """Where the n eigenvalues are expected: quantiles of the semicircle of radius 2 around 4."""
    return 4 + stats.semicircular(scale=2).ppf((np.arange(n) + 0.5) / n)


def test_harmonic_glass_has_wigner_s_semicircle():
    """Eigenvalues are rigid: they keep to the quantiles of the law within N^(-2/3) at the edges."""
    n = 600
    assert semicircle(n, 1.0) < 3 * n ** (-2 / 3)
    assert semicircle(n, 1.1) > 3 * n ** (-2 / 3)  # the negative control


def test_participation_of_free_sites_of_a_uniform_mode_and_of_random_vectors():
    n = 300
    alone = Glass(1e-6 * Glass.draw(Model(gamma=1.0), 1, n, 0).J, np.linspace(1, 2, n), 1.0, 1.0)
    np.testing.assert_allclose(normal_modes(alone, np.zeros(n)).participation, 1, atol=1e-3)
    together = Glass(np.full((n, n), 1 / n) - np.eye(n) / n, np.full(n, 3.0), 1.0, 1.0)
    assert normal_modes(together, np.zeros(n)).participation[0] == pytest.approx(n)
    harmonic = Glass.draw(Model(gamma=0.25, a4=0.0), 1, n, 0)
    # Components of a random unit vector have <e^4> = 3/(N (N + 2)).
    assert normal_modes(harmonic, np.zeros(n)).participation.mean() == pytest.approx((n + 2) / 3, rel=0.03)


def test_frequencies_know_the_mass_and_no_negative_curvature():
    np.testing.assert_allclose(frequencies(np.array([4.0, 0.0]), 0.25), [4.0, 0.0])
    assert np.isnan(frequencies(np.array([-1.0])))
