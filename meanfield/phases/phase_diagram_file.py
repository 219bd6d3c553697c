"""Files of phase diagrams: one group per line in HDF5, or one row per point in CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py

from meanfield.phases.phase_diagram import PhaseDiagram
from meanfield.phases.phase_line import COLUMNS, DEFINITIONS


def save(diagram: PhaseDiagram, path: str | Path) -> None:
    """Write all lines; the ending .csv chooses text."""
    if Path(path).suffix == ".csv":
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "ansatz", *COLUMNS])
            for line in diagram.lines:
                for row in zip(*(line.points[column] for column in COLUMNS), strict=True):
                    writer.writerow([line.name, line.ansatz, *(repr(float(value)) for value in row)])
        return
    with h5py.File(path, "w") as file:
        file.attrs["content"] = "phase diagram"
        file.attrs["phase_diagram"] = json.dumps(diagram.to_dict())
        for number, line in enumerate(diagram.lines):
            group = file.create_group(f"{number:02d}_{line.ansatz}_{line.name}")
            group.attrs["name"], group.attrs["ansatz"] = line.name, line.ansatz
            group.attrs["definition"], group.attrs["exact"] = DEFINITIONS[line.name], line.exact
            for column in COLUMNS:
                group.create_dataset(column, data=line.points[column])
