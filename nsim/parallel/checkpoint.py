"""Checkpoints as seen by long work: load what was saved, and pause at every step boundary.

    held = checkpoint.load()
    if held is not None:
        chain.restore(held)
    while chain.sweeps < sweeps:
        chain.sweep(beta)
        checkpoint.pause(chain.state)

`pause` saves the state now and then, and leaves by `StoppedError` when the job was asked to stop; that is all the
work needs to know. A state is a nested dictionary of arrays, numbers, strings and lists: everything that the future
depends on, so that work which goes on from it gives the same bits as if it had never paused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

State = dict[str, Any]
Report = dict[str, float]  # "share" of the work that is done; "acceptance", "swap_rate" now


class StoppedError(Exception):
    """The job was asked to stop; the state of the work is saved."""


class Checkpoint(Protocol):
    """Where one piece of work keeps its state. All ranks that do the work together call it in the same order."""

    def load(self) -> State | None:
        """The state to go on from; None: begin."""

    def pause(self, state: Callable[[], State], report: Callable[[], Report] = dict) -> None:
        """At a step boundary: save ``state()`` if it is time; `StoppedError` if the job is to stop."""


class NoCheckpoint:
    """Nothing is kept, nothing stops: work that is short, or somebody else's to repeat."""

    def load(self) -> State | None:
        """See `Checkpoint`."""
        return None

    def pause(self, state: Callable[[], State], report: Callable[[], Report] = dict) -> None:
        """See `Checkpoint`."""


NEVER: Checkpoint = NoCheckpoint()


class Stage:
    """The checkpoint of one stage of some work; its state is kept under the stage's name.

    Parameters
    ----------
    checkpoint, held
        The checkpoint of the work, and what it has loaded.
    name
        The stage.
    found
        What earlier stages have found and this one cannot do without, kept beside its state.
    """

    def __init__(self, checkpoint: Checkpoint, held: State, name: str, found: State | None = None) -> None:
        self._checkpoint, self._held, self._name, self._found = checkpoint, held, name, found or {}

    def load(self) -> State | None:
        """See `Checkpoint`."""
        return self._held.get(self._name)

    def pause(self, state: Callable[[], State], report: Callable[[], Report] = dict) -> None:
        """See `Checkpoint`."""
        self._checkpoint.pause(lambda: self._found | {self._name: state()}, report)
