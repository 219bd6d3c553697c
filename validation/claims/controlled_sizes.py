"""Control variates of the samples of a run, drawn by several processes and kept between reports.

They are functions of the seed, the model and the number of a sample alone, whoever draws them. The cache holds a folder
for each size, in it a file for each block of samples, written whole or not at all: a report that is stopped goes on
where it was, and one that asks for more samples draws only these.
"""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsim.run_file import RunFile
from validation.claims.finding import Evidence
from validation.claims.kinds import Claim, Controlled
from validation.statistics.coupling_controls import (
    CHEAP,
    COLUMNS,
    Controls,
    affordable,
    cheap_samples,
    draw_moments,
    exact_controls,
    from_moments,
)

Array = NDArray[np.float64]

BLOCK = 4e5  # samples times N of a block: 5 to 20 seconds


def controls_of(run: RunFile, n: int, evidence: Evidence) -> Controls | None:
    """Controls of all samples of one size of a run of a claim; None where its couplings come from a file."""
    if run.couplings_path is not None or n < 3:
        return None
    samples, cheap = run.ensemble.samples_of[n], _cheap(run, n, evidence.claim)
    if cheap == 0:
        return exact_controls(run, n) if affordable(run) else None
    own = moments_of(run, n, 0, samples, evidence.cache, evidence.processes)
    others = moments_of(run, n, CHEAP, cheap, evidence.cache, evidence.processes)
    return from_moments(n, own, others, run.model.j0)


def seconds_left(run: RunFile, claim: Claim, cache: Path) -> float:
    """Core seconds that drawing what a claim needs and the cache lacks will take, after timing a few samples."""
    total = 0.0
    for n, samples in run.ensemble.samples_of.items():
        cheap = _cheap(run, n, claim)
        if run.couplings_path is not None or n < 3 or cheap == 0:
            continue
        missing = sum(
            len(block)
            for first, count in ((0, samples), (CHEAP, cheap))
            for block in _blocks(n, first, count)
            if len(_known(_path(run, n, block.start, cache))) < len(block)
        )
        if missing:
            draw_moments(run, n, range(CHEAP, CHEAP + 1))  # compiles
            few = 3 + int(20_000 / n**2)
            start = time.perf_counter()
            draw_moments(run, n, range(CHEAP, CHEAP + few))
            total += missing * (time.perf_counter() - start) / few
    return total


def moments_of(run: RunFile, n: int, first: int, count: int, cache: Path, processes: int = 1) -> Array:
    """Columns of `COLUMNS` of ``count`` samples from number ``first`` on; those the cache lacks are drawn."""
    blocks = _blocks(n, first, count)
    known = [_known(_path(run, n, block.start, cache)) for block in blocks]
    missing = [at for at, block in enumerate(blocks) if len(known[at]) < len(block)]
    drawn = _drawn(run, n, [blocks[at] for at in missing], processes)
    for at, found in zip(missing, drawn, strict=True):
        known[at] = found
        path = _path(run, n, blocks[at].start, cache)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, found)
        temporary.replace(path)
    whole = [rows[: len(block)] for rows, block in zip(known, blocks, strict=True)]
    return np.concatenate(whole) if whole else np.empty((0, len(COLUMNS)))


def _cheap(run: RunFile, n: int, claim: Claim) -> int:
    work = claim.control_work if isinstance(claim, Controlled) else 0.0
    return cheap_samples(n, run.ensemble.samples_of[n], work)


def _blocks(n: int, first: int, count: int) -> list[range]:
    size = max(1, int(BLOCK / n))
    return [range(start, min(start + size, first + count)) for start in range(first, first + count, size)]


def _drawn(run: RunFile, n: int, blocks: Sequence[range], processes: int) -> Iterator[Array]:
    draw = functools.partial(draw_moments, run, n)
    if min(processes, len(blocks)) < 2:
        yield from map(draw, blocks)
        return
    # A fork server: its children share nothing with this process, which may hold open files.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([draw_moments.__module__])
    pool = ProcessPoolExecutor(min(processes, len(blocks)), context, _leave_interrupts_alone)
    try:
        yield from pool.map(draw, blocks)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _leave_interrupts_alone() -> None:
    """Ctrl-C reaches every process of a terminal; the one that waits for the others answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _known(path: Path) -> Array:
    return np.load(path) if path.exists() else np.empty((0, len(COLUMNS)))


def _path(run: RunFile, n: int, first: int, cache: Path) -> Path:
    """Of the block that begins with sample ``first``, named after what its numbers depend on."""
    record = {"seed": run.seed, "model": run.model.model_dump(mode="json"), "columns": COLUMNS}
    if run.merged is not None:
        record["merged"] = [origin.model_dump(mode="json") for origin in run.merged]
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]
    kind, number = ("cheap", first - CHEAP) if first >= CHEAP else ("own", first)
    return cache / f"n{n}-{kind}-{digest}" / f"{number:09d}.npy"
