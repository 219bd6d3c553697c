"""Sealed files: written whole under a temporary name, checksummed, synced, then renamed into place.

The seal is a line of text after the end of the HDF5 data (readers of HDF5 ignore it): the SHA-256 of everything
before it. A file without a valid seal is damaged, or was changed since, and is never read as a result.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from nsim.errors import reason

MARK = b"\nsealed sha256 "
LENGTH = len(MARK) + 64 + 1
TEMPORARY = ".tmp-"


class DamagedFileError(Exception):
    """A file that is not what was once sealed."""


def write_sealed(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, seal it, and rename it to ``path``.

    Nothing appears under ``path`` unless it is complete and on disk; on any error the temporary file is removed.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        write(temporary)
        digest = _digest(temporary, temporary.stat().st_size)
        with temporary.open("ab") as file:
            file.write(MARK + digest.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def check_seal(path: Path) -> None:
    """Raise `DamagedFileError` unless the file carries a valid seal."""
    try:
        size = path.stat().st_size - LENGTH
        with path.open("rb") as file:
            file.seek(max(size, 0))
            tail = file.read()
        if size < 0 or not tail.startswith(MARK):
            raise DamagedFileError(f"{path} is damaged: it does not end in a seal")
        if _digest(path, size).encode() != tail[len(MARK) :].strip():
            raise DamagedFileError(f"{path} is damaged: its content does not match its seal")
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {reason(error)}") from None


def remove_temporaries(folder: Path) -> None:
    """Remove what writers that were killed have left half-written; only safe while the folder is locked."""
    for path in folder.glob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the first ``size`` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0:
            piece = file.read(min(size, 2**20))
            if not piece:
                break
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; where a folder cannot be synced the rename itself is still atomic."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
