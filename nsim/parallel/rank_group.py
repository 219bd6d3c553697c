"""A group of ranks that work on one disorder sample together.

Every collective call begins with a word on how each rank fares. A rank whose work has failed joins the next call with
the word "failed": the others raise `PeerFailedError` there instead of waiting for it, all leave the task together,
and the group goes on to its next one. Collective calls belong inside `Group.together`.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

T = TypeVar("T")
FAILED = -1  # instead of a count
PATIENCE = 2e-4  # seconds of busy waiting in a collective call
SHARED_MEMORY = "/dev/shm"  # where shared windows live on Linux; writing beyond its size kills a rank


class PeerFailedError(Exception):
    """Another rank of the group has failed in the work done together; it reports the reason."""


class Group(Protocol):
    """Ranks that share one sample; every method but the attributes is to be called by all of them in the same order."""

    rank: int
    size: int
    node_rank: int  # among the ranks of the group on this node, which share memory
    node_size: int

    def broadcast(self, value: Any) -> Any:
        """The first rank's value, on every rank."""

    def gather(self, value: Any) -> list[Any]:
        """All ranks' values in their order, on the first rank; an empty list elsewhere."""

    def all_gather(self, block: np.ndarray) -> np.ndarray:
        """All blocks joined along the first axis in the order of ranks, on every rank; lengths may differ."""

    def sum(self, array: np.ndarray) -> np.ndarray:
        """Sum of all ranks' arrays, the same bit for bit on every rank."""

    def shared(self, shape: tuple[int, ...], dtype: Any = float) -> np.ndarray:
        """An array of which there is one copy per node, not initialised; lives until the end of `together`.

        Ranks that have written to it call `barrier` before others read.
        """

    def barrier(self) -> None:
        """Return when all ranks have come here; what they wrote to shared arrays can then be read."""

    def together(self, work: Callable[[], T]) -> T:
        """What ``work`` returns on this rank, if no rank fails in it.

        A rank that fails raises its own error, the others `PeerFailedError`. Shared arrays are released.
        """


class SerialGroup:
    """A rank alone."""

    rank = node_rank = 0
    size = node_size = 1

    def broadcast(self, value: Any) -> Any:
        """See `Group`."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """See `Group`."""
        return [value]

    def all_gather(self, block: np.ndarray) -> np.ndarray:
        """See `Group`."""
        return block.copy()

    def sum(self, array: np.ndarray) -> np.ndarray:
        """See `Group`."""
        return np.array(array)

    def shared(self, shape: tuple[int, ...], dtype: Any = float) -> np.ndarray:
        """See `Group`."""
        return np.empty(shape, dtype)

    def barrier(self) -> None:
        """See `Group`."""

    def together(self, work: Callable[[], T]) -> T:
        """See `Group`."""
        return work()


ALONE: Group = SerialGroup()


class MPIGroup:
    """Ranks of an MPI communicator; made by all of them together."""

    def __init__(self, MPI: Any, comm: Any) -> None:
        self._MPI, self._comm = MPI, comm
        self._node = comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.rank, self.size = comm.rank, comm.size
        self.node_rank, self.node_size = self._node.rank, self._node.size
        self._windows: list[Any] = []

    def broadcast(self, value: Any) -> Any:
        """See `Group`."""
        self._agree()
        return self._comm.bcast(value)

    def gather(self, value: Any) -> list[Any]:
        """See `Group`."""
        self._agree()
        return self._comm.gather(value) or []

    def all_gather(self, block: np.ndarray) -> np.ndarray:
        """See `Group`."""
        block = np.ascontiguousarray(block)
        counts = self._agree(block.size)
        width = int(np.prod(block.shape[1:]))
        joined = np.empty((int(counts.sum()) // max(width, 1), *block.shape[1:]), block.dtype)
        self._complete(self._comm.Iallgatherv(block, [joined, counts]))
        return joined

    def sum(self, array: np.ndarray) -> np.ndarray:
        """See `Group`."""
        return self.all_gather(np.asarray(array)[None]).sum(axis=0)

    def shared(self, shape: tuple[int, ...], dtype: Any = float) -> np.ndarray:
        """See `Group`."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if self.node_rank == 0:
            _check_shared_memory(size)
        self._agree()
        own = size if self.node_rank == 0 else 0
        window = self._MPI.Win.Allocate_shared(own, dtype.itemsize, comm=self._node)
        self._windows.append(window)
        memory, _ = window.Shared_query(0)
        window.Lock_all()
        return np.frombuffer(memory, dtype=dtype, count=size // dtype.itemsize).reshape(shape)

    def barrier(self) -> None:
        """See `Group`."""
        for window in self._windows:
            window.Sync()
        self._agree()
        for window in self._windows:
            window.Sync()

    def together(self, work: Callable[[], T]) -> T:
        """See `Group`."""
        try:
            answer = work()
        except PeerFailedError:
            raise
        except Exception:
            self._statuses(FAILED)
            raise
        else:
            self._agree()
            return answer
        finally:
            self._release()

    def _agree(self, count: int = 0) -> np.ndarray:
        """Every rank's count, shape (size,); raises if a rank has failed."""
        statuses = self._statuses(count)
        failed = np.flatnonzero(statuses == FAILED)
        if len(failed):
            raise PeerFailedError(f"rank {failed[0]} of the group failed")
        return statuses

    def _statuses(self, own: int) -> np.ndarray:
        mine, all_of_them = np.array([own], np.int64), np.empty(self.size, np.int64)
        self._complete(self._comm.Iallgather(mine, all_of_them))
        return all_of_them

    @staticmethod
    def _complete(request: Any) -> None:
        patience_ends = time.monotonic() + PATIENCE
        while not request.Test():
            if time.monotonic() > patience_ends:
                time.sleep(PATIENCE / 2)  # the others are at work: leave the processor to them

    def _release(self) -> None:
        for window in self._windows:
            window.Unlock_all()
            window.Free()
        self._windows.clear()


def free_shared_memory() -> float:
    """Bytes that shared arrays may take on this node; infinity where there is no such limit."""
    try:
        free = os.statvfs(SHARED_MEMORY)
    except OSError:
        return math.inf  # not Linux: the MPI library keeps shared windows elsewhere
    return float(free.f_bavail * free.f_frsize)


def _check_shared_memory(size: int) -> None:
    """Raise `MemoryError` where a shared array would not fit: touching its pages would kill the rank."""
    available = free_shared_memory()
    if size > available:
        raise MemoryError(
            f"a shared array of {size / 1e9:.3g} GB does not fit into {SHARED_MEMORY}: {available / 1e9:.3g} GB free"
        )
