"""Limits in N: known answers, true errors, the weight of the right form, and all parts of the error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from scipy.stats import norm

from validation.statistics.finite_size import Form, between, limit
from validation.verdicts.forms import GLASSY_ENERGY, NOT_FIXED, REGULAR

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


@pytest.mark.parametrize("sizes", [(64, 128), (32, 64, 128), (32, 64, 128, 256), tuple(N.astype(int))])
@pytest.mark.parametrize("noise", [0.003, 0.05])
def test_errors_cover_terms_of_next_order(sizes: tuple[int, ...], noise: float, seeds: list[int]) -> None:
    """Truth: a N^-2/3 + b/N with b/a scattered by 1/3 (ground states at gamma = 4: -0.2), noise below and above.

    The truth lies within three errors but for 3% (chance, and tails of b that few sizes do not show).
    """
    z, alone = np.array([scores(sizes, noise, seed) for seed in seeds]).swapaxes(0, 1).reshape(2, -1)
    assert np.mean(np.abs(z) > 3) < 0.03 + 4 * np.sqrt(0.03 * 0.97 / len(z))
    assert np.mean(np.abs(z) < 1) > 0.55  # nor do tails hide a wrong core; 0.68 for a normal distribution
    if noise < 0.01:
        assert np.mean(np.abs(alone) > 3) > 0.2  # negative control: the error of the leading power alone


def scores(sizes: tuple[int, ...], noise: float, seed: int, sets: int = 200) -> tuple[list[float], list[float]]:
    """Deviations of limits, and those of the leading power alone, for energies with a next order of random size."""
    stream, n = np.random.default_rng(seed), np.array(sizes, float)
    truths = (24 * n ** (-2 / 3) + 8 * stream.standard_normal() / n for _ in range(sets))
    return deviations(n, truths, noise, 0.0, GLASSY_ENERGY, GLASSY_ENERGY[:1], stream)


def deviations(
    n: np.ndarray,
    truths: Iterable[np.ndarray],
    noise: float,
    limit_is: float,
    forms: Sequence[Form],
    wrong: Sequence[Form],
    stream: np.random.Generator,
) -> tuple[list[float], list[float]]:
    """(x_inf - truth)/error of noisy data, averaged over ``forms``; and of ``wrong`` ones fitted to all sizes."""
    error = np.full(len(n), noise)
    z, alone = [], []
    for truth in truths:
        x = truth + error * stream.standard_normal(len(n))
        found, other = limit(n, x, error, forms), limit(n, x, error, wrong)
        assert found is not None
        assert other is not None
        whole = next(fit for fit in other.fits if fit.dropped == 0)
        z.append((found.value - limit_is) / found.stderr)
        alone.append((whole.value - limit_is) / whole.stderr)
    return z, alone


@pytest.mark.parametrize("power", [1 / 3, 2 / 3, 1.0])
@pytest.mark.parametrize("noise", [0.005, 0.05])
def test_errors_cover_powers_that_no_theory_fixes(power: float, noise: float, seeds: list[int]) -> None:
    """Truth: 5 N^-w with any of the powers that stand side by side; a fit that takes another one for granted is off."""
    n = np.array([32.0, 64.0, 128.0, 256.0])
    other = next(form for form in NOT_FIXED if abs(form.exponents[0] - power) > 0.3)
    z, wrong = [], []
    for seed in seeds:
        stream = np.random.default_rng(seed)
        truths = (1 + 5 * n**-power for _ in range(200))
        found, alone = deviations(n, truths, noise, 1.0, NOT_FIXED, [other], stream)
        z, wrong = z + found, wrong + alone
    assert np.mean(np.abs(z) > 3) < 0.03 + 4 * np.sqrt(0.03 * 0.97 / len(z))
    if noise < 0.01:
        assert np.mean(np.abs(wrong) > 3) > 0.5


@pytest.mark.parametrize("sizes", [(64, 128), (32, 64, 128), (32, 64, 128, 256)])
def test_errors_cover_a_regular_next_order(sizes: tuple[int, ...], seeds: list[int]) -> None:
    """Truth: a/N + b/N^2 with b = +-a, of natural size; the first term alone misses it."""
    n = np.array(sizes, float)
    z, alone = [], []
    for seed in seeds:
        stream = np.random.default_rng(seed)
        truths = (1 + 20 / n + 20 * stream.standard_normal() / n**2 for _ in range(200))
        found, first = deviations(n, truths, 2e-4, 1.0, REGULAR, REGULAR[:1], stream)
        z, alone = z + found, alone + first
    assert np.mean(np.abs(z) > 3) < 0.03 + 4 * np.sqrt(0.03 * 0.97 / len(z))
    assert np.mean(np.abs(alone) > 3) > 0.2  # negative control


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


def test_three_sizes_take_a_next_order_of_natural_size() -> None:
    """One power alone claims too much, a free second one too little: each size more helps."""
    n, error = np.array([32.0, 64.0, 128.0, 256.0]), np.full(4, 0.05)
    x = -12 + 24 * n ** (-2 / 3)
    found = limit(n[:3], x[:3], error[:3], GLASSY_ENERGY)
    assert found is not None
    assert {fit.form for fit in found.fits} == set(GLASSY_ENERGY[1:])
    assert all(fit.dof == 1 for fit in found.fits)
    assert found.value == pytest.approx(-12, abs=1e-9)
    alone = limit(n[:3], x[:3], error[:3], GLASSY_ENERGY[:1])
    assert alone is not None
    assert alone.stderr == pytest.approx(next(fit for fit in alone.fits if fit.dropped == 0).stderr)
    assert found.stderr > 1.5 * alone.stderr
    # By hand: least squares with a third coefficient and the datum b = 0 +- 24.
    A = np.stack([np.ones(3), n[:3] ** (-2 / 3), 1 / n[:3]], axis=1) / 0.05
    normal = A.T @ A + np.diag([0, 0, 1 / 24**2])
    first = next(fit for fit in found.fits if fit.form == GLASSY_ENERGY[1])
    assert first.stderr == pytest.approx(np.linalg.inv(normal)[0, 0] ** 0.5, rel=1e-6)
    two = limit(n[1:3], x[1:3], error[1:3], GLASSY_ENERGY)
    assert two is not None
    assert found.stderr < two.stderr


def test_two_sizes_take_a_next_order_of_natural_size() -> None:
    """A term |a| N^-1 left out changes x_inf by what is added to the error; by hand for N = 64 and 128."""
    n, a, noise = np.array([64.0, 128.0]), 24.0, 1e-4
    x = -12 + a * n ** (-2 / 3)
    found = limit(n, x, [noise] * 2, [Form((2 / 3,)), Form((2 / 3, 1.0))])
    assert found is not None
    assert found.value == pytest.approx(-12, abs=1e-6)
    y, z = n ** (-2 / 3), 1 / n
    assert found.stderr == pytest.approx(a * abs(z[0] * y[1] - z[1] * y[0]) / (y[0] - y[1]), rel=1e-3)
    assert found.spread == pytest.approx(0, abs=1e-6)


def test_data_that_reject_every_form_widen_the_error() -> None:
    n, x = [10, 20, 40, 80], [1.0, 3.0, 1.0, 3.0]
    found = limit(n, x, [0.1] * 4, [Form((1.0,))])
    assert found is not None
    assert found.best.probability is not None
    assert found.best.probability < 1e-6
    assert found.best.widening == pytest.approx(np.sqrt(found.best.chi2 / found.best.dof))
    mean = sum(fit.weight * fit.stderr**2 for fit in found.fits) ** 0.5
    assert found.statistical == pytest.approx(found.best.widening * mean)
    _, band = found.curve(np.array([np.inf]))
    assert band[0] == pytest.approx(found.stderr)  # the drawn band ends in the quoted error


def test_a_constant_is_the_weighted_mean() -> None:
    found = limit([10, 20], [1.0, 2.0], [1.0, 0.5], [Form(())])
    assert found is not None
    assert found.value == pytest.approx((1 * 1 + 2 * 4) / 5)
    assert found.stderr == pytest.approx(1 / np.sqrt(5))


def test_one_size_has_no_limit() -> None:
    assert limit([16], [1.0], [0.1], [LEADING]) is None
    assert limit([16], [1.0], [0.1], [Form(())]) is None
    assert limit([], [], [], [LEADING]) is None
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


def test_between_two_limits() -> None:
    sizes, forms = [16, 32, 64, 128], (Form((1.0,)),)
    high = limit(sizes, [1 + 1 / n for n in sizes], [0.01] * 4, forms)
    low = limit(sizes, [0.9 + 1 / n for n in sizes], [0.01] * 4, forms)
    assert high is not None
    assert low is not None
    found = between(high, low)
    assert found.value == pytest.approx(0.95)
    assert found.systematic == pytest.approx(0.05)
    assert found.stderr == pytest.approx(np.hypot(high.stderr, 0.05))
