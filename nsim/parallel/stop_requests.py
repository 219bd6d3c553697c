"""Requests to stop: a signal to any rank, or the end of the job's time; whoever works asks at its step boundaries.

Signals are SIGTERM, SIGUSR1 and SIGINT; the end is that of ``--time-limit`` or of the Slurm job, whichever comes first.
A request to one rank is a request to all: it is noted in a counter that they share.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from nsim.parallel.shared_counters import Counters

RESERVE = 30.0  # seconds before the end that are kept for sealing and leaving, at most
SHARE = 0.05  # ... and this share of the time there is
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequests:
    """What asks this rank, or any other, to stop.

    Parameters
    ----------
    end
        When the job's time is over [s since the epoch]; infinity: never.
    """

    def __init__(self, end: float = math.inf) -> None:
        self.signals: list[int] = []
        self._end = end - min(RESERVE, SHARE * max(0.0, end - time.time())) if math.isfinite(end) else end
        self._last: float | None = None
        self._longest = 0.0
        self._counters: Counters | None = None
        self._index = 0
        self._told = self._elsewhere = False

    def share(self, counters: Counters | None, index: int = 0) -> None:
        """Share requests from now on through a counter; None: no longer."""
        self._counters, self._index, self._told, self._last = counters, index, False, None

    def asked(self) -> bool:
        """Whether to stop now; to be called at step boundaries.

        Another step as long as the longest so far must fit before the end.
        """
        now = time.time()
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
        self._last = now
        own = self.here(now)
        if self._counters is not None:
            if own and not self._told:
                self._counters.add(self._index, 1)
                self._told = True
            self._elsewhere = self._elsewhere or self._counters.read(self._index) > 0
        return own or self._elsewhere

    def here(self, now: float | None = None) -> bool:
        """Whether this rank itself was asked; what others were asked is not looked up."""
        return bool(self.signals) or (time.time() if now is None else now) + self._longest >= self._end

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.signals:
            return f"on request ({signal.Signals(self.signals[0]).name})"
        return "before its time is over" if self.here() else "on request"


def end_of_time(limit: float | None, environment: Mapping[str, str] = os.environ) -> float:
    """When this job ends [s since the epoch]: after ``limit`` seconds, or with its Slurm job; infinity: never."""
    now = time.time()
    end = math.inf if limit is None else now + limit
    try:
        of_job = float(environment.get("SLURM_JOB_END_TIME", "inf"))
    except ValueError:
        of_job = math.inf
    return min(end, of_job if of_job > now else math.inf)


@contextmanager
def stop_requests(end: float = math.inf) -> Iterator[StopRequests]:
    """Collect signals instead of dying of them.

    The handler only takes a note: it may interrupt an MPI call, inside which no other may be made.
    """
    requests = StopRequests(end)

    def note(number: int, frame: FrameType | None) -> None:
        requests.signals.append(number)

    try:
        before = {number: signal.signal(number, note) for number in SIGNALS}
    except ValueError:  # not in the main thread: signals are somebody else's business
        yield requests
        return
    try:
        yield requests
    finally:
        for number, handler in before.items():
            late = number == signal.SIGUSR1 and handler == signal.SIG_DFL  # it must not kill a rank about to leave
            signal.signal(number, signal.SIG_IGN if late else handler)
