"""One line of a phase diagram: its name and equation, its points and how well they are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Order = Literal["continuous", "no transition"]

DEFINITIONS = {
    "ergodic-glass": "E[(phi'')^2] = 1 at p = q = 0",
    "ergodic-polarised": "J0 C = 1 at p = q = 0",
    "glass-polarised": "J0 (C + sum_k mu_k (q_k - q_{k-1})) = 1 at p = 0",
    "almeida-thouless": "E[(phi'')^2] = 1",
    "double-wells": "C = a2/gamma at the softest site",
}
COLUMNS = ("gamma", "j0", "temperature", "p", "q", "C", "error")


@dataclass(frozen=True)
class Line:
    """One phase boundary.

    Attributes
    ----------
    name : str
        A key of `DEFINITIONS`.
    ansatz : {"rs", "1rsb", "frsb"}
    exact : bool
        Whether the line is the same in every ansatz, because replica symmetry holds on it, or in full RSB.
    points : dict of arrays (n,)
        gamma, j0, temperature, p, q (the innermost overlap), C, and error: of the position along the axis
        ``error_of``, NaN where the residual says all.
    error_of : {"gamma", "j0"}
    residual : float
        Largest relative error of the equations at any point.
    ends : (str, str)
        Where the line ends: a border of the plane, another condition ("marginal", "onset"), or "failed".
    note : str
    """

    name: str
    ansatz: str
    exact: bool
    points: dict[str, Array]
    error_of: str
    residual: float
    ends: tuple[str, str]
    note: str = ""

    @property
    def converged(self) -> bool:
        """Whether the line was followed to its ends."""
        return "failed" not in self.ends

    @property
    def order(self) -> Order:
        """What happens on it."""
        return "no transition" if self.name == "double-wells" else "continuous"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {
            "name": self.name,
            "ansatz": self.ansatz,
            "definition": DEFINITIONS[self.name],
            "order": self.order,
            "exact": self.exact,
            **{column: [_number(value) for value in self.points[column]] for column in COLUMNS},
            "inverse_gamma": [_number(1.0 / value) for value in self.points["gamma"]],
            "error_of": self.error_of,
            "residual": _number(self.residual),
            "ends": list(self.ends),
            "converged": self.converged,
            "note": self.note,
        }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
