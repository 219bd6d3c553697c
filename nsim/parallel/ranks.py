"""The ranks of a job: one process, or many under MPI, behind one small interface.

MPI is imported only when a launcher started us; otherwise everything runs serially. Tasks are handed out by shared
counters (`nsim.parallel.shared_counters`): rank 0 computes like all others, and no rank waits for another until the
work is done.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from nsim.errors import InputError
from nsim.parallel.launcher import LAUNCHER_MARKS
from nsim.parallel.rank_group import ALONE, Group, MPIGroup
from nsim.parallel.shared_counters import Counters, SerialCounters, SharedCounters

T = TypeVar("T")

MEANWHILE = 0.1  # seconds between two calls of what a waiting rank does meanwhile


class Ranks(Protocol):
    """What a run needs of its ranks."""

    rank: int
    size: int
    on_this_node: int  # ranks that share this one's memory
    node_rank: int  # this one's number among them
    doing: str  # what this rank is at, for the report of an error

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""

    def gather(self, value: Any) -> list[Any] | None:
        """All values in the order of ranks, on rank 0; None elsewhere."""

    def counters(self, count: int) -> Counters:
        """Shared counters starting at zero; made by all ranks together."""

    def group(self, size: int) -> Group:
        """The group of ``size`` consecutive ranks this one belongs to; made by all ranks together.

        Raises `InputError` on every rank unless ``size`` divides the number of ranks.
        """

    def wait_for_all(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Return when every rank has come here, without burning the processor; calls ``meanwhile`` now and then."""

    def abort(self) -> None:
        """End all ranks at once."""


class SerialRanks:
    """The only rank there is."""

    rank = 0
    size = 1
    on_this_node = 1
    node_rank = 0
    doing = ""

    def broadcast(self, value: Any) -> Any:
        """See `Ranks`."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """See `Ranks`."""
        return [value]

    def counters(self, count: int) -> SerialCounters:
        """See `Ranks`."""
        return SerialCounters(count)

    def group(self, size: int) -> Group:
        """See `Ranks`."""
        _check_group_size(size, self.size)
        return ALONE

    def wait_for_all(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """See `Ranks`."""

    def abort(self) -> None:
        """See `Ranks`."""


class MPIRanks:
    """The ranks of MPI's world."""

    def __init__(self, MPI: Any) -> None:
        self._MPI, self._comm = MPI, MPI.COMM_WORLD
        self.rank, self.size = self._comm.rank, self._comm.size
        node = self._comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.on_this_node, self.node_rank, self.doing = node.size, node.rank, ""
        node.Free()
        sys.excepthook = self._fail_together

    def broadcast(self, value: Any) -> Any:
        """See `Ranks`."""
        return self._comm.bcast(value)

    def gather(self, value: Any) -> list[Any] | None:
        """See `Ranks`."""
        return self._comm.gather(value)

    def counters(self, count: int) -> SharedCounters:
        """See `Ranks`."""
        return SharedCounters(self._MPI, self._comm, count)

    def group(self, size: int) -> Group:
        """See `Ranks`."""
        _check_group_size(size, self.size)
        return ALONE if size == 1 else MPIGroup(self._MPI, self._comm.Split(self.rank // size, self.rank))

    def wait_for_all(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """See `Ranks`."""
        request = self._comm.Ibarrier()
        called = time.monotonic()
        while not request.Test():
            time.sleep(0.002)  # a blocking barrier would keep a core busy
            if time.monotonic() - called > MEANWHILE:
                meanwhile()
                called = time.monotonic()

    def abort(self) -> None:
        """See `Ranks`."""
        self._comm.Abort(1)

    def _fail_together(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Without this the other ranks would wait in MPI for ever for one that has raised."""
        text = "".join(traceback.format_exception(kind, error, trace))
        doing = f" at {self.doing}" if self.doing else ""
        sys.stderr.write(f"rank {self.rank} of {self.size} failed{doing}:\n{text}")
        sys.stderr.flush()
        self.abort()


def _check_group_size(size: int, ranks: int) -> None:
    if ranks % size:
        raise InputError(f"{size} ranks per sample: the number of ranks must be a multiple of it, and is {ranks}")


def connect() -> Ranks:
    """MPI's ranks if a launcher started this process, else the serial rank."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1") or 1)
    if tasks <= 1 and not any(mark in os.environ for mark in LAUNCHER_MARKS):
        return SerialRanks()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"started by an MPI launcher, but no MPI library can be loaded: {reason}") from None
    if MPI.COMM_WORLD.size == 1 and tasks > 1:
        raise InputError(
            f"a Slurm step of {tasks} tasks, but MPI sees one rank: srun's --mpi= does not fit this MPI library"
        )
    return MPIRanks(MPI)


def on_rank_0(ranks: Ranks, work: Callable[[], T]) -> T:
    """What ``work`` returns on rank 0, on every rank; its `InputError` is raised on every rank, too."""
    answer: T | InputError | None = None
    if ranks.rank == 0:
        try:
            answer = work()
        except InputError as error:
            answer = error
    answer = ranks.broadcast(answer)
    if isinstance(answer, InputError):
        raise answer
    return cast(T, answer)
