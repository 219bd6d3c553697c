"""Merging: runs of different seeds or sizes, or more samples of the same, as one run directory.

What makes a sample is (seed, n, number): it is kept for every sample, as ``merged`` in run.json and as ``origin_seed``
and ``origin_sample`` in results.h5. Samples are put in that order, whatever the order of the directories; one that
several directories hold is taken once. Everything else must agree between the runs. The runs themselves are only read.

Safe to kill: run.json is written first, results.h5 in one step, and the same command begins anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nsim import run_file
from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.provenance import provenance
from nsim.campaign.result_parts import RUN_ID, Result
from nsim.campaign.results import write_results
from nsim.campaign.run_directory import RunDirectory, Sealed, first_difference
from nsim.campaign.tasks import Task, tasks_of
from nsim.errors import InputError, file_trouble
from nsim.run_file import RunFile

Say = Callable[[str], None]


class Identity(NamedTuple):
    """What makes a sample."""

    n: int
    seed: int
    number: int


@dataclass
class Source:
    """A run to be merged, and what of it is sealed."""

    directory: RunDirectory
    run: RunFile
    sealed: Sealed

    @property
    def path(self) -> Path:
        """Its directory."""
        return self.directory.path

    def finished(self) -> dict[Identity, list[Task]]:
        """The finished tasks of every sample that has any."""
        found: dict[Identity, list[Task]] = {}
        origins = {n: self.run.origins(n) for n in self.run.ensemble.samples_of}
        for task in sorted(self.sealed.tasks):
            found.setdefault(Identity(task.n, *origins[task.n][task.sample]), []).append(task)
        return found


def merge_runs(paths: Iterable[Path], out: Path, say: Say = lambda line: None) -> RunFile:
    """Merge the runs in directories ``paths`` into directory ``out``; returns the merged run.

    Raises `InputError` for runs that differ in more than seed, sizes and samples (the key is named), for damaged files,
    and if ``out`` holds anything but the same merge.
    """
    sources = [_open(path) for path in paths]
    if any(out.resolve() == source.path.resolve() for source in sources):
        raise InputError(f"--out {out} is one of the directories to merge")
    _refuse_differences(sources)
    chosen: dict[Identity, tuple[Source, list[Task]]] = {}
    twice = 0
    for source in sources:
        for identity, tasks in source.finished().items():
            held = chosen.get(identity)
            twice += held is not None
            if held is None or len(tasks) > len(held[1]):
                chosen[identity] = source, tasks
    merged = _merged_run(sources[0], sorted(chosen))
    number = {
        Identity(n, *origin): at for n in merged.ensemble.samples_of for at, origin in enumerate(merged.origins(n))
    }
    place = {
        task._replace(sample=number[identity]): (source, task)
        for identity, (source, tasks) in chosen.items()
        for task in tasks
    }
    missing = len(tasks_of(merged)) - len(place)
    if twice:
        say(f"note: {twice} sample(s) are in more than one directory, and taken once")
    if missing:
        say(f"warning: {missing} task(s) of the runs are not finished; their states are marked as missing")

    def read(wanted: list[Task]) -> Iterator[tuple[Task, Result]]:
        for source in sources:
            names = {place[task][1]: task for task in wanted if place[task][0] is source}
            for own, result in source.directory.results(source.sealed, names):
                yield names[own], result

    directory = RunDirectory(out)
    try:
        for message in directory.open(merged):
            say(message)
        attributes: dict[str, Any] = provenance(1) | {"merged_from": "\n".join(str(source.path) for source in sources)}
        attributes[RUN_ID] = directory.run_id()
        write_results(directory.results_path, merged, attributes, place, read)
        _copy_landscapes(chosen, number, out)
    except OSError as error:
        raise InputError(file_trouble(error, out)) from None
    finally:
        directory.close()
    counts = ", ".join(f"{samples} of n = {n}" for n, samples in merged.ensemble.samples_of.items())
    say(f"merged {len(sources)} run(s) into {out}: samples: {counts}")
    return merged


def _open(path: Path) -> Source:
    directory = RunDirectory(path)
    run = directory.run()
    sealed = directory.finished(run)
    if run.couplings.file is not None:
        raise InputError(f"{path}: couplings.file: a run of given couplings is one sample, and cannot be merged")
    return Source(directory, run, sealed)


def _refuse_differences(sources: list[Source]) -> None:
    """Raise `InputError` with the first key in which a run differs from the first one."""
    first, *others = sources
    expected = _common(first)
    for source in others:
        different = first_difference(expected, _common(source), here=f"in {source.path}", there=f"in {first.path}")
        if different:
            hint = ""
            if different.startswith("protocol.temperatures"):
                hint = "; give all runs the same list as protocol.temperatures"
            raise InputError(f"runs that differ cannot be merged: {different}{hint}")


def _common(source: Source) -> dict[str, Any]:
    """What must be the same in all runs: the run file but for seed, sizes and samples, with all temperatures."""
    run = source.run
    record = run.identity()
    record.pop("seed")
    record.pop("merged", None)
    ensemble, protocol = record["ensemble"], record["protocol"]
    ensemble.pop("n")
    ensemble["replicas"] = run.ensemble.replicas
    if (temperatures := _temperatures(source)) is not None:
        protocol["temperatures"] = temperatures
    return record


def _temperatures(source: Source) -> list[float] | None:
    """The ladder of a tempering, which may depend on its seed and sizes; None for other protocols."""
    n = max(source.run.ensemble.samples_of)
    if "temperature" not in {dim for row in PROTOCOLS[source.run.protocol.kind].variables.values() for dim in row.dims}:
        return None
    return source.directory.coordinate(source.run, n, "temperature").tolist()


def _merged_run(source: Source, samples: list[Identity]) -> RunFile:
    """The run file of the whole; ``samples`` in their order."""
    record = source.run.resolved()
    sizes = list(dict.fromkeys(identity.n for identity in samples))
    origins: dict[tuple[int, int], list[int]] = {}
    for n, seed, number in samples:
        origins.setdefault((n, seed), []).append(number)
    record["seed"] = samples[0].seed
    record["ensemble"] |= {"n": sizes, "samples": [sum(identity.n == n for identity in samples) for n in sizes]}
    record["merged"] = [{"seed": seed, "n": n, "samples": numbers} for (n, seed), numbers in origins.items()]
    if (temperatures := _temperatures(source)) is not None:
        record["protocol"]["temperatures"] = temperatures
    return run_file.parse(record, source.run.folder)


def _copy_landscapes(chosen: dict[Identity, tuple[Source, list[Task]]], number: dict[Identity, int], out: Path) -> None:
    """Take over what was explored: the parts belong to the states of their samples, and are checked against these."""
    for identity, (source, tasks) in chosen.items():
        old = source.path / "landscape" / f"n{identity.n}-sample{tasks[0].sample:05d}.h5"
        if old.exists():
            folder = out / "landscape"
            folder.mkdir(exist_ok=True)
            new = folder / f"n{identity.n}-sample{number[identity]:05d}.h5"
            temporary = new.with_name(f".tmp-{new.name}")
            shutil.copyfile(old, temporary)
            temporary.replace(new)
