"""Local disorder as a control variate: exact means by Monte Carlo, the same expectation with a smaller error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from nsim import run_file
from nsim.run_file import RunFile
from nsim.sample.glass import draw_stiffness
from validation.statistics.coupling_controls import EXACT, controlled, exact_controls
from validation.statistics.stiffness_controls import NAMES, stiffness_moments

NORMAL = {"mean": 1.0, "std": 5.0}
UNIFORM = {"low": -2.0, "high": 4.0}


def run(a2: object, seed: int = 4, samples: int = 400) -> RunFile:
    return run_file.parse(
        {
            "seed": seed,
            "model": {"gamma": 1.0, "a2": a2},
            "ensemble": {"n": 12, "samples": samples},
            "protocol": {"kind": "quench"},
        }
    )


@pytest.mark.parametrize("a2", [NORMAL, UNIFORM])
def test_means_are_zero(a2: dict[str, float], seeds: list[int], p_values: list[float]) -> None:
    for seed in seeds:
        found = stiffness_moments(run(a2, seed, 2000), 12)
        assert found is not None
        z = found.mean(axis=0) / (found.std(axis=0, ddof=1) / np.sqrt(len(found)))
        p_values += [float(p) for p in 2 * norm.sf(np.abs(z))]
        if len(seeds) == 1:
            assert np.all(np.abs(z) < 4), z


def test_without_local_disorder_there_is_nothing() -> None:
    for a2 in (1.0, {"mean": 1.0, "std": 0.0}, {"low": 2.0, "high": 2.0}):
        assert stiffness_moments(run(a2), 12) is None
    assert exact_controls(run(1.0), 12).names == EXACT


def test_the_scatter_of_the_sites_is_taken_out() -> None:
    """An observable that is a mean over sites plus noise: its mean is kept, its variance falls to that of the noise."""
    given = run(UNIFORM)
    a2 = np.array([draw_stiffness(given.model, 4, 12, sample) for sample in range(400)])
    noise = np.random.default_rng(8).standard_normal(400)
    y = (a2**2).mean(axis=1) + 0.01 * noise
    exact = 3.0 + 1.0  # variance and squared mean of uniform [-2, 4]
    control = exact_controls(given, 12)
    assert control.names == (*EXACT, *NAMES)
    assert control.usable
    found = controlled(y, control)
    assert abs(found.mean - exact) < 4 * found.stderr
    assert found.stderr == pytest.approx(0.01 / 20, rel=0.2)
    assert found.reduction > 1000
