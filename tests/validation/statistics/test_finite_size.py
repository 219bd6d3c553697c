"""Limits in N: known answers, true errors, the weight of the right form, and all parts of the error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from validation.statistics.finite_size import Form, limit

N = np.array([16, 24, 32, 48, 64, 96, 128, 192], float)
LEADING, NEXT = Form((2 / 3,)), Form((2 / 3, 4 / 3))


def test_the_right_form_gives_flat_z_scores(seeds: list[int], p_values: list[float]) -> None:
    """One form without cuts is a linear fit: its z-scores are normal."""
    z = []
    for seed in seeds:
        stream = np.random.default_rng(seed)
        for _ in range(60):
            error = 0.01 * np.ones(3)
            x = -12 + 24 * N[:3] ** (-2 / 3) + error * stream.standard_normal(3)
            found = limit(N[:3], x, error, [LEADING])
            assert found is not None
            fit = next(fit for fit in found.fits if fit.dropped == 0)
            z.append((fit.value + 12) / fit.stderr)
    p_values += (2 * norm.sf(np.abs(z))).tolist()
    assert abs(np.mean(z)) < 4 / np.sqrt(len(z))
    assert np.std(z) == pytest.approx(1, abs=4 / np.sqrt(2 * len(z)))


def test_averages_over_forms_cover_the_truth() -> None:
    """With a next order in the data two forms are averaged, and the truth lies within three errors nearly always."""
    stream = np.random.default_rng(2)
    inside = 0
    for _ in range(200):
        error = 0.01 * np.ones_like(N)
        x = -12 + 24 * N ** (-2 / 3) - 20 * N ** (-4 / 3) + error * stream.standard_normal(len(N))
        found = limit(N, x, error, [LEADING, Form((2 / 3, 1.0)), NEXT])
        assert found is not None
        inside += abs(found.value + 12) < 3 * found.stderr
    assert inside >= 190


def test_data_that_reject_a_form_give_it_no_weight() -> None:
    error = 0.001 * np.ones_like(N)
    x = -12 + 24 * N ** (-2 / 3) - 20 * N ** (-4 / 3)
    found = limit(N, x, error, [LEADING, NEXT])
    assert found is not None
    assert found.best.form == NEXT
    assert found.value == pytest.approx(-12, abs=2e-3)
    whole = next(fit for fit in found.fits if fit.form == LEADING and fit.dropped == 0)
    assert whole.weight < 1e-6
    assert whole.probability is not None
    assert whole.probability < 1e-6


def test_smallest_sizes_are_dropped_in_turn() -> None:
    found = limit(N, -12 + 24 * N ** (-2 / 3), 0.01 * np.ones_like(N), [LEADING])
    assert found is not None
    assert sorted(fit.smallest for fit in found.fits) == [16, 24, 32, 48, 64, 96]
    assert max(found.fits, key=lambda fit: fit.weight).smallest == 16
    assert sum(fit.weight for fit in found.fits) == pytest.approx(1)
    assert found.stderr == pytest.approx(np.hypot(found.statistical, found.spread))


@pytest.mark.parametrize("omega", [0.4, 2 / 3, 1.0])
def test_a_fitted_exponent_is_found(omega: float) -> None:
    stream = np.random.default_rng(5)
    error = 2e-4 * np.ones_like(N)
    x = 1 + 2 * N**-omega + error * stream.standard_normal(len(N))
    found = limit(N, x, error, [Form((), free=True)])
    assert found is not None
    fit = next(fit for fit in found.fits if fit.dropped == 0)
    assert abs(fit.exponents[0] - omega) < 4 * fit.covariance[2, 2] ** 0.5
    assert abs(fit.value - 1) < 4 * fit.stderr
    # The error of a fitted exponent is larger than of a given one.
    given = limit(N, x, error, [Form((omega,))])
    assert given is not None
    assert fit.stderr > 2 * next(one for one in given.fits if one.dropped == 0).stderr


def test_one_size_has_no_limit() -> None:
    assert limit([16], [1.0], [0.1], [LEADING]) is None
    two = limit([16, 32], [1.0, 0.9], [0.1, 0.1], [LEADING, NEXT])
    assert two is not None
    assert two.fits[0].probability is None
    line, error = two.curve(np.array([16.0, np.inf]))
    assert line == pytest.approx([1.0, two.value])
    assert error[1] == pytest.approx(two.stderr)


def test_a_fit_is_drawn_only_where_it_was_made() -> None:
    """Sizes that the heaviest fit dropped are described by the others; at infinity all are averaged."""
    x = -12 + 24 * N ** (-2 / 3)
    x[:3] += 0.1 * np.array([3.0, -2.0, 1.0])  # these three the fits through them describe badly
    found = limit(N, x, np.full_like(N, 0.005), [LEADING])
    assert found is not None
    assert found.best.smallest == 48
    mean, error = found.curve(np.array([16.0, 48.0, np.inf]))
    whole = next(fit for fit in found.fits if fit.dropped == 0)
    line, own = whole.curve(np.array([16.0]))
    assert (mean[0], error[0]) == (pytest.approx(line[0]), pytest.approx(own[0]))
    assert mean[1] == pytest.approx(x[3], abs=0.01)
    assert (mean[2], error[2]) == (pytest.approx(found.value), pytest.approx(found.stderr))
