"""Autocorrelation times against series whose times are known."""

import numpy as np
import pytest

from nsim.dynamics.autocorrelation import BINS, BinnedSeries, autocovariance, windowed_time


def autoregressive(rng, a, length, series):
    """x(t+1) = a x(t) + noise, stationary, variance 1: rho(t) = a^t, tau = (1 + a)/(2 (1 - a)); (length, series)."""
    x = np.empty((length, series))
    x[0] = rng.standard_normal(series)
    noise = np.sqrt(1 - a**2) * rng.standard_normal((length, series))
    for t in range(1, length):
        x[t] = a * x[t - 1] + noise[t]
    return x


def gathered(series):
    binned = BinnedSeries(series.shape[1:])
    for values in series:
        binned.add(values)
    return binned


@pytest.mark.parametrize(("a", "length"), [(0.0, 400), (0.0, 5000), (0.8, 400), (0.8, 20_000), (0.98, 20_000)])
def test_known_times(a, length):
    """Shorter and longer than the bins can hold singly; four alike series, three of each kind."""
    x = autoregressive(np.random.default_rng(5), a, length, 12).reshape(length, 4, 3)
    found = gathered(x).correlation()
    tau = (1 + a) / (2 * (1 - a))
    # Relative error of a windowed time: sqrt(2 (2 W + 1)/n) for each of four series [Sokal 1997]; the window W is
    # 5 tau, and at least three bins.
    window = max(5 * tau, 3 * gathered(x).width)
    error = tau * np.sqrt(2 * (2 * window + 1) / (4 * length))
    np.testing.assert_allclose(found.tau, tau, atol=4 * error + 0.02 * tau)
    np.testing.assert_allclose(found.effective, 4 * length / (2 * found.tau), rtol=0.1)
    np.testing.assert_allclose(found.variance, x.var(axis=(0, 1)), rtol=1e-10)


def test_the_error_of_the_mean_is_the_scatter_of_means():
    """Effective samples predict how means of repeated series scatter; naive counting is far off."""
    x = autoregressive(np.random.default_rng(6), 0.9, 4000, 200)
    found = gathered(x[:, :, None]).correlation()
    scatter = x.mean(axis=0).var()
    predicted = found.variance[0] / (found.effective[0] / 200)
    assert scatter == pytest.approx(predicted, rel=4 * np.sqrt(2 / 200))
    assert scatter > 5 * found.variance[0] / 4000


def test_series_that_disagree_are_correlated_for_ever():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((1000, 2, 1)) + np.array([10.0, -10.0])[:, None]
    series = gathered(x)
    assert series.correlation().effective[0] < 10
    assert series.correlation(common_mean=False).tau[0] == pytest.approx(0.5, abs=0.1)


def test_bins_keep_everything():
    x = np.random.default_rng(8).standard_normal((3 * BINS + 7, 2))
    series = gathered(x)
    assert series.width == 4
    np.testing.assert_allclose(series.total, x.sum(axis=0))
    full = len(series.means()) * 4
    np.testing.assert_allclose(series.means().mean(axis=0), x[:full].mean(axis=0))


def test_constant_and_missing_series():
    constant = gathered(np.full((50, 2, 1), 3.0)).correlation()
    assert np.isnan(constant.tau).all()
    assert (constant.effective == 0).all()
    assert np.isnan(BinnedSeries((2, 1)).correlation().tau).all()


def test_autocovariance_is_its_definition():
    x = np.random.default_rng(9).standard_normal((40, 2))
    direct = [(x[: 40 - k] * x[k:]).sum(axis=0) / 40 for k in range(40)]
    np.testing.assert_allclose(autocovariance(x), direct, atol=1e-12)
    # W: the first with W >= 5 tau(W); here tau(W) = 1/2 + W/2 until rho ends.
    rho = np.array([1.0, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    assert windowed_time(rho) == pytest.approx(1.25)
