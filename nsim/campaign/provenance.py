"""Where a result comes from: versions, revision, machine, MPI layout. Kept with the data, never part of it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

PACKAGES = ("solvable-glass", "numpy", "scipy", "numba", "h5py", "h5netcdf", "mpi4py")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def provenance(ranks: int, ranks_per_sample: int = 1) -> dict[str, str | int]:
    """Attributes that say how a result file came about."""
    return {
        "title": "Kuehn-Horstmann glass: simulated states",
        "source": "nsim",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "python": platform.python_version(),
        "machine": f"{platform.node()} ({platform.machine()}, {platform.system()})",
        "mpi_ranks": ranks,
        "mpi_ranks_per_sample": ranks_per_sample,
        "threads": " ".join(f"{name}={os.environ.get(name, 'unset')}" for name in THREAD_VARIABLES),
        "git_revision": git_revision(),
        **{f"version_{name.replace('-', '_')}": _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def git_revision() -> str:
    """Revision of the source tree (with ``-dirty`` if it was changed), or ``unknown`` outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"
