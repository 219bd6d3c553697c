"""Signals end a command of ``meanfield`` at once: nothing is kept, and nothing need be tidied up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPPED = 85
CLEAR_LINE = "\r\033[K"


@contextmanager
def leave_on_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the command with one line and status 85.

    No exception is raised, since compiled code that calls Python makes others of it (numba: SystemError).
    """

    def leave(number: int, frame: FrameType | None) -> None:
        with suppress(Exception):  # the signal may have come in the midst of writing
            sys.stdout.flush()
        line = f"meanfield: stopped ({signal.Signals(number).name}); the same command can be given again\n"
        with suppress(OSError):
            os.write(2, (CLEAR_LINE + line if os.isatty(2) else line).encode())
        os._exit(STOPPED)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup, or in the background of a script
            with suppress(ValueError):  # not in the main thread: signals are somebody else's business
                before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
