"""What `nsim status` says: from sealed results, signs of life, the lock and checkpoints."""

import json
import os
import signal
import time

import numpy as np
import pytest

from nsim import run_file
from nsim.campaign import checkpoints, heartbeat
from nsim.campaign.campaign import run_campaign
from nsim.campaign.heartbeat import Heartbeat
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.run_status import status_of
from nsim.commands.status_command import _lines
from nsim.landscape.landscape_run import explore_run
from nsim.parallel.ranks import SerialRanks


@pytest.fixture
def tempering(run_dict):
    return run_file.parse(
        run_dict(
            protocol={"kind": "tempering", "sweeps": 200, "temperatures": [40.0, 30.0]},
            ensemble={"n": [8, 12], "samples": 2, "replicas": 2},
        )
    )


def test_status_from_the_midst_of_a_run(tempering, tmp_path, monkeypatch):
    """Asked at a step boundary of the third task: shares, rates, the task in hand; then of the finished run."""
    monkeypatch.setattr(checkpoints, "POLL", 0.0)
    monkeypatch.setattr(heartbeat, "EVERY", 0.0)
    monkeypatch.setattr(heartbeat, "PER_SECOND", 1e9)
    monkeypatch.setattr("nsim.campaign.campaign.SEAL_EVERY", 0.0)
    monkeypatch.setattr("nsim.campaign.campaign.SEALING_SHARE", np.inf)
    directory = RunDirectory(tmp_path / "run")
    seen = []

    def pause(self, state, report=dict, pause=checkpoints.TaskCheckpoint.pause):
        pause(self, state, report)
        if report().get("share") == 0.75 and self._task.sample == 0 and self._task.n == 8:
            seen.append(status_of(directory))

    monkeypatch.setattr(checkpoints.TaskCheckpoint, "pause", pause)
    run_campaign(tempering, tmp_path / "run", SerialRanks())
    (status,) = seen
    assert (status["tasks"], status["done"], status["failed"], status["complete"]) == (4, 2, 0, False)
    assert (status["running"], status["ranks"], status["silent"]) == (True, 1, [])
    # Two tasks of n = 12 and three quarters of one of n = 8: costs go as N^2 (columns sweeps + N), here nearly as N^2.
    assert status["share"] == pytest.approx((2 * 144 + 48) / (2 * 144 + 2 * 64), abs=0.01)
    assert status["rate"] > 0
    assert 0 < status["seconds_left"] < 1000
    (now,) = status["in_progress"]
    assert now["task"].startswith("n = 8, sample 0")
    assert now["share"] == pytest.approx(0.75, abs=0.1)
    assert 0 < now["acceptance"] < 1
    assert 0 < now["swap_rate"] <= 1
    assert [row["n"] for row in status["rates"]] == [12]
    assert status["disk"]["parts"] > 0
    json.dumps(status, allow_nan=False)
    text = "\n".join(_lines(tmp_path, status))
    for words in ("running", "2 of 4 tasks", "tasks per hour", "left", "swap rate", "free"):
        assert words in text
    after = status_of(directory)
    assert (after["complete"], after["running"], after["share"]) == (True, False, None)
    assert [row["n"] for row in after["rates"]] == [8, 12]
    assert list(directory.progress_path.iterdir()) == []


def test_silent_ranks_and_dead_jobs(tempering, tmp_path, monkeypatch):
    """Rank 1 stopped writing while the job goes on; later the whole job is gone."""
    directory = RunDirectory(tmp_path / "run")
    directory.open(tempering)
    for rank in range(2):
        Heartbeat(directory.progress_path, rank, 2).begin("n = 12, sample 0, replicas 0..1")
    path = directory.progress_path / "rank00001.json"
    old = json.loads(path.read_text())
    path.write_text(json.dumps(old | {"time": time.time() - 500, "host": "node7"}))
    status = status_of(directory)
    assert (status["running"], status["ranks"]) == (True, 2)
    (silent,) = status["silent"]
    assert (silent["rank"], silent["host"]) == (1, "node7")
    assert silent["seconds"] == pytest.approx(500, abs=20)
    assert "rank 1 on node7: no sign of life for 8 min" in "\n".join(_lines(tmp_path, status))
    directory.close()
    assert status_of(directory)["running"]  # rank 0 lives, on a file system whose locks we do not see
    monkeypatch.setattr("nsim.campaign.run_status.PATIENCE", 0.0)
    monkeypatch.setattr("nsim.campaign.run_status.GRACE", 0.0)
    gone = status_of(directory)
    assert (gone["running"], gone["silent"], gone["share"]) == (False, [], None)


