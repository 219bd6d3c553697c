"""Extrapolation in N against synthetic data whose limit is known."""

from __future__ import annotations

import numpy as np
import pytest

from validation.statistics.extrapolation import extrapolate

SIZES = np.array([32, 64, 96, 128, 192, 256])
ERRORS = np.array([0.04, 0.04, 0.05, 0.05, 0.06, 0.07])
SETS = 2000


def z_scores(omega_true: float, omega: float | None, curvature: float = 0.0, error: str = "stderr") -> np.ndarray:
    rng = np.random.default_rng(20)
    x = SIZES**-omega_true
    z = []
    for _ in range(SETS):
        data = -12 + 20 * x + curvature * x**2 + ERRORS * rng.standard_normal(len(SIZES))
        found = extrapolate(SIZES.tolist(), data.tolist(), ERRORS.tolist(), omega)
        assert found is not None
        z.append((found.value + 12) / getattr(found, error))
    return np.array(z)


def test_z_scores_are_normal() -> None:
    z = z_scores(2 / 3, 2 / 3, error="statistical")
    assert abs(z.mean()) < 4 / np.sqrt(SETS)
    # A few sets look as if the form were wrong (1%) and get wider errors.
    assert 1 - 0.05 < z.std() < 1 + 4 / np.sqrt(2 * SETS)
    for width, normal in ((1, 0.683), (2, 0.954)):
        assert np.mean(np.abs(z) < width) == pytest.approx(normal, abs=4 * np.sqrt(normal * (1 - normal) / SETS))


def test_the_whole_error_covers_a_little_more() -> None:
    """Scatter that looks systematic adds to the error now and then: never too small, hardly too large."""
    z = z_scores(2 / 3, 2 / 3)
    assert 0.67 < np.mean(np.abs(z) < 1) < 0.80
    assert np.mean(np.abs(z) > 3) < 0.003


def test_a_wrong_exponent_is_seen() -> None:
    z = z_scores(1 / 3, 1.0)
    assert np.mean(np.abs(z) > 3) > 0.9


def test_a_higher_order_widens_the_error() -> None:
    """A neglected term twice as strong as the statistical error at the smallest size stays inside three errors."""
    z = z_scores(1.0, 1.0, curvature=100.0)
    assert np.mean(np.abs(z) > 3) < 0.02


def test_exact_data_are_met_exactly() -> None:
    found = extrapolate([64, 16, 32], [1 + 5 / 64, 1 + 5 / 16, 1 + 5 / 32], [0.1, 0.1, 0.1], 1.0)
    assert found is not None
    assert found.value == pytest.approx(1.0, abs=1e-12)
    assert found.fit.coefficients[1] == pytest.approx(5.0)
    assert found.sizes == (16, 32, 64)
    assert found.spread == 0
    assert found.without_smallest == pytest.approx(1.0)
    line, _ = found.curve(np.array([10.0, np.inf]))
    np.testing.assert_allclose(line, [1.5, 1.0])


def test_two_sizes_give_a_value_without_a_test() -> None:
    found = extrapolate([10, 20], [2.0, 1.5], [0.1, 0.1], 1.0)
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert found.stderr == pytest.approx(0.1 * np.sqrt(5))
    assert found.fit.dof == 0
    assert found.without_smallest is None
    assert found.to_dict()["chi2"] is None


def test_one_size_gives_nothing() -> None:
    assert extrapolate([10], [2.0], [0.1], 1.0) is None


def test_a_constant_is_the_weighted_mean() -> None:
    found = extrapolate([10, 20], [1.0, 2.0], [1.0, 0.5], None)
    assert found is not None
    assert found.value == pytest.approx((1 * 1 + 2 * 4) / 5)
    assert found.stderr == pytest.approx(1 / np.sqrt(5))


def test_data_that_reject_the_form_widen_the_error() -> None:
    found = extrapolate([10, 20, 40, 80], [1.0, 3.0, 1.0, 3.0], [0.1] * 4, 1.0)
    assert found is not None
    assert found.fit.probability < 1e-6
    assert found.statistical == pytest.approx(np.sqrt(found.fit.covariance[0, 0] * found.fit.chi2 / 2))
    _, band = found.curve(np.array([np.inf]))
    assert band[0] == pytest.approx(found.stderr)  # the drawn band ends in the quoted error


def test_an_unknown_exponent_is_part_of_the_error() -> None:
    """Exact data that follow an exponent of the interval: x_inf is off, and its error says so."""
    n = np.array([32, 64, 96, 128, 192, 256])
    for omega_true in (1 / 2, 0.8, 1.0):
        x = 0.34 + 2.0 * n**-omega_true
        fixed = extrapolate(n.tolist(), x.tolist(), [1e-3] * 6, 2 / 3)
        chosen = extrapolate(n.tolist(), x.tolist(), [1e-3] * 6, 2 / 3, (1 / 2, 1.0))
        assert fixed is not None
        assert chosen is not None
        assert chosen.value == fixed.value  # the same fit
        assert abs(fixed.value - 0.34) > 3 * fixed.statistical
        assert abs(chosen.value - 0.34) <= chosen.exponent_spread
        assert chosen.stderr == pytest.approx(np.hypot(fixed.stderr, chosen.exponent_spread))


def test_an_interval_is_told_by_its_ends() -> None:
    n, x = [32, 64, 128], [1.3, 1.2, 1.15]
    found = extrapolate(n, x, [0.01] * 3, 2 / 3, (1 / 2, 1.0))
    assert found is not None
    ends = [extrapolate(n, x, [0.01] * 3, omega) for omega in (1 / 2, 1.0)]
    assert found.at_ends == tuple(end.value for end in ends if end is not None)
    assert found.exponent_spread == pytest.approx(max(abs(end - found.value) for end in found.at_ends))
    record = found.to_dict()
    assert record["omega_interval"] == [0.5, 1.0]
    assert record["exponent_spread"] == found.exponent_spread
    fixed = extrapolate(n, x, [0.01] * 3, 2 / 3)
    assert fixed is not None
    assert fixed.exponent_spread == 0
    assert fixed.to_dict()["omega_interval"] is None
