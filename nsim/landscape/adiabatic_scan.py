r"""One site moved by hand while all others stay at rest: U_i(x) = min over v_{j != i} of U with v_i = x, and its jumps.

From a state with the others at a minimum the branch is followed by continuation in x. With the answer w of the others
and its change since the last point as predictor,

    v(x + dx) = v + w dx + (w - w_before) dx^2/(2 dx_before) + ...

and chord steps with the Cholesky factor of the block of the others (`held_block`) as corrector, a step costs one
factorisation; its width follows the cube root of the predictor's error. Every point kept has a positive definite block
and forces on the others below the tolerance. Where the block ceases to be positive definite the branch ends in a fold:
it is located by Newton's method to rounding, the others are pushed off along its null vector, downhill, and relaxed
with site i held by the stated descent. That is an avalanche, and from where it lands the scan goes on. On a branch
dU_i/dx = U_i' is the force dU/dv_i on the site and d^2U_i/dx^2 = G_i''/gamma - C_eff the Schur complement: a zero of
U_i' is a minimum of U where the latter is positive, and a saddle of index 1 where it is negative.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from nsim.descent.newton_finish import finish
from nsim.landscape.eigenvector_following import natural_length
from nsim.landscape.held_block import Fold, HeldBlock, factorise, locate_fold, rest_force
from nsim.landscape.held_flips import HELD_DESCENTS, HELD_UNTIL
from nsim.landscape.schur_saddle import schur_saddle
from nsim.sample.glass import Glass

TOLERANCE = 1e-10  # max |force| on the others at a point [E0/v0]
AT_REST = 1e-8  # force on the site itself that counts as none
WIDEST, FIRST, NARROWEST = 0.05, 0.01, 1e-7  # steps of x, in units of the natural length
PREDICTED = 1e-3  # error of the predictor that sets the step, in the same unit
TRUSTED = 5 * PREDICTED  # ... above which a point may belong to another branch and is refused
PUSH = 0.01  # of the others off a fold, in the same unit
CHORD_STEPS, CONTRACTION = 12, 0.5  # of the forces by a chord step, above which the step is too wide
NARROWER = 0.4  # a step that failed is tried again at this width
FORESIGHT = 4.0  # in units of a step that failed: how far ahead a fold is looked for
APPROACH = 0.4  # of the distance to a fold that is left after a step towards it ...
AT_FOLD, NEAR_FOLD = 1e-4, 0.1  # ... until it is this, and the others as near, in units of the natural length
SAME_BRANCH, ALONG = 0.3, 0.7  # farthest fold, in the same unit, and share of the turn that its null vector must have
NEWTON_STEPS = 30
MOVED = 0.02  # displacement from which a site counts as moved in an avalanche, in units of the natural length
DESCENT_STEPS = 50_000
POINTS = 5000  # of one leg, after which it is given up


@dataclass(frozen=True)
class Point:
    """The scan at one x."""

    x: float  # [v0]
    energy: float  # U_i(x) [E0]
    local_field: float  # l_i(x) [E0/v0]
    force: float  # U_i'(x) = G_i'(x)/gamma - l_i(x) [E0/v0]
    C_eff: float  # dl_i/dx [E0/v0^2]
    curvature: float  # U_i''(x) [E0/v0^2]
    v: np.ndarray = field(repr=False)  # (N,)


@dataclass(frozen=True)
class Avalanche:
    """A jump of the others at a fold, site i held."""

    after: int  # points of the leg before it
    x: float  # [v0]
    drop: float  # U before less U after, not negative [E0]
    field_jump: float  # change of l_i [E0/v0]
    distance: float  # between the two states [v0]
    participation: float  # (sum d^2)^2/sum d^4 of the displacement d between them
    moved: int  # sites that moved by more than `MOVED`
    v: np.ndarray = field(repr=False)  # (N,) where it landed


@dataclass
class Leg:
    """A scan from one x to another."""

    site: int
    points: list[Point] = field(default_factory=list)  # an avalanche stands between two points of the same x
    avalanches: list[Avalanche] = field(default_factory=list)
    lost: bool = False  # whether it ended before its goal: a fold not located or a landing that did not converge

    @property
    def end(self) -> np.ndarray:
        """The last state, shape (N,)."""
        return self.points[-1].v

    def pieces(self) -> list[list[Point]]:
        """The branches: points between avalanches."""
        cuts = [0, *(avalanche.after for avalanche in self.avalanches), len(self.points)]
        return [self.points[a:b] for a, b in itertools.pairwise(cuts)]


@dataclass(frozen=True)
class Stationary:
    """A stationary point of U on a branch, where U_i' = 0."""

    branch: int  # avalanches before it
    top: bool  # of U_i: a saddle of index 1; else a minimum
    v: np.ndarray = field(repr=False)  # (N,)
    converged: bool  # and proved to be what ``top`` says


