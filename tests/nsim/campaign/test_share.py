"""Jobs that each take a share of a run: together they are the run, in any order and however often they are repeated."""

import os
import signal

import pytest

from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.campaign.checkpoints import TaskCheckpoint
from nsim.campaign.heartbeat import Heartbeat
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.run_status import status_of
from nsim.campaign.share import Share
from nsim.campaign.tasks import tasks_of
from nsim.errors import ExitStatus, InputError
from nsim.parallel.ranks import SerialRanks
from tests.launch import call, data_of


@pytest.fixture
def run(run_dict):
    return run_file.parse(run_dict(ensemble={"n": [12, 20], "samples": [7, 4], "replicas": 5, "batch": 2}))


def carry_out(run, path, **options):
    return run_campaign(run, path, SerialRanks(), **options)


def shares_of(path):
    return sorted(folder.name for folder in path.glob("share-*"))


@pytest.mark.parametrize("of", [1, 3, 11, 20])
def test_every_task_is_in_one_share_and_samples_stay_whole(run, of):
    shares = [Share(number, of).own(tasks_of(run)) for number in range(1, of + 1)]
    assert sorted(task for tasks in shares for task in tasks) == sorted(tasks_of(run))
    where = {(task.n, task.sample): number for number, tasks in enumerate(shares) for task in tasks}
    for number, tasks in enumerate(shares):
        assert {where[task.n, task.sample] for task in tasks} <= {number}
    counts = [len({task[:2] for task in tasks}) for tasks in shares]
    assert max(counts) - min(counts) <= 1


def test_shares_together_are_the_run_bit_for_bit(run, tmp_path):
    assert carry_out(run, tmp_path / "whole").status == ExitStatus.DONE
    computed = [carry_out(run, tmp_path / "array", share=Share(number, 3)).computed for number in (2, 3, 1)]
    assert sum(computed) == len(tasks_of(run))
    assert not (tmp_path / "array/results.h5").exists()
    assert len(RunDirectory(tmp_path / "array").sealed(run).tasks) == len(tasks_of(run))
    assert carry_out(run, tmp_path / "array").computed == 0
    assert data_of(tmp_path / "array") == data_of(tmp_path / "whole")
    assert shares_of(tmp_path / "array") == []


def test_a_share_is_continued_and_a_missing_one_is_computed_by_the_run(run, tmp_path):
    path = tmp_path / "array"
    carry_out(run, tmp_path / "whole")
    first = carry_out(run, path, share=Share(1, 2)).computed
    assert carry_out(run, path, share=Share(1, 2)).computed == 0  # as after a requeue
    again = carry_out(run, path, share=Share(2, 4)).computed  # half of the other half; what is sealed is not repeated
    assert carry_out(run, path).computed == len(tasks_of(run)) - first - again
    assert data_of(path) == data_of(tmp_path / "whole")
    assert carry_out(run, path, share=Share(2, 2)).computed == 0  # a job that comes too late finds all of it done


def test_the_run_goes_on_from_the_checkpoints_of_a_share_that_never_came_back(run_dict, tmp_path, monkeypatch):
    run = run_file.parse(
        run_dict(ensemble={"n": 10, "samples": 4, "replicas": 2}, protocol={"kind": "anneal", "sweeps": 40})
    )
    carry_out(run, tmp_path / "whole")
    monkeypatch.setattr("nsim.campaign.checkpoints.POLL", 0.0)
    swept = 0

    def pause(self, state, report=dict, pause=TaskCheckpoint.pause):
        nonlocal swept
        swept += 1
        if swept == 30:
            os.kill(os.getpid(), signal.SIGTERM)
        pause(self, state, report)

    monkeypatch.setattr(TaskCheckpoint, "pause", pause)
    assert carry_out(run, tmp_path / "array", share=Share(2, 2)).status == ExitStatus.RESUMABLE
    said = []
    assert carry_out(run, tmp_path / "array", say=said.append).status == ExitStatus.DONE
    assert len([line for line in said if "goes on from its checkpoint" in line]) == 1
    assert swept == 4 * 40  # no sweep was taken twice
    assert data_of(tmp_path / "array") == data_of(tmp_path / "whole")
    assert shares_of(tmp_path / "array") == []


def test_checkpoints_of_shares_replace_none_of_the_run(tmp_path):
    directory = RunDirectory(tmp_path / "array")
    shares = [directory.of_share(Share(1, of)) for of in (2, 3)]
    for folder, names in zip((directory, *shares), ("a", "ab", "bc"), strict=True):
        folder.checkpoints_path.mkdir(parents=True)
        for name in names:
            (folder.checkpoints_path / f"n{name}.npz").write_text(folder.path.name)
    directory.take_over_checkpoints()
    found = {path.name: path.read_text() for path in directory.checkpoints_path.iterdir()}
    assert found == {"na.npz": "array", "nb.npz": "share-0001-of-0002", "nc.npz": "share-0001-of-0003"}


def test_the_run_waits_for_no_share_at_work_and_a_share_for_no_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr("nsim.campaign.run_directory.LOCK_PATIENCE", 0.1)
    at_work = RunDirectory(tmp_path / "array")
    at_work.open(run, shared=True)
    carry_out(run, tmp_path / "array", share=Share(2, 2))  # beside another share
    with pytest.raises(InputError, match="in use by another running job"):
        carry_out(run, tmp_path / "array")
    at_work.close()
    at_work.open(run)
    with pytest.raises(InputError, match="in use by another running job"):
        carry_out(run, tmp_path / "array", share=Share(1, 2))
    at_work.close()
    same = RunDirectory(tmp_path / "array").of_share(Share(1, 2))
    same.open(run)
    with pytest.raises(InputError, match=r"share-0001-of-0002 is in use"):
        carry_out(run, tmp_path / "array", share=Share(1, 2))
    same.close()


def test_restart_begins_anew_without_the_shares(run, tmp_path):
    carry_out(run, tmp_path / "array", share=Share(1, 2))
    with pytest.raises(InputError, match="without --share"):
        carry_out(run, tmp_path / "array", share=Share(2, 2), restart=True)
    assert carry_out(run, tmp_path / "array", restart=True).computed == len(tasks_of(run))
    assert shares_of(tmp_path / "array") == []


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "-1/4", "2", "1/2/3", "a/b", ""])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(InputError, match="--share"):
        Share.parse(text)


def test_command(run_dict, write_toml, tmp_path):
    path, out = write_toml(run_dict()), tmp_path / "array"
    done = call("nsim", "run", path, "--out", out, "--share", "2/2")
    assert done.returncode == 0, done.stderr
    assert "share 2 of 2 is done" in done.stderr
    assert done.stdout == ""
    assert call("nsim", "run", path, "--out", out, "--share", "3/2").returncode == 2


def test_status_adds_up_what_the_jobs_say(run, tmp_path):
    path = tmp_path / "array"
    for number in (1, 2):
        carry_out(run, path, share=Share(number, 3))
    jobs = [RunDirectory(path).of_share(Share(number, 3)) for number in (1, 2)]
    for ranks, job in enumerate(jobs, start=2):
        job.open(run)
        word = Heartbeat(job.progress_path, rank=0, ranks=ranks)
        word.begin("a task")
    status = status_of(RunDirectory(path))
    assert (status["running"], status["ranks"], len(status["in_progress"])) == (True, 5, 2)
    assert 0 < status["done"] < status["tasks"]
    jobs[0].close()
    Heartbeat.remove_all(jobs[0].progress_path)
    assert status_of(RunDirectory(path))["ranks"] == 3
    jobs[1].close()