def test_all_jobs_of_an_array_are_seen(tempering, tmp_path):
    """Two jobs with shares of their own: their ranks may have the same numbers."""
    directory = RunDirectory(tmp_path / "run")
    directory.open(tempering, shared=True)
    for number, share in ((1, 0.5), (2, 0.25)):
        folder = tmp_path / f"run/share-{number:04d}-of-0002"
        folder.mkdir()
        job = Heartbeat(folder / "progress", 0, 3)
        job._record["began"] -= 100
        job.begin("n = 12, sample 0, replicas 0..1")
        job._last = -1e9
        job.end(share)
        (folder / "checkpoints").mkdir()
        (folder / f"checkpoints/n12-sample0000{number}-replicas00000-00002.npz").write_bytes(bytes(100))
    status = status_of(directory)
    assert (status["running"], status["ranks"], status["checkpoints"]) == (True, 6, 2)
    assert status["share"] == pytest.approx(0.375)
    assert status["seconds_left"] == pytest.approx(300, rel=0.1)  # of the slower one
    assert status["rate"] == pytest.approx(2 / 100, rel=0.1)
    assert status["disk"]["checkpoints"] == 200
    directory.close()


def test_the_search_of_double_wells_is_counted(run_dict, tmp_path):
    run = run_file.parse(run_dict(ensemble={"n": 8, "samples": 3}, double_wells={"bands": 0, "walks": 0, "scans": 0}))
    run_campaign(run, tmp_path / "run", SerialRanks())
    directory = RunDirectory(tmp_path / "run")
    assert status_of(directory)["explored"] == {"samples": 3, "done": 0}
    explore_run(tmp_path / "run", SerialRanks())
    status = status_of(directory)
    assert status["explored"] == {"samples": 3, "done": 3}
    assert "3 of 3 samples searched" in "\n".join(_lines(tmp_path, status))
    run_campaign(run_file.parse(run_dict()), tmp_path / "other", SerialRanks())
    assert status_of(RunDirectory(tmp_path / "other"))["explored"] is None


def test_the_more_ranks_the_rarer_their_signs(tmp_path):
    assert Heartbeat(tmp_path, 0, 4096)._every == pytest.approx(4096 / heartbeat.PER_SECOND)
    assert Heartbeat(tmp_path, 0, 4)._every == heartbeat.EVERY


def test_the_share_left_by_a_checkpoint_is_not_counted_as_speed(tempering, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "POLL", 0.0)
    monkeypatch.setattr(heartbeat, "EVERY", 0.0)
    monkeypatch.setattr(heartbeat, "PER_SECOND", 1e9)
    passed = []

    def pause(self, state, report=dict, pause=checkpoints.TaskCheckpoint.pause):
        passed.append(report())
        if len(passed) == 300:
            os.kill(os.getpid(), signal.SIGUSR1)
        pause(self, state, report)
        if len(passed) == 310:
            words.append(Heartbeat.read_all(tmp_path / "run/progress")[0])

    words = []
    monkeypatch.setattr(checkpoints.TaskCheckpoint, "pause", pause)
    assert run_campaign(tempering, tmp_path / "run", SerialRanks()).stopped
    assert not run_campaign(tempering, tmp_path / "run", SerialRanks()).stopped
    (word,) = words
    assert word["given"] > 0.1
    assert 0 < word["share"] - word["given"] < 0.02
