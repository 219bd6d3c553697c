"""How far a run is: a bar on a terminal, timed plain lines in a batch log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

LINE_EVERY = 10.0  # seconds between lines of a batch log, at least
LINES = 10  # ... and about so many over a run


class Progress:
    """Shows (done, total) on stderr; use as a context manager and call it."""

    def __init__(self, what: str, bar: bool = True) -> None:
        self._what = what
        self._began = self._last = time.monotonic()
        self._last_done = 0
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
            self._row = self._bar.add_task(what, total=None)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        if self._bar:
            self._bar.update(self._row, completed=done, total=total)
            return
        now = time.monotonic()
        enough = done - self._last_done >= total / LINES and now - self._last > 1
        if done > self._last_done and (done == total or enough or now - self._last > LINE_EVERY):
            elapsed = now - self._began
            rate = done / elapsed if elapsed > 0 else float("inf")
            left = f", {(total - done) / rate:.0f} s left" if done < total else ""
            sys.stderr.write(f"[{elapsed:7.1f} s] {self._what}: {done}/{total}, {rate:.3g} per s{left}\n")
            sys.stderr.flush()
            self._last, self._last_done = now, done

    def say(self, line: str) -> None:
        """A line beside the bar."""
        if self._bar:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
