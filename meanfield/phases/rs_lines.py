"""Phase boundaries of replica symmetry in a plane of parameters, KH98 Fig. 1.

Every line is a branch of states with one more equation (`meanfield.replicas.rs_states`), followed by continuation
from wherever a coarse scan of the plane crosses it. It ends at the border of the plane or where another
condition takes over, at corners that are solved for too. Without local disorder two of them are exact at
T = 0: ergodic to glass at a2/gamma = 2 for J0 <= 1, ergodic to polarised at a2/gamma = J0 + 1/J0 for J0 >= 1.

At T = 0 the replicon diverges as 1/sqrt(-kappa) where double wells are about to appear (kappa -> 0-) at
sites with h near 0, so that replica symmetry is always lost before: the unknown there is r = sqrt(-kappa)
and the equation r (1 - E[(phi'')^2]) = 0, smooth down to r = 0. Deep in the polarised phase P(h = 0) is
exponentially small and the two lines merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from meanfield.model import ParameterError
from meanfield.phases.continuation import Curve, trace
from meanfield.phases.plane import Plane
from meanfield.phases.plane_scan import Crossing, crossings
from meanfield.replicas.newton import newton
from meanfield.replicas.rs_states import Branch, Condition, State, evaluate

Array = NDArray[np.float64]

# Where q (relative to gamma/a4) and m/sqrt(q) count as vanishing: the exact corner is added there.
SMALL_OVERLAP, SMALL_MEAN_FIELD = 1e-6, 3e-3
# r = sqrt(-kappa) at which the line of instability at T = 0 is that of double wells, to 1e-11.
MERGED = 3e-6
# r of the first guess where the state it comes from has double wells.
START = 0.1
# r at which the line of instability is taken up again where it leaves that of double wells.
APART = 0.02
# Share of the order parameters in the arclength.
STATE_WEIGHT = 0.02
# A crossing this close to a line already followed, in units of the plane, is one of that line.
SAME = 5e-3


def _above_low(k: int, y: Array) -> float:
    return float(y[k])


def _below_high(k: int, y: Array) -> float:
    return 1.0 - float(y[k])


@dataclass(frozen=True)
class Boundary:
    """A branch with one more equation, as a system for `continuation.trace`: unknowns (state, t_x, t_y).

    ``ground`` puts T = 0 wherever the plane would say otherwise. ``merged`` is the line of instability at
    T = 0 where it cannot be told from that of double wells any more: the equation is then that of the wells.
    """

    plane: Plane
    branch: Branch
    condition: Condition
    ground: bool = False
    merged: bool = False

    @property
    def sharp(self) -> bool:
        """Whether the unknown is r = sqrt(-kappa) instead of ln C."""
        cold = self.ground or (self.plane.temperature == 0.0 and not self.plane.varies_temperature)
        return cold and self.branch == "polarised" and self.condition == "marginal" and not self.merged

    def state(self, y: Array) -> State:
        """The state at the unknowns ``y``."""
        model, temperature = self.plane.at(np.maximum(y[-2:], self._zero) if self.ground else y[-2:])
        temperature = 0.0 if self.ground else temperature
        x = y[:-2].copy()
        if self.sharp:
            C = model.a2.low / model.gamma - x[1] ** 2
            if not C > 0.0:
                raise ParameterError("no state with a single well")
            x[1] = np.log(C)
        return evaluate(self.branch, model, temperature, x)

    @property
    def _zero(self) -> Array:
        """Lowest coordinates that `Plane.at` may be asked for."""
        return np.array([-np.inf, self.plane.y.coordinate(0.0)])

    def unknowns(self, state: State, t: Array) -> Array:
        """Inverse of `state` at coordinates ``t`` (2,)."""
        x = [np.log(state.C)]
        if self.branch != "ergodic":
            x.insert(0, np.log(state.q))
        if self.branch == "polarised":
            x.append(np.log(state.m))
        if self.sharp:
            x[1] = np.sqrt(max(state.model.a2.low / state.model.gamma - state.C, START**2))
        return np.array([*x, *t])

    def residual(self, y: Array) -> Array:
        """Errors of the equations of the branch and of the condition; infinite where no state exists."""
        try:
            state = self.state(y)
        except ParameterError:
            return np.full(y.size - 1, np.inf)
        excess = state.excess("wells" if self.merged else self.condition)
        return np.append(state.residual, excess * y[1] if self.sharp else excess)

    def ends(self) -> dict[str, Callable[[Array], float]]:
        """The conditions that have to be positive along the line."""

        def of(quantity: Callable[[State], float]) -> Callable[[Array], float]:
            return lambda y: quantity(self.state(y))

        ends: dict[str, Callable[[Array], float]] = {}
        for k, axis in ((-2, self.plane.x), (-1, self.plane.y)):
            ends[f"{axis.name} = {axis.value(0.0):g}"] = partial(_above_low, k)
            ends[f"{axis.name} = {axis.value(1.0):g}"] = partial(_below_high, k)
        if self.branch != "polarised" and self.condition != "onset":
            ends["onset"] = of(lambda s: -s.onset)
        if self.branch == "ergodic" and self.condition != "marginal":
            ends["marginal"] = of(lambda s: -s.marginality)
        if self.branch != "ergodic":
            ends["q -> 0"] = lambda y: float(y[0] - np.log(SMALL_OVERLAP / self.plane.at(y[-2:])[0].quartic))
        if self.branch == "polarised" and self.plane.model.field == 0.0:
            ends["m -> 0"] = lambda y: float(y[2] - 0.5 * y[0] - np.log(SMALL_MEAN_FIELD))
        if self.sharp:
            ends["wells"] = lambda y: float(y[1]) - MERGED
        if self.merged:
            ends["marginal"] = lambda y: -replace(self, merged=False).state(self.unmerged(y)).marginality
        return ends

    def unmerged(self, y: Array) -> Array:
        """A point of the merged line moved by r = MERGED to where all wells are single."""
        result = y.copy()
        result[1] = MERGED
        return result

    def on(self, start: Array, fixed: Callable[[Array], float]) -> Array | None:
        """The point of the line near ``start`` where ``fixed`` vanishes, or None."""
        root = newton(lambda y: np.append(self.residual(y), fixed(y)), start, max_iterations=30)
        return root.x if root.converged else None

    def follow(self, start: Array, points: int) -> Curve:
        """The whole line through ``start``, with about ``points`` points per range of an axis."""
        weight = np.append(np.full(start.size - 2, STATE_WEIGHT), [1.0, 1.0])
        return trace(self.residual, start, self.ends(), weight, 1.0 / points)


@dataclass(frozen=True)
class RSLine:
    """A line that was followed: its states in order, with corners at the ends that have one."""

    branch: Branch
    condition: Condition
    states: list[State]
    residual: float
    begins: str
    ends: str

    def reversed(self) -> RSLine:
        """The same line from its other end."""
        return replace(self, states=self.states[::-1], begins=self.ends, ends=self.begins)


def lines(plane: Plane, points: int) -> Iterator[RSLine]:
    """All phase boundaries of replica symmetry that a coarse scan of ``plane`` crosses."""
    followed: list[tuple[Branch, Condition, Array]] = []
    for crossing in crossings(plane):
        key = (crossing.state.branch, crossing.condition)
        if any(key == (b, c) and _distance(crossing.t, path) < SAME for b, c, path in followed):
            continue
        found = _start(Boundary(plane, *key), crossing)
        if found is None:
            continue
        boundary, start = found
        if any(key == (b, c) and _distance(start[-2:], path) < SAME for b, c, path in followed):
            continue
        line, path = _whole(boundary, start, points)
        followed.append((*key, path))
        yield line


def _start(boundary: Boundary, crossing: Crossing) -> tuple[Boundary, Array] | None:
    """The exact crossing of the boundary with the line of the scan, if it lies in the plane."""
    along = crossing.direction
    forms = [boundary, replace(boundary, merged=True)] if boundary.sharp else [boundary]
    for form in forms:
        first = form.unknowns(crossing.state, crossing.t)
        start = form.on(first, lambda y: float(along @ (y[-2:] - crossing.t)))
        if start is not None and all(end(start) >= -1e-12 for end in form.ends().values()):
            return form, start
    return None


def _whole(boundary: Boundary, start: Array, points: int) -> tuple[RSLine, Array]:
    """The line through ``start`` and its path in the plane; sharp and merged parts of a line are joined."""
    curve = boundary.follow(start, points)
    line, path = _line(boundary, curve), curve.y[:, -2:]
    handover = "wells" if boundary.sharp else "marginal"
    if not (boundary.sharp or boundary.merged) or handover not in (curve.begins, curve.ends):
        return line, path
    y = curve.y[0] if curve.begins == handover else curve.y[-1]
    other = replace(boundary, merged=not boundary.merged)
    if boundary.sharp:
        state = boundary.state(y)
        y = np.append(np.log([state.q, state.C, state.m]), y[-2:])
    else:
        # With a continuous distribution of a2 the root r of r (1 - R) leaves r = 0 here: begin where they are apart.
        apart = boundary.unmerged(y)
        apart[1] = APART
        found = other.on(apart, lambda z: float(z[1]) - APART)
        if found is None:
            return line, path
        y = found
    curve = other.follow(y, points)
    more = _line(other, curve)
    return _joined(line, more, handover), np.concatenate([path, curve.y[:, -2:]])


def _joined(a: RSLine, b: RSLine, handover: str) -> RSLine:
    """Two lines that share an end, where ``a`` says ``handover`` and ``b`` the opposite."""
    back = "marginal" if handover == "wells" else "wells"
    a = a.reversed() if a.begins == handover else a
    b = b if b.begins == back else b.reversed()
    states = a.states + b.states[1:]
    return RSLine(a.branch, a.condition, states, max(a.residual, b.residual), a.begins, b.ends)


def _line(boundary: Boundary, curve: Curve) -> RSLine:
    states = [boundary.state(y) for y in curve.y]
    first, last = _corner(boundary, curve.y[0], curve.begins), _corner(boundary, curve.y[-1], curve.ends)
    states = ([first] if first else []) + states + ([last] if last else [])
    return RSLine(boundary.branch, boundary.condition, states, curve.residual, curve.begins, curve.ends)


def _corner(boundary: Boundary, y: Array, end: str) -> State | None:
    """The state where the line meets the next phase or T = 0, when its own unknowns degenerate before."""
    if boundary.plane.reaches_zero and end == f"temperature = {boundary.plane.y.low:g}":
        return _ground_state(boundary, y)
    if end not in ("q -> 0", "m -> 0"):
        return None
    plane, near = boundary.plane, boundary.state(y)
    pair: tuple[Condition, Condition] = ("onset" if boundary.branch == "polarised" else "marginal", boundary.condition)
    for branch in ("ergodic", "glass"):
        if branch == "glass" and "marginal" in pair:
            continue
        meeting = [Boundary(plane, branch, condition) for condition in pair]
        start = meeting[0].unknowns(near, y[-2:])
        root = newton(partial(_both, meeting), start)
        if root.converged and float(np.linalg.norm(root.x[-2:] - y[-2:])) < 0.1:
            return meeting[0].state(root.x)
    return None


def _both(meeting: list[Boundary], y: Array) -> Array:
    """The equations of a branch with two conditions."""
    return np.append(meeting[0].residual(y), meeting[1].residual(y)[-1])


def _ground_state(boundary: Boundary, y: Array) -> State | None:
    """Where a line of a plane with temperatures ends at T = 0."""
    ground = replace(boundary, ground=True)
    zero = boundary.plane.y.coordinate(0.0)
    start = ground.unknowns(boundary.state(y), y[-2:])
    start[-1] = zero
    end = ground.on(start, lambda y: float(y[-1]) - zero)
    return None if end is None or abs(end[-2] - y[-2]) > 0.1 else ground.state(end)


def _distance(t: Array, path: Array) -> float:
    """Distance of a point from a polygonal path."""
    if len(path) < 2:
        return float(np.min(np.linalg.norm(path - t, axis=1)))
    begin, edge = path[:-1], np.diff(path, axis=0)
    share = np.einsum("ij,ij->i", t - begin, edge) / np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-300)
    nearest = begin + np.clip(share, 0.0, 1.0)[:, None] * edge
    return float(np.min(np.linalg.norm(nearest - t, axis=1)))
