"""Thermodynamics as plain numbers, as an HDF5 file and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from meanfield.quantum.thermodynamics import Thermodynamics

# Name: unit and meaning.
ARRAYS = {
    "temperature": ("energy", "temperature, k_B = 1"),
    "specific_heat": ("1", "specific heat per site"),
    "entropy": ("1", "entropy per site"),
    "thermal_energy": ("energy", "energy per site above the ground state"),
    "tunnelling_specific_heat": ("1", "share of the two lowest levels of sites with two wells"),
    "tunnelling_entropy": ("1", "share of the two lowest levels of sites with two wells"),
    "intra_well_specific_heat": ("1", "rest: excitations within the wells"),
    "error": ("1", "estimated error of the specific heat from levels and interpolation, not from the ensemble"),
}


def to_dict(result: Thermodynamics) -> dict[str, Any]:
    """Lists and numbers for JSON."""
    arrays: dict[str, Any] = {name: getattr(result, name).tolist() for name in ARRAYS}
    return arrays | {"double_well_fraction": result.double_well_fraction}


def save(result: Thermodynamics, header: dict[str, Any], path: str | Path) -> None:
    """Write the arrays with units and long names, and what they belong to as attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["content"] = "thermodynamics of local potentials"
        file.attrs["double_well_fraction"] = result.double_well_fraction
        for name, value in header.items():
            file.attrs[name] = value
        for name, (units, meaning) in ARRAYS.items():
            data = file.create_dataset(name, data=getattr(result, name))
            data.attrs["units"], data.attrs["long_name"] = units, meaning


def plot(result: Thermodynamics, header: dict[str, Any], path: str | Path) -> None:
    """Draw C(T) with its parts, and C/T^3, both in logarithms."""
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    some = result.temperature > 0
    T = result.temperature[some]
    curves = (
        ("all levels", result.specific_heat, "-"),
        ("tunnelling alone", result.tunnelling_specific_heat, "--"),
        ("within wells", result.intra_well_specific_heat, ":"),
    )
    for label, values, style in curves:
        # What lies below any measurement would only stretch the axis.
        visible = np.where(values[some] > 1e-12, values[some], np.nan)
        left.plot(T, visible, style, label=label)
    left.set(xscale="log", yscale="log", xlabel="T", ylabel="specific heat per site")
    left.legend(frameon=False)
    cubic = np.where(result.specific_heat[some] > 1e-12, result.specific_heat[some] / T**3, np.nan)
    right.plot(T, cubic)
    right.set(xscale="log", yscale="log", xlabel="T", ylabel="C/T^3")
    title = [f"{name} = {header[name]}" for name in ("ansatz", "gamma", "hbar2_over_m") if name in header]
    figure.suptitle(", ".join(title))
    figure.savefig(path, dpi=150)
