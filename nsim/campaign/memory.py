"""What a run keeps in memory, and what the machine has.

J is the matter: 8 N^2 bytes (4 in single precision), private to a rank, shared by the ranks of a group on a node, or
spread over the group in rows. Beside it a rank keeps, one after the other,

    while relaxing      J in single precision for steps far from the minimum, and a Hessian in single precision
    while measuring     the Hessian in double precision, factorised and inverted in place; with `output.spectrum` its
                        eigenvectors as well

the Hessians only with `output.response`. For small systems vectors and the libraries count more.
"""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.tasks import kept_variables, task_width
from nsim.descent.newton_finish import SINGLE_FROM
from nsim.dynamics.monte_carlo import CHUNK
from nsim.errors import InputError
from nsim.parallel.rank_group import SHARED_MEMORY, free_shared_memory
from nsim.run_file import RunFile
from nsim.sample.hessian import KRYLOV
from nsim.sample.normal_modes import DENSE, LOWEST, modes_of

INTERPRETER = 250e6  # bytes of a rank before it has drawn anything: Python with its libraries
VECTORS = 24  # N x R arrays in double precision that a batch holds while it is relaxed, measured and sealed


def rank_memory(run: RunFile, ranks_per_sample: int = 1, rows: bool = False) -> tuple[float, float]:
    """Bytes at the peak: those of a rank of its own, and those each group has once per node."""
    n, width = max(run.ensemble.samples_of), min(task_width(run), run.ensemble.replicas)
    columns = width * PROTOCOLS[run.protocol.kind].columns(run, n)
    batches = -(-columns // run.ensemble.batch)
    square = float(n) * n
    single = run.couplings.precision == "single"
    J = (4 if single else 8) * square
    rough = 0.0 if single or n < SINGLE_FROM else 4 * square
    if run.output.response:
        hessians = max(rough + (4 if n >= SINGLE_FROM else 8) * square, 8 * square)
        if run.output.spectrum:  # all eigenvectors beside the Hessian, or a factor and some vectors
            hessians = max(hessians, 16 * square if n <= DENSE else 8 * square + 8.0 * (2 * LOWEST + 1) * n)
    else:
        hessians = (rough / ranks_per_sample if rows else rough) + 8.0 * KRYLOV * n
    own = INTERPRETER + hessians + 8 * (VECTORS * float(n) * width + 4.0 * n * columns + 2.0 * CHUNK * batches)
    if rows:
        return own + J / ranks_per_sample, 0.0
    if run.couplings.file is not None:
        return own + J, 0.0  # every rank reads its own
    return own, J


def node_memory(run: RunFile, ranks_here: int = 1, ranks_per_sample: int = 1, rows: bool = False) -> float:
    """Bytes that the ranks of one node need together."""
    own, shared = rank_memory(run, ranks_per_sample, rows)
    return ranks_here * own + -(-ranks_here // ranks_per_sample) * shared


def check_memory(run: RunFile, ranks_here: int = 1, ranks_per_sample: int = 1, rows: bool = False) -> list[str]:
    """Raise `InputError` for a run beyond this machine's memory; a list with a warning where it is tight."""
    needed, available = node_memory(run, ranks_here, ranks_per_sample, rows), available_memory()
    size = (
        f"{ranks_here} rank(s) on this node need about {needed / 1e9:.3g} GB of memory "
        f"for n = {max(run.ensemble.samples_of)}, {available / 1e9:.3g} GB are available"
    )
    if needed > available:
        raise InputError(size + _remedy(run, ranks_here, ranks_per_sample, rows, available))
    if ranks_per_sample > 1 and not rows:
        _check_shared_windows(run, ranks_here, ranks_per_sample)
    return [size] if needed > 0.8 * available else []


def _check_shared_windows(run: RunFile, ranks_here: int, ranks_per_sample: int) -> None:
    """Raise `InputError` where the copies of J that groups of ranks share do not fit into shared memory."""
    _, J = rank_memory(run, ranks_per_sample)
    needed, free = -(-ranks_here // ranks_per_sample) * J, free_shared_memory()
    if needed > free:
        raise InputError(
            f"--ranks-per-sample {ranks_per_sample}: shared copies of J take {needed / 1e9:.3g} GB on this node, "
            f"{free / 1e9:.3g} GB are free in {SHARED_MEMORY}"
        )


def check_disk(run: RunFile, out: Path) -> list[str]:
    """A warning if what the run will keep may not fit onto the disk of its directory."""
    folder = next((folder for folder in (out, *out.absolute().parents) if folder.exists()), Path())
    disk = shutil.disk_usage(folder)
    if disk.total == 0 or not os.access(folder, os.W_OK):
        return []  # nothing can be written there at all, as opening it will say
    needed, free = bytes_on_disk(run), disk.free
    if needed <= 0.8 * free:
        return []
    return [
        f"results may take {needed / 1e9:.3g} GB (before compression), {free / 1e9:.3g} GB are free for {out}; "
        "output.sites = false keeps no sites"
    ]


def bytes_on_disk(run: RunFile) -> int:
    """What a run keeps, uncompressed: 8 bytes for every number of its variables."""
    protocol, total = PROTOCOLS[run.protocol.kind], 0
    for n, samples in run.ensemble.samples_of.items():
        lengths = {"sample": samples, "replica": run.ensemble.replicas, "site": n}
        lengths |= {"mode": run.output.eigenvalues, "normal_mode": modes_of(n)}
        lengths |= {name: len(coordinate.values) for name, coordinate in protocol.coordinates(run, n).items()}
        total += sum(8 * math.prod(lengths[name] for name in row.dims) for row in kept_variables(run).values())
    return total


def _remedy(run: RunFile, ranks_here: int, ranks_per_sample: int, rows: bool, available: float) -> str:
    """What would make the run fit, the least painful first."""
    single = {"couplings": run.couplings.model_copy(update={"precision": "single"})}
    lean = {"output": run.output.model_copy(update={"response": False, "spectrum": False})}
    for change, words in (
        (single, "couplings.precision = 'single'"),
        (lean, "output.response = false"),
        (single | lean, "couplings.precision = 'single' and output.response = false"),
    ):
        if node_memory(run.model_copy(update=change), ranks_here, ranks_per_sample, rows) <= available:
            return f"; it would fit with {words}"
    return ""


def available_memory() -> float:
    """Bytes this process may still use: the machine's available memory, or a smaller limit of its control group."""
    try:
        text = Path("/proc/meminfo").read_text()
        free = 1024.0 * int(text.split("MemAvailable:")[1].split()[0])
    except (OSError, IndexError, ValueError):
        free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        limit = float(Path("/sys/fs/cgroup/memory.max").read_text())
        used = float(Path("/sys/fs/cgroup/memory.current").read_text())
        free = min(free, limit - used)
    except (OSError, ValueError):  # no control group, or its limit is "max"
        pass
    return free
