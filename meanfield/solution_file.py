"""HDF5 files of solutions: order parameters as attributes, the ensemble of local potentials as arrays."""

from __future__ import annotations

import json
from pathlib import Path

import h5py

from meanfield.solution import Solution


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
        if solution.model.potential == "quartic":
            solution.local_potentials().write(file.create_group("local_potentials"))
