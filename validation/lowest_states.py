"""The lowest state of every disorder sample of a run: what stands for its ground state, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from nsim.analysis.ground_states import TRUSTED
from validation.simulation import Simulation
from validation.statistics.missed_minima import still_missed

Array = NDArray[np.float64]

SCALARS = ("energy", "p", "q", "C", "replicon_sum", "lambda_min", "double_well_fraction")
SAME_ENERGY = 1e-7  # relative difference of total energies of one and the same minimum


@dataclass(frozen=True)
class LowestStates:
    """Of one size; every array has the shape (samples,), NaN where a sample has no converged state.

    Attributes
    ----------
    n : int
    scalars : dict of arrays
        `SCALARS` of the lowest state.
    found : array
        How many of the converged states of a sample are its lowest, by energy.
    states : array
        Converged states of each sample.
    replica : array of int
        Which replica is the lowest.
    mean_energy, halved_energy : array
        Mean over the states of each sample; mean of the lowest energies of the two halves of them: what half as many
        replicas would have found.
    still_missed : float
        Bound of what ever more replicas would lower the mean energy by (`missed_minima`); NaN for few replicas.
    """

    n: int
    scalars: dict[str, Array]
    found: Array
    states: Array
    replica: NDArray[np.int64]
    mean_energy: Array
    halved_energy: Array
    still_missed: float

    @property
    def samples(self) -> int:
        """Samples with a converged state."""
        return int(np.isfinite(self.scalars["energy"]).sum())

    @property
    def missed(self) -> float:
        """Mean chance that a state as easily found as the lowest was missed, (1 - k/(R + 1))^R, cf. the run file."""
        with np.errstate(invalid="ignore"):
            return float(np.nanmean((1 - self.found / (self.states + 1)) ** self.states))

    @property
    def trusted(self) -> float:
        """Share of samples whose lowest state was found at least `TRUSTED` times."""
        return float((self.found >= TRUSTED).mean())


def lowest_states(simulation: Simulation, n: int) -> LowestStates:
    """Read the lowest states of one size."""
    with h5py.File(simulation.path / "results.h5", "r", locking=False) as file:
        group = file[f"n{n}"]
        used = (group["finished"][()] == 1) & (group["converged"][()] == 1)
        data = {name: group[name][()] for name in SCALARS if name in group}
    energy = np.where(used, data["energy"], np.inf)
    lowest = energy.argmin(axis=1)
    there = used.any(axis=1)
    rows = np.arange(len(lowest))
    scalars = {name: np.where(there, values[rows, lowest], np.nan) for name, values in data.items()}
    least = energy[rows, lowest]
    with np.errstate(invalid="ignore"):
        same = used & (n * (energy - least[:, None]) <= SAME_ENERGY * np.maximum(1.0, np.abs(n * least[:, None])))
        mean = np.where(used, data["energy"], 0).sum(axis=1) / np.where(there, used.sum(axis=1), np.nan)
        halves = np.array_split(energy, 2, axis=1) if energy.shape[1] > 1 else [energy]
        halved = np.mean([half.min(axis=1) for half in halves], axis=0)
    found, states = same.sum(axis=1).astype(float), used.sum(axis=1).astype(float)
    halved = np.where(np.isfinite(halved), halved, np.nan)
    return LowestStates(n, scalars, found, states, lowest, mean, halved, still_missed(energy))


def all_sizes(simulations: Sequence[Simulation], smallest: int = 1) -> list[tuple[Simulation, LowestStates]]:
    """Every size of several runs from ``smallest`` on, ascending, each with the run it comes from."""
    found = [(one, lowest_states(one, size.n)) for one in simulations for size in one.sizes if size.n >= smallest]
    return sorted(found, key=lambda pair: pair[1].n)
