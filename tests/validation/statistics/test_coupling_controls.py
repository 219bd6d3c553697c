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
    COLUMNS,
    ENOUGH_SAMPLES,
    EXACT,
    FEW_OF_MANY,
    FEWEST_SAMPLES,
    TESTED,
    Controls,
    affordable,
    controlled,
    draw_moments,
    exact_controls,
    exact_means,
    exact_moments,
    from_moments,
    softest,
)
from validation.statistics.eigenvector_descents import SETTLED, STARTS, SWEEPS, lowest_of_descents


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
    """Means of S1 to S4 over samples of the couplings that runs draw; of higher traces the tails are too long."""
    count = 1500
    for seed in seeds:
        found = np.array([exact_moments(couplings.draw(seed, n, sample, j0))[:TESTED] for sample in range(count)])
        error = found.std(axis=0, ddof=1) / np.sqrt(count)
        z = (found.mean(axis=0) - exact_means(n, j0)[:TESTED])[error > 1e-12] / error[error > 1e-12]
        p_values += two_sided(z)
        if len(seeds) == 1:
            assert np.all(np.abs(z) < 4), z


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
    energy = found[:, COLUMNS.index("descent_energy")]
    assert np.all(energy > np.array(lowest) - 1e-3)
    assert np.mean(np.abs(energy - lowest) < 1e-3) > 0.6  # most of them reach it
    assert np.corrcoef(energy, lowest)[0, 1] > 0.98


@pytest.mark.parametrize("n", [5, 40, FEW_OF_MANY + 2])
def test_softest_eigenvectors_come_first(n: int) -> None:
    J = couplings.draw(3, n, 0)
    values, vectors = softest(J, 4)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(J)[: -4 - 1 : -1], rtol=1e-10)
    np.testing.assert_allclose(J @ vectors, vectors * values, atol=1e-10)


def naive_descents(glass: Glass, vectors: np.ndarray, length: float) -> tuple[float, float, float]:
    """The lowest of descents one after the other, every site put to the best of all roots of its force."""
    best = (np.inf, 0.0, 0.0)
    a2, a4, gamma, field = float(glass.a2[0]), float(glass.a4), glass.gamma, glass.field
    J = glass.J
    for vector in vectors.T:
        v = vector * length * np.sqrt(glass.n)
        v = -v if field * v.sum() < 0 else v
        for _ in range(SWEEPS):
            before = v.copy()
            for i in range(glass.n):
                l = field + J[i] @ v  # noqa: E741
                roots = np.roots([a4 / 6, 0.0, a2, -gamma * l])
                real = roots[np.abs(roots.imag) < 1e-9].real
                v[i] = real[(a2 * real**2 / 2 + a4 * real**4 / 24 - gamma * l * real).argmin()]
            if np.abs(v - before).max() < SETTLED * length:
                break
        energy = float(glass.energy(v[:, None])[0]) / glass.n
        best = min(best, (energy, float(v.mean()), float((v**2).mean())))
    return best


@pytest.mark.parametrize("model", [{}, {"field": 2.0}, {"a2": -25.0, "a4": 150.0, "gamma": 1.0}, {"a2": 0.0}])
@pytest.mark.parametrize("n", [7, 20])
def test_descents_go_to_the_best_root_of_every_site(model: dict[str, float], n: int) -> None:
    given = run(**{"gamma": 4.0, "n": n, **model})  # type: ignore[arg-type]
    own = given.model
    for sample in range(4):
        J = couplings.draw(given.seed, n, sample)
        vectors = np.linalg.eigh(J)[1][:, ::-1][:, :STARTS]
        found = lowest_of_descents(J, vectors, own.gamma, float(own.a2), own.a4, own.field, own.length)
        naive = naive_descents(Glass.draw(own, given.seed, n, sample), vectors, own.length)
        # Descents together end when the last has settled: later than each by itself.
        assert found[0] == pytest.approx(naive[0], rel=1e-5)
        assert np.abs(found[1:]) == pytest.approx(np.abs(naive[1:]), abs=0.02 * own.length)


def test_descents_follow_a_field() -> None:
    with_field = draw_moments(run(n=12, field=2.0), 12, range(60))
    assert np.all(with_field[:, COLUMNS.index("descent_p")] > 0)
    assert np.all(
        np.isnan(
            draw_moments(
                run_file.parse({**run().resolved(), "model": {"gamma": 1.0, "a2": {"mean": 1.0, "std": 2.0}}}),
                12,
                range(2),
            )[:, COLUMNS.index("descent_energy") :]
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
    assert not np.any(np.isclose(own[:, len(EXACT)], cheap[:, len(EXACT)]))
    many = np.resize(own, (ENOUGH_SAMPLES, len(COLUMNS)))
    assert from_moments(16, many, cheap).names[: len(EXACT)] == EXACT
    assert from_moments(16, own, cheap).names == EXACT[:TESTED]


def test_large_runs_are_not_drawn_again() -> None:
    assert affordable(run(n=64, samples=1000))
    assert not affordable(run(n=4096, samples=10))


def two_sided(z: np.ndarray) -> list[float]:
    from scipy.stats import norm

    return [float(p) for p in 2 * norm.sf(np.abs(z))]
