"""Averages of every size of several runs with the control variates of their couplings taken out.

Moments of couplings are a function of seed, N, J0 and numbers of samples alone; they are kept in a cache between
reports, and drawn again where it has none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nsim.run_file import RunFile
from validation.statistics.coupling_controls import CHEAP, CHEAP_WORK, Controls, draw_moments, exact_means, from_moments

Array = NDArray[np.float64]


def controls_of(run: RunFile, n: int, cache: Path, cheap: int | None = None) -> Controls | None:
    """Controls of all samples of one size of a run; None where its couplings come from a file."""
    if run.couplings_path is not None or n < 3:
        return None
    samples = run.ensemble.samples_of[n]
    wanted = min(4 * samples, int(CHEAP_WORK / n**3)) if cheap is None else cheap
    own = _moments(run, n, 0, samples, cache)
    others = _moments(run, n, CHEAP, wanted, cache)
    means = np.append(exact_means(n, run.model.j0), 0.0)
    return from_moments(n, own - means, others - means)


def _moments(run: RunFile, n: int, first: int, count: int, cache: Path) -> Array:
    """Moments of ``count`` samples from number ``first`` on, as far as the cache has them."""
    kind = "cheap" if first else "own"
    path = cache / f"moments-seed{run.seed}-n{n}-j0{run.model.j0:g}-{kind}.npy"
    known = np.load(path)[:count] if path.exists() else np.empty((0, 5))
    if len(known) == count:
        return np.asarray(known)
    new = draw_moments(run.seed, n, range(first + len(known), first + count), run.model.j0)
    whole = np.concatenate([known, new])
    cache.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npy")
    np.save(temporary, whole)
    temporary.replace(path)
    return whole
