"""The share of a run that one of several jobs takes, as in a job array: every K-th sample, in a folder of its own.

    DIR/run.json                    the run, as ever
    DIR/share-0003-of-0016/         what the third of sixteen jobs has sealed: a run directory of its own

Jobs of one run know nothing of each other, share no file that is written, and may start, die and be repeated in any
order. ``nsim run RUN.toml --out DIR`` takes in what they have sealed, goes on from their checkpoints, and computes what
is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from nsim.campaign.tasks import Task
from nsim.errors import InputError

FOLDERS = "share-*-of-*"


class Share(NamedTuple):
    """Job number ``number`` = 1 .. ``of`` of ``of`` jobs."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``I/K``; raises `InputError` unless 1 <= I <= K."""
        try:
            share = cls(*(int(part) for part in text.split("/")))
        except (TypeError, ValueError):
            raise InputError(f"--share {text}: not a share, which is I/K, as in 3/16") from None
        if not 1 <= share.number <= share.of:
            raise InputError(f"--share {text}: shares of {share.of} are numbered from 1 to {share.of}")
        return share

    def __str__(self) -> str:
        return f"share {self.number} of {self.of}"

    @property
    def folder(self) -> str:
        """Its folder in the run directory."""
        return f"share-{self.number:04d}-of-{self.of:04d}"

    def own(self, tasks: Iterable[Task]) -> list[Task]:
        """Those of a run's tasks, the most expensive first, that are this share's: all tasks of every K-th sample."""
        samples = dict.fromkeys((task.n, task.sample) for task in tasks)
        mine = set(list(samples)[self.number - 1 :: self.of])
        return [task for task in tasks if (task.n, task.sample) in mine]
