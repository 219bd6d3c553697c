"""How far a run is, from what lies in its directory: sealed results, signs of life, checkpoints. Reads only."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from nsim.campaign.heartbeat import Heartbeat
from nsim.campaign.run_directory import RunDirectory, Sealed
from nsim.campaign.tasks import kept_variables, tasks_of
from nsim.run_file import RunFile

PATIENCE = 3.0  # signs of life that may be missed ...
GRACE = 10.0  # ... and seconds beyond, before a rank counts as silent
RATES = ("acceptance", "swap_rate")
FOLDERS = ("parts", "checkpoints", "landscape")


def status_of(directory: RunDirectory) -> dict[str, Any]:
    """Everything `nsim status` says. Only sealed results count as done; safe at any time.

    ``share``, ``rate`` (tasks per second), ``seconds_left`` and ``ranks`` are those of the job that is running (of all
    that are), and None (0 for ranks) if there is none. ``silent`` lists ranks that have not shown a sign of life for
    long: they may be in a long step without boundary, such as the relaxation of a large system, or in trouble.
    """
    run = directory.run()
    sealed = directory.sealed(run)
    tasks = tasks_of(run)
    failures = directory.failures()
    return {
        "tasks": len(tasks),
        "done": len(sealed.tasks),
        "failed": len(failures),
        "complete": len(sealed.tasks) == len(tasks),
        "states": sum(task.width for task in tasks),
        "states_done": sum(task.width for task in sealed.tasks),
        "states_unconverged": _unconverged(directory, sealed),
        "sizes": [
            {"n": n, "tasks": sum(task.n == n for task in tasks), "done": sum(task.n == n for task in sealed.tasks)}
            for n in run.ensemble.samples_of
        ],
        "damaged": sealed.damaged,
        "failures": failures,
        "rates": _rates(directory, run, sealed),
        "checkpoints": sum(
            len(list(folder.checkpoints_path.glob("n*.npz"))) for folder in (directory, *directory.shares())
        ),
        "explored": _explored(directory, run),
        "disk": _disk(directory),
        **_jobs(directory),
    }


def _jobs(directory: RunDirectory) -> dict[str, Any]:
    """What the running jobs say of themselves: one, or several that each take a share."""
    words = [Heartbeat.read_all(folder.progress_path) for folder in (directory, *directory.shares())]
    jobs = [job for of_folder in words if (job := _job(of_folder))]
    left = [job["seconds_left"] for job in jobs if job["seconds_left"] is not None]
    return {
        "running": bool(jobs) or bool(directory.in_use()),
        "ranks": sum(job["ranks"] for job in jobs),
        "share": sum(job["share"] for job in jobs) / len(jobs) if jobs else None,
        "rate": sum(job["rate"] for job in jobs) if jobs else None,
        "seconds_left": max(left) if left else None,
        "silent": [rank for job in jobs for rank in job["silent"]],
        "in_progress": [rank for job in jobs for rank in job["in_progress"]],
    }


def _job(words: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What the ranks of one job say; None if they are all gone."""
    now = time.time()
    silent = [word for word in words if now - word["time"] > PATIENCE * word["every"] + GRACE]
    if len(silent) == len(words):
        return None
    elapsed = max(now - min(word["began"] for word in words), 1e-3)
    share, given = (sum(word[key] for word in words) for key in ("share", "given"))
    gained = share - given
    return {
        "ranks": words[0]["ranks"],
        "share": min(share, 1.0),
        "rate": sum(word["tasks"] for word in words) / elapsed,
        "seconds_left": max(0.0, elapsed * (1 - share) / gained) if gained > 0 else None,
        "silent": [
            {name: word[name] for name in ("rank", "host", "task")} | {"seconds": now - word["time"]} for word in silent
        ],
        "in_progress": [
            {name: word[name] for name in ("rank", "task")} | {"seconds": now - word["task_began"], **word["report"]}
            for word in words
            if word["task"]
        ],
    }


def _unconverged(directory: RunDirectory, sealed: Sealed) -> int:
    """States that are done but did not converge."""
    results = directory.results(sealed, sealed.tasks, ("converged",))
    return sum(int((result["converged"] != 1).sum()) for _, result in results)


def _rates(directory: RunDirectory, run: RunFile, sealed: Sealed) -> list[dict[str, float | int]]:
    """For each size the mean acceptance of moves and the lowest of the mean swap rates, of finished samples."""
    names = [name for name in RATES if name in kept_variables(run)]
    found = []
    for n in run.ensemble.samples_of if names else ():
        results = [
            result for _, result in directory.results(sealed, [task for task in sealed.tasks if task.n == n], names)
        ]
        if not results:
            continue
        rates = {name: np.mean([result[name] for result in results], axis=0) for name in names}
        rates = {name: values[np.isfinite(values)] for name, values in rates.items()}
        lowest = {name: float(values.min()) for name, values in rates.items() if len(values)}
        found.append({"n": n, **lowest})
    return found


def _explored(directory: RunDirectory, run: RunFile) -> dict[str, int] | None:
    """Samples around whose states double wells have been searched; None if nobody asks for it."""
    done = len(list((directory.path / "landscape").glob("n*-sample*.h5")))
    if run.double_wells is None and not done:
        return None
    return {"samples": sum(run.ensemble.samples_of.values()), "done": done}


def _disk(directory: RunDirectory) -> dict[str, int]:
    """Bytes by what they are for, and those that are free."""
    found = {"results": sum(_size(path) for path in directory.path.glob("*.h5"))}
    roots = [directory.path, *(share.path for share in directory.shares())]
    found |= {name: sum(_size(path) for root in roots for path in (root / name).glob("*")) for name in FOLDERS}
    return found | {"free": shutil.disk_usage(directory.path).free}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # renamed or removed while we looked
