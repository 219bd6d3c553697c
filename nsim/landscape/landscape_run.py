"""The landscape around the states of a run: one task per sample, spread over ranks, sealed, merged to landscape.h5.

    DIR/landscape/n64-sample00003.h5    what was found around the states of one sample, sealed
    DIR/landscape/checkpoints/*.npz     the search in the midst of a sample
    DIR/landscape.h5                    all samples, in netCDF4 form; written at the end

A sample is explored again only if its states or the section [double_wells] have changed since. What is found depends on
the states of the sample alone: the same on any number of ranks.
"""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5netcdf
import h5py
import numpy as np

from nsim.campaign import checkpoints
from nsim.campaign.checkpoints import Checkpoints
from nsim.campaign.outcome import Outcome
from nsim.campaign.provenance import provenance
from nsim.campaign.run_directory import RunDirectory, Sealed
from nsim.campaign.seal import DamagedFileError, check_seal, remove_temporaries, write_sealed
from nsim.campaign.tasks import Task, glass_of
from nsim.errors import InputError
from nsim.landscape.landscape_tables import COUNTS, PAIR, SYSTEM, WELL
from nsim.landscape.neighbouring_minima import Effort, Neighbourhood
from nsim.landscape.scan_record import AVALANCHE, SCAN, STEP
from nsim.landscape.thermal_walks import streams_of
from nsim.parallel.checkpoint import NEVER, Checkpoint, StoppedError
from nsim.parallel.handing_out import HandingOut
from nsim.parallel.ranks import Ranks, on_rank_0
from nsim.parallel.stop_requests import StopRequests, end_of_time, stop_requests
from nsim.run_file import RunFile
from nsim.sample.glass import Glass

LANDSCAPE_VERSION = 3
HANDED_OUT, STOPPED = range(2)  # the shared counters
Say = Callable[[str], None]
Tables = dict[str, np.ndarray]

# Columns by table: dimension -> {name: (unit, meaning)}
MINIMUM = {
    "energy": ("E0", "total energy U"),
    "lambda_min": ("E0/v0^2", "lowest eigenvalue of the Hessian"),
    "explored": ("1", "1: a state of the run, whose neighbourhood was searched"),
    "hits": ("1", "how often it was met"),
}
SADDLE = {
    "energy": ("E0", "total energy U"),
    "first": ("1", "number (within the sample) of a minimum it joins; -1: that descent did not arrive"),
    "second": ("1", "... and of the other"),
    "mirrored": ("1", "1: it joins one of them to the mirror image of the other"),
    **SYSTEM,
}
TABLES = {
    "minimum": MINIMUM,
    "saddle": SADDLE,
    "well": WELL,
    "pair": PAIR,
    "scan": SCAN,
    "step": STEP,
    "avalanche": AVALANCHE,
}


class Place(NamedTuple):
    """A sample of a run."""

    n: int
    sample: int

    def __str__(self) -> str:
        return f"n = {self.n}, sample {self.sample}"


def explore_run(
    path: Path,
    ranks: Ranks,
    say: Say = lambda line: None,
    requests: StopRequests | None = None,
    checkpoint_every: float = checkpoints.EVERY,
) -> Outcome:
    """Explore the neighbourhoods of all converged states of the run in directory ``path``.

    Called by all ranks; raises `InputError` on each if there is no such run, nothing of it is finished or a file of it
    is damaged. ``requests`` asks it to stop; by default signals do, and the end of the job's time. The search in a
    sample saves its state every ``checkpoint_every`` seconds and when it is stopped, and goes on from there.
    """
    if requests is None:
        with stop_requests(end_of_time(None)) as requests:
            return explore_run(path, ranks, say, requests, checkpoint_every)
    directory = RunDirectory(path)
    try:
        run = on_rank_0(ranks, directory.run)
        if not run.output.sites:
            raise InputError(f"{path}: its states were not kept (output.sites = false)")
        for message in on_rank_0(ranks, lambda: directory.open(run)):
            say(message)
        sealed = on_rank_0(ranks, lambda: directory.finished(run))
        places = _places(sealed)
        if not on_rank_0(ranks, lambda: _any_converged(directory, sealed)):
            if ranks.rank == 0:
                say(f"{path}: none of its states converged, there is nothing to explore")
            return Outcome(unconverged=sum(task.width for task in sealed.tasks))
        folder = path / "landscape"
        open_places = on_rank_0(ranks, lambda: _open_places(directory, run, sealed, folder, places))
        # Steps of the search differ in length by a factor of thousand: look at signals after each.
        keep = Checkpoints(folder / "checkpoints", "", requests, checkpoint_every, say=say, longest_stride=1)
        keep.known = on_rank_0(ranks, lambda: keep.clear({_task(run, place) for place in open_places}))
        if ranks.rank == 0:
            say(f"{len(open_places)} of {len(places)} samples to explore on {ranks.size} rank(s)")
        counters, failures, done = ranks.counters(2), {}, 0
        handing_out = HandingOut(counters, HANDED_OUT, len(open_places), ranks.size)
        requests.share(counters, STOPPED)
        while not requests.asked() and (index := handing_out.next()) is not None:
            place = open_places[index]
            began = time.monotonic()
            try:
                _explore(directory, run, sealed, place, folder, keep)
            except StoppedError:
                break
            except Exception as error:
                failures[str(place)] = f"{type(error).__name__}: {error}"
                say(f"rank {ranks.rank}: {place} failed:\n{traceback.format_exc()}")
            else:
                done += 1
                say(f"{place}: {time.monotonic() - began:.1f} s")
        ranks.wait_for_all(requests.asked)
        requests.share(None)
        counters.close()
        everyone = ranks.gather((done, failures)) or []
        outcome = Outcome(len(places))
        for computed, failed in everyone:
            outcome.computed += computed
            outcome.failures |= failed
        outcome.stopped = outcome.computed + len(outcome.failures) < len(open_places)
        outcome = ranks.broadcast(outcome)
        if outcome.stopped:  # time may be short, and the parts are safe as they are
            if ranks.rank == 0:
                say(f"stopped on request; the same command continues {path}")
        elif ranks.rank == 0 and len(places) > len(outcome.failures):
            _merge(path, run, folder, [place for place in places if str(place) not in outcome.failures], ranks.size)
        return outcome
    finally:
        directory.close()


