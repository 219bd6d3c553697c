"""Runs that several tests compare with theory: an RS-exact one, the same with wrong couplings, a glass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.parallel.ranks import SerialRanks
from nsim.sample import couplings
from validation.simulation import Simulation
from validation.verdicts.comparison import Comparison, compare_run

POLARISED = {
    "seed": 71,
    "model": {"gamma": 1.0, "j0": 3.0},
    "ensemble": {"n": [32, 64, 128, 256], "samples": [600, 400, 250, 250]},
    "protocol": {"kind": "quench", "start": "uniform", "start_value": 3.5},
}
GLASS = {
    "seed": 72,
    "model": {"gamma": 4.0},
    "ensemble": {"n": [16, 32, 64, 128], "samples": [150, 150, 80, 40], "replicas": 4},
    "protocol": {"kind": "anneal", "sweeps": 300, "t_start": 40.0, "t_end": 0.1},
}
QUENCHED = {
    "seed": 73,
    "model": {"gamma": 4.0},
    "ensemble": {"n": 24, "samples": 12, "replicas": 2},
    "protocol": {"kind": "quench"},
}


def simulate(record: dict, path: Path) -> Path:
    """Carry out a run; returns its directory."""
    outcome = run_campaign(run_file.parse(record), path, SerialRanks())
    assert outcome.status == 0
    return path


@pytest.fixture(scope="session")
def polarised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(POLARISED, tmp_path_factory.mktemp("polarised") / "run")


@pytest.fixture(scope="session")
def polarised_too_random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The polarised run with a deliberate mistake: couplings of variance 1.05/N, their mean left right."""
    draw: Callable[..., np.ndarray] = couplings.draw

    def wrong(seed: int, n: int, sample: int, j0: float = 0.0, dtype: type = np.float64) -> np.ndarray:
        return np.sqrt(1.05) * draw(seed, n, sample, 0.0) + j0 / n * (1 - np.eye(n))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(couplings, "draw", wrong)
        return simulate(POLARISED, tmp_path_factory.mktemp("wrong") / "run")


@pytest.fixture(scope="session")
def glass(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(GLASS, tmp_path_factory.mktemp("glass") / "run")


@pytest.fixture(scope="session")
def glassy(glass: Path) -> Comparison:
    return compare_run(Simulation.open(glass))


@pytest.fixture(scope="session")
def quenched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run of one size."""
    return simulate(QUENCHED, tmp_path_factory.mktemp("quenched") / "run")
