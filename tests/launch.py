"""Start the project's commands as users do: as processes, alone or under mpiexec."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest


def mpiexec() -> str:
    """The launcher of this environment, or of the system; the test is skipped where there is none."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("no mpiexec: install the extra `mpich`, or load the site's MPI")
    return found


def command(*arguments: object, ranks: int | None = None) -> list[str]:
    """``python -m PACKAGE ...``, under mpiexec if ``ranks`` is given."""
    launcher = [] if ranks is None else [mpiexec(), "-n", str(ranks)]
    return [*launcher, sys.executable, "-m", *map(str, arguments)]


def environment() -> dict[str, str]:
    """The caller's environment without any launcher's marks."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "OMPI", "SLURM"))}


def call(*arguments: object, ranks: int | None = None, cwd: Path | None = None, timeout: float = 120):
    """Run a command to its end; returns the completed process with text output."""
    return subprocess.run(
        command(*arguments, ranks=ranks),
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=environment(),
        check=False,
    )


def data_of(path: Path, name: str = "results.h5") -> dict[str, bytes]:
    """Every data array of a file of a run as bytes; attributes (provenance) left out."""
    arrays: dict[str, bytes] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()].tobytes()

    with h5py.File(path / name) as file:
        file.visititems(collect)
    assert arrays
    return arrays


def running_processes() -> Iterator[tuple[int, list[str]]]:
    """Process number and command line of everything that runs, from /proc."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), (folder / "cmdline").read_text().split("\0")
