"""Averages of a run: mean over disorder samples, with the standard error over samples.

The states of one sample share their couplings and are not independent: they are averaged first, and only the scatter
between samples enters the error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nsim.errors import InputError
from nsim.observables import VARIABLES
from nsim.protocols import PROTOCOLS
from nsim.results import collect
from nsim.run_directory import RunDirectory
from nsim.run_file import RunFile
from nsim.variables import STATE, Variable

Arrays = dict[str, np.ndarray]
STATE_VARIABLES = {name: variable for name, variable in VARIABLES.items() if variable.dims == STATE}


def summarise(directory: RunDirectory) -> dict[str, Any]:
    """Groups by size and temperature, each with its observables; relaxed states have temperature 0.

    Only finished, converged states are averaged; how many were left out is said. Raises `InputError` if a sealed file
    is damaged (the run must be continued first) or nothing is finished yet.
    """
    run = directory.run()
    sealed = directory.sealed(run)
    if sealed.damaged:
        raise InputError("\n".join(f"{message}; `nsim run` computes its tasks again" for message in sealed.damaged))
    thermal = {
        name: variable
        for name, variable in PROTOCOLS[run.protocol.kind].variables.items()
        if variable.averaged and variable.dims[-1] == "temperature"
    }
    wanted = STATE_VARIABLES | thermal
    groups = []
    for n in run.ensemble.samples_of:
        tasks = [task for task in sealed.tasks if task.n == n]
        arrays, finished = collect(run, n, directory.results(sealed, tasks, wanted), wanted)
        if finished.any():
            groups.append(_relaxed_states(n, arrays, finished))
            groups += _temperatures(run, n, arrays, finished, thermal) if thermal else []
    if not groups:
        raise InputError(f"{directory.path}: nothing is finished yet")
    return {"groups": groups}


def _relaxed_states(n: int, arrays: Arrays, finished: np.ndarray) -> dict[str, Any]:
    """The group of the minima of one size."""
    used = finished & (arrays["converged"] == 1)
    rows = {name: _masked(arrays[name], used) for name, row in STATE_VARIABLES.items() if row.averaged}
    per_sample = {name: _mean(row, axis=1) for name, row in rows.items()}
    lowest = np.where(used, arrays["energy"], np.inf).min(axis=1)
    per_sample["lowest_energy"] = np.where(np.isfinite(lowest), lowest, np.nan)
    return {
        "n": n,
        "samples": int(used.any(axis=1).sum()),
        "states": int(used.sum()),
        "unconverged": int((finished & ~used).sum()),
        "temperature": 0.0,
        "observables": {name: mean_and_error(values) for name, values in per_sample.items()},
    }


def _temperatures(
    run: RunFile, n: int, arrays: Arrays, finished: np.ndarray, thermal: dict[str, Variable]
) -> list[dict[str, Any]]:
    """The groups of what was measured at temperatures above zero, hottest first or as the protocol has them."""
    coordinate = PROTOCOLS[run.protocol.kind].coordinates(run, n)["temperature"]
    per_sample = {
        variable.short or name: _mean(arrays[name], axis=1) if "replica" in variable.dims else arrays[name]
        for name, variable in thermal.items()
    }
    return [
        {
            "n": n,
            "samples": int(finished.any(axis=1).sum()),
            "states": int(finished.sum()),
            "temperature": float(temperature),
            "observables": {name: mean_and_error(values[:, at]) for name, values in per_sample.items()},
        }
        for at, temperature in enumerate(coordinate.values)
    ]


def mean_and_error(samples: np.ndarray) -> dict[str, float | None]:
    """Mean and standard error over independent samples (NaN left out); None where undefined."""
    values = samples[np.isfinite(samples)]
    mean = float(values.mean()) if len(values) else None
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": mean, "stderr": error}


def _masked(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    return np.where(used, values, np.nan)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean without the NaN; NaN (and no warning) where nothing is left."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
