"""Phase diagrams: every line by name, with its ansatz, its equation and its accuracy, KH98 Fig. 1.

    ergodic-glass        p = q = 0 loses stability to q > 0: E[(phi'')^2] = 1 at h = 0
    ergodic-polarised    p = q = 0 loses stability to p != 0: J0 C = 1
    glass-polarised      the glass loses stability to p != 0: J0 chi = 1, chi = C + sum_k mu_k (q_k - q_{k-1})
    almeida-thouless     the polarised state (any state in a field) breaks replica symmetry
    double-wells         C = a2/gamma at the softest site: beyond, some U_eff have two wells

Between the glass-polarised and the almeida-thouless line lies the mixed phase, polarised and glassy at once.
Lines on which replica symmetry is intact do not depend on the ansatz. All transitions at zero field are
continuous: p appears with an infinitesimal value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model, ParameterError, require_finite
from meanfield.phases import rs_lines
from meanfield.phases.glass_temperature import ergodic_temperature
from meanfield.phases.phase_line import Line
from meanfield.phases.plane import Plane
from meanfield.phases.rs_lines import RSLine

Array = NDArray[np.float64]

POINTS = 40
RANGES = {"gamma": (0.25, 10.0), "j0": (0.0, 3.0)}


@dataclass(frozen=True)
class PhaseDiagram:
    """All lines in one plane."""

    name: str
    plane: Plane
    lines: tuple[Line, ...]
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether every line was followed to its ends."""
        return all(line.converged for line in self.lines)

    def line(self, name: str, ansatz: str = "rs") -> Line:
        """The first line of that name and ansatz; KeyError if there is none."""
        for line in self.lines:
            if (line.name, line.ansatz) == (name, ansatz):
                return line
        raise KeyError(f"no line {name!r} in ansatz {ansatz!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        model = self.plane.model
        axes = (self.plane.x, self.plane.y)
        fixed = {"gamma": model.gamma, "j0": model.j0, "temperature": self.plane.temperature}
        return {
            "plane": self.name,
            "axes": {axis.name: [axis.low, axis.high] for axis in axes},
            "fixed": {name: value for name, value in fixed.items() if name not in [axis.name for axis in axes]},
            "field": model.field,
            "lines": [line.to_dict() for line in self.lines],
            "converged": self.converged,
            "seconds": self.seconds,
        }


def phase_diagram(
    model: Model,
    plane: str = "j0-gamma",
    temperature: float = 0.0,
    ansatze: tuple[str, ...] = ("rs",),
    ranges: dict[str, tuple[float, float]] | None = None,
    points: int = POINTS,
    progress: Callable[[str], None] | None = None,
) -> PhaseDiagram:
    """Follow all phase boundaries in a plane of parameters.

    Parameters
    ----------
    model : Model
        Holds the parameters that are not axes of the plane.
    plane : {"j0-gamma", "gamma-temperature", "j0-temperature"}
    temperature : float
        Of the plane j0-gamma.
    ansatze : tuple of {"rs", "1rsb", "frsb"}
        Beyond RS at T = 0 only, in the plane j0-gamma.
    ranges : dict
        (low, high) of either axis; otherwise `RANGES`, and temperatures from 0 to far in the ergodic phase.
    points : int
        About this many points per range of an axis; every one is solved for.
    progress : function of str, optional
        Called with a word about every line as it is finished.
    """
    begin = time.perf_counter()
    if require_finite("temperature", temperature) < 0.0:
        raise ParameterError(f"temperature must not be negative, got {temperature:g}")
    if not 5 <= points <= 2000:
        raise ParameterError(f"points must be from 5 to 2000, got {points}")
    for ansatz in ansatze:
        if ansatz not in ("rs", "1rsb", "frsb"):
            raise ParameterError(f"ansatz must be 'rs', '1rsb' or 'frsb', got {ansatz!r}")
    ranges = {**RANGES, **(ranges or {})}
    if plane.endswith("temperature") and "temperature" not in ranges:
        j0 = ranges["j0"][1] if "j0" in plane else model.j0
        gamma = ranges["gamma"][1] if "gamma" in plane else model.gamma
        ranges["temperature"] = (0.0, ergodic_temperature(replace(model, gamma=gamma, j0=j0)))
    where = Plane.build(plane, model, temperature, ranges)
    disorder = model.field != 0.0 or model.a2.std > 0.0 or model.potential == "ising"
    if set(ansatze) - {"rs"} and (plane != "j0-gamma" or temperature > 0.0 or disorder):
        raise ParameterError("lines beyond RS: plane j0-gamma at temperature 0, without field and local disorder only")
    found = []
    for line in _lines(where, ansatze, points):
        found.append(line)
        if progress is not None:
            progress(f"{line.name} ({line.ansatz}): {line.points['p'].size} points")
    return PhaseDiagram(plane, where, tuple(found), time.perf_counter() - begin)


def _lines(plane: Plane, ansatze: tuple[str, ...], points: int) -> Iterator[Line]:
    if "rs" in ansatze:
        for line in rs_lines.lines(plane, points):
            yield _from_rs(plane, line)
    if set(ansatze) - {"rs"}:
        # Compiled code, which takes a moment to load.
        from meanfield.phases import broken_lines

        yield from broken_lines.lines(plane, ansatze, points)


def _from_rs(plane: Plane, line: RSLine) -> Line:
    name = {
        ("ergodic", "marginal"): "ergodic-glass",
        ("ergodic", "onset"): "ergodic-polarised",
        ("glass", "onset"): "glass-polarised",
        ("polarised", "marginal"): "almeida-thouless",
    }.get((line.branch, line.condition), "double-wells")
    states = line.states
    points = {
        "gamma": np.array([s.model.gamma for s in states]),
        "j0": np.array([s.model.j0 for s in states]),
        "temperature": np.array([s.temperature for s in states]),
        "p": np.array([s.p for s in states]),
        "q": np.array([s.q for s in states]),
        "C": np.array([s.C for s in states]),
        "error": np.full(len(states), np.nan),
    }
    exact = name in ("ergodic-glass", "ergodic-polarised", "almeida-thouless")
    exact = exact or all(s.marginality <= 1e-9 for s in states)
    return Line(name, "rs", exact, points, "gamma", line.residual, (line.begins, line.ends))
