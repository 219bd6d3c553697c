"""Finished work is sealed every two seconds, and the more rarely the longer sealing takes; the data are the same."""

import numpy as np
import pytest

from nsim import run_file
from nsim.campaign import campaign, handful
from nsim.campaign.campaign import run_campaign
from nsim.parallel.ranks import SerialRanks
from tests.launch import data_of


class Clock:
    """Time that passes only when told."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize(
    ("takes", "kept"),
    [(0.0, 2.0), (0.05, 2.0), (0.4, 10.0), (1.0, 25.0), (100.0, 60.0)],  # at most 4% of the time, and at least 2 s
)
def test_sealing_takes_a_small_part_of_the_time_and_loses_little(run_dict, tmp_path, monkeypatch, takes, kept):
    run, clock, seals, performed = run_file.parse(run_dict()), Clock(), [], []
    run_campaign(run, tmp_path / "undisturbed", SerialRanks())

    def seal(path, results, run_id, write_part=campaign.write_part):
        began = clock.now
        write_part(path, results, run_id)
        clock.now += takes
        seals.append((began, clock.now))

    def perform(run, task, J, perform=handful.perform, **more):
        clock.now += kept / 2.5
        performed.append(task)
        return perform(run, task, J, **more)

    monkeypatch.setattr(campaign, "time", clock)
    monkeypatch.setattr(campaign, "write_part", seal)
    monkeypatch.setattr(handful, "perform", perform)
    run_campaign(run, tmp_path / "run", SerialRanks())
    between = np.subtract([began for began, _ in seals[1:-1]], [ended for _, ended in seals[:-2]])
    assert between.size >= 3
    np.testing.assert_allclose(between, 3 * kept / 2.5)  # the first end of a task after `kept` seconds
    assert len(performed) == 20
    assert data_of(tmp_path / "run") == data_of(tmp_path / "undisturbed")


def test_a_file_system_that_hangs_once_is_forgiven(run_dict, tmp_path, monkeypatch):
    run, clock, seals = run_file.parse(run_dict()), Clock(), []

    def seal(path, results, run_id, write_part=campaign.write_part):
        write_part(path, results, run_id)
        seals.append(clock.now)
        clock.now += 1.0 if len(seals) == 1 else 0.0

    def perform(run, task, J, perform=handful.perform, **more):
        clock.now += 5.0
        return perform(run, task, J, **more)

    monkeypatch.setattr(campaign, "time", clock)
    monkeypatch.setattr(campaign, "write_part", seal)
    monkeypatch.setattr(handful, "perform", perform)
    run_campaign(run, tmp_path / "run", SerialRanks())
    # 4% of 25 s once: sealed at the end of the first task that ends later; then after every task again.
    np.testing.assert_allclose(np.diff(seals), [1.0 + 30.0] + 13 * [5.0])