def stationary_points(glass: Glass, leg: Leg) -> list[Stationary]:
    """The minima and saddles that a leg has passed, refined to rounding, in its order."""
    found = []
    for branch, piece in enumerate(leg.pieces()):
        for a, b in itertools.pairwise(piece):
            # Where the scan sets out from a minimum the sign of the force is rounding.
            if a.force * b.force < 0 and min(abs(a.force), abs(b.force)) > AT_REST:
                near = a.v + a.force / (a.force - b.force) * (b.v - a.v)
                top = (b.force - a.force) * (b.x - a.x) < 0
                if top:
                    saddle = schur_saddle(glass, near, leg.site)
                    found.append(Stationary(branch, True, saddle.v, saddle.index_one))
                else:
                    v, largest, positive = finish(glass, near, TOLERANCE)
                    found.append(Stationary(branch, False, v, positive and largest <= TOLERANCE))
    return found


def follow(glass: Glass, v: np.ndarray, site: int, goal: float, method: str = "conjugate-gradient") -> Leg:
    """Move ``site`` from where it is to ``goal``, the others at rest.

    Parameters
    ----------
    glass
        The sample, with a4 > 0 or no fold on the way.
    v
        A state with the others at a minimum for given v_i, shape (N,), such as a minimum of U.
    site
        The site i.
    goal
        Where the scan ends [v0].
    method
        Descent of the avalanches: a name in `HELD_DESCENTS`.
    """
    length = natural_length(glass)
    leg = Leg(site)
    settled = _settle(glass, v, site, NEWTON_STEPS)
    if settled is None:
        leg.lost = True
        leg.points.append(_point(glass, v, site, np.nan))
        return leg
    v, block = settled
    leg.points.append(_point(glass, v, site, block.C_eff))
    towards = 1.0 if goal >= v[site] else -1.0
    width: float = FIRST * length
    before: tuple[np.ndarray, float] | None = None
    fold: Fold | None = None
    while v[site] != goal and len(leg.points) < POINTS:
        left = abs(goal - v[site])
        if fold is not None:
            remaining = abs(fold.v[site] - v[site])
            if remaining <= AT_FOLD * length and np.abs(fold.v - v).max() <= NEAR_FOLD * length:
                landed = _avalanche(glass, leg, fold, method)
                if landed is None:
                    leg.lost = True
                    return leg
                v, block = landed
                leg.points.append(_point(glass, v, site, block.C_eff))
                width, before, fold = FIRST * length, None, None
                continue
            width = min(width, (1 - APPROACH) * remaining)
        last = width >= left
        dx = towards * (left if last else width)
        trial = _predict(v, block, dx, before, fold)
        trial[site] = goal if last else v[site] + dx
        new = _correct(glass, trial, block)
        error = np.inf if new is None else float(np.abs(new - trial).max()) / length
        ahead = factorise(glass, new, site) if new is not None and error <= TRUSTED else None
        if new is not None and ahead is not None:
            before = block.answer, dx
            v, block = new, ahead
            leg.points.append(_point(glass, v, site, block.C_eff))
            width = min(WIDEST * length, abs(dx) * min(2.0, (PREDICTED / max(error, 1e-300)) ** (1 / 3)))
            continue
        # Either the step was too wide, or a fold lies ahead: the one known already, or one before it.
        fold = _fold_ahead(glass, v, block, towards, FORESIGHT * abs(dx))
        width = NARROWER * abs(dx)
        if width < NARROWEST * length:
            break
    leg.lost = bool(v[site] != goal)
    return leg


