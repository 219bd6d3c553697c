"""Two-time correlations: the definition, stationarity above the glass temperature, ageing below."""

import numpy as np
import pytest

from nsim.dynamics.langevin import LangevinDynamics
from nsim.dynamics.two_time import PER_DECADE, TwoTimeCorrelation, logarithmic_steps
from nsim.run_sections import Model
from nsim.sample.glass import Glass


def test_logarithmic_steps():
    steps = logarithmic_steps(1000)
    assert steps[[0, 1, -1]].tolist() == [0, 1, 1000]
    assert (np.diff(steps) > 0).all()
    assert ((steps > 100) & (steps <= 1000)).sum() == PER_DECADE
    assert logarithmic_steps(1).tolist() == [0, 1]


def test_definition():
    states = np.random.default_rng(0).standard_normal((21, 5, 3))  # step, site, replica
    two_time = TwoTimeCorrelation([0, 4, 9], np.array([0, 1, 7, 12]), last=20)
    assert set(two_time.schedule) == {0, 1, 7, 12, 4, 5, 11, 16, 9, 10}
    for step in two_time.schedule:
        two_time.observe(step, states[step])
    for w, waiting in enumerate([0, 4, 9]):
        for l, lag in enumerate([0, 1, 7, 12]):  # noqa: E741
            for r in range(3):
                got = two_time.values[r, w, l]
                if waiting + lag > 20:
                    assert np.isnan(got)
                else:
                    assert got == pytest.approx(states[waiting, :, r] @ states[waiting + lag, :, r] / 5)


def normalised_correlations(temperature, n=256, replicas=16, samples=6, waiting=(40, 400), lag=200):
    """C(t_w + t, t_w)/C(t_w, t_w) after a quench from T = infinity, by sample and waiting time (steps of 0.15)."""
    rows = []
    for sample in range(samples):
        glass = Glass.draw(Model(gamma=4.0), seed=5, n=n, sample=sample)
        streams = [np.random.default_rng([sample, r]) for r in range(replicas)]
        start = 5.5 * np.stack([stream.standard_normal(n) for stream in streams], axis=1)
        motion = LangevinDynamics(glass, start, streams, temperature, 0.15)
        two_time = TwoTimeCorrelation(waiting, np.array([0, lag]), max(waiting) + lag)
        for step in two_time.schedule:
            motion.run(step - motion.steps)
            two_time.observe(step, motion.v)
        rows.append((two_time.values[:, :, 1] / two_time.values[:, :, 0]).mean(axis=0))
    return np.array(rows)


def test_stationary_above_the_glass_temperature_and_ageing_below():
    """T_g = 21.55 at gamma = 4. Differences between waiting times are taken sample by sample."""
    for temperature, ages in ((40.0, False), (6.0, True)):
        early, late = normalised_correlations(temperature).T
        difference = late - early
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        assert (difference.mean() > 5 * error) == ages, (temperature, difference.mean(), error)
        if not ages:
            assert abs(difference.mean()) < 4 * error
            assert late.mean() < 0.1  # it forgets
