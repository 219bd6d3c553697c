"""Closing the mean field: all m with m = J0 p(m) + F.

Every ansatz gives order parameters and a displacement p(m) at fixed mean m of the effective fields,
and p(m) does not depend on J0. Coexisting solutions, p = 0 and polarised ones, are the roots of
g(m) = m - J0 p(m) - F along that one curve, found by following it with a warm start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model
from meanfield.replicas.newton import ACCEPT, TARGET, newton
from meanfield.sites.single_site import global_minimum

Array = NDArray[np.float64]

# Geometric grid on which sign changes of g(m) are looked for.
SCAN_POINTS = 14
SCAN_PER_DECADE = 3
SMALLEST_FIELD = 1e-3
# Relative accuracy of the order parameters on that grid; roots found there are then solved to the end.
SCAN_TARGET = 1e-5
# Relative distance from a root below which that accuracy is not enough.
UNDECIDED = 1e-3
# A bound on m that is this small in units of J0 v says that there is no polarised state.
NOTHING = 1e-9
# Steps towards m = 0 in search of a small polarisation.
ONSET_FACTOR, ONSET_STEPS = 0.3, 8


@dataclass(frozen=True)
class Point:
    """Order parameters at one mean field m; ``x`` are the unknowns of the ansatz's Newton iteration."""

    m: float
    p: float
    x: Array
    residual: float
    iterations: int
    converged: bool


class Ansatz(Protocol):
    """What `self_consistent_points` needs to know of an ansatz."""

    @property
    def model(self) -> Model:
        """The model being solved."""

    @property
    def coarse(self) -> Ansatz:
        """A cheaper version of the same equations, good enough to find where solutions are."""

    def residual(self, m: float, x: Array) -> tuple[Array, float]:
        """Relative errors of the stationarity conditions at fixed m, and p."""

    def solve(self, m: float, previous: Point | None, target: float = TARGET) -> Point:
        """Order parameters at fixed m to a relative ``target``, from a nearby point if there is one."""


def largest_mean_field(model: Model) -> float:
    """A bound on |m| of any solution: sites follow their own field and the largest Gaussian one."""
    j0, field = abs(model.j0), abs(model.field)
    if model.potential == "ising":
        return j0 + field
    a2 = max(model.a2.mean - 3.0 * model.a2.std, model.a2.low)
    m = field + j0
    for _ in range(100):
        v = float(global_minimum(2.0 * m, 1.2, a2, model.a4, model.gamma))
        following = field + j0 * v + 1e-3 * m
        if abs(following - m) < 1e-3 * m:
            break
        m = following
    return 1.5 * m


def smallest_mean_field(model: Model) -> float:
    """Where the grid of |m| begins: below the field's own scale, if there is a field."""
    smallest = SMALLEST_FIELD * largest_mean_field(model)
    return min(smallest, 0.3 * abs(model.field)) if model.field else smallest


def self_consistent_points(ansatz: Ansatz, origin: Point | None, susceptibility: float) -> list[Point]:
    """All solutions with m != 0, in order of decreasing m.

    Parameters
    ----------
    ansatz : Ansatz
        Its model has field F >= 0.
    origin : Point or None
        The solution at m = 0, where following the curve begins.
    susceptibility : float
        dp/dm at m = 0, which decides whether g(m) rises or falls from there.
    """
    j0, field = ansatz.model.j0, ansatz.model.field
    if j0 == 0.0:
        return [ansatz.solve(field, origin)] if field > 0 else []
    if field == 0.0 and j0 < 0.0:
        return []
    if j0 < 0.0:
        # g rises monotonically, and p > 0 screens the field: 0 < m < F.
        low = high = ansatz.solve(field, origin)
        while _mismatch(ansatz.model, low) > 0.0:
            low, high = ansatz.solve(0.5 * low.m, low), low
        return [_close(ansatz, low, high)]
    smallest, top = smallest_mean_field(ansatz.model), largest_mean_field(ansatz.model)
    if field == 0.0 and top < NOTHING * j0 / np.sqrt(ansatz.model.quartic):
        return []
    points = [_decided(ansatz, point) for point in _scan(ansatz.coarse, smallest, top, origin)]
    if field > 0.0:
        # States polarised against the field.
        mirrored = [_mirror(point) for point in points]
        points = mirrored[::-1] + points
    elif (1.0 - j0 * susceptibility) < 0.0 < _mismatch(ansatz.model, points[0]):
        # A polarisation smaller than the grid's first point, just beyond a continuous onset.
        points = [_just_beyond_onset(ansatz, points[0]), *points]
    found = []
    for low, high in pairwise(points):
        if _mismatch(ansatz.model, low) * _mismatch(ansatz.model, high) < 0:
            found.append(_close(ansatz, low, high))
    return found[::-1]


