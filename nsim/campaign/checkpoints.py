"""Checkpoints of the tasks in progress.

    DIR/checkpoints/n64-sample00003-replicas00000-00008.npz     sealed; replaced whole

A checkpoint is used by the same task of the same run only, whose digest it carries; one that is damaged or belongs to
another run is named and ignored. It goes when its task is sealed. Writing one may fail, on a full disk above all: that
is said, the one before stays, and the work goes on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nsim.campaign.seal import DamagedFileError, remove_temporaries
from nsim.campaign.state_file import read_state, write_state
from nsim.campaign.tasks import Task
from nsim.parallel.checkpoint import NEVER, Checkpoint, Report, State, StoppedError
from nsim.parallel.rank_group import ALONE, Group
from nsim.parallel.stop_requests import StopRequests
from nsim.run_file import RunFile

CHECKPOINT_VERSION = 1
EVERY = 300.0  # default of --checkpoint-every [s]
POLL = 0.1  # seconds between two looks at clock and signals, about; ranks of a group agree at each
LONGEST_STRIDE = 10**6  # step boundaries between two looks, at most
GO_ON, SAVE, STOP = range(3)


class Checkpoints:
    """Of one run on one rank.

    Parameters
    ----------
    folder
        Where they are kept.
    identity
        Digest of what the states depend on.
    requests
        What asks the work to stop.
    every
        Seconds between two checkpoints of a task.
    look
        ``look(task, report, resumed)`` is called at every look at the clock, with how far the task is; ``resumed`` if
        it has just gone on from a checkpoint.
    say
        For what needs a line.
    longest_stride
        Step boundaries between two looks at clock and signals, at most; 1 for long steps that differ much in length.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        requests: StopRequests,
        every: float = EVERY,
        look: Callable[[Task, Report, bool], None] = lambda task, report, resumed: None,
        say: Callable[[str], None] = lambda line: None,
        longest_stride: int = LONGEST_STRIDE,
    ) -> None:
        self.folder, self.identity, self.requests, self.every = folder, identity, requests, every
        self.look, self.say, self.longest_stride = look, say, longest_stride
        self.known: set[str] = set()  # names of the files there are, so that no rank need ask the disk at every task

    def of(self, task: Task, group: Group = ALONE) -> Checkpoint:
        """The checkpoint of a task that ``group`` works on."""
        return TaskCheckpoint(self, task, group)

    def path(self, task: Task) -> Path:
        """The file of a task."""
        name = f"n{task.n}-sample{task.sample:05d}-replicas{task.first:05d}-{task.first + task.width:05d}.npz"
        return self.folder / name

    def forget(self, task: Task) -> None:
        """Remove the checkpoint of a task that is sealed."""
        path = self.path(task)
        if path.name in self.known:
            path.unlink(missing_ok=True)
            self.known.discard(path.name)

    def clear(self, wanted: set[Task]) -> set[str]:
        """Remove all but those of the ``wanted`` tasks, whose names it returns; safe while the directory is locked."""
        keep = {self.path(task).name for task in wanted}
        remove_temporaries(self.folder)
        found = {path.name for path in self.folder.glob("n*.npz")}
        for name in found - keep:
            (self.folder / name).unlink(missing_ok=True)
        return found & keep


class TaskCheckpoint:
    """Of one task; see `nsim.parallel.checkpoint`."""

    def __init__(self, of: Checkpoints, task: Task, group: Group) -> None:
        self._of, self._task, self._group = of, task, group
        self._path = of.path(task)
        self._header = {"version": CHECKPOINT_VERSION, "identity": of.identity, "task": list(task)}
        self._looked = time.monotonic()
        self._due = self._looked + of.every
        self._stride = self._left = 1
        self._resumed = False

    def load(self) -> State | None:
        """See `Checkpoint`."""
        state = self._group.broadcast(self._read() if self._group.rank == 0 else None)
        self._resumed = state is not None
        return state

    def _read(self) -> State | None:
        if self._path.name not in self._of.known:
            return None
        try:
            header, state = read_state(self._path)
        except DamagedFileError as error:
            self._of.say(f"warning: {error}; ignored, task {self._task} begins anew")
            return None
        if header != self._header:
            self._of.say(f"warning: {self._path} belongs to another run; ignored, task {self._task} begins anew")
            return None
        self._of.say(f"task {self._task} goes on from its checkpoint")
        return state

    def pause(self, state: Callable[[], State], report: Callable[[], Report] = dict) -> None:
        """See `Checkpoint`."""
        self._left -= 1
        if self._left > 0:
            return
        wish = self._agree()
        self._of.look(self._task, report(), self._resumed)
        self._resumed = False
        if wish != GO_ON:
            self._write(state())
            self._looked = time.monotonic()
            self._due = self._looked + self._of.every
        if wish == STOP:
            raise StoppedError(f"task {self._task}")

    def _agree(self) -> int:
        """What is to be done, by agreement of the group, and when to look again."""
        now = time.monotonic()
        wish = STOP if self._of.requests.asked() else SAVE if now >= self._due else GO_ON
        for_a_poll = POLL * self._stride / max(now - self._looked, 1e-9)
        stride = int(np.clip(for_a_poll, 1, min(2 * self._stride, self._of.longest_stride)))
        if self._group.size > 1:
            wishes = self._group.all_gather(np.array([[wish, stride]]))
            wish, stride = int(wishes[:, 0].max()), int(wishes[:, 1].min())
        self._looked, self._stride, self._left = now, stride, stride
        return wish

    def _write(self, state: State) -> None:
        if self._group.rank != 0:
            return
        try:
            self._path.parent.mkdir(exist_ok=True)
            write_state(self._path, self._header, state)
            self._of.known.add(self._path.name)
        except OSError as error:
            self._of.say(f"warning: no checkpoint of task {self._task}: {error}")


def identity_of(run: RunFile, couplings_digest: str | None) -> str:
    """Digest of all that the states of a run's tasks depend on, but the task."""
    content = json.dumps([run.identity(), couplings_digest], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def never(task: Task, group: Group = ALONE) -> Checkpoint:
    """No checkpoint for any task."""
    return NEVER


Keep = Callable[..., Checkpoint]  # (task, group) -> its checkpoint
