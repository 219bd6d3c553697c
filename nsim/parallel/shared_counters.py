"""Counters that all ranks share, in a window of rank 0's memory; no rank waits for the work of another.

MPI promises nothing about when a one-sided operation ends. Where ranks share memory, or the network adds by itself, it
ends at once. Elsewhere, as over TCP, the library of rank 0 must take part, which it does only while rank 0 is inside a
call of MPI. So nothing here needs an answer at once:

- locks are taken once for all (a lock taken for each operation asks rank 0's library, even within a node);
- what is to be added and what is to be read travel together, one request at a time: while it is on its way additions
  gather and readers see the values of the last answer;
- whoever has once waited long for a number takes the next one ahead, while it still works on the last;
- every call lets the library take part in what others have asked for.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple, Protocol

import numpy as np

READ_EVERY = 0.05  # seconds between two looks at the counters ...
READS_PER_SECOND = 1000.0  # ... of all ranks together, at most
LONG = 1e-3  # seconds; who waits longer for a number takes the next one ahead
NAP = 2e-4  # seconds a waiting rank leaves the processor to others
POLLS = 8  # steps of the library's protocol in one call; asking over TCP takes a few


class Taken(NamedTuple):
    """Numbers that belong to one rank alone."""

    first: int
    amount: int


class Counters(Protocol):
    """Integers shared by all ranks, starting at zero."""

    def take(self, index: int, count: int = 1) -> Taken:
        """The next numbers of a counter, which no other rank gets: ``count``, or as many as at the last call."""

    def add(self, index: int, amount: int) -> None:
        """Add; it arrives soon, and before `settle` returns."""

    def read(self, index: int) -> int:
        """A recent value; never waits. To be called often, since it lets the library do its work for others."""

    def settle(self) -> None:
        """Return when everything this rank has added has arrived, and `read` knows of all that had before."""

    def close(self) -> None:
        """Release them; all ranks together."""


class SerialCounters:
    """Counters of a single process."""

    def __init__(self, count: int) -> None:
        self._values = [0] * count

    def take(self, index: int, count: int = 1) -> Taken:
        """See `Counters`."""
        first = self._values[index]
        self._values[index] += count
        return Taken(first, count)

    def add(self, index: int, amount: int) -> None:
        """See `Counters`."""
        self._values[index] += amount

    def read(self, index: int) -> int:
        """See `Counters`."""
        return self._values[index]

    def settle(self) -> None:
        """See `Counters`."""

    def close(self) -> None:
        """See `Counters`."""


class SharedCounters:
    """Counters in a window of rank 0's memory; made by all ranks of ``comm`` together."""

    def __init__(self, MPI: Any, comm: Any, count: int) -> None:
        self._MPI, self._comm = MPI, comm
        self._window = MPI.Win.Allocate(8 * count if comm.rank == 0 else 0, 8, comm=comm)
        self._window.Lock_all(MPI.MODE_NOCHECK)  # nobody ever locks it for himself
        if comm.rank == 0:
            np.frombuffer(self._window.tomemory(), dtype=np.int64)[:] = 0
            self._window.Sync()
        comm.Barrier()
        self._owed = np.zeros(count, np.int64)
        self._sent = np.zeros(count, np.int64)
        self._found = np.zeros(count, np.int64)
        self._values = np.zeros(count, np.int64)
        self._exchange: Any = None  # on its way: what is sent is added, what was there before is found
        self._every = max(READ_EVERY, comm.size / READS_PER_SECOND)
        self._last = 0.0
        self._ahead: dict[int, tuple[Any, np.ndarray, np.ndarray]] = {}
        self._look_ahead = False
        self.settle()  # connections are made now, while all ranks attend
        comm.Barrier()

    def take(self, index: int, count: int = 1) -> Taken:
        """See `Counters`."""
        asked = self._ahead.pop(index) if index in self._ahead else self._ask(index, count)
        request, amount, first = asked
        self._look_ahead = self._wait(request) > LONG or self._look_ahead
        if self._look_ahead:
            self._ahead[index] = self._ask(index, count)
        return Taken(int(first[0]), int(amount[0]))

    def _ask(self, index: int, count: int) -> tuple[Any, np.ndarray, np.ndarray]:
        amount, first = np.array([count], np.int64), np.empty(1, np.int64)
        place = (index, 1, self._MPI.INT64_T)
        return self._window.Rget_accumulate(amount, first, 0, place, op=self._MPI.SUM), amount, first

    def add(self, index: int, amount: int) -> None:
        """See `Counters`."""
        self._owed[index] += amount
        self._go_on()

    def read(self, index: int) -> int:
        """See `Counters`."""
        self._go_on()
        on_its_way = 0 if self._exchange is None else self._sent[index]
        return int(self._values[index] + on_its_way + self._owed[index])

    def settle(self) -> None:
        """See `Counters`."""
        if self._exchange is not None:
            self._wait(self._exchange)
            self._receive()
        self._send()
        self._wait(self._exchange)
        self._receive()

    def close(self) -> None:
        """See `Counters`."""
        for request, _, _ in self._ahead.values():
            self._wait(request)
        if self._exchange is not None:
            self._wait(self._exchange)
        self._window.Unlock_all()
        self._window.Free()

    def _go_on(self) -> None:
        """Take in an answer that has come, and ask again if something is owed or it is time to look."""
        self._let_library_work()
        if self._exchange is not None:
            if not self._exchange.Test():
                return
            self._receive()
        if time.monotonic() - self._last > self._every:
            self._send()

    def _send(self) -> None:
        self._sent, self._owed = self._owed, self._sent
        self._owed[:] = 0
        place = (0, len(self._sent), self._MPI.INT64_T)
        self._exchange = self._window.Rget_accumulate(self._sent, self._found, 0, place, op=self._MPI.SUM)

    def _receive(self) -> None:
        self._exchange = None
        self._values[:] = self._found + self._sent
        self._last = time.monotonic()

    def _wait(self, request: Any) -> float:
        """Wait without burning the processor; returns the seconds it took."""
        began = time.monotonic()
        while not request.Test():
            if time.monotonic() - began > NAP:
                time.sleep(NAP)
            self._let_library_work()
        return time.monotonic() - began

    def _let_library_work(self) -> None:
        for _ in range(POLLS):
            self._comm.Iprobe()
