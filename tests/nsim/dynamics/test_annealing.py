"""Annealing: schedules, reproducible cooling, and deeper minima for slower cooling."""

import numpy as np
import pytest

from nsim.descent.relaxation import relax
from nsim.dynamics.annealing import PILOT_STAGES, adaptive_temperatures, anneal, spread_sweeps, temperatures
from nsim.run_sections import SHORTEST_ADAPTIVE, Model
from nsim.sample.glass import Glass


def test_schedules():
    linear = temperatures("linear", 40.0, 0.02, 5)
    assert linear[[0, -1]] == pytest.approx([40.0, 0.02])
    np.testing.assert_allclose(np.diff(linear), np.diff(linear)[0])
    exponential = temperatures("exponential", 40.0, 0.02, 5)
    assert exponential[[0, -1]] == pytest.approx([40.0, 0.02])
    np.testing.assert_allclose(exponential[1:] / exponential[:-1], exponential[1] / exponential[0])
    assert temperatures("linear", 40.0, 0.02, 1) == pytest.approx([0.02])
    with pytest.raises(ValueError, match="schedule"):
        temperatures("cubic", 2.0, 1.0, 3)


def mean_energy(sweeps, samples=8, n=96, replicas=4):
    energies = []
    for sample in range(samples):
        glass = Glass.draw(Model(gamma=4.0), seed=9, n=n, sample=sample)
        v = 4.9 * np.random.default_rng(sample).standard_normal((n, replicas))
        if sweeps:
            streams = [np.random.default_rng([sample, r]) for r in range(replicas)]
            v = anneal(glass, v, streams, temperatures("linear", 40.0, 0.02, sweeps))
        energies.append(glass.energy(relax(glass, v).v).mean() / n)
    return np.array(energies)


def test_slower_cooling_reaches_deeper_minima():
    # Tens of sweeps are no better than a quench; each factor 30 beyond that is worth several per cent of the energy.
    quench, fast, slow = mean_energy(0), mean_energy(30), mean_energy(1000)
    for shallow, deep in ((quench, slow), (fast, slow)):
        gain = shallow - deep  # sample by sample: the disorder is the same
        assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(len(gain))


def test_annealed_states_agree_with_the_published_trial():
    """Gamma = 4: quick annealing runs gave e = -10.61(3) at N = 64; 24 samples here scatter by about 0.3/sqrt(24)."""
    energies = []
    for sample in range(24):
        glass = Glass.draw(Model(gamma=4.0), seed=21, n=64, sample=sample)
        streams = [np.random.default_rng([sample, r]) for r in range(8)]
        v = anneal(glass, np.zeros((64, 8)), streams, temperatures("linear", 40.0, 0.02, 500))
        energies.append(glass.energy(relax(glass, v).v).min() / 64)
    error = np.std(energies, ddof=1) / np.sqrt(24)
    assert abs(np.mean(energies) + 10.61) < 3.5 * np.hypot(error, 0.03)


def pilot_of(sample, n=64, replicas=16):
    start = 5.5 * np.random.default_rng([sample, 1]).standard_normal((n, replicas))
    return start, [np.random.default_rng([sample, 1, r]) for r in range(replicas)]


def test_sweeps_are_spread_as_the_density_says():
    overlap = np.array([0.0, 0.5, 0.1, 1.0])
    schedule = spread_sweeps(overlap, 16.0, 1.0, 100_001)
    assert len(schedule) == 100_001
    assert (schedule[0], schedule[-1]) == (16.0, 1.0)
    assert (np.diff(schedule) < 0).all()
    shares = np.histogram(schedule, bins=[1, 2, 4, 8, 16])[0][::-1] / len(schedule)
    np.testing.assert_allclose(shares, 0.98 * np.array([0, 0.25, 0.09, 0]) / 0.34 + 0.02 / 4, atol=1e-4)
    # Nothing to learn from the pilot: even in ln T.
    np.testing.assert_allclose(spread_sweeps(np.array([0.0, 1.0]), 4.0, 1.0, 5), np.geomspace(4.0, 1.0, 5))


def test_adaptive_schedule_dwells_where_the_glass_forms():
    """T_g = 21.55 at gamma = 4: from 10 T_g to T_g/1000 most of the sweeps go between T_g/10 and T_g."""
    glass = Glass.draw(Model(gamma=4.0), seed=9, n=64, sample=0)
    sweeps = 3000
    schedule = adaptive_temperatures(glass, *pilot_of(0), 215.0, 0.02, sweeps)
    pilot = PILOT_STAGES * (sweeps // SHORTEST_ADAPTIVE)
    assert len(schedule) + pilot == sweeps
    assert (schedule[0], schedule[-1]) == (215.0, 0.02)
    assert (np.diff(schedule) < 0).all()
    assert np.mean((schedule > 2.1) & (schedule < 21.5)) > 0.6
    even = np.log(10) / np.log(215 / 0.02)  # share of an exponential schedule there
    assert even < 0.3
    np.testing.assert_array_equal(schedule, adaptive_temperatures(glass, *pilot_of(0), 215.0, 0.02, sweeps))


@pytest.mark.parametrize("algorithm", ["metropolis", "heat-bath"])
def test_adaptive_annealing_beats_linear(algorithm):
    """At equal sweeps, pilot included, from far above T_g, sample by sample."""
    gains = []
    for sample in range(16):
        glass = Glass.draw(Model(gamma=4.0), seed=9, n=64, sample=sample)
        start = 5.5 * np.random.default_rng(sample).standard_normal((64, 16))
        adaptive = adaptive_temperatures(glass, *pilot_of(sample), 200.0, 0.2, 500, algorithm)
        energies = []
        for schedule in (temperatures("linear", 200.0, 0.2, 500), adaptive):
            streams = [np.random.default_rng([sample, r]) for r in range(16)]
            relaxed = relax(glass, anneal(glass, start, streams, schedule, algorithm))
            assert relaxed.converged.all()
            energies.append(glass.energy(relaxed.v).mean() / 64)
        gains.append(energies[0] - energies[1])
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / np.sqrt(len(gains))


@pytest.mark.slow
def test_annealed_energies_at_three_sizes():
    """Gamma = 4: quick annealing runs gave e = -10.61(3), -11.18(4), -11.55(3) at N = 64, 128, 256 (lowest states)."""
    for n, published, its_error in ((64, -10.61, 0.03), (128, -11.18, 0.04), (256, -11.55, 0.03)):
        energies = []
        for sample in range(64):
            glass = Glass.draw(Model(gamma=4.0), seed=21, n=n, sample=sample)
            streams = [np.random.default_rng([sample, r]) for r in range(16)]
            v = anneal(glass, np.zeros((n, 16)), streams, temperatures("linear", 40.0, 0.02, 1000))
            energies.append(glass.energy(relax(glass, v).v).min() / n)
        error = np.std(energies, ddof=1) / np.sqrt(len(energies))
        assert abs(np.mean(energies) - published) < 3 * np.hypot(error, its_error)
