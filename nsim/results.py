"""results.h5: everything a run found, as labelled arrays in netCDF4 form (HDF5 with dimension scales).

One group per size (``n64``, ``n128``, ...) with dimensions sample, replica, site, mode; every variable carries its
unit and meaning. `xarray.open_datatree(path)` gives labelled arrays, plain h5py reads it too. Root attributes hold
the provenance. States that are not there yet have ``finished`` = 0 and are filled with NaN (0 for integers).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from nsim.observables import VARIABLES, Variable, variables
from nsim.result_parts import Result
from nsim.run_file import RunFile
from nsim.seal import write_sealed
from nsim.tasks import Task, tasks_of

FORMAT_VERSION = 1
COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def write_results(
    path: Path, run: RunFile, attributes: dict[str, Any], results: dict[int, Iterable[tuple[Task, Result]]]
) -> None:
    """Write and seal a result file.

    Parameters
    ----------
    path
        Where to; replaced in one step, or not at all.
    run
        The run: sizes, samples, replicas and the variables kept follow from it.
    attributes
        Provenance, written as root attributes.
    results
        For each size, the results of its tasks, one after another: sites are streamed to the file, so memory holds
        the scalar observables of one size and the sites of one part.
    """

    def write(temporary: Path) -> None:
        with h5netcdf.File(temporary, "w") as file:
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["run_file"] = json.dumps(run.resolved(), indent=1)
            for name, value in attributes.items():
                file.attrs[name] = value
            for n, samples in run.ensemble.samples_of.items():
                _write_size(file.create_group(f"n{n}"), run, n, samples, results.get(n, ()))

    write_sealed(path, write)


def _write_size(group: Any, run: RunFile, n: int, samples: int, results: Iterable[tuple[Task, Result]]) -> None:
    replicas, batch = run.ensemble.replicas, run.ensemble.batch
    sizes = {"sample": samples, "replica": replicas, "site": n, "mode": run.output.eigenvalues}
    group.dimensions = sizes
    group.attrs["n"] = n
    group.attrs["batch"] = batch
    for name in ("sample", "replica"):
        _create(group, name, Variable((name,), "1", f"number of the {name}", "i8"), sizes)[:] = np.arange(sizes[name])
    finished = np.zeros((samples, replicas), np.int8)
    whole: dict[str, np.ndarray] = {}  # without sites: collected, written once
    streamed: dict[str, Any] = {}
    for name, variable in variables(run.output.sites).items():
        target = _create(group, name, variable, sizes, batch)
        if "site" in variable.dims:
            streamed[name] = target
        else:
            shape = tuple(sizes[dim] for dim in variable.dims)
            whole[name] = np.full(shape, np.nan if variable.dtype == "f8" else 0, variable.dtype)
    for task, result in results:
        columns = slice(task.first, task.first + task.width)
        finished[task.sample, columns] = 1
        for name, data in result.items():
            if name in whole:
                whole[name][task.sample, columns] = data
            elif "replica" in VARIABLES[name].dims:
                streamed[name][task.sample, columns] = data
            else:
                streamed[name][task.sample] = data
    for name, data in whole.items():
        group[name][...] = data
    meaning = "1: this state is finished; 0: not computed yet, its values are fill values"
    _create(group, "finished", Variable(("sample", "replica"), "1", meaning, "i1"), sizes)[...] = finished


def _create(group: Any, name: str, variable: Variable, sizes: dict[str, int], batch: int = 1) -> Any:
    shape = [sizes[dim] for dim in variable.dims]
    options: dict[str, Any] = {}
    if "site" in variable.dims:
        # A chunk is what one task writes at once.
        chunks = [
            1,
            *(min(batch, sizes[dim]) if dim == "replica" else sizes[dim] for dim in variable.dims[1:]),
        ]
        options = {"chunks": tuple(chunks), **COMPRESSION}
    fill = np.nan if variable.dtype == "f8" else None
    target = group.create_variable(name, variable.dims, variable.dtype, fillvalue=fill, **options)
    target.attrs["units"] = variable.unit
    target.attrs["long_name"] = variable.meaning
    assert target.shape == tuple(shape)
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


def read_results(path: Path, wanted: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
    """The results of the wanted tasks a result file holds."""
    with h5py.File(path, "r", locking=False) as file:
        for task in sorted(wanted):
            group = file[f"n{task.n}"]
            columns = slice(task.first, task.first + task.width)
            result = {}
            for name in VARIABLES.keys() & group.keys():
                has_replicas = "replica" in VARIABLES[name].dims
                result[name] = group[name][task.sample, columns] if has_replicas else group[name][task.sample]
            yield task, result


def state_arrays(
    run: RunFile, n: int, results: Iterable[tuple[Task, Result]]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scalar observables of one size, (samples, replicas) with NaN where missing, and the mask of finished states."""
    shape = (run.ensemble.samples_of[n], run.ensemble.replicas)
    names = [name for name, variable in VARIABLES.items() if variable.dims == ("sample", "replica")]
    arrays = {name: np.full(shape, np.nan) for name in names}
    finished = np.zeros(shape, dtype=bool)
    for task, result in results:
        columns = slice(task.first, task.first + task.width)
        finished[task.sample, columns] = True
        for name in names:
            arrays[name][task.sample, columns] = result[name]
    return arrays, finished


def all_tasks(run: RunFile, n: int) -> list[Task]:
    """The tasks of one size."""
    return [task for task in tasks_of(run) if task.n == n]
