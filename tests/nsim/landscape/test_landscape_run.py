"""The landscape around the states of a run, as work that can be stopped and can fail."""

import os
import signal

from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.errors import ExitStatus, gravest
from nsim.landscape import landscape_run
from nsim.parallel.ranks import SerialRanks
from tests.launch import data_of


def test_a_stop_signal_ends_it_after_the_sample_in_hand(run_dict, tmp_path, monkeypatch):
    run = run_file.parse(run_dict(ensemble={"n": 8, "samples": 3}, double_wells={"bands": 0, "modes": 0}))
    for name in ("whole", "stopped"):
        run_campaign(run, tmp_path / name, SerialRanks())
    assert landscape_run.explore_run(tmp_path / "whole", SerialRanks()).status == ExitStatus.DONE

    def explore_under_signals(*arguments, explore=landscape_run._explore):
        os.kill(os.getpid(), signal.SIGTERM)
        explore(*arguments)

    said = []
    with monkeypatch.context() as patch:
        patch.setattr(landscape_run, "_explore", explore_under_signals)
        outcome = landscape_run.explore_run(tmp_path / "stopped", SerialRanks(), said.append)
    assert (outcome.computed, outcome.stopped, outcome.status) == (1, True, ExitStatus.RESUMABLE)
    assert "the same command continues" in said[-1]
    assert not (tmp_path / "stopped/landscape.h5").exists()
    outcome = landscape_run.explore_run(tmp_path / "stopped", SerialRanks())
    assert (outcome.computed, outcome.status) == (2, ExitStatus.DONE)
    assert data_of(tmp_path / "stopped", "landscape.h5") == data_of(tmp_path / "whole", "landscape.h5")


def test_the_gravest_outcome_is_reported():
    assert gravest(ExitStatus.NOT_CONVERGED, ExitStatus.FAILED) == ExitStatus.FAILED
    assert gravest(ExitStatus.NOT_CONVERGED, ExitStatus.RESUMABLE) == ExitStatus.RESUMABLE
    assert gravest(ExitStatus.DONE, ExitStatus.NOT_CONVERGED) == ExitStatus.NOT_CONVERGED
