"""Processor time of work, as it will take once its kernels are compiled."""

from __future__ import annotations

import time
from collections.abc import Callable

from numba.core import event

PREPARING = "numba:compiler_lock"  # held while a kernel is compiled, or read from numba's cache of compiled ones


class _Stopwatch:
    """Time on the clock and processor time [s]."""

    def __init__(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.began[0], time.process_time() - self.began[1]


class _KernelTime(event.Listener):
    """How long kernels were compiled or read, on the clock and in processor time [s]."""

    def __init__(self) -> None:
        self.clock, self.processor, self.depth = 0.0, 0.0, 0

    def on_start(self, event: event.Event) -> None:
        if self.depth == 0:  # a kernel that calls others compiles these meanwhile
            self.watch = _Stopwatch()
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        self.depth -= 1
        if self.depth == 0:
            clock, processor = self.watch.read()
            self.clock += clock
            self.processor += processor


def seconds_of(work: Callable[[], object]) -> float:
    """Time that ``work`` takes on a machine that does nothing else, with all its kernels compiled.

    On a busy machine that is its processor time; with several threads, whose times add up there, the time on the clock.
    Which kernels the work needs may depend on what it finds (a saddle, a slow descent), so that no trial before it
    compiles them all for certain: numba says when it compiles, and that time is taken off.
    """
    with event.install_listener(PREPARING, _KernelTime()) as kernels:
        watch = _Stopwatch()
        work()
        clock, processor = watch.read()
    return min(clock - kernels.clock, processor - kernels.processor)
