r"""The lowest states of a run, and how far they can be trusted to be ground states: how often each was found.

Independent runs of a search that reaches the ground state with probability p miss it R times in a row with
probability (1 - p)^R. Of the lowest state found k times in R the estimate is

    missed = (1 - k/(R + 1))^R,

the chance that a search as long as this one does not see a state that is as easily found as its lowest one (R + 1: one
more start that finds something else is imagined, for k = R does not prove p = 1). It is 0.37 to 0.5 for k = 1, at most
0.05 for k = 3 and 0.007 for k = 5. A ground state that is harder to find than the states above it can hide
from any such estimate. The share of starts whose minimum nobody else found estimates the chance that one more start
finds a new minimum (Good, Biometrika 40, 237 (1953)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nsim.analysis.summary import SAME_ENERGY, mean_and_error
from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.run_directory import RunDirectory
from nsim.errors import InputError
from nsim.parallel.checkpoint import NEVER
from nsim.parallel.rank_group import ALONE
from nsim.run_file import RunFile
from nsim.sample.glass import Glass

SAME_STATE = 1e-5  # displacements of one minimum differ less [v0], and its total energies by less than SAME_ENERGY
TRUSTED = 3  # times a lowest state is found before it is believed


@dataclass(frozen=True)
class LowestState:
    """What the search of one sample came to."""

    energy: float  # total, lowest [E0]
    found: int  # states that are the lowest
    states: int  # converged states in all
    distinct: int  # different minima among them
    once: int  # ... that were found once

    @property
    def missed(self) -> float:
        """Chance that a search of this length misses a state found as easily as its lowest one."""
        return (1 - self.found / (self.states + 1)) ** self.states

    @property
    def new(self) -> float:
        """Chance that one more start ends in a minimum not seen yet."""
        return self.once / self.states


def lowest_state(energy: np.ndarray, v: np.ndarray | None, mirror: bool) -> LowestState:
    """Sort the minima of one sample.

    Parameters
    ----------
    energy
        Total energies, shape (R,) [E0].
    v
        States, shape (N, R); None: told apart by their energies alone.
    mirror
        Whether v and -v are one state: they are where there is no field.
    """
    minima: list[int] = []  # a column of each distinct minimum, by rising energy
    counts: list[int] = []
    for r in np.argsort(energy, kind="stable"):
        for k in range(len(minima) - 1, -1, -1):
            if energy[r] - energy[minima[k]] > SAME_ENERGY:
                continue
            if v is None or _same(v[:, r], v[:, minima[k]], mirror):
                counts[k] += 1
                break
        else:
            minima.append(r)
            counts.append(1)
    return LowestState(float(energy.min()), counts[0], len(energy), len(minima), counts.count(1))


def _same(a: np.ndarray, b: np.ndarray, mirror: bool) -> bool:
    return bool(np.abs(a - b).max() < SAME_STATE or (mirror and np.abs(a + b).max() < SAME_STATE))


def search(run: RunFile, n: int, sample: int, found: int = TRUSTED, most: int = 1024) -> tuple[LowestState, np.ndarray]:
    """Repeat the protocol of a run on one sample, batch by batch, until its lowest state was found often enough.

    The replicas are those the run would have with as many: a search of R starts and a run with ``replicas = R`` find
    the same.

    Parameters
    ----------
    run
        Protocol, model and seed; its number of replicas does not matter.
    n, sample
        Size and number of the sample.
    found
        How often is enough.
    most
        Starts after which the search ends in any case.

    Returns
    -------
    LowestState
        With ``found`` below what was asked for, if the search gave up.
    ndarray, shape (N,)
        The state.
    """
    glass = Glass.draw(run.model, run.seed, n, sample)
    states, batch = np.empty((n, 0)), run.ensemble.batch
    for first in range(0, most, batch):
        replicas = range(first, min(first + batch, most))
        relaxed = PROTOCOLS[run.protocol.kind].make(glass, run, sample, replicas, ALONE, NEVER).relaxed
        states = np.append(states, relaxed.v[:, relaxed.converged], axis=1)
        if not states.size:
            continue
        energy = glass.energy(states)
        lowest = lowest_state(energy, states, mirror=run.model.field == 0)
        if lowest.found >= found:
            break
    if not states.size:
        raise InputError(f"n = {n}, sample {sample}: none of {most} states converged")
    return lowest, states[:, np.argmin(energy)]


def ground_states(directory: RunDirectory) -> dict[str, Any]:
    """Lowest state of every sample of a run, by size, with the measures of trust.

    Raises `InputError` if a sealed file is damaged or nothing is finished yet.
    """
    run = directory.run()
    sealed = directory.finished(run)
    names = ["energy", "converged", *(["v"] if run.output.sites else [])]
    groups = []
    for n in run.ensemble.samples_of:
        samples = []
        for sample in sorted({task.sample for task in sealed.tasks if task.n == n}):
            tasks = [task for task in sealed.tasks if (task.n, task.sample) == (n, sample)]
            found = [result for _, result in directory.results(sealed, tasks, names)]
            whole = {name: np.concatenate([result[name] for result in found]) for name in names}
            used = whole["converged"] == 1
            if used.any():
                v = whole["v"][used].T if run.output.sites else None
                lowest = lowest_state(n * whole["energy"][used], v, mirror=run.model.field == 0)
                samples.append((sample, lowest))
        if samples:
            groups.append(_group(n, samples, run))
    if not groups:
        raise InputError(f"{directory.path}: no converged state yet")
    return {"groups": groups}


def _group(n: int, samples: list[tuple[int, LowestState]], run: RunFile) -> dict[str, Any]:
    states = [lowest for _, lowest in samples]
    return {
        "n": n,
        "samples": len(samples),
        "compared_by": "energy and displacements" if run.output.sites else "energy",
        "lowest_energy": mean_and_error(np.array([lowest.energy / n for lowest in states])),
        "lowest_found": mean_and_error(np.array([lowest.found / lowest.states for lowest in states])),
        "missed": mean_and_error(np.array([lowest.missed for lowest in states])),
        "trusted": sum(lowest.found >= TRUSTED for lowest in states),
        "by_sample": [
            {
                "sample": sample,
                "lowest_energy": lowest.energy / n,
                "found": lowest.found,
                "states": lowest.states,
                "distinct_minima": lowest.distinct,
                "missed": lowest.missed,
                "new_minimum": lowest.new,
            }
            for sample, lowest in samples
        ],
    }
