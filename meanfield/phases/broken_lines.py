"""Phase boundaries beyond replica symmetry, at T = 0 without local disorder and field.

The glass turns unstable to a polarisation where J0 chi = 1, chi = C + sum_k mu_k (q_k - q_{k-1}); in full RSB
chi = 1 exactly and the line is J0 = 1. Double wells begin where C = a2/gamma, earlier in gamma the fewer
steps K: with K steps one more equation and one more unknown, gamma, beside the stationarity conditions.
A polarised state of J0 is the glass in a field m with J0 = m/p, so that m follows the line into the mixed
phase. The limit K -> infinity is taken from successive K, and its error from how the limits still change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from meanfield.model import Model
from meanfield.phases.phase_line import Line
from meanfield.phases.plane import Plane
from meanfield.replicas import one_step_rsb
from meanfield.replicas.k_step_rsb import KStep, KStepPoint, pack, unpack
from meanfield.replicas.newton import affine_newton
from meanfield.replicas.solution import Solution
from meanfield.replicas.solver import solve

Array = NDArray[np.float64]

# Steps from which the limit of full RSB is taken.
STEPS = 6
# Newton's correction of the unknowns and the relative error of the equations that count as solved.
ACCEPT_STEP, ACCEPT = 1e-6, 1e-8
# Where the search for the first onset begins, in units of a2.
FIRST_GUESS = 1.45
# Steps in m in units of sqrt(q), and the breaking (q_K - q_0)/q_K that is as good as none.
FIRST_STEP, SMALLEST_STEP, WEAK = 0.04, 1e-3, 1e-3
# Largest K of the check of the exact susceptibility.
SUSCEPTIBILITY_STEPS = 6


@dataclass(frozen=True)
class Onset:
    """Where double wells begin with K steps, in a field m at J0 = 0.

    Attributes
    ----------
    point : KStepPoint
    gamma, m : float
    """

    point: KStepPoint
    gamma: float
    m: float

    def solution(self, model: Model) -> Solution:
        """The state as a solution at J0 = 0 in the field m."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return in_field(model, self.gamma, self.m).solution(self.point)

    def j0(self, model: Model) -> float:
        """The mean coupling of which this state is a solution without field: m/p, at m = 0 1/chi."""
        s = self.solution(model)
        return self.m / s.p if self.m > 0.0 else 1.0 / s.susceptibility

    def order(self, model: Model) -> tuple[float, float, float]:
        """p, the innermost overlap, and C."""
        s = self.solution(model)
        return s.p, float(s.q[-1]), s.C


def in_field(model: Model, gamma: float, m: float) -> KStep:
    """The K-step equations of the glass in a field m."""
    return KStep(replace(model, gamma=gamma, j0=0.0, field=m), m)


def onset_of_wells(model: Model, m: float, steps: int, x: Array, gamma: float) -> Onset | None:
    """Solve for order parameters and gamma where C = a2/gamma, or None; ``x``, ``gamma`` start the iteration."""
    a2 = model.a2.mean

    def residual(y: Array) -> Array:
        gamma = float(np.exp(y[-1]))
        r = in_field(model, gamma, m).residual(y[:-1], steps)
        return np.append(r, unpack(y[:-1], steps)[1] * gamma / a2 - 1.0)

    # Just on the side of double wells a response may be infinite at a node: the residual then is, too.
    with np.errstate(divide="ignore", invalid="ignore"):
        root = affine_newton(residual, np.append(x, np.log(gamma)), accept=ACCEPT_STEP)
    q, _, mu = unpack(root.x[:-1], steps)
    if not (root.converged and root.residual < ACCEPT and np.all(np.diff(mu) > 0) and q[0] > 1e-8 * q[-1]):
        return None
    return Onset(KStepPoint(steps, root.x[:-1], root.residual, root.iterations, True), float(np.exp(root.x[-1])), m)


