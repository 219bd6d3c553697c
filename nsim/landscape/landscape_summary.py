"""What was found around the states of a run, in numbers: counts, densities of two-level systems, what U_eff,i foretold.

Densities are those of the pairs that a saddle joins to a state of the run, per site of these states: each pair counts
once for a minimum of the run. They are averaged over samples, and errors are those over samples.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nsim.landscape.landscape_run import Tables, read_landscape
from nsim.landscape.landscape_tables import COUNTS

BINS_ASYMMETRY = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])  # E0
BINS_LOG_DELTA0 = np.array(
    [-400.0, -200.0, -100.0, -50.0, -24.0, -20.0, -16.0, -12.0, -8.0, -4.0, 0.0]
)  # of ln Delta_0
BINS_LOCALISATION = (0.0, 0.3, 1.0, np.inf)
QUARTILES = (0.25, 0.5, 0.75)


def summary(path: Path) -> dict[str, Any]:
    """What `nsim landscape DIR` prints: for each size how much was found, how well U_eff,i foretold it, densities."""
    with h5py.File(path, "r", locking=False) as file:
        method = str(file.attrs["descent"])
    return {"groups": [_group(n, arrays) | {"descent": method} for n, arrays in read_landscape(path)]}


def _group(n: int, arrays: Tables) -> dict[str, Any]:
    systems = _systems_of_explored(arrays)
    log_delta0 = arrays["saddle_log_delta0"]
    sound = arrays["well_near_singular"] == 0  # the wells of nearly singular states are spurious, and counted apart
    return {
        "n": n,
        "samples": len(arrays["sample"]),
        "explored_minima": int(arrays["minimum_explored"].sum()),
        "minima": len(arrays["minimum_energy"]),
        "saddles": len(arrays["saddle_energy"]),
        "two_level_systems": int(systems.sum()),
        "per_site_and_asymmetry": _density(n, arrays, arrays["saddle_asymmetry"], systems, BINS_ASYMMETRY),
        "per_site_and_log_delta0": _density(n, arrays, log_delta0, systems, BINS_LOG_DELTA0)
        | {"without_two_wells": int(np.isnan(log_delta0[systems]).sum())},
        "wells_by_localisation": [
            _foretold(low, high, arrays, sound & (spread >= low) & (spread < high))
            for spread in [arrays["well_localisation"]]
            for low, high in itertools.pairwise(BINS_LOCALISATION)
        ],
        "near_singular_wells": {
            "wells": int((~sound).sum()),
            "connected": int(arrays["well_connected"][~sound].sum()),
        },
        "pairs_by_saddles": np.bincount(arrays["pair_saddles"].astype(int)).tolist(),
        "counts": {name: int(arrays[f"count_{name}"].sum()) for name in COUNTS},
    }


def _density(n: int, arrays: Tables, values: np.ndarray, chosen: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    """Two-level systems per site of an explored state and per unit of ``values``: mean and standard error."""
    rows = []
    for sample in arrays["sample"]:
        states = arrays["minimum_explored"][arrays["minimum_sample"] == sample].sum()
        if states:
            own = values[chosen & (arrays["saddle_sample"] == sample)]
            rows.append(np.histogram(own[np.isfinite(own)], edges)[0] / (np.diff(edges) * n * states))
    table = np.array(rows).reshape(-1, len(edges) - 1)
    count = len(table)
    mean = table.mean(axis=0).tolist() if count else [None] * (len(edges) - 1)
    error = (table.std(axis=0, ddof=1) / np.sqrt(count)).tolist() if count > 1 else [None] * (len(edges) - 1)
    return {"edges": edges.tolist(), "density": mean, "stderr": error}


def _foretold(low: float, high: float, arrays: Tables, inside: np.ndarray) -> dict[str, Any]:
    """The double wells of U_eff,i of sites localised alike, pair by pair beside the true two-level systems."""
    true = inside & (arrays["well_connected"] == 1)
    well, found = ({name: arrays[f"well_{way}{name}"][true] for name in COMPARED} for way in ("", "true_"))
    climb = well["climb"] / found["climb"]
    return {
        "from": low,
        "to": high if np.isfinite(high) else None,
        "wells": int(inside.sum()),
        "connected": int(true.sum()),
        "barrier_within_10_percent": int((np.abs(climb - 1) < 0.1).sum()),
        # Medians and quartiles of what U_eff,i says against what is there.
        "climb_ratio": _quartiles(climb),
        "barrier_ratio": _quartiles(well["barrier"] / found["barrier"]),
        "distance_ratio": _quartiles(well["distance"] / found["distance"]),
        "asymmetry_difference": _quartiles(well["asymmetry"] - found["asymmetry"]),
        "log_delta0_difference": _quartiles(well["log_delta0"] - found["log_delta0"]),
        "participation": _quartiles(arrays["well_true_participation"][true]),
    }


COMPARED = ("climb", "barrier", "distance", "asymmetry", "log_delta0")


def _quartiles(values: np.ndarray) -> list[float] | None:
    """The quartiles of what is finite; None if nothing is."""
    values = values[np.isfinite(values)]
    return np.quantile(values, QUARTILES).tolist() if len(values) else None


def _systems_of_explored(arrays: Tables) -> np.ndarray:
    """Which saddles join a state of the run to another minimum, not to itself or its mirror image; bool."""
    explored = {
        (int(sample), number)
        for sample in arrays["sample"]
        for number in np.flatnonzero(arrays["minimum_explored"][arrays["minimum_sample"] == sample])
    }
    return np.array(
        [
            first >= 0 and second >= 0 and first != second and bool({(sample, first), (sample, second)} & explored)
            for sample, first, second in zip(
                arrays["saddle_sample"], arrays["saddle_first"], arrays["saddle_second"], strict=True
            )
        ],
        dtype=bool,
    )
