"""The law of the Hessian spectrum: exact semicircle, and matrices drawn at random."""

from __future__ import annotations

import numpy as np
import pytest

from validation.hessian_law import density, lower_edge


def test_constant_diagonal_gives_the_semicircle() -> None:
    eigenvalue, rho = density(np.full(7, 3.0), points=2001)
    inside = np.abs(eigenvalue - 3) < 2
    semicircle = np.sqrt(np.maximum(4 - (eigenvalue - 3) ** 2, 0)) / (2 * np.pi)
    np.testing.assert_allclose(rho[inside], semicircle[inside], atol=1e-9)
    assert np.trapezoid(rho, eigenvalue) == pytest.approx(1, abs=1e-3)
    assert lower_edge(np.full(7, 3.0)) == pytest.approx(1.0, abs=1e-9)


def test_two_values_keep_the_moments() -> None:
    """Mean and variance of the spectrum: those of d, and one more from the semicircle."""
    d = np.array([1.0, 9.0])
    weight = np.array([0.25, 0.75])
    eigenvalue, rho = density(d, points=8001, weight=weight)
    mean = np.trapezoid(rho * eigenvalue, eigenvalue)
    assert mean == pytest.approx(7.0, abs=1e-3)
    assert np.trapezoid(rho * (eigenvalue - mean) ** 2, eigenvalue) == pytest.approx(12 + 1, rel=1e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_matrix_follows_the_law(seed: int) -> None:
    n = 800
    rng = np.random.default_rng(seed)
    d = 1 + rng.exponential(2.0, n)
    J = rng.standard_normal((n, n))
    J = np.triu(J, 1) / np.sqrt(n)
    sampled = np.linalg.eigvalsh(np.diag(d) - J - J.T)
    eigenvalue, rho = density(d, points=4000)
    steps = np.diff(eigenvalue) * (rho[1:] + rho[:-1]) / 2
    cumulative = np.concatenate([[0], np.cumsum(steps)])
    law = np.interp(sampled, eigenvalue, cumulative)
    # Eigenvalues repel: they follow the law to a few spacings, 1/n each, not to 1/sqrt(n).
    assert np.abs(law - (np.arange(n) + 0.5) / n).max() < 6 / n
    assert lower_edge(d) == pytest.approx(eigenvalue[0], abs=0.02)
    # Negative control: the law without the couplings' width is off by far more.
    wrong = np.searchsorted(np.sort(d), sampled) / n
    assert np.abs(wrong - (np.arange(n) + 0.5) / n).max() > 50 / n


def test_edge_is_zero_where_the_state_is_marginal() -> None:
    """E_d[1/(d - g)^2] = 1 with g = E_d[1/(d - g)]: d chosen so that g = 1."""
    d = np.array([2.0, 2.0])
    assert lower_edge(d) == pytest.approx(0.0, abs=1e-9)
