"""The heat bath draws from exp(-A v^4 - B v^2 + h v): every branch of the sampler against quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

from nsim.dynamics.heat_bath import HeatBathChain, draw
from nsim.sample.glass import Glass

TRIALS = 40_000

CASES = {
    "quartic": (1.0, 0.0, 0.0),
    "strong field": (1.0, 0.0, 100.0),
    "stiff": (1.0, 10.0, -3.0),
    "Gaussian": (0.0, 1.0, 2.0),
    "low barrier": (1.0, -1.0, 0.3),
    "two wells": (1.0, -3.0, 0.5),
    "two wells, mirrored": (1.0, -3.0, -0.5),
    "two deep wells": (1.0, -20.0, 0.01),
    "near the spinodal": (1.0, -5.0, 8.0),
    "beyond the spinodal": (1.0, -5.0, 13.0),
}


def draws(A, B, h, seed=0):
    stream = np.random.default_rng(seed)
    normal, uniform = stream.standard_normal(TRIALS), stream.random(TRIALS)
    values, used = [], 0
    while used < TRIALS:
        value, used = draw(A, B, h, normal, uniform, used)
        values.append(value)
    return np.array(values[:-1] if np.isnan(values[-1]) else values)


def kolmogorov_smirnov(sample, A, B, h):
    reach = 1.5 * np.abs(sample).max()
    x = np.linspace(-reach, reach, 100_001)
    F = (A * x**2 + B) * x**2 - h * x
    cumulative = integrate.cumulative_simpson(np.exp(F.min() - F), x=x, initial=0)
    return stats.kstest(sample, lambda y: np.interp(y, x, cumulative / cumulative[-1])).pvalue


@pytest.mark.parametrize("case", CASES)
def test_distribution(case, seeds, p_values):
    A, B, h = CASES[case]
    for seed in seeds:
        sample = draws(A, B, h, seed=[seed, list(CASES).index(case)])
        p_values.append(kolmogorov_smirnov(sample, A, B, h))
        # Negative control: another temperature.
        assert kolmogorov_smirnov(sample, 1.25 * A, 1.25 * B, 1.25 * h) < 1e-3
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_few_draws_are_rejected(case):
    """The bounds of the module's docstring; a badly chosen envelope would sample right, but slowly."""
    A, B, h = CASES[case]
    least = 0.5 if B >= 0 else 1 / 3
    assert len(draws(A, B, h)) > (least - 0.01) * TRIALS


def test_impossible_values_are_an_error():
    chain = HeatBathChain(Glass(np.zeros((1, 1)), np.ones(1), 1.0, 1.0), np.zeros((1, 1)), [np.random.default_rng(0)])
    with pytest.raises(FloatingPointError, match="heat bath"):
        chain.sweep(np.nan)
