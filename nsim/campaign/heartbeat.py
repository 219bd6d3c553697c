"""Signs of life: each rank says now and then what it is doing, in a small file of its own that `nsim status` reads.

    DIR/progress/rank00003.json     replaced whole; removed when the job ends in order

Thousands of ranks must not keep a parallel file system busy: the more there are, the less often each of them writes.
"""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from nsim.parallel.checkpoint import Report

EVERY = 2.0  # seconds between two signs of life
PER_SECOND = 20.0  # ... of all ranks together, at most


class Heartbeat:
    """Of one rank.

    Parameters
    ----------
    folder
        Where the files are; None: nowhere.
    rank, ranks
        This rank, and how many there are.
    """

    def __init__(self, folder: Path | None, rank: int = 0, ranks: int = 1) -> None:
        self._folder, self._path = folder, None if folder is None else folder / f"rank{rank:05d}.json"
        self._every = max(EVERY, ranks / PER_SECOND)
        self._last = 0.0
        self._record: dict[str, Any] = {
            "rank": rank,
            "ranks": ranks,
            "host": platform.node(),
            "process": os.getpid(),
            "job": os.environ.get("SLURM_JOB_ID"),
            "every": self._every,
            "began": time.time(),
            "share": 0.0,  # of the work that was open when the job began, done by this rank so far
            "given": 0.0,  # ... of this, what came from checkpoints
            "tasks": 0,
            "task": None,
            "task_began": None,
            "report": {},
        }

    def begin(self, task: str) -> None:
        """A task begins."""
        self._record |= {"task": task, "task_began": time.time(), "report": {}}
        self.beat(self._record["share"])

    def end(self, share: float) -> None:
        """A task has been done, and with it a share of the work."""
        self._record["tasks"] += 1
        self._record |= {"task": None, "task_began": None, "report": {}}
        self.beat(share)

    def beat(self, share: float | None = None, report: Report | None = None, given: float = 0.0) -> None:
        """Take note of how far the work is, and give a sign of life if it is time for one.

        ``given`` is the share that a checkpoint has just given.
        """
        self._record["given"] += given
        if share is not None:
            self._record["share"] = share
        if report is not None:
            self._record["report"] = report
        now = time.monotonic()
        if self._path is None or now - self._last < self._every:
            return
        self._last = now
        self._record["time"] = time.time()
        temporary = self._path.with_name(f".tmp-{self._path.name}")
        try:
            self._path.parent.mkdir(exist_ok=True)
            temporary.write_text(json.dumps(self._record))
            temporary.replace(self._path)
        except OSError:
            pass  # a sign of life is not worth an error

    @staticmethod
    def remove_all(folder: Path) -> None:
        """Remove the files of all ranks, when none of them runs."""
        for path in [*folder.glob("rank*.json"), *folder.glob(".tmp-rank*.json")]:
            path.unlink(missing_ok=True)

    @staticmethod
    def read_all(folder: Path) -> list[dict[str, Any]]:
        """The last words of every rank, in their order."""
        found = []
        for path in sorted(folder.glob("rank*.json")):
            try:
                found.append(json.loads(path.read_text()))
            except (OSError, ValueError):
                continue  # just removed
        return found


SILENT = Heartbeat(None)
