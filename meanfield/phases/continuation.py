"""Following a curve of solutions of n equations in n + 1 unknowns, by pseudo-arclength continuation.

A point is predicted along the secant (the first, and where the curve bends, along the tangent) and corrected
by Newton's iteration at fixed arclength, so that the curve may turn back in any of its unknowns. Every point solves the
equations; steps only decide where on the curve the points lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield.replicas.newton import TARGET, Root, forward_difference, newton

Array = NDArray[np.float64]
Condition = Callable[[Array], float]

# The step shrinks where the secant turns by more than this (in radians), or Newton's iteration fails.
TURN = 0.3
SMALLEST_STEP = 1e-5
MOST_POINTS = 2000


@dataclass(frozen=True)
class Curve:
    """Points on a curve of solutions.

    Attributes
    ----------
    y : array (points, n + 1)
    residual : float
        The largest residual of any point.
    begins, ends : str
        Names of the conditions that end the curve on either side, "closed" or "failed".
    """

    y: Array
    residual: float
    begins: str
    ends: str


def trace(
    residual: Callable[[Array], Array],
    start: Array,
    conditions: Mapping[str, Condition],
    weight: Array,
    step: float,
) -> Curve:
    """Follow the curve through ``start`` both ways until one of the conditions is violated.

    Parameters
    ----------
    residual : function
        From unknowns (n + 1,) to residuals (n,), of order one like the unknowns.
    start : array (n + 1,)
        A solution.
    conditions : mapping of names to functions
        The curve ends where one becomes negative; its last point is where that one vanishes.
    weight : array (n + 1,)
        Weights of the unknowns in the arclength.
    step : float
        Largest arclength between points.
    """
    tangent = _tangent(residual, start, weight)
    forth, worst_forth, ends = _follow(residual, start, tangent, conditions, weight, step)
    if ends == "closed":
        return Curve(np.array([start, *forth]), worst_forth, ends, ends)
    back, worst_back, begins = _follow(residual, start, -tangent, conditions, weight, step)
    y = np.array([*back[::-1], start, *forth])
    return Curve(y, max(worst_back, worst_forth), begins, ends)


def _tangent(residual: Callable[[Array], Array], y: Array, weight: Array) -> Array:
    """The direction in which the residual does not change, of length one in the arclength."""
    jacobian = forward_difference(residual, y, residual(y))
    return np.linalg.svd(jacobian / weight)[2][-1] / weight


def _follow(
    residual: Callable[[Array], Array],
    start: Array,
    direction: Array,
    conditions: Mapping[str, Condition],
    weight: Array,
    longest: float,
) -> tuple[list[Array], float, str]:
    """Points beyond ``start`` in one direction, their largest residual, and why they end."""
    points: list[Array] = []
    worst, step, here = 0.0, 0.3 * longest, start
    exact = True  # whether the direction is that of the tangent
    while len(points) < MOST_POINTS:
        root = _corrected(residual, here + step * direction, direction * weight**2)
        secant = root.x - here
        length = float(np.linalg.norm(weight * secant))
        cosine = float((weight * secant) @ (weight * direction)) / max(length, 1e-300)
        if not root.converged or cosine < np.cos(TURN) or length > 1.5 * step:
            if not exact:
                tangent = _tangent(residual, here, weight)
                direction, exact = tangent * np.sign((weight * tangent) @ (weight * direction)), True
            step *= 0.4
            if step < SMALLEST_STEP * longest:
                return points, worst, "failed"
            continue
        violated = [name for name, condition in conditions.items() if condition(root.x) < 0.0]
        if violated:
            found = [(name, landing(residual, conditions[name], here, root.x)) for name in violated]
            landed = [
                (float(np.linalg.norm(weight * (end.x - here))), name, end) for name, end in found if end.converged
            ]
            if not landed:
                step *= 0.4
                if step < SMALLEST_STEP * longest:
                    return points, worst, violated[0]
                continue
            distance, name, end = min(landed, key=lambda item: item[0])
            last = [end.x] if distance > 0.0 else []
            return points + last, max(worst, end.residual), name
        points.append(root.x)
        worst = max(worst, root.residual)
        direction, here, exact = secant / length, root.x, False
        if len(points) > 5 and float(np.linalg.norm(weight * (here - start))) < 0.9 * length:
            return [*points, start], worst, "closed"
        step = min(longest, step * (1.6 if cosine > np.cos(0.3 * TURN) else 1.0))
    return points, worst, "failed"


def _corrected(residual: Callable[[Array], Array], predicted: Array, normal: Array) -> Root:
    return newton(lambda y: np.append(residual(y), normal @ (y - predicted)), predicted, max_iterations=15)


def landing(residual: Callable[[Array], Array], condition: Condition, inside: Array, outside: Array) -> Root:
    """The point of the curve between two others where ``condition`` vanishes."""
    before, after = condition(inside), condition(outside)
    if before <= 0.0:
        return Root(inside, 0.0, 0, True)
    t = before / (before - after) if np.isfinite(after) else 0.5
    scale = max(before - after, 1e-300) if np.isfinite(after) else 1.0

    def both(y: Array) -> Array:
        return np.append(residual(y), condition(y) / scale)

    return newton(both, inside + t * (outside - inside), max_iterations=25, target=TARGET)
