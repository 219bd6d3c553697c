"""Ensembles of local potentials {(h, C, a2, a4, gamma, weight)}.

The meeting point of theory and simulation: a mean-field solution yields such an ensemble by
quadrature, a state of N particles yields one with weights 1/N. Double wells, spectra, density of
states and specific heat are computed from the ensemble alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError
from meanfield.sites.double_wells import BarrierFrom, DoubleWells, double_wells
from meanfield.sites.single_site import effective_curvature, global_minimum

Array = NDArray[np.float64]

DESCRIPTIONS = {
    "h": ("effective (cavity) field", "coupling std * displacement"),
    "C": ("reaction coefficient", "1"),
    "a2": ("harmonic coefficient of G", "1"),
    "a4": ("quartic coefficient of G", "1"),
    "gamma": ("coupling strength", "1"),
    "weight": ("weight in the ensemble, sum 1", "1"),
}


@dataclass(frozen=True)
class LocalPotentials:
    """U_eff(v) = -h v - C v^2/2 + (a2 v^2/2 + a4 v^4/24)/gamma with weights; arrays of shape (n,)."""

    h: Array
    C: Array
    a2: Array
    a4: Array
    gamma: Array
    weight: Array

    def __post_init__(self) -> None:
        for item in fields(self):
            array = np.ascontiguousarray(getattr(self, item.name), dtype=float)
            if array.ndim != 1 or array.shape != np.shape(self.h):
                raise ParameterError(f"local potentials: {item.name} must be 1-D and as long as h")
            if not np.all(np.isfinite(array)):
                raise ParameterError(f"local potentials: {item.name} holds numbers that are not finite")
            object.__setattr__(self, item.name, array)
        if self.h.size == 0:
            raise ParameterError("local potentials: the ensemble is empty")
        if np.any(self.weight < 0) or abs(self.weight.sum() - 1.0) > 1e-9:
            raise ParameterError("local potentials: weights must be non-negative and sum to 1")
        if np.any(self.a4 <= 0) or np.any(self.gamma <= 0):
            raise ParameterError("local potentials: a4 and gamma must be positive")

    @classmethod
    def from_arrays(
        cls,
        h: ArrayLike,
        C: ArrayLike,
        a2: ArrayLike = 1.0,
        a4: ArrayLike = 1.0,
        gamma: ArrayLike = 1.0,
        weight: ArrayLike | None = None,
    ) -> LocalPotentials:
        """Broadcast scalars to the length of ``h``; equal weights unless given."""
        h = np.atleast_1d(np.asarray(h, float))
        if weight is None:
            weight = np.full(h.shape, 1.0 / max(h.size, 1))
        try:
            arrays = [np.broadcast_to(np.asarray(a, float), h.shape) for a in (C, a2, a4, gamma, weight)]
        except ValueError:
            raise ParameterError("local potentials: arrays must be as long as h, or scalars") from None
        return cls(h, *arrays)

    def __len__(self) -> int:
        return self.h.size

    def average(self, values: ArrayLike) -> float:
        """Ensemble average of one value per local potential."""
        return float(self.weight @ np.asarray(values, float))

    def minima(self) -> Array:
        """Global minimiser v* of each potential, shape (n,)."""
        return global_minimum(self.h, self.C, self.a2, self.a4, self.gamma)

    def responses(self) -> Array:
        """Regular response 1/U_eff''(v*) of each potential, shape (n,); its average is C_reg."""
        return 1.0 / effective_curvature(self.minima(), self.C, self.a2, self.a4, self.gamma)

    def double_wells(self, barrier_from: BarrierFrom = "upper") -> DoubleWells:
        """Asymmetry, barrier and distance of each double well; NaN for single wells."""
        return double_wells(self.h, self.C, self.a2, self.a4, self.gamma, barrier_from)

    def double_well_fraction(self) -> float:
        """Weight of the potentials with two wells."""
        return self.average(self.double_wells().exists)

    def field_density(self, edges: Array) -> Array:
        """P(h) as a histogram: weight per unit field between ``edges`` (n + 1,), result (n,)."""
        return self._density(self.h, edges)

    def asymmetry_density(self, edges: Array) -> Array:
        """P(Delta) over all sites: its integral is the double-well fraction, not 1."""
        return self._density(self.double_wells().asymmetry, edges)

    def tunnelling_density(self, edges: Array, hbar2_over_m: float, barrier_from: BarrierFrom = "upper") -> Array:
        """P(lambda) over all sites, for KH98's lambda; its integral is the double-well fraction."""
        return self._density(self.double_wells(barrier_from).tunnelling(hbar2_over_m), edges)

    def _density(self, values: Array, edges: Array) -> Array:
        edges = np.asarray(edges, float)
        there = np.isfinite(values)
        counts, _ = np.histogram(values[there], bins=edges, weights=self.weight[there])
        return counts / np.diff(edges)

    def save(self, path: str | Path) -> None:
        """Write the ensemble: a table where ``path`` ends in .csv, else an HDF5 file with long names and units."""
        if Path(path).suffix == ".csv":
            table = np.stack([getattr(self, name) for name in DESCRIPTIONS], axis=1)
            np.savetxt(path, table, fmt="%.17g", delimiter=",", header=",".join(DESCRIPTIONS), comments="")
            return
        import h5py

        with h5py.File(path, "w") as file:
            file.attrs["content"] = "ensemble of local potentials"
            self.write(file)

    def to_dict(self) -> dict[str, list[float]]:
        """Plain numbers for JSON."""
        return {name: getattr(self, name).tolist() for name in DESCRIPTIONS}

    def write(self, group: object) -> None:
        """Write the arrays into an open HDF5 file or group."""
        for name, (long_name, units) in DESCRIPTIONS.items():
            data = group.create_dataset(name, data=getattr(self, name))  # type: ignore[attr-defined]
            data.attrs["long_name"], data.attrs["units"] = long_name, units

    @classmethod
    def load(cls, path: str | Path) -> LocalPotentials:
        """Read an ensemble written by `save`, or the group ``local_potentials`` of a solution's file.

        A .csv file needs the columns h and C; what else is missing has the defaults of `from_arrays`.
        """
        import h5py

        if str(path).endswith(".csv"):
            return cls._load_csv(path)
        if not h5py.is_hdf5(path):
            raise ParameterError(f"{path} is no HDF5 file")
        with h5py.File(path, "r") as file:
            group = file.get("local_potentials", file)
            missing = [name for name in DESCRIPTIONS if name not in group]
            if missing:
                raise ParameterError(f"{path} holds no ensemble of local potentials: {missing[0]} is missing")
            return cls(**{name: np.asarray(group[name]) for name in DESCRIPTIONS})

    @classmethod
    def _load_csv(cls, path: str | Path) -> LocalPotentials:
        try:
            table = np.genfromtxt(path, delimiter=",", names=True, ndmin=1)
        except ValueError:
            raise ParameterError(f"{path} is no table of numbers with a line of names") from None
        names = table.dtype.names or ()
        if "h" not in names or "C" not in names:
            raise ParameterError(f"{path} holds no ensemble of local potentials: it needs columns h and C")
        return cls.from_arrays(**{name: table[name] for name in DESCRIPTIONS if name in names})
