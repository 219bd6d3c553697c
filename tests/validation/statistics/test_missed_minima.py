"""What replicas still miss: order statistics by enumeration, and a bound that holds for landscapes that are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from validation.statistics.missed_minima import expected_lowest, still_missed


def test_expected_lowest_by_enumeration() -> None:
    energy = np.random.default_rng(1).standard_normal((3, 6))
    for r in (1, 2, 4, 6):
        expected = [np.mean([min(some) for some in itertools.combinations(row, r)]) for row in energy]
        np.testing.assert_allclose(expected_lowest(energy, r), expected)


@pytest.mark.parametrize("ease", [0.05, 0.1, 0.3])
def test_the_bound_holds_and_is_not_idle(ease: float) -> None:
    """Minima 0.1 apart, the k-th found with probability ease (1 - ease)^k: what is missed is known."""
    samples, replicas = 40_000, 16
    k = np.random.default_rng(2).geometric(ease, (samples, replicas)) - 1
    energy = 0.1 * k.astype(float)
    missed = energy.min(axis=1)  # the ground state has energy 0
    bound, error = still_missed(energy), missed.std() / np.sqrt(samples)
    assert bound > missed.mean() - 4 * error
    assert bound < 6 * missed.mean() + 4 * error


def test_too_few_replicas_say_nothing() -> None:
    assert np.isnan(still_missed(np.zeros((5, 4))))
    assert np.isnan(still_missed(np.full((5, 16), np.inf)))
    assert still_missed(np.zeros((5, 16))) == 0


def test_samples_with_a_lost_replica_are_left_out() -> None:
    energy = np.random.default_rng(3).standard_normal((200, 16))
    lost = energy.copy()
    lost[::2, 7] = np.inf
    assert still_missed(lost) == pytest.approx(still_missed(energy[1::2]))