def effort_of(run: RunFile) -> Effort:
    """How much is searched, as the run file says."""
    given = run.search
    return Effort(
        flips=given.flips,
        bands=given.bands,
        modes=given.modes,
        scans=given.scans,
        walks=given.walks,
        walk_sweeps=given.walk_sweeps,
        walk_temperature=given.walk_temperature,
        method=given.method,
        hbar2_over_m=run.quantum.hbar2_over_m,
    )


# --- one sample ------------------------------------------------------------------------------------------------


def explore_sample(
    glass: Glass, states: np.ndarray, effort: Effort, seed: int = 0, sample: int = 0, checkpoint: Checkpoint = NEVER
) -> tuple[Tables, Neighbourhood]:
    """The tables of one sample from its relaxed states, shape (R, N); a table's columns are called ``table/column``.

    ``seed`` and ``sample`` are the key of the random streams of thermal walks. The search goes on from ``checkpoint``.
    """
    found = Neighbourhood(glass, effort, lambda replica: streams_of(seed, glass.n, sample, replica, effort.walks))
    found.explore([(replica, v) for replica, v in enumerate(states) if np.isfinite(v).all()], checkpoint)
    known = found.known
    tables: Tables = {
        "minimum/energy": np.array(known.minima.energies),
        "minimum/lambda_min": np.array(known.lambda_min),
        "minimum/explored": np.isin(np.arange(len(known.minima)), list(found.explored)).astype(float),
        "minimum/hits": np.array(known.minima.hits, dtype=float),
        "saddle/energy": np.array(known.saddles.energies),
        "saddle/first": np.array([first for (first, _), _ in known.ends], dtype=float),
        "saddle/second": np.array([second for _, (second, _) in known.ends], dtype=float),
        "saddle/mirrored": np.array([one != other for (_, one), (_, other) in known.ends], dtype=float),
    }
    rows = {
        "well": found.wells,
        "pair": found.pairs(),
        "scan": found.scans.scans,
        "step": found.scans.steps,
        "avalanche": found.scans.avalanches,
    }
    for table, kept in rows.items():
        # Points of scans are most of a file; what they are for is drawn and fitted, not subtracted.
        number = np.float32 if table == "step" else np.float64
        tables |= {f"{table}/{name}": _column(kept, name, number) for name in TABLES[table]}
    tables |= {f"saddle/{name}": _column(known.systems, name) for name in SYSTEM}
    tables |= {f"count/{name}": np.array(float(found.counts[name])) for name in COUNTS}
    tables["minimum/v"] = np.array(known.minima.points).reshape(-1, glass.n)
    tables["saddle/v"] = np.array(known.saddles.points).reshape(-1, glass.n)
    return tables, found


def _column(rows: list[dict[str, float]], name: str, number: type[np.floating[Any]] = np.float64) -> np.ndarray:
    """One column of a table; what is not a number is so in one way, since its sign gets lost in a checkpoint."""
    column = np.array([row[name] for row in rows], dtype=number)
    column[np.isnan(column)] = np.nan
    return column


def _explore(
    directory: RunDirectory, run: RunFile, sealed: Sealed, place: Place, folder: Path, keep: Checkpoints
) -> None:
    states = _states(directory, run, sealed, place)
    glass = glass_of(run, place.n, place.sample)
    keep.identity = _identity(run, states)
    tables, _ = explore_sample(glass, states, effort_of(run), *run.origin(*place), keep.of(_task(run, place)))

    def write(temporary: Path) -> None:
        with h5py.File(temporary, "w") as file:
            file.attrs["identity"] = keep.identity
            for name, data in tables.items():
                file[name] = data

    write_sealed(_part(folder, place), write)
    keep.forget(_task(run, place))


def _task(run: RunFile, place: Place) -> Task:
    """The search in a sample as a task, for its checkpoint: around all replicas together."""
    return Task(*place, 0, run.ensemble.replicas)


