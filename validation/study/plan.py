"""Where a study stands and what is left of it: tasks sealed and missing, and the time these will take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsim.campaign.estimate import estimate
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.tasks import Task, cost, tasks_of
from nsim.errors import InputError
from validation.claims.controlled_sizes import seconds_left
from validation.study.study_file import PlannedRun, Study


@dataclass(frozen=True)
class Standing:
    """How far one run is.

    Attributes
    ----------
    planned : PlannedRun
    directory : Path
        Its run directory.
    tasks, done : int
        All tasks, and those whose results are sealed.
    left : float
        Share of the work that is left, by the cost of the tasks.
    merged : bool
        Whether results.h5 holds every task: nothing is left to do.
    core_seconds, bytes_per_rank : float or None
        What the missing tasks will take; None where it was not asked for.
    """

    planned: PlannedRun
    directory: Path
    tasks: int
    done: int
    left: float
    merged: bool
    core_seconds: float | None = None
    bytes_per_rank: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        ensemble = self.planned.run.ensemble
        return {
            "run": self.planned.name,
            "directory": str(self.directory),
            "samples": {str(n): samples for n, samples in ensemble.samples_of.items()},
            "replicas": ensemble.replicas,
            "protocol": self.planned.run.protocol.kind,
            "tasks": self.tasks,
            "done": self.done,
            "complete": self.merged,
            "core_seconds_left": self.core_seconds,
            "bytes_per_rank": self.bytes_per_rank,
        }


def run_directory(out: Path, planned: PlannedRun) -> Path:
    """Where a run of a study keeps its results."""
    return out / "runs" / planned.name


def controls_folder(out: Path) -> Path:
    """Where a study keeps its control variates."""
    return out / "controls"


def standing(study: Study, out: Path, with_cost: bool = False) -> list[Standing]:
    """How far every run of a study is; with ``with_cost`` pilot tasks are timed for what is missing."""
    return [_standing(planned, run_directory(out, planned), with_cost) for planned in study.runs]


def seconds_of_controls(study: Study, out: Path) -> float:
    """Core seconds that the control variates of all claims will take, but for those that an earlier report has left."""
    return sum(
        seconds_left(planned.run, claim, controls_folder(out))
        for claim in study.claims
        for planned in study.runs
        if planned.block in claim.runs
    )


def _standing(planned: PlannedRun, directory: Path, with_cost: bool) -> Standing:
    run = planned.run
    tasks = tasks_of(run)
    planned_tasks = set(tasks)
    done: set[Task] = set()
    merged = False
    if (directory / "run.json").exists():
        opened = RunDirectory(directory)
        _refuse_another_run(opened, planned)
        sealed = opened.sealed(run)
        done = planned_tasks & set(sealed.tasks)
        merged = len(done) == len(tasks) and all(sealed.tasks[task] == opened.results_path for task in done)
    whole = sum(cost(run, task) for task in tasks)
    left = sum(cost(run, task) for task in tasks if task not in done) / whole
    seconds = memory = None
    if with_cost:
        found = estimate(run) if left > 0 else None
        seconds = found.core_seconds * left if found else 0.0
        memory = found.bytes_per_rank if found else None
    return Standing(planned, directory, len(tasks), len(done), left, merged, seconds, memory)


def _refuse_another_run(directory: RunDirectory, planned: PlannedRun) -> None:
    """A study that was changed must not take old results for new ones; `nsim run` says what differs."""
    held = directory.run()
    if held.identity() != planned.run.identity():
        raise InputError(
            f"{directory.path} holds another run than runs.{planned.block} of the study says: take another --out, or "
            f"remove that folder to compute it again"
        )
    if any(planned.run.ensemble.samples_of[n] < samples for n, samples in held.ensemble.samples_of.items()):
        raise InputError(f"{directory.path} holds more samples than runs.{planned.block} of the study asks for")


def record(study: Study, out: Path) -> None:
    """Keep beside the results what was planned: the study as it was read."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"study": str(study.path), "record": study.record}, indent=1)
    temporary = out / ".tmp-study.json"
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(out / "study.json")
