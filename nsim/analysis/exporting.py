"""A run for people without this package: plain netCDF files, or tables as CSV.

    OUT/n64.nc              all arrays of one size, without groups: netCDF-4, which is HDF5
    OUT/states.csv          one row per relaxed state
    OUT/by_temperature.csv  one row per ladder or sample and temperature; likewise for other dimensions of a protocol
    OUT/summary.csv         means over samples with their errors, as of `nsim summary`

Every row says which sample it belongs to by size, seed and number. What is undefined is an empty cell.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nsim.analysis.summary import summarise
from nsim.campaign.provenance import provenance
from nsim.campaign.results import collect, write_one_size
from nsim.campaign.run_directory import RunDirectory, Sealed
from nsim.campaign.seal import TEMPORARY
from nsim.campaign.tasks import kept_variables
from nsim.run_file import RunFile
from nsim.sample.normal_modes import modes_of
from nsim.variables import Variable

KEYS = ["n", "seed", "sample", "replica"]
SITES = ("site",)


def export_netcdf(directory: RunDirectory, out: Path, sites: bool = True) -> list[Path]:
    """Write one netCDF file per size into folder ``out``; returns their paths.

    ``sites``: with the arrays of every site, which are nearly all of the data. Raises `InputError` if nothing is
    finished, or a sealed file is damaged.
    """
    run = directory.run()
    sealed = directory.finished(run)
    attributes = provenance(1) | {"run_file": json.dumps(run.resolved(), indent=1)}
    written = []
    for n in run.ensemble.samples_of:
        path = out / f"n{n}.nc"
        with _replacing(path) as temporary:
            kept = sites and run.output.sites
            write_one_size(
                temporary, run, n, attributes, sealed.tasks, lambda tasks: directory.results(sealed, tasks), kept
            )
        written.append(path)
    return written


def export_csv(directory: RunDirectory, out: Path, sites: bool = False) -> list[Path]:
    """Write the tables into folder ``out``; returns their paths. Else as `export_netcdf`."""
    run = directory.run()
    sealed = directory.finished(run)
    tables: dict[tuple[str, ...], dict[str, Variable]] = {}
    for name, variable in kept_variables(run).items():
        beyond = tuple(dim for dim in variable.dims if dim not in ("sample", "replica"))
        if beyond != SITES or sites:
            tables.setdefault(beyond, {})[name] = variable
    written = []
    for beyond, variables in tables.items():
        path = out / (f"by_{'_'.join(beyond)}.csv" if beyond else "states.csv")
        _write_rows(path, [*KEYS, *beyond, *variables], _rows(directory, run, sealed, beyond, variables))
        written.append(path)
    path = out / "summary.csv"
    names = ["n", "temperature", "samples", "states", "observable", "mean", "stderr"]
    _write_rows(path, names, _summary_rows(directory))
    return [*written, path]


def _rows(
    directory: RunDirectory, run: RunFile, sealed: Sealed, beyond: tuple[str, ...], variables: Mapping[str, Variable]
) -> Iterator[list[Any]]:
    """Rows of one table. Variables without replicas have the same value in the rows of all of them."""
    by_replica = any("replica" in variable.dims for variable in variables.values())
    for n in run.ensemble.samples_of:
        tasks = [task for task in sealed.tasks if task.n == n]
        arrays, finished = collect(run, n, directory.results(sealed, tasks, variables), variables)
        points = [_points(directory, run, n, dim) for dim in beyond]
        for sample, (seed, number) in enumerate(run.origins(n)):
            replicas: Iterable[int] = np.flatnonzero(finished[sample])
            for replica in replicas if by_replica else [-1] * bool(finished[sample].any()):
                for at in itertools.product(*(range(len(values)) for values in points)):
                    values = [
                        arrays[name][(sample, replica, *at) if "replica" in variable.dims else (sample, *at)]
                        for name, variable in variables.items()
                    ]
                    where = [values_of[i] for values_of, i in zip(points, at, strict=True)]
                    yield [n, seed, number, replica if by_replica else "", *where, *values]


def _points(directory: RunDirectory, run: RunFile, n: int, dim: str) -> np.ndarray:
    """The points of a dimension, numbers where it has no coordinate."""
    lengths = {"site": n, "mode": run.output.eigenvalues, "normal_mode": modes_of(n)}
    if dim in lengths:
        return np.arange(lengths[dim])
    return directory.coordinate(run, n, dim)


def _summary_rows(directory: RunDirectory) -> Iterator[list[Any]]:
    for group in summarise(directory)["groups"]:
        where = [group[name] for name in ("n", "temperature", "samples", "states")]
        for name, value in group["observables"].items():
            yield [*where, name, value["mean"], value["stderr"]]


def _write_rows(path: Path, names: list[str], rows: Iterable[list[Any]]) -> None:
    with _replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    """Numbers so that they come back bit for bit; whole ones without a point."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float | np.floating):
        value = float(value)
        return "" if value != value else int(value) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return int(value)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of ``path`` if all goes well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
