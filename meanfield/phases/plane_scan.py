"""Where lines of a phase diagram may be found: a coarse scan of the plane along a few straight lines.

Neighbouring points of a scan between which a condition changes sign give starting points for
`meanfield.phases.rs_lines`, nothing else: no line is read off the scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from meanfield.phases.plane import Plane
from meanfield.replicas.branches import SCAN_TARGET, Point, self_consistent_points
from meanfield.replicas.newton import newton
from meanfield.replicas.replica_symmetric import ReplicaSymmetric, ergodic_averages, linear_response
from meanfield.replicas.rs_states import Branch, Condition, State, evaluate

Array = NDArray[np.float64]

# Lines of the scan along each axis, and points on each.
LINES = (0.0, 0.5, 1.0)
POINTS = 25
# A polarised state with a smaller m/sqrt(q) is taken for an unpolarised one.
UNPOLARISED = 1e-3


@dataclass(frozen=True)
class Crossing:
    """A state near a line: its branch, the condition, coordinates (2,), and the scan's direction (2,)."""

    state: State
    condition: Condition
    t: Array
    direction: Array


@dataclass(frozen=True)
class Sample:
    """The states at one point of the scan: the stable one with p = 0, and the polarised one."""

    t: Array
    unpolarised: State | None
    polarised: State | None

    def broken(self) -> bool:
        """Whether replica symmetry is unstable in the polarised state, by its replicon or by jumps."""
        s = self.polarised
        return s is not None and (s.marginality > 0.0 or (s.temperature == 0.0 and s.softest > 0.0))


def crossings(plane: Plane) -> Iterator[Crossing]:
    """Everything that changes between neighbouring points of the scan."""
    steps = np.linspace(0.0, 1.0, POINTS)
    for axis in (0, 1):
        for fixed in LINES:
            t = np.full((POINTS, 2), fixed)
            t[:, axis] = steps
            for before, after in pairwise(_samples(plane, t)):
                yield from _between(before, after, 1 - axis)


def _between(before: Sample, after: Sample, fixed_axis: int) -> Iterator[Crossing]:
    direction = np.eye(2)[fixed_axis]

    def found(state: State, condition: Condition) -> Crossing:
        t = before.t if state in (before.unpolarised, before.polarised) else after.t
        return Crossing(state, condition, t, direction)

    a, b = before.unpolarised, after.unpolarised
    if a is not None and b is not None:
        if a.branch != b.branch:
            yield found(a if a.branch == "ergodic" else b, "marginal")
        else:
            for condition in ("onset", "wells"):
                if _changes(a, b, condition):
                    yield found(_nearer(a, b, condition), condition)
    a, b = before.polarised, after.polarised
    if a is not None and b is not None:
        if before.broken() != after.broken():
            yield found(b if before.broken() else a, "marginal")
        if _changes(a, b, "wells"):
            yield found(_nearer(a, b, "wells"), "wells")


def _changes(a: State, b: State, condition: Condition) -> bool:
    return a.excess(condition) * b.excess(condition) < 0.0


def _nearer(a: State, b: State, condition: Condition) -> State:
    return min(a, b, key=lambda s: abs(s.excess(condition)))


def _samples(plane: Plane, points: Array) -> Iterator[Sample]:
    glass: Point | None = None
    polarised: Array | None = None
    for t in points:
        model, temperature = plane.at(t)
        ansatz = ReplicaSymmetric(model, temperature).coarse
        ergodic = ergodic_averages(model, temperature)
        stable = ergodic is not None and ergodic.replicon_sum <= 1.0
        origin = linear_response(model, ergodic) if ergodic is not None and stable else None
        unpolarised = None
        if model.field == 0.0:
            branch: Branch = "ergodic"
            if ergodic is not None and stable:
                x = np.log([ergodic.C])
            else:
                branch, glass = "glass", ansatz.solve(0.0, glass, SCAN_TARGET)
                origin, x = glass, glass.x
            unpolarised = evaluate(branch, model, temperature, x)
        polarised = _polarised(ansatz, origin, polarised, 0.0 if unpolarised is None else unpolarised.C)
        state = None if polarised is None else evaluate("polarised", model, temperature, polarised)
        yield Sample(t, unpolarised, state)


def _polarised(ansatz: ReplicaSymmetric, origin: Point | None, previous: Array | None, C: float) -> Array | None:
    """Unknowns of the polarised state, from the last one of the scan if that helps, or None."""
    model, temperature = ansatz.model, ansatz.temperature
    if previous is not None:
        root = newton(lambda x: evaluate("polarised", model, temperature, x).residual, previous, target=SCAN_TARGET)
        if root.converged and root.x[2] - 0.5 * root.x[0] > np.log(UNPOLARISED):
            return root.x
    if model.field == 0.0 and model.j0 * C <= 1.0:
        return None
    points = self_consistent_points(ansatz, origin, C)
    return np.append(points[0].x, np.log(points[0].m)) if points else None
