"""What can go wrong in words a user can act on, and the exit status each kind ends with."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses of every ``nsim`` command."""

    DONE = 0
    FAILED = 1  # some tasks failed, or an internal error
    BAD_INPUT = 2
    NOT_CONVERGED = 3
    RESUMABLE = 85  # stopped early on request; the same command continues


class InputError(ValueError):
    """Bad input. Each line of ``str(error)`` is one complete, self-contained message for the user."""


def gravest(*statuses: ExitStatus) -> ExitStatus:
    """The one of several outcomes that a user must hear of first."""
    order = (ExitStatus.FAILED, ExitStatus.BAD_INPUT, ExitStatus.RESUMABLE, ExitStatus.NOT_CONVERGED, ExitStatus.DONE)
    return min(statuses, key=order.index)
