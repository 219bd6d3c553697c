"""Control variates of the samples of a run, kept in a cache between reports.

They are functions of the seed, the model and the number of a sample alone. The cache grows by blocks, each written
whole or not at all: a report that is stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsim.run_file import RunFile
from validation.claims.finding import Evidence
from validation.claims.kinds import Controlled
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

BLOCK = 3e6  # samples times N^2 of a block: some seconds


def controls_of(run: RunFile, n: int, evidence: Evidence) -> Controls | None:
    """Controls of all samples of one size of a run of a claim; None where its couplings come from a file."""
    if run.couplings_path is not None or n < 3:
        return None
    work = evidence.claim.control_work if isinstance(evidence.claim, Controlled) else 0.0
    if work == 0:
        return exact_controls(run, n) if affordable(run) else None
    cache = evidence.cache
    samples = run.ensemble.samples_of[n]
    own = moments_of(run, n, 0, samples, cache)
    others = moments_of(run, n, CHEAP, cheap_samples(n, samples, work), cache)
    return from_moments(n, own, others, run.model.j0)


def moments_of(run: RunFile, n: int, first: int, count: int, cache: Path) -> Array:
    """Columns of `COLUMNS` of ``count`` samples from number ``first`` on, as far as the cache has them."""
    path = cache / f"n{n}-{'cheap' if first else 'own'}-{_digest(run)}.npy"
    known = np.load(path) if path.exists() else np.empty((0, len(COLUMNS)))
    block = max(1, int(BLOCK / n**2))
    while len(known) < count:
        new = range(first + len(known), first + min(count, len(known) + block))
        known = np.concatenate([known, draw_moments(run, n, new)])
        cache.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, known)
        temporary.replace(path)
    return np.asarray(known[:count])


def _digest(run: RunFile) -> str:
    """What the numbers depend on."""
    record = {"seed": run.seed, "model": run.model.model_dump(mode="json")}
    if run.merged is not None:
        record["merged"] = [origin.model_dump(mode="json") for origin in run.merged]
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]
