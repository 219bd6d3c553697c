"""Control variates kept between reports: the same numbers whoever draws them, and none drawn twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsim import run_file
from nsim.run_file import RunFile
from validation.claims import controlled_sizes
from validation.claims.controlled_sizes import moments_of, seconds_left
from validation.claims.kinds import parse_claims
from validation.statistics.coupling_controls import CHEAP, draw_moments


@pytest.fixture
def run() -> RunFile:
    return run_file.parse(
        {
            "seed": 5,
            "model": {"gamma": 4.0},
            "ensemble": {"n": 10, "samples": 30},
            "protocol": {"kind": "quench"},
        }
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """Blocks of 8 samples, and a list of those that are drawn."""
    monkeypatch.setattr(controlled_sizes, "BLOCK", 80)
    asked: list[range] = []

    def draw(run: RunFile, n: int, samples: range) -> np.ndarray:
        asked.append(samples)
        return draw_moments(run, n, samples)

    monkeypatch.setattr(controlled_sizes, "draw_moments", draw)
    return asked


def test_more_samples_draw_only_what_is_missing(run: RunFile, drawn: list[range], tmp_path: Path) -> None:
    few = moments_of(run, 10, CHEAP, 20, tmp_path)
    assert [len(block) for block in drawn] == [8, 8, 4]
    more = moments_of(run, 10, CHEAP, 30, tmp_path)
    assert drawn[3:] == [range(CHEAP + 16, CHEAP + 24), range(CHEAP + 24, CHEAP + 30)]
    np.testing.assert_array_equal(more, draw_moments(run, 10, range(CHEAP, CHEAP + 30)))
    np.testing.assert_array_equal(more[:20], few)
    np.testing.assert_array_equal(moments_of(run, 10, CHEAP, 13, tmp_path), few[:13])
    assert len(drawn) == 5


def test_another_model_has_numbers_of_its_own(run: RunFile, drawn: list[range], tmp_path: Path) -> None:
    moments_of(run, 10, 0, 8, tmp_path)
    other = run_file.parse({**run.resolved(), "model": {"gamma": 4.0, "field": 1.0}})
    assert not np.array_equal(moments_of(other, 10, 0, 8, tmp_path), moments_of(run, 10, 0, 8, tmp_path))
    assert len(drawn) == 2


def test_stopped_in_the_midst_it_goes_on(run: RunFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlled_sizes, "BLOCK", 80)
    calls = 0

    def interrupted(run: RunFile, n: int, samples: range) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return draw_moments(run, n, samples)

    monkeypatch.setattr(controlled_sizes, "draw_moments", interrupted)
    with pytest.raises(KeyboardInterrupt):
        moments_of(run, 10, 0, 30, tmp_path)
    moments_of(run, 10, 0, 30, tmp_path)
    assert calls == 3 + 2  # four blocks, one of them tried twice
    assert not list(tmp_path.rglob("*.tmp*"))


def test_processes_draw_the_same(run: RunFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlled_sizes, "BLOCK", 80)
    alone = moments_of(run, 10, CHEAP, 30, tmp_path / "alone")
    np.testing.assert_array_equal(moments_of(run, 10, CHEAP, 30, tmp_path / "two", processes=2), alone)


def test_what_is_left_is_told(run: RunFile, tmp_path: Path) -> None:
    (claim,) = parse_claims([{"kind": "ground-states", "runs": ["a"], "control_work": 1e-3}], ["a"])
    assert 1e-3 < seconds_left(run, claim, tmp_path) < 10
    moments_of(run, 10, 0, 30, tmp_path)
    moments_of(run, 10, CHEAP, 100, tmp_path)
    assert seconds_left(run, claim, tmp_path) == 0
    (without,) = parse_claims([{"kind": "ground-states", "runs": ["a"], "control_work": 0}], ["a"])
    assert seconds_left(run, without, tmp_path / "empty") == 0
