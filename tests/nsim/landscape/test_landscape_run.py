"""The landscape around the states of a run, as work that can be stopped and can fail."""

import contextlib
import os
import signal
import time

import numpy as np

from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.campaign.state_file import read_state, write_state
from nsim.descent.relaxation import relax
from nsim.errors import ExitStatus, gravest
from nsim.landscape.landscape_run import explore_run, explore_sample
from nsim.landscape.neighbouring_minima import Effort, Neighbourhood
from nsim.parallel.checkpoint import StoppedError
from nsim.parallel.ranks import SerialRanks
from nsim.parallel.stop_requests import stop_requests
from nsim.run_sections import Model
from nsim.sample.glass import Glass
from tests.launch import data_of


def test_a_search_stopped_at_any_step_goes_on_bit_for_bit(tmp_path):
    """Each step of the search of a sample by a process of its own, as it were, handed on through a file."""
    glass = Glass.draw(Model(gamma=4.0), 3, 40, 0)
    states = relax(glass, Model(gamma=4.0).length * np.random.default_rng(3).standard_normal((40, 6))).v.T
    effort = Effort(modes=2, scans=2, walks=4)
    whole, _ = explore_sample(glass, states, effort)

    class OneStep:
        def load(self):
            return read_state(tmp_path / "state")[1] if (tmp_path / "state").exists() else None

        def pause(self, state, report=dict):
            write_state(tmp_path / "state", {}, state())
            shares.append(report()["share"])
            raise StoppedError

    tables, shares = None, []
    while tables is None:
        with contextlib.suppress(StoppedError):
            tables, _ = explore_sample(glass, states, effort, checkpoint=OneStep())
    assert len(shares) > 15  # several states were explored
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert whole["count/bands_without_saddle"] + len(whole["saddle/energy"]) > 4  # there was something to hand on
    assert len(whole["well/site"]) > 0
    assert len(whole["avalanche/x"]) > 0
    assert {name: array.tobytes() for name, array in tables.items()} == {
        name: array.tobytes() for name, array in whole.items()
    }


def test_a_stop_signal_ends_it_in_the_midst_of_a_sample(run_dict, tmp_path, monkeypatch):
    run = run_file.parse(
        run_dict(ensemble={"n": 24, "samples": 2, "replicas": 6}, double_wells={"bands": 2, "modes": 2, "scans": 1})
    )
    for name in ("whole", "stopped"):
        run_campaign(run, tmp_path / name, SerialRanks())
    assert explore_run(tmp_path / "whole", SerialRanks()).status == ExitStatus.DONE

    signalled = 0

    def meet_under_signals(*arguments, meet=Neighbourhood._meet):
        nonlocal signalled
        if signalled < 2:
            os.kill(os.getpid(), signal.SIGTERM)
        signalled += 1
        meet(*arguments)

    path = tmp_path / "stopped"
    kept = path / "landscape/checkpoints/n24-sample00000-replicas00000-00006.npz"
    monkeypatch.setattr(Neighbourhood, "_meet", meet_under_signals)
    for attempt in range(2):
        said = []
        outcome = explore_run(path, SerialRanks(), said.append)
        assert signalled == attempt + 1  # it did not wait for the other states
        assert (outcome.computed, outcome.stopped, outcome.status) == (0, True, ExitStatus.RESUMABLE)
        assert any("goes on from its checkpoint" in line for line in said) == bool(attempt)
        assert "the same command continues" in said[-1]
        assert kept.exists()
        assert not (path / "landscape.h5").exists()
    outcome = explore_run(path, SerialRanks())
    assert (outcome.computed, outcome.status) == (2, ExitStatus.DONE)
    assert not kept.exists()
    assert data_of(path, "landscape.h5") == data_of(tmp_path / "whole", "landscape.h5")


def test_it_ends_before_its_slurm_job_does(run_dict, tmp_path, monkeypatch):
    run = run_file.parse(run_dict(ensemble={"n": 8, "samples": 50}, double_wells={"bands": 0, "modes": 0}))
    run_campaign(run, tmp_path, SerialRanks())
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + 0.2))
    outcome = explore_run(tmp_path, SerialRanks())
    assert outcome.computed < 50
    assert outcome.status == ExitStatus.RESUMABLE


def test_a_checkpoint_of_other_states_is_not_used(run_dict, tmp_path, monkeypatch):
    """States may change between a stop and the next search; the search of the old ones is of no use then."""
    sections = {"ensemble": {"n": 8, "samples": 1, "replicas": 2}, "double_wells": {"bands": 0}}
    run = run_file.parse(run_dict(**sections))
    other = run_file.parse(run_dict(**sections, protocol={"kind": "anneal", "sweeps": 50, "t_start": 40.0}))
    path = tmp_path / "run"
    run_campaign(run, path, SerialRanks())
    with stop_requests() as requests:
        requests.signals.append(signal.SIGTERM)
        monkeypatch.setattr(requests, "asked", iter([False, *[True] * 99]).__next__)
        assert explore_run(path, SerialRanks(), requests=requests).stopped
    assert list(path.glob("landscape/checkpoints/*.npz"))
    run_campaign(other, path, SerialRanks(), restart=True)
    said = []
    assert explore_run(path, SerialRanks(), said.append).status == ExitStatus.DONE
    assert any("belongs to another run; ignored" in line for line in said)


def test_the_gravest_outcome_is_reported():
    assert gravest(ExitStatus.NOT_CONVERGED, ExitStatus.FAILED) == ExitStatus.FAILED
    assert gravest(ExitStatus.NOT_CONVERGED, ExitStatus.RESUMABLE) == ExitStatus.RESUMABLE
    assert gravest(ExitStatus.DONE, ExitStatus.NOT_CONVERGED) == ExitStatus.NOT_CONVERGED
