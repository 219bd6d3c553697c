"""results.h5: everything a run found, as labelled arrays in netCDF4 form (HDF5 with dimension scales).

One group per size (``n64``, ``n128``, ...) with dimensions sample, replica, site, mode; every variable carries its
unit and meaning. `xarray.open_datatree(path)` gives labelled arrays, plain h5py reads it too. Root attributes hold
the provenance. States that are not there yet have ``finished`` = 0 and are filled with NaN (0 for integers).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from nsim.observables import STATE, VARIABLES, Variable, variables
from nsim.result_parts import Result
from nsim.run_file import RunFile
from nsim.seal import write_sealed
from nsim.tasks import Task

FORMAT_VERSION = 1
FINISHED = Variable(STATE, "1", "1: this state is finished; 0: not computed yet, its values are fill values", "i1")
COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


BLOCK_BYTES = 2**26  # of results in memory at once while a file is written
CHUNK_BYTES = 2**18  # small samples share a chunk: one compressed piece each would cost more than its data

Read = Callable[[list[Task]], Iterable[tuple[Task, Result]]]


def write_results(path: Path, run: RunFile, attributes: dict[str, Any], tasks: Iterable[Task], read: Read) -> None:
    """Write and seal a result file.

    Parameters
    ----------
    path
        Where to; replaced in one step, or not at all.
    run
        The run: sizes, samples, replicas and the variables kept follow from it.
    attributes
        Provenance, written as root attributes.
    tasks, read
        The finished tasks, and how to get the results of some of them. Samples are read and written in blocks, so
        that memory does not grow with the run.
    """
    done = set(tasks)

    def write(temporary: Path) -> None:
        with h5netcdf.File(temporary, "w") as file:
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["run_file"] = json.dumps(run.resolved(), indent=1)
            for name, value in attributes.items():
                file.attrs[name] = value
            for n in run.ensemble.samples_of:
                _write_size(file.create_group(f"n{n}"), run, n, {task for task in done if task.n == n}, read)

    write_sealed(path, write)


def _write_size(group: Any, run: RunFile, n: int, done: set[Task], read: Read) -> None:
    samples, replicas, batch = run.ensemble.samples_of[n], run.ensemble.replicas, run.ensemble.batch
    sizes = {"sample": samples, "replica": replicas, "site": n, "mode": run.output.eigenvalues}
    group.dimensions = sizes
    group.attrs["n"] = n
    group.attrs["batch"] = batch
    for name in ("sample", "replica"):
        coordinate = Variable((name,), "1", f"number of the {name}", "i8")
        group_variable = _create(group, name, coordinate, sizes, 1, batch)
        group_variable[...] = np.arange(sizes[name])
    kept = variables(run.output.sites) | {"finished": FINISHED}
    together = max(1, CHUNK_BYTES // (8 * n * min(batch, replicas)))  # samples in a chunk
    targets = {name: _create(group, name, variable, sizes, together, batch) for name, variable in kept.items()}
    block = together * max(1, BLOCK_BYTES // (8 * 10 * n * replicas * together))
    for begin in range(0, samples, block):
        end = min(begin + block, samples)
        arrays = {name: _unfilled(variable, sizes | {"sample": end - begin}) for name, variable in kept.items()}
        for task, result in read(sorted(task for task in done if begin <= task.sample < end)):
            columns = slice(task.first, task.first + task.width)
            for name, data in (result | {"finished": 1}).items():
                own = arrays[name][task.sample - begin]
                own[columns if "replica" in kept[name].dims else ...] = data
        for name, data in arrays.items():
            targets[name][begin:end] = data


def _unfilled(variable: Variable, sizes: dict[str, int]) -> np.ndarray:
    return np.full([sizes[dim] for dim in variable.dims], np.nan if variable.dtype == "f8" else 0, variable.dtype)


def _create(group: Any, name: str, variable: Variable, sizes: dict[str, int], together: int, batch: int) -> Any:
    options: dict[str, Any] = {}
    if "site" in variable.dims:
        limits = {"sample": together, "replica": batch, "site": sizes["site"]}
        options = {"chunks": tuple(min(limits[dim], sizes[dim]) for dim in variable.dims), **COMPRESSION}
    fill = np.nan if variable.dtype == "f8" else None
    target = group.create_variable(name, variable.dims, variable.dtype, fillvalue=fill, **options)
    target.attrs["units"] = variable.unit
    target.attrs["long_name"] = variable.meaning
    return target


def tasks_in_results(path: Path) -> list[Task]:
    """The tasks a result file holds complete."""
    found = []
    with h5py.File(path, "r", locking=False) as file:
        for group in file.values():
            n, batch = (int(np.ravel(group.attrs[name])[0]) for name in ("n", "batch"))
            finished = group["finished"][()].astype(bool)
            samples, replicas = finished.shape
            for first in range(0, replicas, batch):
                width = min(batch, replicas - first)
                done = finished[:, first : first + width].all(axis=1)
                found += [Task(n, sample, first, width) for sample in range(samples) if done[sample]]
    return found


def read_results(
    path: Path, wanted: Iterable[Task], names: Collection[str] | None = None
) -> Iterator[tuple[Task, Result]]:
    """The results (all variables, or those named) of the wanted tasks a result file holds."""
    by_size: dict[int, list[Task]] = {}
    for task in sorted(wanted):
        by_size.setdefault(task.n, []).append(task)
    with h5py.File(path, "r", locking=False) as file:
        for n, tasks in by_size.items():
            group = file[f"n{n}"]
            begin, end = tasks[0].sample, tasks[-1].sample + 1
            # One read for all: the caller asks for as many samples as it can hold.
            arrays = {
                name: group[name][begin:end] for name in VARIABLES if name in group and (names is None or name in names)
            }
            for task in tasks:
                columns = slice(task.first, task.first + task.width)
                yield (
                    task,
                    {
                        name: data[task.sample - begin][columns if "replica" in VARIABLES[name].dims else ...]
                        for name, data in arrays.items()
                    },
                )


STATE_ARRAYS = [name for name, variable in VARIABLES.items() if variable.dims == ("sample", "replica")]


def state_arrays(
    run: RunFile, n: int, results: Iterable[tuple[Task, Result]]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scalar observables of one size, (samples, replicas) with NaN where missing, and the mask of finished states."""
    shape = (run.ensemble.samples_of[n], run.ensemble.replicas)
    arrays = {name: np.full(shape, np.nan) for name in STATE_ARRAYS}
    finished = np.zeros(shape, dtype=bool)
    for task, result in results:
        columns = slice(task.first, task.first + task.width)
        finished[task.sample, columns] = True
        for name in STATE_ARRAYS:
            arrays[name][task.sample, columns] = result[name]
    return arrays, finished
