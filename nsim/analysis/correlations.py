"""Averages of a run's motion: two-time correlations and relaxation in time, with errors over disorder samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from nsim.campaign.results import collect
from nsim.campaign.run_directory import RunDirectory
from nsim.dynamics import two_time
from nsim.errors import InputError


def average_motion(directory: RunDirectory) -> dict[str, Any]:
    """Groups by size: means over states, then over samples, with the standard error over samples.

    Raises `InputError` if the run is no motion, if a sealed file is damaged, or if nothing is finished yet.
    """
    run = directory.run()
    if run.protocol.kind != "langevin":
        raise InputError(f'{directory.path}: two-time correlations need a run with protocol.kind = "langevin"')
    sealed = directory.finished(run)
    groups = []
    for n in run.ensemble.samples_of:
        tasks = [task for task in sealed.tasks if task.n == n]
        arrays, finished = collect(run, n, directory.results(sealed, tasks, two_time.VARIABLES), two_time.VARIABLES)
        if not finished.any():
            continue
        axes = {name: coordinate.values.tolist() for name, coordinate in two_time.coordinates(run, n).items()}
        groups.append(
            {
                "n": n,
                "samples": int(finished.any(axis=1).sum()),
                "states": int(finished.sum()),
                "temperature": run.recipe.temperature,
                **axes,
                "observables": {name: _mean_and_error(values, finished) for name, values in arrays.items()},
            }
        )
    if not groups:
        raise InputError(f"{directory.path}: nothing is finished yet")
    return {"groups": groups}


def _mean_and_error(values: np.ndarray, finished: np.ndarray) -> dict[str, Any]:
    """Nested lists over the axes behind (sample, replica); None where undefined."""
    per_sample = np.stack([row[done].mean(axis=0) for row, done in zip(values, finished, strict=True) if done.any()])
    mean = per_sample.mean(axis=0)
    count = len(per_sample)
    error = per_sample.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(mean.shape, np.nan)
    return {"mean": _listed(mean), "stderr": _listed(error)}


def _listed(values: np.ndarray) -> list[Any]:
    return np.where(np.isfinite(values), values.astype(object), np.array(None)).tolist()
