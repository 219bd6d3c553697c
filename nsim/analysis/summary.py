"""Averages of a run: mean over disorder samples, with the standard error over samples.

The states of one sample share their couplings and are not independent: they are averaged first, and only the scatter
between samples enters the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nsim.campaign.observables import VARIABLES
from nsim.campaign.protocols import PROTOCOLS, Protocol
from nsim.campaign.results import collect
from nsim.campaign.run_directory import RunDirectory, Sealed
from nsim.campaign.tasks import tasks_of
from nsim.errors import InputError
from nsim.run_file import RunFile
from nsim.variables import STATE, Variable

Arrays = dict[str, np.ndarray]
SAME_ENERGY = 1e-7  # total energies of one minimum differ less [E0]
ROUNDING = 1000 * np.finfo(float).eps  # one minimum found twice: its values differ by less, of themselves
STATE_VARIABLES = {name: variable for name, variable in VARIABLES.items() if variable.dims == STATE}


def summarise(directory: RunDirectory) -> dict[str, Any]:
    """Groups by size and temperature, each with its observables; relaxed states have temperature 0.

    Only finished, converged states are averaged; how many were left out is said. Of a run that is not complete
    ``unfinished`` says how many samples are done, by size. Raises `InputError` if a sealed file
    is damaged (the run must be continued first) or nothing is finished yet.
    """
    run = directory.run()
    sealed = directory.finished(run)
    protocol = PROTOCOLS[run.protocol.kind]
    of_states = STATE_VARIABLES | {name: row for name, row in protocol.variables.items() if row.dims == STATE}
    wanted = of_states | _thermal(protocol)
    groups = []
    for n in run.ensemble.samples_of:
        tasks = [task for task in sealed.tasks if task.n == n]
        arrays, finished = collect(run, n, directory.results(sealed, tasks, wanted), wanted)
        if not finished.any():
            continue
        groups.append(_relaxed_states(n, arrays, finished, of_states))
        if _thermal(protocol):
            temperatures = directory.coordinate(run, n, "temperature")
            groups += _temperatures(n, temperatures, arrays, finished, protocol)
    if not groups:
        raise InputError(f"{directory.path}: nothing is finished yet")
    return {"groups": groups} | ({"unfinished": unfinished} if (unfinished := _unfinished(run, sealed)) else {})


def _unfinished(run: RunFile, sealed: Sealed) -> list[dict[str, int]]:
    """Sizes of which not all samples are done, each with how many are."""
    open_places = {(task.n, task.sample) for task in tasks_of(run) if task not in sealed.tasks}
    found = []
    for n, asked in run.ensemble.samples_of.items():
        missing = sum(place[0] == n for place in open_places)
        if missing:
            found.append({"n": n, "samples_done": asked - missing, "samples_asked": asked})
    return found


def _relaxed_states(n: int, arrays: Arrays, finished: np.ndarray, variables: Mapping[str, Variable]) -> dict[str, Any]:
    """The group of the minima of one size, with what the protocol counts on its way to each."""
    used = finished & (arrays["converged"] == 1)
    rows = {name: _masked(arrays[name], used) for name, row in variables.items() if row.averaged}
    per_sample = {name: _mean(row, axis=1) for name, row in rows.items()}
    lowest = np.where(used, arrays["energy"], np.inf).min(axis=1)
    per_sample["lowest_energy"] = np.where(np.isfinite(lowest), lowest, np.nan)
    with np.errstate(invalid="ignore"):
        # By energy alone; `nsim ground-states` compares the states themselves.
        same = used & (n * (arrays["energy"] - lowest[:, None]) < SAME_ENERGY)
    per_sample["lowest_found"] = _mean(np.where(used, same, np.nan), axis=1)
    return {
        "n": n,
        "samples": int(used.any(axis=1).sum()),
        "states": int(used.sum()),
        "unconverged": int((finished & ~used).sum()),
        "temperature": 0.0,
        "observables": {name: mean_and_error(values) for name, values in per_sample.items()},
    }


def _temperatures(
    n: int, temperatures: np.ndarray, arrays: Arrays, finished: np.ndarray, protocol: Protocol
) -> list[dict[str, Any]]:
    """The groups of what was measured at temperatures above zero, in the order of the protocol."""
    rows = {name: variable for name, variable in _thermal(protocol).items() if variable.averaged}
    per_sample = {
        variable.short or name: _mean(arrays[name], axis=1) if "replica" in variable.dims else arrays[name]
        for name, variable in rows.items()
    }
    groups = []
    for at, temperature in enumerate(temperatures):
        here = {name: values[:, at] for name, values in per_sample.items()}
        observables = {name: mean_and_error(values) for name, values in here.items()}
        observables |= {name: jackknife(ratio, here) for name, ratio in protocol.of_averages.items()}
        group = {
            "n": n,
            "samples": int(finished.any(axis=1).sum()),
            "states": int(finished.sum()),
            "temperature": float(temperature),
            "observables": observables,
        }
        if "equilibrated" in arrays:
            group["unequilibrated"] = int((arrays["equilibrated"][:, at] == 0).sum())
        groups.append(group)
    return groups


def _thermal(protocol: Protocol) -> dict[str, Variable]:
    """The variables of a protocol that the groups by temperature are made of."""
    return {
        name: variable
        for name, variable in protocol.variables.items()
        if variable.dims[-1] == "temperature" and (variable.averaged or name == "equilibrated")
    }


def jackknife(function: Callable[[Arrays], np.ndarray], per_sample: Arrays) -> dict[str, float | None]:
    """A function of averages over samples, with its error from leaving out one sample at a time.

    ``function`` takes the averages by name, as numbers or arrays of equal shape.
    """
    there = np.isfinite(np.array(list(per_sample.values()))).any(axis=0)
    count = int(there.sum())
    sums = {name: values[there].sum() for name, values in per_sample.items()}
    mean = float(function({name: total / count for name, total in sums.items()})) if count else np.nan
    if not np.isfinite(mean) or count < 2:
        return {"mean": mean if np.isfinite(mean) else None, "stderr": None}
    left_out = function({name: (sums[name] - values[there]) / (count - 1) for name, values in per_sample.items()})
    return {"mean": mean, "stderr": float(np.sqrt(count - 1) * np.std(left_out))}


def mean_and_error(samples: np.ndarray) -> dict[str, float | None]:
    """Mean and standard error over independent samples (NaN left out); None where undefined."""
    values = samples[np.isfinite(samples)]
    mean = float(values.mean()) if len(values) else None
    error = float(_spread(values) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": mean, "stderr": error}


def _spread(values: np.ndarray) -> float:
    """Standard deviation of values; those equal up to rounding have none."""
    equal = np.ptp(values) <= ROUNDING * np.abs(values).max()
    return 0.0 if equal else float(values.std(ddof=1))


def _masked(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    return np.where(used, values, np.nan)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean without the NaN; NaN (and no warning) where nothing is left."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
