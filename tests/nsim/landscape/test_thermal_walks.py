"""Thermal exploration: cold walkers stay, hot ones leave, and streams belong to the walker."""

import numpy as np

from nsim.descent.relaxation import relax
from nsim.landscape.thermal_walks import streams_of, thermal_walks
from nsim.run_sections import Model
from nsim.sample.glass import Glass


def test_cold_walkers_come_back_and_hot_ones_leave():
    glass = Glass.draw(Model(gamma=4.0), 3, 48, 0)
    v = relax(glass, 5 * np.random.default_rng(0).standard_normal((48, 1))).v[:, 0]
    left = {}
    for temperature in (1e-6, 20.0):
        walked = thermal_walks(glass, v, streams_of(1, 48, 0, 0, 12), temperature, 40)
        assert walked.converged.all()
        assert np.abs(glass.gradient(walked.v)).max() < 1e-10
        left[temperature] = int((np.abs(walked.v - v[:, None]).max(axis=0) > 1e-5).sum())
    assert left[1e-6] == 0
    assert left[20.0] > 6


def test_streams_belong_to_seed_size_sample_replica_and_walker():
    def first(*key: int) -> list[float]:
        return [stream.random() for stream in streams_of(*key)]

    base = first(1, 48, 0, 0, 4)
    assert len(set(base)) == 4
    assert first(1, 48, 0, 0, 6)[:4] == base
    for other in ((2, 48, 0, 0, 4), (1, 49, 0, 0, 4), (1, 48, 1, 0, 4), (1, 48, 0, 1, 4)):
        assert not set(first(*other)) & set(base)
