"""What can go wrong in words a user can act on, and the exit status each kind ends with."""

from __future__ import annotations

import os
import re
from enum import IntEnum
from pathlib import Path


class ExitStatus(IntEnum):
    """Exit statuses of every ``nsim`` command."""

    DONE = 0
    FAILED = 1  # some tasks failed, or an internal error
    BAD_INPUT = 2
    NOT_CONVERGED = 3
    RESUMABLE = 85  # stopped early on request; the same command continues, or begins anew if it keeps nothing


class InputError(ValueError):
    """Bad input. Each line of ``str(error)`` is one complete, self-contained message for the user."""


def gravest(*statuses: ExitStatus) -> ExitStatus:
    """The one of several outcomes that a user must hear of first."""
    order = (ExitStatus.FAILED, ExitStatus.BAD_INPUT, ExitStatus.RESUMABLE, ExitStatus.NOT_CONVERGED, ExitStatus.DONE)
    return min(statuses, key=order.index)


def reason(error: OSError) -> str:
    """What the system says of a file, without the words that HDF5 wraps around it."""
    return os.strerror(error.errno) if error.errno else " ".join(str(error).split())


def file_trouble(error: OSError, path: Path | None = None) -> str:
    """The file and what is wrong with it; ``path`` is named where the error names none."""
    in_hdf5 = re.search(r"name = '(.*?)',", str(error))
    name = error.filename or (in_hdf5 and in_hdf5[1]) or path
    return f"{name}: {reason(error)}" if name else reason(error)