def _states(directory: RunDirectory, run: RunFile, sealed: Sealed, place: Place) -> np.ndarray:
    """The relaxed states of a sample, shape (R, N); NaN where one has not converged or is not finished."""
    tasks = [task for task in sealed.tasks if (task.n, task.sample) == place]
    states = np.full((run.ensemble.replicas, place.n), np.nan)
    for task, result in directory.results(sealed, tasks, ("v", "converged")):
        good = result["converged"] == 1
        states[task.first : task.first + task.width][good] = result["v"][good]
    return states


def _identity(run: RunFile, states: np.ndarray) -> str:
    """What the content of a part depends on."""
    columns = {table: list(names) for table, names in TABLES.items()}
    effort = json.dumps([LANDSCAPE_VERSION, columns, list(COUNTS), vars(effort_of(run))], sort_keys=True)
    return hashlib.sha256(effort.encode() + np.ascontiguousarray(states).tobytes()).hexdigest()


def _part(folder: Path, place: Place) -> Path:
    return folder / f"n{place.n}-sample{place.sample:05d}.h5"


# --- what is to be done, and the end ---------------------------------------------------------------------------


def _places(sealed: Sealed) -> list[Place]:
    """Samples with finished states, the most expensive first."""
    return sorted({Place(task.n, task.sample) for task in sealed.tasks}, key=lambda place: (-place.n, place.sample))


def _any_converged(directory: RunDirectory, sealed: Sealed) -> bool:
    results = directory.results(sealed, sealed.tasks, ("converged",))
    return any((result["converged"] == 1).any() for _, result in results)


def _open_places(
    directory: RunDirectory, run: RunFile, sealed: Sealed, folder: Path, places: list[Place]
) -> list[Place]:
    """Samples without a sealed part that belongs to their present states."""
    folder.mkdir(exist_ok=True)
    remove_temporaries(folder)
    found = []
    for place in places:
        path = _part(folder, place)
        try:
            check_seal(path)
            with h5py.File(path, "r", locking=False) as file:
                if file.attrs["identity"] == _identity(run, _states(directory, run, sealed, place)):
                    continue
        except DamagedFileError:
            pass
        found.append(place)
    return found


def _merge(path: Path, run: RunFile, folder: Path, places: list[Place], ranks: int) -> None:
    """Write landscape.h5 from the sealed parts."""

    def write(temporary: Path) -> None:
        with h5netcdf.File(temporary, "w") as file:
            file.attrs["format_version"] = LANDSCAPE_VERSION
            file.attrs["descent"] = effort_of(run).method  # which minimiser decided the basins
            file.attrs["run_file"] = json.dumps(run.resolved(), indent=1)
            for name, value in provenance(ranks).items():
                file.attrs[name] = value
            for n in run.ensemble.samples_of:
                here = sorted(place for place in places if place.n == n)
                if here:
                    _write_size(file.create_group(f"n{n}"), n, here, [_read(_part(folder, place)) for place in here])

    write_sealed(path / "landscape.h5", write)


def _read(path: Path) -> Tables:
    with h5py.File(path, "r", locking=False) as file:
        return {f"{table}/{name}": data[()] for table, group in file.items() for name, data in group.items()}


def _write_size(group: Any, n: int, places: list[Place], parts: list[Tables]) -> None:
    rows = {table: [len(part[f"{table}/{next(iter(columns))}"]) for part in parts] for table, columns in TABLES.items()}
    group.dimensions = {"sample": len(places), "site": n} | {table: sum(count) for table, count in rows.items()}
    group.attrs["n"] = n

    def put(name: str, dims: tuple[str, ...], data: np.ndarray, unit: str, meaning: str) -> None:
        variable = group.create_variable(name, dims, data.dtype, data=data)
        variable.attrs["units"], variable.attrs["long_name"] = unit, meaning

    numbers = np.array([place.sample for place in places])
    put("sample", ("sample",), numbers, "1", "number of the sample")
    for table, columns in TABLES.items():
        put(f"{table}_sample", (table,), np.repeat(numbers, rows[table]), "1", "number of the sample")
        for name, (unit, meaning) in columns.items():
            whole = np.concatenate([part[f"{table}/{name}"] for part in parts])
            put(name if name.startswith(table) else f"{table}_{name}", (table,), whole, unit, meaning)
    for table in ("minimum", "saddle"):
        whole = np.concatenate([part[f"{table}/v"] for part in parts])
        put(f"{table}_v", (table, "site"), whole, "v0", f"displacements of the {table}")
    for name, meaning in COUNTS.items():
        put(f"count_{name}", ("sample",), np.array([int(part[f"count/{name}"]) for part in parts]), "1", meaning)


def read_landscape(path: Path) -> Iterator[tuple[int, Tables]]:
    """Sizes and arrays of a sealed landscape.h5; raises `InputError` if there is none or it is damaged."""
    try:
        check_seal(path)
    except DamagedFileError as error:
        raise InputError(str(error)) from None
    with h5py.File(path, "r", locking=False) as file:
        for group in file.values():
            yield int(np.ravel(group.attrs["n"])[0]), {name: data[()] for name, data in group.items()}