def unpolarised_onsets(model: Model, most: int) -> list[Onset]:
    """Onsets at J0 = F = 0 with 1, 2, ..., ``most`` steps, as far as the iteration succeeds."""
    # The onset of one step lies at gamma = 1.4306 a2; a little beyond the wells are there.
    start = FIRST_GUESS * model.a2.mean
    one = one_step_rsb.solve(replace(model, gamma=start, j0=0.0))
    x, gamma = pack(one.q, one.C, one.mu), start
    found: list[Onset] = []
    for steps in range(1, most + 1):
        onset = onset_of_wells(model, 0.0, steps, x, gamma)
        if onset is None:
            break
        found.append(onset)
        if steps == most:
            break
        gamma, branch = onset.gamma, in_field(model, onset.gamma, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            trials = (branch.solve(branch.finer(onset.point, shape), steps + 1) for shape in ("singular", "regular"))
            following = next((trial for trial in trials if trial.converged), None)
        if following is None:
            break
        x = following.x
    return found


def polarised_onsets(model: Model, first: Onset, highest_j0: float) -> tuple[list[Onset], str]:
    """Onsets in fields m > 0 up to the given J0 = m/p, and where they end."""
    found = [first]
    top = float(np.sqrt(first.solution(model).q[-1]))
    step, m = FIRST_STEP * top, 0.0
    while step > SMALLEST_STEP * top:
        here, before = found[-1], found[-2] if len(found) > 1 else None
        following = _predicted(model, before, here, m + step)
        if following is None:
            step *= 0.5
            continue
        if following.j0(model) > highest_j0:

            def beyond(field: float, here: Onset = here, before: Onset | None = before) -> float:
                onset = _predicted(model, before, here, field)
                return np.nan if onset is None else onset.j0(model) - highest_j0

            m = float(brentq(beyond, m + 1e-3 * step, m + step, xtol=1e-11 * top))
            last = _predicted(model, before, here, m)
            return found + ([last] if last else []), "j0"
        m += step
        found.append(following)
        q = following.solution(model).q
        if q[-1] - q[0] < WEAK * q[-1]:
            return found, "weak breaking"
        step *= 1.4
    return found, "failed"


def _predicted(model: Model, before: Onset | None, here: Onset, m: float) -> Onset | None:
    """The onset in the field ``m``, from the line through two others."""
    x, gamma = here.point.x, here.gamma
    if before is not None and before.m > 0.0:
        t = (m - here.m) / (here.m - before.m)
        x, gamma = x + t * (x - before.point.x), gamma + t * (gamma - before.gamma)
    return onset_of_wells(model, m, here.point.steps, x, gamma)


def limit_of_onsets(gamma: Array) -> tuple[float, float]:
    """The limit K -> infinity of onsets (n,) with K = 1..n steps, n >= 4, and its error.

    gamma_K = gamma - A/(K + K_0), with K_0 from the last three values, describes all that were computed (K <= 9).
    With the power free, as four values determine it, the limit lies on the other side: the difference is the error.
    """
    value = _limit(gamma, 1.0)

    def moves(power: float) -> float:
        return _limit(gamma, power) - _limit(gamma[:-1], power)

    low, high = 0.4, 2.5
    power = brentq(moves, low, high) if moves(low) * moves(high) < 0.0 else low
    return value, abs(_limit(gamma, power) - value)


def _limit(gamma: Array, power: float) -> float:
    """The limit of the last three values for a given power of 1/(K + K_0)."""
    K = np.arange(gamma.size - 2, gamma.size + 1)
    ratio = (gamma[-2] - gamma[-3]) / (gamma[-1] - gamma[-2])

    def mismatch(offset: float) -> float:
        x = (K + offset) ** -power
        return float((x[1] - x[0]) / (x[2] - x[1]) - ratio)

    offset = float(brentq(mismatch, -0.9 * (gamma.size - 2), 1e3))
    x = (K + offset) ** -power
    return float(gamma[-1] - (gamma[-1] - gamma[-2]) / (x[2] - x[1]) * x[2])


def lines(plane: Plane, ansatze: tuple[str, ...], points: int) -> Iterator[Line]:
    """The lines that move when the symmetry breaks: glass to polarised, and where double wells begin."""
    if "1rsb" in ansatze:
        yield from _polarisation_of_one_step(plane, points)
        yield from _wells_of_one_step(plane)
    if "frsb" in ansatze:
        yield from _polarisation_in_full(plane, points)
        yield from _wells_in_full(plane)


def _glass(plane: Plane) -> tuple[float, float]:
    """Range of gamma in the plane where the state with p = 0 is a glass: a2/gamma < 2."""
    return max(plane.y.low, 0.5 * plane.model.a2.mean), plane.y.high


def _gammas(plane: Plane, points: int) -> Array:
    """Values of gamma in the glass, evenly spaced in the plane, from the largest down."""
    low, high = _glass(plane)
    t = np.linspace(plane.y.coordinate(high), plane.y.coordinate(low), points)
    return np.array([plane.y.value(value) for value in t])


def _polarisation_of_one_step(plane: Plane, points: int) -> Iterator[Line]:
    low, high = _glass(plane)
    if low >= high:
        return
    gammas = _gammas(plane, points)
    at_corner = low > plane.y.low
    states: list[Solution] = []
    previous: Solution | None = None
    for gamma in gammas[:-1] if at_corner else gammas:
        previous = one_step_rsb.solve(replace(plane.model, gamma=float(gamma), j0=0.0), previous)
        states.append(previous)
    columns = [(s.model.gamma, 1.0 / s.susceptibility, 0.0, float(s.q[-1]), s.C) for s in states]
    if at_corner:
        columns.append((low, 1.0, 0.0, 0.0, 1.0))
    residual = max(s.residual for s in states)
    end = "marginal" if at_corner else f"gamma = {low:g}"
    ends = (f"gamma = {high:g}", end) if all(s.converged for s in states) else ("failed", end)
    yield from _inside(plane, "glass-polarised", "1rsb", columns, residual, ends)


def _wells_of_one_step(plane: Plane) -> Iterator[Line]:
    model = plane.model
    if model.a2.mean <= 0.0:
        return
    first = unpolarised_onsets(model, 1)
    if not first:
        return
    onsets, end = polarised_onsets(model, first[0], plane.x.high)
    columns = [(first[0].gamma, plane.x.low, *first[0].order(model))] if plane.x.low < first[0].j0(model) else []
    columns += [(onset.gamma, onset.j0(model), *onset.order(model)) for onset in onsets]
    residual = max(onset.point.residual for onset in onsets)
    note = ""
    if end == "weak breaking":
        note = f"ends where (q_1 - q_0)/q_1 is below {WEAK:g}; beyond it is the line of RS"
    ends = (f"j0 = {plane.x.low:g}", f"j0 = {plane.x.high:g}" if end == "j0" else end)
    yield from _inside(plane, "double-wells", "1rsb", columns, residual, ends, note)


def _polarisation_in_full(plane: Plane, points: int) -> Iterator[Line]:
    low, high = _glass(plane)
    if low >= high or not plane.x.low <= 1.0 <= plane.x.high:
        return
    gammas = _gammas(plane, points)
    ends = (f"gamma = {high:g}", "marginal" if low > plane.y.low else f"gamma = {low:g}")
    check = solve(replace(plane.model, gamma=float(np.sqrt(low * high)), j0=0.0), "frsb", steps=SUSCEPTIBILITY_STEPS)
    found = check.limit(attrgetter("susceptibility"))
    note = (
        f"exact, the susceptibility being 1; computed at gamma = {check.model.gamma:.4g} with up to "
        f"{check.mu.size} steps: J0 = {1.0 / float(found.value):.6f} +- {float(found.error):.1g}"
    )
    nothing = np.full(gammas.size, np.nan)
    columns = list(zip(gammas, np.ones(gammas.size), np.zeros(gammas.size), nothing, nothing, strict=True))
    yield from _inside(plane, "glass-polarised", "frsb", columns, check.residual, ends, note)


def _wells_in_full(plane: Plane) -> Iterator[Line]:
    model = plane.model
    onsets = unpolarised_onsets(model, STEPS) if model.a2.mean > 0.0 else []
    if len(onsets) < 4 or plane.x.low >= 1.0:
        return
    gamma, error = limit_of_onsets(np.array([onset.gamma for onset in onsets]))
    last = onsets[-1]
    _, q, C = last.order(model)
    top = min(1.0, plane.x.high)
    columns = [(gamma, j0, 0.0, q, C) for j0 in (plane.x.low, top)]
    sequence = ", ".join(f"{onset.gamma:.6g}" for onset in onsets)
    note = (
        f"gamma = {gamma:.3f} +- {error:.1g}, the limit of {sequence} with 1 to {len(onsets)} steps; "
        "not followed into the mixed phase; q and C of the largest K"
    )
    ends = (f"j0 = {plane.x.low:g}", "onset" if top == 1.0 else f"j0 = {top:g}")
    yield from _inside(plane, "double-wells", "frsb", columns, last.point.residual, ends, note, error)


def _inside(
    plane: Plane,
    name: str,
    ansatz: str,
    columns: Sequence[tuple[float, ...]],
    residual: float,
    ends: tuple[str, str],
    note: str = "",
    error: float = np.nan,
) -> Iterator[Line]:
    """A line through rows (gamma, J0, p, q, C), of which those outside the plane are left out."""
    edge = 1e-9
    t = [(plane.x.coordinate(row[1]), plane.y.coordinate(row[0])) for row in columns]
    kept = [row for row, at in zip(columns, t, strict=True) if all(-edge <= c <= 1.0 + edge for c in at)]
    if not kept:
        return
    gamma, j0, p, q, C = np.array(kept, float).T
    points = {"gamma": gamma, "j0": j0, "temperature": np.zeros_like(gamma), "p": p, "q": q, "C": C}
    points["error"] = np.full_like(gamma, error)
    exact = name == "glass-polarised" and ansatz == "frsb"
    yield Line(name, ansatz, exact, points, "gamma", residual, ends, note)
