"""Errors of what is not a mean: against exact variances and known chains."""

from __future__ import annotations

import numpy as np
import pytest

from validation.statistics.resampling import bootstrap, integrated_time, jackknife, ratio, width


def test_bootstrap_of_a_mean_is_its_standard_error() -> None:
    data = np.random.default_rng(1).standard_normal(400)
    value, error = bootstrap(data, lambda rows: rows.mean(), resamples=2000)
    assert value == pytest.approx(data.mean())
    assert error == pytest.approx(data.std() / 20, rel=4 / np.sqrt(2 * 2000))
    assert bootstrap(data, lambda rows: rows.mean()) == bootstrap(data, lambda rows: rows.mean())


def test_a_ratio_of_correlated_numbers_knows_their_correlation() -> None:
    """a/b with a = 2b + noise: the common part drops out of the error."""
    stream = np.random.default_rng(2)
    errors, values = [], []
    for _ in range(300):
        b = 5 + stream.standard_normal(200)
        value, error = ratio(2 * b + 0.1 * stream.standard_normal(200), b)
        values.append(value)
        errors.append(error)
    assert np.mean(values) == pytest.approx(2, abs=4 * 0.1 / 5 / np.sqrt(200 * 300))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)
    assert np.mean(errors) == pytest.approx(0.1 / 5 / np.sqrt(200), rel=0.1)


def test_error_of_a_width() -> None:
    """Of a normal distribution sigma/sqrt(2 n); of a skewed one more."""
    stream = np.random.default_rng(3)
    value, error = width(3 * stream.standard_normal(20000))
    assert abs(value - 3) < 4 * error
    assert error == pytest.approx(3 / np.sqrt(2 * 20000), rel=0.35)
    _, skewed = width(stream.exponential(3, 20000))
    assert skewed > 1.3 * error


def test_jackknife_removes_the_bias_of_order_one_over_n() -> None:
    data = np.random.default_rng(4).standard_normal(50)
    value, _ = jackknife(data, lambda rows: float(rows.var()), blocks=50)
    assert value == pytest.approx(data.var(ddof=1), rel=1e-9)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_a_known_chain(rho: float) -> None:
    """X' = rho x + noise has tau = 1/2 + rho/(1 - rho)."""
    stream = np.random.default_rng(5)
    taus, errors, means = [], [], []
    for _ in range(40):
        noise = stream.standard_normal(20000)
        x = np.empty(20000)
        x[0] = noise[0] / np.sqrt(1 - rho**2)
        for t in range(1, 20000):
            x[t] = rho * x[t - 1] + noise[t]
        tau, error = integrated_time(x)
        taus.append(tau)
        errors.append(error)
        means.append(x.mean())
    exact = 0.5 + rho / (1 - rho)
    assert np.mean(taus) == pytest.approx(exact, rel=0.03)
    assert np.mean(errors) == pytest.approx(np.sqrt(2 * exact / (1 - rho**2) / 20000), rel=0.03)
    assert np.std(means) == pytest.approx(np.mean(errors), rel=4 / np.sqrt(2 * 40))