def _scan(ansatz: Ansatz, smallest: float, top: float, origin: Point | None) -> list[Point]:
    points: list[Point] = []
    previous = origin
    count = max(SCAN_POINTS, int(SCAN_PER_DECADE * np.log10(top / smallest)))
    for m in np.geomspace(smallest, top, count):
        point = ansatz.solve(float(m), previous, SCAN_TARGET)
        points.append(point)
        # The unknowns are logarithms, smooth in ln m: extrapolate them to the next point.
        previous = point
        if len(points) > 1 and points[-2].x.size == point.x.size:
            previous = replace(point, x=2.0 * point.x - points[-2].x)
    return points


def _decided(ansatz: Ansatz, point: Point) -> Point:
    """The same point solved to the end where its accuracy does not decide on which side of a root it lies."""
    if abs(_mismatch(ansatz.model, point)) > UNDECIDED * abs(point.m):
        return point
    return ansatz.solve(point.m, point)


def _just_beyond_onset(ansatz: Ansatz, above: Point) -> Point:
    """A point with g(m) < 0 at a mean field below that of ``above``, or the smallest one that was tried.

    There g(m)/m = 1 - J0 chi + O(m^2) with J0 chi > 1.
    """
    point = above
    for _ in range(ONSET_STEPS):
        point = ansatz.solve(ONSET_FACTOR * point.m, point)
        if _mismatch(ansatz.model, point) < 0.0:
            break
    return point


def _mirror(point: Point) -> Point:
    return replace(point, m=-point.m, p=-point.p)


def _mismatch(model: Model, point: Point) -> float:
    return point.m - model.j0 * point.p - model.field


def _relative(model: Model, point: Point) -> float:
    return _mismatch(model, point) / (abs(point.m) + 1e-300)


def _close(ansatz: Ansatz, low: Point, high: Point) -> Point:
    """Solve for the order parameters and m together inside a bracket, by Newton's iteration.

    Where that leaves the bracket, bisection at fixed m narrows it first.
    """
    model = ansatz.model
    for _ in range(60):
        g_low, g_high = _mismatch(model, low), _mismatch(model, high)
        t = g_low / (g_low - g_high)
        m, width = low.m + t * (high.m - low.m), high.m - low.m
        if low.x.size == high.x.size:
            start = np.append(low.x + t * (high.x - low.x), t)
            # Just beyond an onset g(m)/m is small all over the bracket: it is brought to order one.
            scale = min(1.0, max(abs(_relative(model, low)), abs(_relative(model, high))))

            def equations(y: Array, base: float = low.m, width: float = width) -> tuple[Array, float, float]:
                mean_field = base + width * float(y[-1])
                r, p = ansatz.residual(mean_field, y[:-1])
                return r, (mean_field - model.j0 * p - model.field) / (abs(mean_field) + 1e-300), p

            def residual(y: Array, scale: float = scale) -> Array:
                r, mismatch, _ = equations(y)
                return np.append(r, mismatch / scale)

            root = newton(residual, start)
            r, mismatch, p = equations(root.x)
            error = max(float(np.max(np.abs(r))), abs(mismatch))
            if error <= ACCEPT and -1e-9 <= root.x[-1] <= 1.0 + 1e-9 and root.residual < 0.01:
                m = low.m + width * float(root.x[-1])
                return Point(m, p, root.x[:-1], error, root.iterations, True)
        middle = ansatz.solve(0.5 * (low.m + high.m), low, SCAN_TARGET)
        if _mismatch(model, middle) * g_low < 0:
            high = middle
        else:
            low = middle
        if width < 1e-13 * (abs(low.m) + abs(high.m)):
            break
    error = abs(_mismatch(model, low)) / (abs(low.m) + 1e-300)
    return Point(low.m, low.p, low.x, max(low.residual, error), low.iterations, False)
