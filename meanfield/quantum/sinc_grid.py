"""Grids for the discrete-variable representation of p^2/2 + x^4/4 - k x^2/2 - f x, one for each potential.

A function whose momenta stay below pi/step is represented by its values at x_j = x_0 + j step (sinc functions), with

    <i|p^2/2|j> = pi^2/(6 step^2) for i = j,   (-1)^(i-j)/(step^2 (i-j)^2) otherwise,   <i|V|j> = V(x_i) delta_ij

(Colbert & Miller, J. Chem. Phys. 96, 1982 (1992)). The n lowest eigenfunctions fall off like exp(-S) where the
classical action under the barrier, in position and in momentum alike, reaches S; the error of the levels is of the
order of exp(-2 S). So the step is chosen from the action in momentum, and only points with an action below S are
kept: two far wells get a grid each, with nothing in between.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Gauss-Chebyshev nodes for the action of a well.
ACTION_NODES = np.cos(np.pi * (np.arange(24) + 0.5) / 24)


@njit(cache=True)
def height(y: float, well: Array) -> float:
    """V above its global minimum, at a distance ``y`` from it. ``well``: see `meanfield.quantum.levels.wells_of`."""
    right, top, left, asymmetry = well[0], well[1], well[2], well[3]
    if y < top:
        # From the minimum of its own well, or the energies of far wells would cancel.
        y -= left
        return asymmetry + y * y * (0.5 * well[5] + y * (right + left + 0.25 * y))
    return y * y * (0.5 * well[4] + y * (right + 0.25 * y))


@njit(cache=True)
def _turning_point(energy: float, inside: float, outside: float, well: Array) -> float:
    """Where V = energy between a point below and a point above it."""
    for _ in range(24):
        middle = 0.5 * (inside + outside)
        if height(middle, well) < energy:
            inside = middle
        else:
            outside = middle
    return inside


@njit(cache=True)
def _beyond(energy: float, start: float, sign: float, well: Array) -> float:
    """A point on the given side of a minimum where V > energy, at most twice as far as need be."""
    step = 1e-3 / np.sqrt(1.0 + well[4])
    while height(start + sign * step, well) < energy:
        step *= 2.0
    return start + sign * step


@njit(cache=True)
def _action(energy: float, a: float, b: float, well: Array) -> float:
    """Integral of sqrt(2 (energy - V)) between a and b."""
    centre, half = 0.5 * (a + b), 0.5 * (b - a)
    total = 0.0
    for t in ACTION_NODES:
        kinetic = 2.0 * (energy - height(centre + half * t, well))
        if kinetic > 0.0:
            total += np.sqrt(kinetic * (1.0 - t * t))
    return total * half * np.pi / ACTION_NODES.size


@njit(cache=True)
def states_below(energy: float, well: Array) -> float:
    """Semiclassical number of levels below a height ``energy`` above the minimum."""
    top, left, asymmetry = well[1], well[2], well[3]
    b = _turning_point(energy, 0.0, _beyond(energy, 0.0, 1.0, well), well)
    if top > -np.inf and height(top, well) > energy:
        total = _action(energy, _turning_point(energy, 0.0, top, well), b, well)
        if asymmetry < energy:
            c = _turning_point(energy, left, top, well)
            total += _action(energy, _turning_point(energy, left, _beyond(energy, left, -1.0, well), well), c, well)
        return total / np.pi
    start = left if top > -np.inf else 0.0
    a = _turning_point(energy, start, _beyond(energy, start, -1.0, well), well)
    return _action(energy, a, b, well) / np.pi


@njit(cache=True)
def energy_of(count: float, well: Array) -> float:
    """Height below which there are ``count`` levels, semiclassically; a few per cent are enough."""
    # The harmonic well has the most levels below a given energy of all single wells with its curvature.
    low = high = 0.5 * (np.sqrt(max(well[4], 0.0)) + 1.0) * count
    while states_below(high, well) < count:
        low, high = high, 2.0 * high
    while states_below(low, well) > count:
        low, high = 0.5 * low, low
    for _ in range(6):
        middle = 0.5 * (low + high)
        if states_below(middle, well) < count:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True)
def largest_momentum(energy: float, curvature: float, action: float) -> float:
    """Momentum at which eigenfunctions up to ``energy`` have fallen off by exp(-action).

    The action is the integral of Im x(p) over p beyond the classical range, V(x) = energy - p^2/2. For
    V = (x^2 - w/2)^2/4 that is Im sqrt(w/2 + 2i sqrt(p^2/2 - energy)), which for any of our wells with curvature w
    has the right limits on both sides and is a lower bound of Im x.
    """
    step = 0.02 * np.sqrt(2.0 * energy)
    p, total = np.sqrt(2.0 * energy), 0.0
    while total < action:
        p += step
        beyond = 0.5 * (p - 0.5 * step) ** 2 - energy
        total += step * np.sqrt(0.5 * (np.sqrt(0.25 * curvature**2 + 4.0 * beyond) - 0.5 * curvature))
    return p


@njit(cache=True)
def _reach(energy: float, start: int, sign: int, step: float, limit: int, action: float, well: Array) -> int:
    """Last grid index, going from ``start`` in direction ``sign``, with an action below ``action``."""
    j, total = start, 0.0
    while j != limit:
        j += sign
        beyond = height(j * step, well) - energy
        # The action counts from the nearest classical region.
        total = total + step * np.sqrt(2.0 * beyond) if beyond > 0.0 else 0.0
        if total > action:
            break
    return j


@njit(cache=True)
def plan(n: int, action: float, wells: Array) -> tuple[Array, NDArray[np.int64]]:
    """Steps (m,) and index ranges (m, 4): right segment from, to, left segment from, to (empty: to < from)."""
    m = wells.shape[0]
    steps = np.empty(m)
    ranges = np.empty((m, 4), np.int64)
    far = 1 << 60
    for i in range(m):
        well = wells[i]
        energy = energy_of(float(n), well)
        step = np.pi / largest_momentum(energy, well[4], action)
        steps[i] = step
        ranges[i, 1] = _reach(energy, 0, 1, step, far, action, well)
        ranges[i, 0] = _reach(energy, 0, -1, step, -far, action, well)
        ranges[i, 2], ranges[i, 3] = 0, -1
        if well[1] > -np.inf and well[3] < energy:
            centre = int(np.round(well[2] / step))
            if centre >= ranges[i, 0]:
                continue
            start = _reach(energy, centre, -1, step, -far, action, well)
            end = _reach(energy, centre, 1, step, ranges[i, 0] - 1, action, well)
            if end == ranges[i, 0] - 1:
                ranges[i, 0] = start
            else:
                ranges[i, 2], ranges[i, 3] = start, end
    return steps, ranges


@njit(cache=True)
def fill(
    matrices: Array, which: NDArray[np.intp], shift: float, steps: Array, ranges: NDArray[np.int64], wells: Array
) -> None:
    """Hamiltonians (b, N, N) of the potentials ``which`` (b,); superfluous rows decouple far above.

    ``shift`` moves the grid by a fraction of its step.
    """
    b, size, _ = matrices.shape
    index = np.empty(size, np.int64)
    for row in range(b):
        i = which[row]
        count = 0
        for segment in (2, 0):
            for j in range(ranges[i, segment], ranges[i, segment + 1] + 1):
                index[count] = j
                count += 1
        scale = 1.0 / steps[i] ** 2
        matrix = matrices[row]
        matrix[:] = 0.0
        highest = 0.0
        for a in range(count):
            diagonal = scale * np.pi**2 / 6.0 + height((index[a] + shift) * steps[i], wells[i])
            matrix[a, a] = diagonal
            highest = max(highest, diagonal)
            for c in range(a):
                distance = index[a] - index[c]
                matrix[a, c] = (scale if distance % 2 == 0 else -scale) / float(distance * distance)
        for a in range(count, size):
            matrix[a, a] = 4.0 * highest
