"""Solutions along gamma, temperature or J0, each point started from its neighbour.

Several lists of values give their product, gamma outermost and J0 innermost. Continuing helps where solutions
change smoothly: RS at any temperature and 1RSB at T = 0 begin their iteration at the neighbouring point; ladders
of many steps begin anew at every point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.replicas.solution import Solution
from meanfield.replicas.solver import solve

Array = NDArray[np.float64]

# Scalars of `Solution.to_dict` that are stacked, with long names and units.
COLUMNS = {
    "free_energy": ("free energy per site", "E0"),
    "internal_energy": ("internal energy per site", "E0"),
    "entropy": ("entropy per site", "k_B"),
    "p": ("mean displacement", "v0"),
    "q_diag": ("self-overlap, mean square displacement", "v0^2"),
    "C": ("response beta (q_diag - q_K), jumps included", "v0^2/E0"),
    "C_reg": ("response without jumps", "v0^2/E0"),
    "susceptibility": ("response to a uniform field at fixed p", "v0^2/E0"),
    "replicon": ("1 - E[(phi_K'')^2], at T = 0 without jumps", "1"),
    "double_well_fraction": ("fraction of sites whose U_eff has two wells", "1"),
    "error": ("estimated error of the energies", "E0"),
    "residual": ("largest relative error of the equations", "1"),
}
AXES = {
    "gamma": ("coupling strength", "1"),
    "temperature": ("temperature", "E0/k_B"),
    "j0": ("mean coupling times N", "1"),
}


@dataclass(frozen=True)
class Sweep:
    """Solutions in the order of the values; ``gamma``, ``temperature`` and ``j0`` as they were given."""

    ansatz: str
    gamma: tuple[float, ...]
    temperature: tuple[float, ...]
    j0: tuple[float, ...]
    solutions: tuple[Solution, ...]

    @property
    def converged(self) -> bool:
        """Whether every point is."""
        return all(s.converged for s in self.solutions)

    @property
    def axis(self) -> str:
        """The parameter with most values."""
        return max(AXES, key=lambda name: len(getattr(self, name)))

    @property
    def curves(self) -> NDArray[np.intp]:
        """Numbers of the points along `axis`, in increasing order of it, a row for each choice of the others."""
        shape = [len(getattr(self, name)) for name in AXES]
        number = np.arange(len(self.solutions)).reshape(shape)
        rows = np.moveaxis(number, list(AXES).index(self.axis), -1).reshape(-1, max(shape))
        return rows[:, np.argsort(getattr(self, self.axis))]

    def column(self, name: str) -> Array:
        """One number per point, NaN where it is undefined: a key of `COLUMNS` or `AXES`."""
        values = [s.to_dict()[name] for s in self.solutions]
        return np.array([np.nan if value is None else value for value in values], float)

    def levels(self, name: str) -> Array:
        """``q``, ``mu`` or ``replicons`` of all points, shape (points, most levels), NaN beyond a point's own."""
        arrays = [np.asarray(getattr(s, name), float) for s in self.solutions]
        result = np.full((len(arrays), max(a.size for a in arrays)), np.nan)
        for row, values in zip(result, arrays, strict=True):
            row[: values.size] = values
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON: the values and, under ``points``, what `Solution.to_dict` gives for each."""
        return {
            "ansatz": self.ansatz,
            "sweep": {name: list(getattr(self, name)) for name in AXES},
            "points": [s.to_dict() for s in self.solutions],
            "converged": self.converged,
        }

    def save(self, path: str | Path) -> None:
        """Write an HDF5 file in netCDF form: arrays over the dimension ``point``, and q, mu, replicons over levels."""
        with h5netcdf.File(path, "w") as file:
            file.attrs["content"] = "sweep of mean-field solutions"
            file.attrs["ansatz"] = self.ansatz
            file.dimensions = {"point": len(self.solutions)}
            for name, (long_name, units) in {**AXES, **COLUMNS}.items():
                _write(file, name, ("point",), self.column(name), long_name, units)
            for name, long_name, units in (
                ("q", "overlaps q_0 <= ... <= q_K", "v0^2"),
                ("mu", "beta m_k", "1/E0"),
                ("replicons", "1 - E[(phi_k'')^2], at T = 0 without jumps", "1"),
            ):
                values = self.levels(name)
                if values.shape[1] > 0:
                    dimension = "step" if name == "mu" else "level"
                    if dimension not in file.dimensions:
                        file.dimensions[dimension] = values.shape[1]
                    _write(file, name, ("point", dimension), values, long_name, units)
            converged = np.array([s.converged for s in self.solutions], np.int8)
            file.create_variable("converged", ("point",), np.int8, data=converged)
            variable = file.create_variable("phase", ("point",), h5py.string_dtype())
            variable[...] = np.array([s.phase for s in self.solutions], dtype=object)


def _write(file: Any, name: str, dims: tuple[str, ...], data: Array, long_name: str, units: str) -> None:
    variable = file.create_variable(name, dims, float, data=data)
    variable.attrs["long_name"], variable.attrs["units"] = long_name, units
    if name not in AXES:
        variable.attrs["coordinates"] = " ".join(AXES)


def sweep(
    model: Model,
    ansatz: str = "rs",
    gamma: tuple[float, ...] | None = None,
    temperature: tuple[float, ...] = (0.0,),
    j0: tuple[float, ...] | None = None,
    steps: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Sweep:
    """Solve at every combination of the values; what is not given stays as in ``model``.

    Points that do not converge are kept and say so. Bad values are refused before anything is solved.
    """
    gamma, j0 = gamma or (model.gamma,), j0 or (model.j0,)
    points = [(replace(model, gamma=g, j0=j), T) for g, T, j in product(gamma, temperature, j0)]
    solutions: list[Solution] = []
    for solution in _continued(points, ansatz, steps):
        solutions.append(solution)
        if progress is not None:
            s = solution
            where = f"gamma = {s.model.gamma:g}, T = {s.temperature:g}, J0 = {s.model.j0:g}"
            progress(f"{len(solutions)}/{len(points)}: {where}: {s.phase}, f = {s.free_energy:.8g}")
    return Sweep(ansatz, gamma, temperature, j0, tuple(solutions))


def _continued(points: list[tuple[Model, float]], ansatz: str, steps: int | None) -> Iterator[Solution]:
    previous: Solution | None = None
    for model, temperature in points:
        previous = solve(model, ansatz, temperature, steps, previous)
        yield previous
