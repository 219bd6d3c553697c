"""A handful of tasks of one disorder sample, carried out by a group of ranks: each rank one, or all ranks together.

Where replicas are independent of each other, every rank takes a task of its own, and the couplings are drawn once per
node into memory that all of them share. A protocol that says ``together`` gets the whole group for one task. Either way
the result of a task is that of a rank alone, bit for bit. With the rows of J spread over the group, for systems that no
node can hold, all ranks make every product together; rounding then depends on their number.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from nsim.campaign.checkpoints import Keep, never
from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.result_parts import Result
from nsim.campaign.tasks import Task, perform
from nsim.errors import InputError
from nsim.parallel.checkpoint import StoppedError
from nsim.parallel.rank_group import Group, PeerFailedError
from nsim.run_file import RunFile
from nsim.sample import couplings
from nsim.sample.coupling_matrix import CouplingMatrix


@dataclass
class Done:
    """What one rank has to show for a handful."""

    results: dict[Task, Result | None] = field(default_factory=dict)  # the tasks it answers for; None: failed
    errors: dict[Task, Exception] = field(default_factory=dict)  # what went wrong on this rank, and for which tasks
    stopped: bool = False  # a task was left in its midst, with its state saved

    def texts(self) -> dict[str, str]:
        """One line for each error, by task."""
        return {str(task): f"{type(error).__name__}: {error}" for task, error in self.errors.items()}

    def traces(self) -> list[str]:
        """Each error for the log: with its traceback, unless it is the numbers that have gone wrong."""
        return [
            f"task {task} failed: {error}"
            if isinstance(error, FloatingPointError)
            else f"task {task} failed:\n{''.join(traceback.format_exception(error))}"
            for task, error in self.errors.items()
        ]


def check_layout(run: RunFile, rows: bool) -> None:
    """Raise `InputError` if the run needs J whole, and it is to be spread in ``rows``."""
    if rows and not PROTOCOLS[run.protocol.kind].by_products:
        raise InputError(f"--couplings rows: protocol.kind = {run.protocol.kind!r} needs all couplings on every rank")
    if rows and run.output.response:
        raise InputError("--couplings rows: no rank can invert the Hessian then; set output.response = false")
    if rows and run.couplings.file is not None:
        raise InputError("--couplings rows: rows are drawn by their ranks; couplings.file is read whole")


def handfuls(run: RunFile, tasks: list[Task], ranks: int, rows: bool = False) -> list[list[Task]]:
    """Tasks in their order, as they are handed to groups of ``ranks``: single, or neighbours of one sample."""
    most = 1 if rows or PROTOCOLS[run.protocol.kind].together else ranks
    taken: list[list[Task]] = []
    for task in tasks:
        last = taken[-1] if taken else []
        if last and len(last) < most and last[0][:2] == task[:2]:
            last.append(task)
        else:
            taken.append([task])
    return taken


def work_on(
    run: RunFile, tasks: list[Task], J: np.ndarray | None, group: Group, rows: bool = False, keep: Keep = never
) -> Done:
    """Carry out a handful; called by all ranks of the group. No error of a task escapes, and no rank waits for ever.

    ``J`` replaces the drawn couplings; ``rows`` spreads the drawn ones over the group; ``keep`` gives a task the
    checkpoint at which it can stop and go on.
    """
    n, sample, *_ = tasks[0]
    drawn = (group, run.seed, n, sample, run.model.j0, run.couplings.dtype)
    if rows:
        spread = keep(tasks[0], group)
        return _together(
            tasks[0], group, lambda: perform(run, tasks[0], couplings.draw_rows(*drawn), checkpoint=spread)
        )
    if PROTOCOLS[run.protocol.kind].together:
        shared = keep(tasks[0], group)
        return _together(tasks[0], group, lambda: perform(run, tasks[0], J, group, shared))
    own = tasks[group.rank : group.rank + 1]
    if group.size == 1 or J is not None:
        return _each(run, own, J, keep)
    try:
        return group.together(lambda: _each(run, own, couplings.draw_shared(*drawn), keep))
    except PeerFailedError:
        return Done(dict.fromkeys(own))  # who failed says why
    except Exception as error:
        return Done(dict.fromkeys(own), dict.fromkeys(tasks, error))


def _each(run: RunFile, own: list[Task], J: np.ndarray | CouplingMatrix | None, keep: Keep) -> Done:
    """The task of this rank alone, if there is one for it."""
    done = Done()
    for task in own:
        try:
            done.results[task] = perform(run, task, J, checkpoint=keep(task))
        except StoppedError:
            done.stopped = True
        except Exception as error:
            done.results[task], done.errors[task] = None, error
    return done


def _together(task: Task, group: Group, work: Callable[[], Result]) -> Done:
    """One task of the whole group, for which its first rank answers."""
    done = Done()
    result = None
    try:
        result = group.together(work)
    except StoppedError:
        done.stopped = True  # on all ranks alike
        return done
    except PeerFailedError:
        pass  # who failed says why
    except Exception as error:
        done.errors[task] = error
    if group.rank == 0:
        done.results[task] = result
    return done