def _predict(
    v: np.ndarray, block: HeldBlock, dx: float, before: tuple[np.ndarray, float] | None, fold: Fold | None
) -> np.ndarray:
    """Where the others are expected after a step dx, shape (N,): at the distance r from a fold as A sqrt(r) + B r."""
    if fold is not None:
        here = abs(fold.v[block.site] - v[block.site])
        share = max(0.0, 1 - abs(dx) / here)  # of the distance that is left after the step
        away = v - fold.v
        linear = -abs(here) * np.sign(dx) * block.answer  # here times d(away)/dr
        return fold.v + 2 * np.sqrt(share) * (away - linear) + share * (2 * linear - away)
    trial = v + dx * block.answer
    return trial if before is None else trial + dx * dx / (2 * before[1]) * (block.answer - before[0])


def _fold_ahead(glass: Glass, v: np.ndarray, block: HeldBlock, towards: float, within: float) -> Fold | None:
    """The fold in which the branch through ``v`` ends, if there is one that close."""
    fold = locate_fold(glass, v, block, within, TOLERANCE)
    if fold is None or not 0 < (fold.v[block.site] - v[block.site]) * towards <= within:
        return None
    between = fold.v - v
    # What is left when the linear answer is taken away is the turn into the fold: along the null vector.
    left = between - between[block.site] * block.answer
    along = abs(float(left @ fold.mode))
    close = np.abs(between).max() <= SAME_BRANCH * natural_length(glass)
    return fold if close and along >= ALONG * np.linalg.norm(left) else None


def _point(glass: Glass, v: np.ndarray, site: int, C_eff: float) -> Point:
    l_i = float(glass.local_field(v)[site])
    force = float(glass.on_site_slope(v)[site]) - l_i
    return Point(
        float(v[site]), float(glass.energy(v)), l_i, force, C_eff, float(glass.on_site_curvature(v)[site]) - C_eff, v
    )


def _correct(glass: Glass, v: np.ndarray, block: HeldBlock) -> np.ndarray | None:
    """Chord steps of the others until their forces are below the tolerance; None where they do not contract."""
    force = rest_force(glass, v, block.site)
    largest = float(np.abs(force).max())
    for _ in range(CHORD_STEPS):
        if largest <= TOLERANCE:
            return v
        v = v - block.solve(force)
        force, before = rest_force(glass, v, block.site), largest
        largest = float(np.abs(force).max())
        if not largest < max(CONTRACTION * before, TOLERANCE):
            return None
    return v if largest <= TOLERANCE else None


def _settle(glass: Glass, v: np.ndarray, site: int, steps: int) -> tuple[np.ndarray, HeldBlock] | None:
    """Newton steps of the others to their minimum, site i held; None where the block is not positive definite."""
    length = natural_length(glass)
    for _ in range(steps):
        block = factorise(glass, v, site)
        if block is None:
            return None
        force = rest_force(glass, v, site)
        if np.abs(force).max() <= TOLERANCE:
            return v, block
        move = block.solve(force)
        v = v - move * min(1.0, WIDEST * length / float(np.abs(move).max()))
    return None


def _avalanche(glass: Glass, leg: Leg, fold: Fold, method: str) -> tuple[np.ndarray, HeldBlock] | None:
    """Let the others slide down from a fold; the leg gets the fold as a point, and the avalanche."""
    site, length = leg.site, natural_length(glass)
    fallen: tuple[np.ndarray, HeldBlock] | None = None
    for push, until in ((PUSH, HELD_UNTIL), (5 * PUSH, 1e-3 * HELD_UNTIL)):
        start = (fold.v + push * length * fold.mode)[:, None]
        end, _ = HELD_DESCENTS[method](
            glass, start, np.array([until]), np.array([DESCENT_STEPS]), None, held=np.array([site])
        )
        fallen = _settle(glass, end[:, 0], site, NEWTON_STEPS)
        if fallen is not None and glass.energy(fallen[0]) < glass.energy(fold.v):
            break
        fallen = None
    at_fold = _point(glass, fold.v, site, np.nan)
    leg.points.append(at_fold)
    if fallen is None:
        return None
    after = fallen[0]
    moved = after - fold.v
    square = moved**2
    leg.avalanches.append(
        Avalanche(
            after=len(leg.points),
            x=at_fold.x,
            drop=at_fold.energy - float(glass.energy(after)),
            field_jump=float(glass.local_field(after)[site]) - at_fold.local_field,
            distance=float(np.sqrt(square.sum())),
            participation=float(square.sum() ** 2 / (square**2).sum()),
            moved=int((np.abs(moved) > MOVED * length).sum()),
            v=after,
        )
    )
    return fallen
