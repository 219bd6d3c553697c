"""Checkpoints inside tasks: a run stopped at step boundaries, however often, has the data of one never stopped."""

import os
import signal
import time

import numpy as np
import pytest

from nsim import run_file
from nsim.campaign import checkpoints
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.seal import DamagedFileError
from nsim.campaign.state_file import read_state, write_state
from nsim.errors import ExitStatus
from nsim.parallel.ranks import SerialRanks
from tests.launch import data_of

PROTOCOLS = {  # with the number of step boundaries between two stops
    "linear": (7, {"kind": "anneal", "sweeps": 40}),
    "adaptive": (61, {"kind": "anneal", "sweeps": 330, "schedule": "adaptive"}),
    "heat bath": (9, {"kind": "anneal", "sweeps": 30, "algorithm": "heat-bath"}),
    "langevin": (7, {"kind": "langevin", "duration": 9.0, "waiting_times": [0.0, 1.0, 4.0]}),
    "molecular dynamics": (17, {"kind": "langevin", "duration": 9.0, "friction": 0.0}),
    "tempering": (
        12,
        {"kind": "tempering", "sweeps": 43, "burn_in": 31, "swap_every": 2, "temperatures": [40.0, 30.0, 20.0]},
    ),
    "no burn-in": (7, {"kind": "tempering", "sweeps": 20, "burn_in": 0, "temperatures": [40.0, 30.0]}),
}


def carry_out(run, path, **options):
    return run_campaign(run_file.parse(run), path, SerialRanks(), **options)


def long_task(run_dict, name):
    """Two tasks of several batches or ladders, with a field and local disorder."""
    return run_dict(
        protocol=PROTOCOLS[name][1],
        ensemble={"n": 10, "samples": 2, "replicas": 3, "batch": 4},
        model={"gamma": 4.0, "field": 0.2, "a2": {"mean": 1.0, "std": 0.5}},
    )


def stop_at_every(count, monkeypatch):
    """SIGTERM at every ``count``-th step boundary, wherever that is; returns the numbers of boundaries passed."""
    monkeypatch.setattr(checkpoints, "POLL", 0.0)
    passed = []

    def pause(self, state, report=dict, pause=checkpoints.TaskCheckpoint.pause):
        passed.append(report())
        if len(passed) % count == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        pause(self, state, report)

    monkeypatch.setattr(checkpoints.TaskCheckpoint, "pause", pause)
    return passed


@pytest.mark.parametrize("name", PROTOCOLS)
def test_stopped_inside_its_tasks_a_run_has_the_same_data(run_dict, tmp_path, monkeypatch, name):
    run = long_task(run_dict, name)
    assert carry_out(run, tmp_path / "whole").status == ExitStatus.DONE
    count = PROTOCOLS[name][0]
    passed = stop_at_every(count, monkeypatch)
    statuses = []
    while not statuses or statuses[-1] == ExitStatus.RESUMABLE:
        statuses.append(carry_out(run, tmp_path / "stopped").status)
        assert len(statuses) < 200
    assert statuses[-1] == ExitStatus.DONE
    assert len(statuses) == 1 + len(passed) // count  # no step was taken twice
    assert len(statuses) > 3
    assert data_of(tmp_path / "stopped") == data_of(tmp_path / "whole")
    assert list((tmp_path / "stopped/checkpoints").iterdir()) == []
    assert max(report.get("share", 0.0) for report in passed) == pytest.approx(1.0)


