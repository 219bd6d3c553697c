"""A run directory: what it holds, who may write to it, what of it is sealed.

    DIR/run.json      the run this directory holds (checked before anything is added)
    DIR/results.h5    the merged results; written when a run ends
    DIR/parts/*.h5    finished tasks not merged yet
    DIR/checkpoints/  states of tasks in progress
    DIR/progress/     signs of life of the ranks that are running
    DIR/failed.json   tasks that failed in the last run, with their errors
    DIR/lock          held by the running job; the kernel releases it with the process
    DIR/share-*/      what single jobs of an array have sealed (`nsim.campaign.share`)

A task counts as done if a sealed file holds it. Damaged files are named, set aside as ``*.damaged`` and their tasks
computed again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from nsim import run_file
from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.result_parts import RUN_ID, Result, read_part, run_id_of, tasks_in_part
from nsim.campaign.results import (
    FORMAT_VERSION,
    READABLE,
    read_coordinate,
    read_results,
    tasks_in_results,
    write_results,
)
from nsim.campaign.seal import DamagedFileError, check_seal, remove_temporaries
from nsim.campaign.share import FOLDERS as SHARE_FOLDERS
from nsim.campaign.share import Share
from nsim.campaign.tasks import Task, tasks_of
from nsim.errors import InputError, file_trouble
from nsim.run_file import RunFile

LOCK_PATIENCE = 5.0  # seconds; ranks can outlive a killed launcher for a moment


@dataclass
class Sealed:
    """Where each finished task lies, and what was found damaged."""

    tasks: dict[Task, Path] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    damaged_paths: list[Path] = field(default_factory=list)


class RunDirectory:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.results_path = self.path / "results.h5"
        self.parts_path = self.path / "parts"
        self.checkpoints_path = self.path / "checkpoints"
        self.progress_path = self.path / "progress"
        self._record_path = self.path / "run.json"
        self._failed_path = self.path / "failed.json"
        self._lock: Any = None

    # --- opening -----------------------------------------------------------------------------------------------

    def open(self, run: RunFile, restart: bool = False, shared: bool = False) -> list[str]:
        """Lock the directory for this run, making or extending it; raise `InputError` if it holds another run.

        Jobs that work in folders of their own open it ``shared``. Returns messages for the user (a lock that cannot be
        had on this file system, an extension).
        """
        messages: list[str] = []
        try:
            self._refuse_strangers()  # before anything is made or removed here
            self.parts_path.mkdir(parents=True, exist_ok=True)
            self._take_lock(messages, shared)
            if restart:
                self._clear()
            held = self.record()
            if held is not None:
                messages += self._compare(held, run)
            if not shared:
                remove_temporaries(self.path)
                remove_temporaries(self.parts_path)
            self._write_json(
                self._record_path,
                {
                    "format_version": FORMAT_VERSION,
                    "id": (held or {}).get("id") or uuid4().hex,
                    "run": run.resolved(),
                    "folder": str(run.folder.resolve()),
                    "couplings_sha256": couplings_digest(run),
                },
            )
        except OSError as error:
            raise InputError(file_trouble(error, self.path)) from None
        return messages

    def _take_lock(self, messages: list[str], shared: bool) -> None:
        self._lock = (self.path / "lock").open("a+")
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(self._lock, kind | fcntl.LOCK_NB)
                if kind == fcntl.LOCK_EX:
                    self._sign_lock()
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(f"{self.path} is in use by another running job{self._holder()}") from None
                time.sleep(0.1)
            except OSError as error:
                messages.append(
                    f"warning: {self.path}: no lock on this file system ({error.strerror}); run one job only"
                )
                return

    def _sign_lock(self) -> None:
        """Write into the lock who holds it, for whom it keeps out."""
        job = os.environ.get("SLURM_JOB_ID")
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        self._lock.truncate(0)
        self._lock.write(
            f"{f'Slurm job {job}, ' if job else ''}process {os.getpid()} on {platform.node()} since {since}\n"
        )
        self._lock.flush()

    def _holder(self) -> str:
        try:
            words = (self.path / "lock").read_text().strip()
        except OSError:
            words = ""
        return f" ({words})" if words else ""

    def in_use(self) -> bool | None:
        """Whether a job holds the lock; None where the file system has no locks."""
        try:
            with (self.path / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # given back at once
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError:
            return None
        return False

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def of_share(self, share: Share) -> RunDirectory:
        """The folder in which one of several jobs works."""
        return RunDirectory(self.path / share.folder)

    def _refuse_strangers(self) -> None:
        """Raise if there is something here that no run of ours has made."""
        if not self._record_path.exists() and (self.results_path.exists() or any(self.parts_path.glob("*"))):
            raise InputError(f"{self.path} holds results but no run.json that says of which run; use another --out")

    def _clear(self) -> None:
        """Remove what a run writes, and nothing else."""
        ours = [self.results_path, self._record_path, self._failed_path]
        for pattern in (
            "parts/*.h5",
            "parts/*.h5.damaged",
            "results.h5.damaged",
            "checkpoints/n*.npz",
            "progress/*.json",
        ):
            ours += self.path.glob(pattern)
        for path in ours:
            path.unlink(missing_ok=True)
        for share in self.shares():
            share._clear()
            share._remove_if_empty()

    def shares(self) -> list[RunDirectory]:
        """The folders of single jobs; none of them is at work while this directory is locked."""
        return [RunDirectory(path) for path in sorted(self.path.glob(SHARE_FOLDERS))]

    def _remove_if_empty(self) -> None:
        """Remove the folder of a share that has nothing sealed any more."""
        if not any(self.parts_path.glob("*.h5*")):
            shutil.rmtree(self.path, ignore_errors=True)

    def _compare(self, held: dict[str, Any], run: RunFile) -> list[str]:
        """Raise unless ``run`` is the run held, or extends it; return a message if it extends it."""
        if held.get("format_version") not in READABLE:
            raise InputError(
                f"{self.path} was written in format {held.get('format_version')}, this is {FORMAT_VERSION}"
            )
        old = run_file.parse(held["run"])
        if old.merged is not None and run.merged is None:
            raise InputError(f"{self.path} holds merged runs: continue the runs themselves and merge them again")
        if old.merged != run.merged:
            raise InputError(f"{self.path} holds another run, or others merged; use another --out")
        different = first_difference(old.identity(), run.identity())
        if different is None and held.get("couplings_sha256") != couplings_digest(run):
            different = "the content of couplings.file"
        if different:
            raise InputError(
                f"{self.path} holds another run: {different}; use another --out, or --restart to begin anew"
            )
        before, now = old.ensemble, run.ensemble
        shrunk = [
            f"ensemble.samples {before.samples_of[n]} -> {now.samples_of[n]} (n = {n})"
            for n in now.samples_of
            if now.samples_of[n] < before.samples_of[n]
        ]
        if now.replicas < before.replicas:
            shrunk.append(f"ensemble.replicas {before.replicas} -> {now.replicas}")
        if shrunk:
            raise InputError(f"{self.path} holds a larger run: {', '.join(shrunk)}; a run can only be extended")
        messages = []
        if not set(tasks_of(old)) <= set(tasks_of(run)):
            messages.append(
                "note: replicas that move together with the new ones (a batch that was not full, a whole sample) are "
                "computed again, so that the results are those of one run with all replicas"
            )
        return messages

    # --- reading -----------------------------------------------------------------------------------------------

    def record(self) -> dict[str, Any] | None:
        """The record of the run held, or None if there is none; raise `InputError` if it is none of ours."""
        try:
            held = json.loads(self._record_path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InputError(f"{self._record_path} cannot be read: {error}; --restart begins anew") from None
        if not isinstance(held, dict) or not {"format_version", "run"} <= set(held):
            raise InputError(f"{self._record_path} is not the record of a run; --restart begins anew")
        if held["format_version"] not in READABLE:
            raise InputError(
                f"{self.path} was written in format {held['format_version']}, this version reads {FORMAT_VERSION}"
            )
        return held

    def run_id(self) -> str:
        """What marks the files of this directory as its own; empty in directories of earlier versions."""
        return (self.record() or {}).get("id", "")

    def run(self) -> RunFile:
        """The run held; raise `InputError` if there is none."""
        held = self.record()
        if held is None:
            raise InputError(f"{self.path}: not a run directory (no run.json)")
        return self._parse(held)

    def _parse(self, held: dict[str, Any]) -> RunFile:
        try:
            return run_file.parse(held["run"], folder=Path(held.get("folder", ".")))
        except (InputError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{self._record_path} is not the record of a run: {reason}; --restart begins anew"
            ) from None

    def sealed(self, run: RunFile) -> Sealed:
        """Look through all sealed files; damaged ones are named, their tasks left out."""
        found, wanted = Sealed(), set(tasks_of(run))
        paths = [(self.results_path, self.run_id())] if self.results_path.exists() else []
        for folder in (self, *self.shares()):
            own_id = folder.run_id()
            paths += [(path, own_id) for path in sorted(folder.parts_path.glob("[!.]*.h5"))]
        for path, own_id in paths:
            try:
                check_seal(path)
                if own_id and run_id_of(path) not in ("", own_id):
                    raise DamagedFileError(f"{path} belongs to another run directory")
                tasks = tasks_in_results(path) if path == self.results_path else tasks_in_part(path)
            except DamagedFileError as error:
                if not path.exists():
                    continue  # merged away by a running job while we looked
                found.damaged.append(str(error))
                found.damaged_paths.append(path)
                continue
            found.tasks.update((task, path) for task in tasks if task in wanted)
        return found

    def finished(self, run: RunFile) -> Sealed:
        """What is sealed, where it is to be used as it is: raise if a file is damaged, or if there is nothing yet."""
        found = self.sealed(run)
        if found.damaged:
            raise InputError("\n".join(f"{message}; `nsim run` computes its tasks again" for message in found.damaged))
        if not found.tasks:
            raise InputError(f"{self.path}: nothing is finished yet")
        return found

    def results(
        self, sealed: Sealed, tasks: Iterable[Task], names: Collection[str] | None = None
    ) -> Iterator[tuple[Task, Result]]:
        """The sealed results of some tasks (all variables, or those named), file by file."""
        by_file: dict[Path, list[Task]] = {}
        for task in tasks:
            by_file.setdefault(sealed.tasks[task], []).append(task)
        for path, own in by_file.items():
            yield from (read_results if path == self.results_path else read_part)(path, own, names)

    def coordinate(self, run: RunFile, n: int, name: str) -> np.ndarray:
        """The points of a dimension of the run's protocol: as in results.h5, or found anew if that is not there yet."""
        if self.results_path.exists():
            return read_coordinate(self.results_path, n, name)
        return PROTOCOLS[run.protocol.kind].coordinates(run, n)[name].values

    def failures(self) -> dict[str, str]:
        """Tasks that failed in the last run, with their errors."""
        found: dict[str, str] = {}
        for folder in (self, *self.shares()):
            with contextlib.suppress(OSError, ValueError):
                found |= json.loads(folder._failed_path.read_text())
        return found

    # --- writing -----------------------------------------------------------------------------------------------

    def set_aside(self, sealed: Sealed) -> None:
        """Rename damaged files to ``*.damaged``, so that they are neither used nor in the way."""
        for path in sealed.damaged_paths:
            path.replace(path.with_name(path.name + ".damaged"))
        sealed.damaged_paths.clear()

    def take_over_checkpoints(self) -> None:
        """Move the checkpoints of unfinished shares here, where there is none of the same task; safe while locked."""
        for share in self.shares():
            for path in share.checkpoints_path.glob("n*.npz"):
                own = self.checkpoints_path / path.name
                if not own.exists():
                    self.checkpoints_path.mkdir(exist_ok=True)
                    path.replace(own)

    def merge(self, run: RunFile, sealed: Sealed, attributes: dict[str, Any]) -> None:
        """Write results.h5 from all sealed files, then remove the parts it has taken in."""
        parts = {path for path in sealed.tasks.values() if path != self.results_path}
        attributes = attributes | {RUN_ID: self.run_id()}
        write_results(self.results_path, run, attributes, sealed.tasks, lambda tasks: self.results(sealed, tasks))
        for path in parts:
            path.unlink(missing_ok=True)
        for share in self.shares():
            share._remove_if_empty()

    def record_failures(self, failures: dict[str, str]) -> None:
        """Keep the errors of failed tasks (or remove the record if there are none)."""
        if failures:
            self._write_json(self._failed_path, failures)
        else:
            self._failed_path.unlink(missing_ok=True)

    @staticmethod
    def _write_json(path: Path, content: Any) -> None:
        temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        with temporary.open("r+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)


def couplings_digest(run: RunFile) -> str | None:
    """Digest of given couplings; None where they are drawn."""
    if run.couplings_path is None:
        return None
    from nsim.sample.couplings import digest

    return digest(run.couplings_path)


def first_difference(old: Any, new: Any, path: str = "", here: str = "here", there: str = "there") -> str | None:
    """The first key in which two records differ, with both values; ``there`` and ``here`` say where they are."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            found = first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else key, here, there)
            if found:
                return found
        return None
    return None if old == new else f"{path} is {_short(old)} {there}, {_short(new)} {here}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."
