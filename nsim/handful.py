"""A handful of tasks of one disorder sample, carried out by a group of ranks: each rank one, or all ranks together.

Where replicas are independent of each other, every rank takes a task of its own, and the couplings are drawn once per
node into memory that all of them share. A protocol that says ``together`` gets the whole group for one task.
Either way the result of a task is that of a rank alone, bit for bit.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

import numpy as np

from nsim import couplings
from nsim.protocols import PROTOCOLS
from nsim.rank_group import Group, PeerFailedError
from nsim.result_parts import Result
from nsim.run_file import RunFile
from nsim.tasks import Task, perform


@dataclass
class Done:
    """What one rank has to show for a handful."""

    results: dict[Task, Result | None] = field(default_factory=dict)  # the tasks it answers for; None: failed
    errors: dict[Task, Exception] = field(default_factory=dict)  # what went wrong on this rank, and for which tasks

    def texts(self) -> dict[str, str]:
        """One line for each error, by task."""
        return {str(task): f"{type(error).__name__}: {error}" for task, error in self.errors.items()}

    def traces(self) -> list[str]:
        """Each error with its traceback, for the log."""
        return [
            f"task {task} failed:\n{''.join(traceback.format_exception(error))}" for task, error in self.errors.items()
        ]


def handfuls(run: RunFile, tasks: list[Task], ranks: int) -> list[list[Task]]:
    """Tasks in their order, as they are handed to groups of ``ranks``: single, or neighbours of one sample."""
    most = 1 if PROTOCOLS[run.protocol.kind].together else ranks
    taken: list[list[Task]] = []
    for task in tasks:
        last = taken[-1] if taken else []
        if last and len(last) < most and last[0][:2] == task[:2]:
            last.append(task)
        else:
            taken.append([task])
    return taken


def work_on(run: RunFile, tasks: list[Task], J: np.ndarray | None, group: Group) -> Done:
    """Carry out a handful; called by all ranks of the group. No error of a task escapes, and no rank waits for ever.

    ``J`` replaces the drawn couplings.
    """
    if PROTOCOLS[run.protocol.kind].together:
        return _together(run, tasks[0], J, group)
    own = tasks[group.rank : group.rank + 1]
    if group.size == 1 or J is not None:
        return _each(run, own, J)
    n, sample, *_ = tasks[0]
    try:
        return group.together(lambda: _each(run, own, couplings.draw_shared(group, run.seed, n, sample, run.model.j0)))
    except PeerFailedError:
        return Done(dict.fromkeys(own))  # who failed says why
    except Exception as error:
        return Done(dict.fromkeys(own), dict.fromkeys(tasks, error))


def _each(run: RunFile, own: list[Task], J: np.ndarray | None) -> Done:
    """The task of this rank alone, if there is one for it."""
    done = Done()
    for task in own:
        try:
            done.results[task] = perform(run, task, J)
        except Exception as error:
            done.results[task], done.errors[task] = None, error
    return done


def _together(run: RunFile, task: Task, J: np.ndarray | None, group: Group) -> Done:
    """One task of the whole group, for which its first rank answers."""
    done = Done()
    result = None
    try:
        result = group.together(lambda: perform(run, task, J, group))
    except PeerFailedError:
        pass  # who failed says why
    except Exception as error:
        done.errors[task] = error
    if group.rank == 0:
        done.results[task] = result
    return done
