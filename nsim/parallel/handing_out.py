"""Work handed out piece by piece to whoever is free, in a fixed order; several pieces at once where they are short."""

from __future__ import annotations

import time

from nsim.parallel.shared_counters import Counters

PORTION = 0.05  # seconds of work taken at a time, at most ...
ROUNDS = 4  # ... and the share that leaves everybody so many portions of what is left


class HandingOut:
    """The numbers 0 .. total - 1, each handed to one taker, in ascending order.

    Parameters
    ----------
    counters, index
        The shared counter that says what is taken.
    total
        How many numbers there are.
    takers
        Who takes them: groups of ranks.
    """

    def __init__(self, counters: Counters, index: int, total: int, takers: int) -> None:
        self._counters, self._index, self._total, self._takers = counters, index, total, takers
        self._next = self._end = 0
        self._taken_at: float | None = None
        self._taken = 0

    def next(self) -> int | None:
        """The next number of this taker; None if none is left. What it took and leaves undone nobody else does."""
        if self._next == self._end:
            now = time.monotonic()
            first, self._taken = self._counters.take(self._index, self._portion(now))
            self._taken_at = time.monotonic()
            self._next, self._end = min(first, self._total), min(first + self._taken, self._total)
        if self._next == self._end:
            return None
        self._next += 1
        return self._next - 1

    def _portion(self, now: float) -> int:
        """As many as were done lately in the time of a portion."""
        if self._taken_at is None:
            return 1
        affordable = int(PORTION * self._taken / max(now - self._taken_at, 1e-9))
        fair = (self._total - self._end) // (ROUNDS * self._takers)
        return max(1, min(affordable, fair))
