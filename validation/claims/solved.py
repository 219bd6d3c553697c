"""Mean-field solutions that several claims of one report need, each solved once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import meanfield
from meanfield import Model, Solution


@lru_cache(maxsize=256)
def solved(model: Model, ansatz: str, temperature: float = 0.0) -> Solution:
    """`meanfield.solve`, remembered."""
    with np.errstate(all="ignore"):  # trial points of the iteration may overflow; convergence is checked
        return meanfield.solve(model, ansatz, temperature=temperature)
