"""Parts: what one rank finished in a few seconds, sealed as one small file until the run's results are merged.

Results of equal shape are stacked, so that a part with hundreds of tasks holds a handful of arrays. The HDF5 image
is made in memory and written as plain bytes: on a full disk that is an ordinary error, and nothing is lost but the
part itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np

from nsim.campaign.seal import write_sealed
from nsim.campaign.tasks import Task

Result = dict[str, np.ndarray]
RUN_ID = "run_id"  # attribute of parts and results: whose they are


def write_part(path: Path, results: dict[Task, Result], run_id: str = "") -> None:
    """Seal finished tasks as one file, marked with the run directory they belong to."""
    groups: dict[tuple[int, int], list[Task]] = {}
    for task in results:
        groups.setdefault((task.n, task.width), []).append(task)
    with h5py.File.in_memory() as file:
        file.attrs[RUN_ID] = run_id
        for (n, width), tasks in groups.items():
            group = file.create_group(f"n{n}_width{width}")
            group["task"] = np.array(tasks, dtype=np.int64)
            for name in results[tasks[0]]:
                group[name] = np.stack([results[task][name] for task in tasks])
        file.flush()
        image = file.id.get_file_image()

    def write(temporary: Path) -> None:
        temporary.write_bytes(image)

    write_sealed(path, write)


def run_id_of(path: Path) -> str:
    """Id of the run a part or a result file belongs to; empty in files that do not say so."""
    with h5py.File(path, "r", locking=False) as file:
        return str(file.attrs.get(RUN_ID, ""))


def tasks_in_part(path: Path) -> list[Task]:
    """The tasks a part holds."""
    with h5py.File(path, "r", locking=False) as file:
        return [Task(*map(int, row)) for group in file.values() for row in group["task"]]


def read_part(
    path: Path, wanted: Iterable[Task], names: Collection[str] | None = None
) -> Iterator[tuple[Task, Result]]:
    """The results (all variables, or those named) of the wanted tasks a part holds."""
    wanted = set(wanted)
    with h5py.File(path, "r", locking=False) as file:
        for group in file.values():
            rows = [(i, Task(*map(int, row))) for i, row in enumerate(group["task"])]
            if not wanted.intersection(task for _, task in rows):
                continue
            stacked = {
                name: data[()] for name, data in group.items() if name != "task" and (names is None or name in names)
            }
            for i, task in rows:
                if task in wanted:
                    yield task, {name: data[i] for name, data in stacked.items()}
