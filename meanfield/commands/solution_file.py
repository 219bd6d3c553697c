"""HDF5 files of solutions: order parameters as attributes, the ensemble of local potentials as arrays."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from meanfield.replicas.overlap_distribution import overlap_distribution
from meanfield.replicas.solution import Solution

# Range of P(h) in standard deviations of the fields, and points.
FIELDS, FIELD_POINTS = 4.5, 181


def save(solution: Solution, path: str | Path) -> None:
    """Write ``solution`` to an HDF5 file.

    The group ``local_potentials`` is what `LocalPotentials.load` reads. The attribute ``solution``
    holds the JSON text of `Solution.to_dict` with all coexisting solutions; the top level's numbers
    are attributes of their own too. Ising spins have no local potentials.
    """
    numbers = solution.to_dict()
    with h5py.File(path, "w") as file:
        file.attrs["content"] = "solution of the mean-field equations"
        file.attrs["solution"] = json.dumps(numbers)
        for name, value in numbers.items():
            if isinstance(value, (str, bool, int, float)):
                file.attrs[name] = value
        file.attrs["q"], file.attrs["mu"] = solution.q, solution.mu
        file.attrs["potential"] = solution.model.potential
        file.attrs["a4"] = solution.model.a4
        file.attrs["a2_distribution"] = solution.model.a2.kind
        file.attrs["a2_parameters"] = solution.model.a2.values
        file.attrs["a2_weights"] = solution.model.a2.weights
        overlaps = overlap_distribution(solution)
        if overlaps is not None:
            group = file.create_group("overlap_distribution")
            for name, value in overlaps.to_dict().items():
                if isinstance(value, list):
                    group[name] = value
            group.attrs["content"] = "q(mu), mu = x/T, and P(q) = dx/dq of full RSB with their errors"
        if solution.ladder and solution.q[-1] > 0.0:
            group = file.create_group("field_density")
            h = solution.m + np.sqrt(solution.q[-1]) * np.linspace(-FIELDS, FIELDS, FIELD_POINTS)
            density = solution.limit(lambda s: s.field_density(h), power=2.0)
            group["h"], group["P"], group["P_error"] = h, density.value, density.error
            group.attrs["content"] = "P(h) of full RSB with its error"
        if solution.model.potential == "quartic":
            solution.local_potentials().write(file.create_group("local_potentials"))
