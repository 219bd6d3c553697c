"""The sites of the lowest state of every sample: their fields, reaction coefficients, displacements."""

from __future__ import annotations

import h5py
import numpy as np

from nsim.errors import InputError
from validation.lowest_states import lowest_states
from validation.simulation import Simulation, Sites


def lowest_sites(simulation: Simulation, n: int) -> Sites:
    """One state of each sample, its lowest; raises `InputError` where the run kept no sites."""
    if not simulation.has_sites:
        raise InputError(f"{simulation.path}: no sites were kept; leave output.sites at true")
    lowest = lowest_states(simulation, n)
    there = np.flatnonzero(np.isfinite(lowest.scalars["energy"]))
    with h5py.File(simulation.path / "results.h5", "r", locking=False) as file:
        group = file[f"n{n}"]
        columns = [
            np.stack([group[name][sample, lowest.replica[sample]] for sample in there])
            for name in ("v", "cavity_field", "reaction_coefficient")
        ]
        a2 = group["a2"][()][there]
    v, h, C = columns
    return Sites(n, h, C, a2, v, there)
