"""What killed ranks leave in shared memory: found at the start of a job, removed where that is safe.

MPICH makes a file ``mpich_shm_...`` of 2 MB in /dev/shm when ranks start and removes its name once all have opened it,
within a second; ranks that are killed in between leave it for ever. Couplings in shared windows have no name to stay.
A file is removed only if it is ours (same user), of that name, old, and neither mapped nor open in any process that can
be seen: a living job does not need it then.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path("/dev/shm")
NAME = re.compile(r"mpich_shm_[0-9a-f]+_\d+|mpich_shar_tmp\w+")
OLD = 600.0  # seconds; start-up takes a second, on a file system that is not shared


def remove_leftovers(folder: Path = FOLDER, old: float = OLD) -> list[Path]:
    """Remove what killed ranks of this user have left on this node; returns what was removed."""
    candidates = [path for path in _files(folder) if NAME.fullmatch(path.name) and _ours_and_old(path, old)]
    if not candidates:
        return []
    in_use = _in_use()
    removed = []
    for path in candidates:
        if str(path) not in in_use:
            try:
                path.unlink()
            except OSError:
                continue  # another job was faster
            removed.append(path)
    return removed


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # not Linux


def _ours_and_old(path: Path, old: float) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and time.time() - status.st_mtime > old


def _in_use() -> set[str]:
    """Paths of all files that processes we can look into have mapped or open."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        found.update(_mapped(process))
        found.update(_open(process))
    return found


def _mapped(process: Path) -> Iterator[str]:
    try:
        lines = (process / "maps").read_text().splitlines()
    except OSError:
        return  # gone, or another user's, who cannot open our file
    yield from (line.split(maxsplit=5)[5] for line in lines if line.count("/"))


def _open(process: Path) -> Iterator[str]:
    try:
        for link in (process / "fd").iterdir():
            try:
                yield str(link.readlink())
            except OSError:
                continue
    except OSError:
        return
