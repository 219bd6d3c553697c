"""What an array of a result file is: its dimensions, unit and meaning.

Every array of a run is declared once, as a `Variable`: those of relaxed states in `nsim.campaign.observables`, those
that a protocol measures on its way beside the protocol. Writing, reading and averaging follow from the declaration.
Dimensions are ``sample``, ``replica``, ``site``, ``mode``, and what a protocol adds, such as ``temperature``, each with
a `Coordinate` that says what its points are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STATE = ("sample", "replica")


@dataclass(frozen=True)
class Variable:
    """One array of a result file; its first dimension is ``sample``, and ``replica``, if it has that, the second."""

    dims: tuple[str, ...]
    unit: str
    meaning: str
    dtype: str = "f8"
    averaged: bool = False  # whether `nsim summary` gives its mean over states and samples
    short: str = ""  # its name in the summary, where it differs

    @property
    def fill(self) -> float | int:
        """What stands where nothing is computed yet."""
        return np.nan if self.dtype == "f8" else 0


@dataclass(frozen=True)
class Coordinate:
    """The points of a dimension, one-dimensional."""

    values: np.ndarray
    unit: str
    meaning: str
