"""Control variates: the same expectation, a smaller error, and a refusal where their own mean is off."""

from __future__ import annotations

import numpy as np
import pytest

from nsim import run_file
from nsim.sample import couplings
from validation.simulation import average
from validation.statistics.control_variate import FEWEST_SAMPLES, affordable, coupling_sums, without


def test_z_scores_stay_normal_and_errors_shrink() -> None:
    rng = np.random.default_rng(3)
    z, gain = [], []
    for _ in range(1000):
        X = rng.standard_normal(60)
        y = 5 + 2 * X + 0.3 * rng.standard_normal(60)
        plain, freed = average(y), average(y, control=X)
        assert freed.stderr is not None
        assert plain.stderr is not None
        z.append((freed.mean - 5) / freed.stderr)
        gain.append(plain.stderr / freed.stderr)
    assert abs(np.mean(z)) < 4 / np.sqrt(1000)
    assert np.std(z) == pytest.approx(1, abs=0.1)
    assert np.median(gain) > 5


def test_a_constant_control_changes_nothing() -> None:
    y = np.array([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(without(y, np.zeros(3)), y)


def polarised(samples: int) -> run_file.RunFile:
    return run_file.parse(
        {
            "seed": 9,
            "model": {"gamma": 1.0, "j0": 3.0},
            "ensemble": {"n": 40, "samples": samples},
            "protocol": {"kind": "quench"},
        }
    )


def test_sums_of_couplings_have_their_exact_moments() -> None:
    found = coupling_sums(polarised(2000), 40)
    exact = np.sqrt(2 * 39) / 40
    assert abs(found.z) < 4
    assert found.X.std() == pytest.approx(exact, rel=4 / np.sqrt(2 * 2000))
    assert found.usable
    # z is a standard score: over independent campaigns its square has mean 1.
    campaigns = 400
    squares = [coupling_sums(polarised(4).model_copy(update={"seed": seed}), 40).z ** 2 for seed in range(campaigns)]
    assert np.mean(squares) == pytest.approx(1, abs=4 * np.sqrt(2 / campaigns))
    assert affordable(polarised(2000))


def test_couplings_with_a_wrong_mean_are_not_subtracted(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = couplings.draw
    monkeypatch.setattr(couplings, "draw", lambda seed, n, sample, j0: draw(seed, n, sample, 1.05 * j0))
    assert not coupling_sums(polarised(2000), 40).usable


def test_few_samples_are_not_enough() -> None:
    assert not coupling_sums(polarised(FEWEST_SAMPLES - 1), 40).usable
