"""Control variates: exact means by Monte Carlo, the same expectation with a smaller error, refusal of mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from nsim import run_file, run_sections
from nsim.descent.relaxation import relax
from nsim.run_file import RunFile
from nsim.sample import couplings
from nsim.sample.glass import Glass
from validation.simulation import average
from validation.statistics.coupling_controls import (
    CHEAP,
    EXACT,
    FEWEST_SAMPLES,
    Controls,
    affordable,
    controlled,
    draw_moments,
    exact_controls,
    exact_means,
    from_moments,
    moments,
)


def run(gamma: float = 4.0, j0: float = 0.0, n: int = 16, samples: int = 400, **model: float) -> RunFile:
    return run_file.parse(
        {
            "seed": 9,
            "model": {"gamma": gamma, "j0": j0, **model},
            "ensemble": {"n": n, "samples": samples},
            "protocol": {"kind": "quench"},
        }
    )


@pytest.mark.parametrize(("n", "j0"), [(3, 0.0), (4, 2.0), (7, -3.0), (16, 0.0), (24, 3.0)])
def test_exact_means_by_monte_carlo(n: int, j0: float, seeds: list[int], p_values: list[float]) -> None:
    """Means of S1 to S4 over samples of the couplings that runs draw."""
    count = 1500
    for seed in seeds:
        found = np.array([moments(couplings.draw(seed, n, sample, j0))[: len(EXACT)] for sample in range(count)])
        error = found.std(axis=0, ddof=1) / np.sqrt(count)
        z = (found.mean(axis=0) - exact_means(n, j0))[error > 1e-12] / error[error > 1e-12]
        p_values += two_sided(z)
        if len(seeds) == 1:
            assert np.all(np.abs(z) < 4), z


def test_means_by_enumeration_of_walks() -> None:
    """E Tr J^4 of n = 4 from its definition: moments of each bond times how often a walk crosses it."""
    n, j0 = 4, 1.7
    m, s2 = j0 / n, 1 / n
    moment = [1.0, m, s2 + m**2, 3 * s2 * m + m**3, 3 * s2**2 + 6 * s2 * m**2 + m**4]
    total = 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                for l in range(n):  # noqa: E741
                    bonds = [frozenset(pair) for pair in ((i, j), (j, k), (k, l), (l, i))]
                    if all(len(bond) == 2 for bond in bonds):
                        total += float(np.prod([moment[bonds.count(bond)] for bond in set(bonds)]))
    assert exact_means(n, j0)[3] == pytest.approx(total / n, rel=1e-12)


def synthetic(stream: np.random.Generator, samples: int, cheap: int) -> tuple[np.ndarray, Controls]:
    """A number that goes with one exactly known control and one whose mean is estimated; its mean is 5."""
    both = stream.standard_normal((samples + cheap, 2))
    x, u = both[:, 0], 3 + both[:, 1] + 0.5 * both[:, 0]
    y = 5 + 2 * x[:samples] + 3 * (u[:samples] - 3) + 0.3 * stream.standard_normal(samples)
    columns = np.column_stack([x, u])
    return y, Controls(8, ("S2", "lambda_max"), columns[:samples], columns[samples:], 1, np.zeros(1))


def test_two_level_estimates_are_unbiased_with_true_errors() -> None:
    stream = np.random.default_rng(3)
    z, gain = [], []
    for _ in range(1500):
        y, given = synthetic(stream, 100, 900)
        found = controlled(y, given)
        z.append((found.mean - 5) / found.stderr)
        gain.append(found.reduction)
    assert abs(np.mean(z)) < 4 / np.sqrt(1500)
    assert np.std(z) == pytest.approx(1, abs=0.08)
    # var y = 16 + 9 + 6 ... of which the cheap samples leave a tenth of what x does not explain.
    assert 5 < np.median(gain) < 80


def test_cheap_samples_alone_bring_the_error_down() -> None:
    stream = np.random.default_rng(4)
    y, given = synthetic(stream, 200, 20000)
    few = Controls(8, given.names, given.values, given.cheap[:200], 1, given.z)
    assert controlled(y, given).stderr < 0.5 * controlled(y, few).stderr < controlled(y, None).stderr


def test_descents_are_minima_near_the_ground_state() -> None:
    """Their lowest energy bounds that of true minima from above, and goes with it from sample to sample."""
    given = run(n=24, samples=40)
    found = draw_moments(given, 24, range(40))
    lowest = []
    for sample in range(40):
        glass = Glass.draw(given.model, given.seed, 24, sample)
        starts = 5.5 * np.random.default_rng(sample).standard_normal((24, 60))
        lowest.append(float(glass.energy(relax(glass, starts, 1e-10, 10**5, "conjugate-gradient", True).v).min()) / 24)
    energy = found[:, 5]
    assert np.all(energy > np.array(lowest) - 1e-3)
    assert np.mean(np.abs(energy - lowest) < 1e-3) > 0.6  # most of them reach it
    assert np.corrcoef(energy, lowest)[0, 1] > 0.98


def test_descents_follow_a_field() -> None:
    with_field = draw_moments(run(n=12, field=2.0), 12, range(60))
    assert np.all(with_field[:, 6] > 0)
    assert np.all(
        np.isnan(
            draw_moments(
                run_file.parse({**run().resolved(), "model": {"gamma": 1.0, "a2": {"mean": 1.0, "std": 2.0}}}),
                12,
                range(2),
            )[:, 5:]
        )
    )


def test_wrong_couplings_are_not_subtracted(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = couplings.draw
    assert exact_controls(run(n=40, j0=3.0), 40).usable
    monkeypatch.setattr(couplings, "draw", lambda *key: draw(*key[:3], 1.05 * key[3]))
    assert not exact_controls(run(n=40, j0=3.0), 40).usable
    monkeypatch.setattr(couplings, "draw", lambda *key: np.sqrt(1.05) * draw(*key))
    assert not exact_controls(run(n=40), 40).usable


def test_few_samples_are_not_enough() -> None:
    few = run(samples=FEWEST_SAMPLES - 1)
    assert not exact_controls(few, 16).usable
    y = np.arange(FEWEST_SAMPLES - 1.0)
    plain, same = average(y), average(y, control=exact_controls(few, 16))
    assert (same.mean, same.stderr) == (plain.mean, plain.stderr)


def test_samples_without_a_value_are_left_out() -> None:
    stream = np.random.default_rng(5)
    y, given = synthetic(stream, 300, 300)
    y[::7] = np.nan
    found = controlled(y, given)
    assert found.samples == int(np.isfinite(y).sum())
    assert abs(found.mean - 5) < 4 * found.stderr


def test_cheap_samples_are_no_samples_of_a_run() -> None:
    assert CHEAP > run_sections.TASKS
    own, cheap = draw_moments(run(), 16, range(3)), draw_moments(run(), 16, range(CHEAP, CHEAP + 3))
    assert not np.any(np.isclose(own[:, 4], cheap[:, 4]))
    assert from_moments(16, own, cheap).names[: len(EXACT)] == EXACT


def test_large_runs_are_not_drawn_again() -> None:
    assert affordable(run(n=64, samples=1000))
    assert not affordable(run(n=4096, samples=10))


def two_sided(z: np.ndarray) -> list[float]:
    from scipy.stats import norm

    return [float(p) for p in 2 * norm.sf(np.abs(z))]
