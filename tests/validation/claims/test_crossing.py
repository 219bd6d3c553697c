"""Crossings of scale-invariant quantities: found where they are put, with true errors, and not where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from validation.claims.crossing import OverlapMoments, binder, crossing, crossing_limit, scaled_overlap

T_G = 20.0
T = np.linspace(30, 12, 37)


def moments(n: int, samples: int, seed: int, transition: float = T_G) -> OverlapMoments:
    """<q^2> of scatter 40% between samples about N^(-2/3) exp(-x), x = (T/T_g - 1) N^(1/3)."""
    stream = np.random.default_rng([seed, n])
    x = (T / transition - 1) * n ** (1 / 3)
    mean = n ** (-2 / 3) * np.exp(-x)
    squared = mean * (1 + 0.4 * stream.standard_normal((samples, 1)))
    kurtosis = 1 + 2 / (1 + np.exp(-2 * x))
    return OverlapMoments(n, T, squared, kurtosis * squared**2)


def test_scaled_overlaps_cross_at_the_transition_with_true_errors() -> None:
    z = []
    for seed in range(40):
        found = crossing(moments(64, 200, seed), moments(512, 200, seed), scaled_overlap)
        assert found is not None
        z.append((found[0] - T_G) / found[1])
    assert abs(np.mean(z)) < 4 / np.sqrt(40)  # temperatures are so near that interpolation errs by much less
    assert np.std(z) == pytest.approx(1, abs=3 / np.sqrt(2 * 40))


def test_another_transition_is_told_apart() -> None:
    found = crossing(moments(64, 200, 1, 1.05 * T_G), moments(512, 200, 1, 1.05 * T_G), scaled_overlap)
    assert found is not None
    assert (found[0] - T_G) / found[1] > 3


def test_binder_ratios_by_hand() -> None:
    one = moments(64, 7, 2)
    pairs = zip(one.squared.T, one.fourth.T, strict=True)
    expected = [(3 - np.mean(fourth) / np.mean(squared) ** 2) / 2 for squared, fourth in pairs]
    np.testing.assert_allclose(one.curve(binder), expected)
    # One and the same |q| has the ratio 1, a Gaussian q of one variance 0.
    q = np.full((5, 3), 0.3)
    np.testing.assert_allclose(binder(8, q**2, q**4), 1)
    np.testing.assert_allclose(binder(8, q**2, 3 * q**4), 0, atol=1e-12)


def test_sizes_that_do_not_cross_say_so() -> None:
    small, large = moments(64, 100, 3), moments(512, 100, 3)
    higher = OverlapMoments(512, T, 30 * large.squared, large.fourth)
    assert crossing(small, higher, scaled_overlap) is None
    assert crossing_limit([]) is None


def test_drift_between_pairs_is_part_of_the_error() -> None:
    assert crossing_limit([(64, (20.0, 0.1))]) == (20.0, 0.1)
    value, error = crossing_limit([(32, (22.0, 0.1)), (64, (21.0, 0.1))]) or (0, 0)
    assert value == 21.0
    assert error == pytest.approx(np.hypot(0.1, np.sqrt(1 - 0.02)))
    assert crossing_limit([(32, (21.05, 0.1)), (64, (21.0, 0.1))]) == (21.0, pytest.approx(0.1))
