"""results.h5: everything a run found, as labelled arrays in netCDF4 form (HDF5 with dimension scales).

One group per size (``n64``, ``n128``, ...) with dimensions sample, replica, site, mode and those of the protocol;
every variable carries its unit and meaning, and its dimensions by name, from which alone it is read again.
`xarray.open_datatree(path)` gives labelled arrays, plain h5py reads it too. Root attributes hold the provenance.
States that are not there yet have ``finished`` = 0 and are filled with NaN (0 for integers).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.result_parts import Result
from nsim.campaign.seal import write_sealed
from nsim.campaign.tasks import Task, kept_variables, task_width
from nsim.run_file import RunFile
from nsim.sample.normal_modes import modes_of
from nsim.variables import STATE, Coordinate, Variable

FORMAT_VERSION = 3  # since 2 protocols bring their own variables and dimensions, since 3 samples their origin
READABLE = (1, 2, 3)
FINISHED = Variable(STATE, "1", "1: this state is finished; 0: not computed yet, its values are fill values", "i1")
ORIGIN = {
    "origin_seed": Variable(("sample",), "1", "seed of the run that drew the sample", "i8"),
    "origin_sample": Variable(("sample",), "1", "number of the sample in that run", "i8"),
}
NO_RESULT = ("sample", "finished", *ORIGIN)  # arrays by sample that no task has computed
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


def write_one_size(
    path: Path, run: RunFile, n: int, attributes: dict[str, Any], tasks: Iterable[Task], read: Read, sites: bool
) -> None:
    """Write the results of one size as a netCDF file of its own, without groups and seal, with or without its sites."""
    with h5netcdf.File(path, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value
        _write_size(file, run, n, {task for task in tasks if task.n == n}, read, sites)


def _write_size(group: Any, run: RunFile, n: int, done: set[Task], read: Read, sites: bool = True) -> None:
    samples, replicas, width = run.ensemble.samples_of[n], run.ensemble.replicas, task_width(run)
    coordinates = {
        "sample": Coordinate(np.arange(samples), "1", "number of the sample"),
        "replica": Coordinate(np.arange(replicas), "1", "number of the replica"),
        **PROTOCOLS[run.protocol.kind].coordinates(run, n),
    }
    own = {name: len(coordinate.values) for name, coordinate in coordinates.items()}
    sizes = own | {"site": n, "mode": run.output.eigenvalues}
    if run.output.spectrum:
        sizes["normal_mode"] = modes_of(n)
    group.dimensions = sizes
    group.attrs["n"] = n
    group.attrs["batch"] = width  # replicas of a task
    kept = kept_variables(run) | {"finished": FINISHED}
    if not sites:
        kept = {name: variable for name, variable in kept.items() if "site" not in variable.dims}
    together = max(1, CHUNK_BYTES // (8 * n * min(width, replicas)))  # samples in a chunk
    chunks = sizes | {"sample": min(together, samples), "replica": min(width, replicas)}
    for name, coordinate in coordinates.items():
        dtype = "f8" if coordinate.values.dtype.kind == "f" else "i8"
        _create(group, name, Variable((name,), coordinate.unit, coordinate.meaning, dtype), chunks)[...] = (
            coordinate.values
        )
    for (name, variable), values in zip(ORIGIN.items(), np.array(run.origins(n)).T, strict=True):
        _create(group, name, variable, chunks)[...] = values
    targets = {name: _create(group, name, variable, chunks) for name, variable in kept.items()}
    sample_bytes = sum(8 * math.prod(sizes[dim] for dim in variable.dims[1:]) for variable in kept.values())
    block = together * max(1, BLOCK_BYTES // (sample_bytes * together))
    for begin in range(0, samples, block):
        end = min(begin + block, samples)
        arrays = {name: _unfilled(variable, sizes | {"sample": end - begin}) for name, variable in kept.items()}
        for task, result in read(sorted(task for task in done if begin <= task.sample < end)):
            for name in kept:
                data = np.int8(1) if name == "finished" else result[name]
                arrays[name][task.sample - begin, _place(task, kept[name].dims)] = data
        for name, data in arrays.items():
            targets[name][begin:end] = data


def _place(task: Task, dims: tuple[str, ...]) -> Any:
    """Where in a sample's part of an array a task's replicas lie."""
    return slice(task.first, task.first + task.width) if "replica" in dims else ...


def _unfilled(variable: Variable, sizes: Mapping[str, int]) -> np.ndarray:
    return np.full([sizes[dim] for dim in variable.dims], variable.fill, variable.dtype)


def _create(group: Any, name: str, variable: Variable, chunks: Mapping[str, int]) -> Any:
    """A variable of a group; those with more than one number per state are compressed, in the given chunks."""
    options: dict[str, Any] = {}
    if variable.dims[-1] not in (*STATE, "mode", name):
        options = {"chunks": tuple(chunks[dim] for dim in variable.dims), **COMPRESSION}
    fill = variable.fill if variable.dtype == "f8" else None
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


def read_coordinate(path: Path, n: int, name: str) -> np.ndarray:
    """The points of a dimension of one size."""
    with h5py.File(path, "r", locking=False) as file:
        return file[f"n{n}"][name][()]


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
            dims = {name: _dims(dataset) for name, dataset in group.items()}
            # One read for all: the caller asks for as many samples as it can hold.
            arrays = {
                name: group[name][begin:end]
                for name in group
                if dims[name][0] == "sample" and name not in NO_RESULT and (names is None or name in names)
            }
            for task in tasks:
                yield (
                    task,
                    {name: data[task.sample - begin, _place(task, dims[name])] for name, data in arrays.items()},
                )


def _dims(dataset: Any) -> tuple[str, ...]:
    """Names of the dimensions of an array; a dimension's own array has its own name."""
    if dataset.is_scale:
        return (dataset.name.rsplit("/", 1)[-1],)
    return tuple(dim[0].name.rsplit("/", 1)[-1] for dim in dataset.dims)


def collect(
    run: RunFile, n: int, results: Iterable[tuple[Task, Result]], wanted: Mapping[str, Variable]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Arrays of one size put together from the results of its tasks.

    Parameters
    ----------
    run, n
        The run and the size.
    results
        Finished tasks of this size.
    wanted
        The variables, by name.

    Returns
    -------
    arrays
        By name, shaped as declared, of floats with NaN where missing.
    finished
        Mask of the finished states, shape (samples, replicas).
    """
    sizes = {"sample": run.ensemble.samples_of[n], "replica": run.ensemble.replicas}
    arrays: dict[str, np.ndarray] = {}
    finished = np.zeros((sizes["sample"], sizes["replica"]), dtype=bool)
    for task, result in results:
        finished[task.sample, _place(task, STATE)] = True
        for name, variable in wanted.items():
            if name not in arrays:
                common = [sizes[dim] for dim in variable.dims if dim in sizes]
                own = np.shape(result[name])[len(common) - 1 :]
                arrays[name] = np.full((*common, *own), np.nan)
            arrays[name][task.sample, _place(task, variable.dims)] = result[name]
    return arrays, finished
