"""How far a run is: a bar on a terminal, timed plain lines in a batch log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

LINE_EVERY = 10.0  # seconds between lines of a batch log, at least
LINES = 10  # ... and about so many over a run


class Progress:
    """Shows how much is done on stderr; use as a context manager and call it."""

    def __init__(self, what: str, bar: bool = True) -> None:
        self._what = what
        self._began = self._last = time.monotonic()
        self._last_share = 0.0
        self._given = -1.0  # share of the work that checkpoints have given
        self._bar = None
        if bar and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bar

            columns = (
                TextColumn(what),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._row = self._bar.add_task(what, total=None, count="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int, share: float) -> None:
        """Show that ``done`` of ``total`` tasks are done, which are ``share`` of the work."""
        if self._given < 0:
            self._given = share if done == 0 else 0.0
        if self._bar:
            self._bar.update(self._row, completed=share, total=1.0, count=f"{done}/{total}")
            return
        now = time.monotonic()
        enough = share - self._last_share >= 1 / LINES and now - self._last > 1
        if share > self._last_share and (done == total or enough or now - self._last > LINE_EVERY):
            elapsed = now - self._began
            left = (
                f", {elapsed * (1 - share) / (share - self._given):.0f} s left"
                if share > self._given and done < total
                else ""
            )
            sys.stderr.write(f"[{elapsed:7.1f} s] {self._what}: {done}/{total}, {share:.0%} of the work{left}\n")
            sys.stderr.flush()
            self._last, self._last_share = now, share

    def say(self, line: str) -> None:
        """A line beside the bar."""
        if self._bar:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