def test_a_checkpoint_is_written_now_and_then_without_a_stop(run_dict, tmp_path, monkeypatch):
    """What a kill leaves behind is taken up; every state is written under a temporary name first."""
    run = long_task(run_dict, "tempering")
    carry_out(run, tmp_path / "whole")
    monkeypatch.setattr(checkpoints, "POLL", 0.0)
    written = []

    def write(path, header, state, write=write_state):
        write(path, header, state)
        written.append(path)
        if len(written) == 30:
            raise KeyboardInterrupt  # as good as a kill

    monkeypatch.setattr(checkpoints, "write_state", write)
    with pytest.raises(KeyboardInterrupt):
        carry_out(run, tmp_path / "run", checkpoint_every=0.0)
    said = []
    assert carry_out(run, tmp_path / "run", say=said.append).status == ExitStatus.DONE
    assert any("goes on from its checkpoint" in line for line in said)
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty", "of another run", "of another version"])
def test_a_checkpoint_that_cannot_be_trusted_is_named_and_ignored(run_dict, tmp_path, monkeypatch, how):
    run = long_task(run_dict, "linear")
    carry_out(run, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at_every(20, patch)
        assert carry_out(run, tmp_path / "run").status == ExitStatus.RESUMABLE
    (path,) = (tmp_path / "run/checkpoints").iterdir()
    content = path.read_bytes()
    if how == "flipped":
        path.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    elif how in ("truncated", "empty"):
        path.write_bytes(content[: len(content) // 2 if how == "truncated" else 0])
    else:
        header, state = read_state(path)
        change = {"identity": "0" * 64} if how == "of another run" else {"version": 0}
        write_state(path, header | change, state)
    said = []
    assert carry_out(run, tmp_path / "run", say=said.append).status == ExitStatus.DONE
    (warning,) = [line for line in said if str(path) in line]
    assert "begins anew" in warning
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")


def test_a_larger_run_drops_checkpoints_of_tasks_it_has_no_more(run_dict, tmp_path, monkeypatch):
    run = long_task(run_dict, "tempering")
    with monkeypatch.context() as patch:
        stop_at_every(20, patch)
        carry_out(run, tmp_path / "run")
    run["ensemble"]["replicas"] = 4
    assert carry_out(run, tmp_path / "run").status == ExitStatus.DONE
    carry_out(run, tmp_path / "whole")
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")
    assert list((tmp_path / "run/checkpoints").iterdir()) == []


def test_a_disk_too_full_for_a_checkpoint_does_not_end_the_run(run_dict, tmp_path, monkeypatch):
    run = long_task(run_dict, "linear")
    carry_out(run, tmp_path / "whole")
    monkeypatch.setattr(checkpoints, "POLL", 0.0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_state", full)
    said = []
    assert carry_out(run, tmp_path / "run", checkpoint_every=0.0, say=said.append).status == ExitStatus.DONE
    assert any("no checkpoint" in line and "No space" in line for line in said)
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")


def test_a_state_comes_back_bit_for_bit(tmp_path):
    """Arrays of any type, order and shape, also without elements; numbers to the last bit; generators."""
    generators = [np.random.Generator(kind(3)) for kind in (np.random.SFC64, np.random.Philox, np.random.PCG64)]
    for generator in generators:
        generator.random(5)
    state = {
        "fortran": np.asfortranarray(np.random.default_rng(0).standard_normal((3, 4))),
        "int": np.arange(3, dtype=np.int64),
        "empty": np.empty((0, 3)),
        "scalar": np.float64(0.1),
        "nan": [float("nan"), float("inf"), -0.0],
        "nested": [{"a": None, "b": [np.array(True), "text", 2**70]}],
        "streams": [generator.bit_generator.state for generator in generators],
    }
    write_state(tmp_path / "x.npz", {"task": [1]}, state)
    header, back = read_state(tmp_path / "x.npz")
    assert header == {"task": [1]}
    assert back["fortran"].flags.f_contiguous
    assert back["fortran"].tobytes() == state["fortran"].tobytes()
    assert (back["int"].dtype, back["empty"].shape) == (np.int64, (0, 3))
    assert back["scalar"] == 0.1
    assert str(back["nan"]) == "[nan, inf, -0.0]"
    assert back["nested"][0]["b"][1:] == ["text", 2**70]
    for generator, held in zip(generators, back["streams"], strict=True):
        expected = generator.random(7)
        generator.bit_generator.state = held
        np.testing.assert_array_equal(generator.random(7), expected)


def test_a_state_file_runs_no_code(tmp_path):
    """An archive with a pickle in it is damaged, not unpickled."""
    from nsim.campaign.seal import write_sealed

    def write(temporary):
        with temporary.open("wb") as file:
            np.savez(file, tree=np.array([object()], dtype=object))

    write_sealed(tmp_path / "x.npz", write)
    with pytest.raises(DamagedFileError):
        read_state(tmp_path / "x.npz")


def test_looks_are_rare_where_steps_are_short_and_soon_where_they_are_long(run_dict, tmp_path, monkeypatch):
    """A long chain of short steps looks at the clock about every POLL seconds."""
    looks = []
    look = checkpoints.TaskCheckpoint._agree
    monkeypatch.setattr(checkpoints.TaskCheckpoint, "_agree", lambda self: looks.append(time.monotonic()) or look(self))
    run = run_dict(protocol={"kind": "anneal", "sweeps": 30_000}, ensemble={"n": 8})
    assert carry_out(run, tmp_path / "run").status == ExitStatus.DONE
    assert 3 < len(looks) < 300
    directory = RunDirectory(tmp_path / "run")
    assert len(directory.sealed(directory.run()).tasks) == 1
