r"""Every minimum and every saddle of index 1 of a tiny system, by searching until nothing new turns up.

Rounds of independent searches, each round as many as all before it together:

    quench    random starts of all widths relaxed as columns (`nsim.descent.relaxation`): minima
    climb     from every minimum along every mode, both ways (`nsim.landscape.eigenvector_following`): saddles around it
    follow    eigenvector following from random points, and from points between two minima: saddles anywhere
    newton    Newton's method from near a known point: whatever lies close to it, of every index
    flow      the gradient flow down both sides of every new saddle (`gradient_flow`): the two minima it joins

Stopping rule: the list is called complete when (1) a whole round - half of all searches - has found nothing new,
(2) every minimum and every saddle has been found at least `SEEN` times, all climbs out of one minimum counting as one,
so that the Good-Turing estimate f_1/n of the chance that the next search finds something new vanishes, (3) something
has climbed out of every minimum, and both sides of every saddle have been followed to minima, (4) the minima are
connected through the saddles, as they must be, since U grows without bound in all directions, and (5) no Hessian is
singular. This is evidence, not proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nsim.descent.relaxation import relax
from nsim.landscape.eigenvector_following import LOWEST, Stationary, follow, natural_length, newton
from nsim.landscape.gradient_flow import both_sides
from nsim.landscape.stationary_catalogue import Catalogue
from nsim.sample.glass import Glass

TOLERANCE = 1e-10  # max |gradient| of every point listed [E0/v0]
SINGULAR = 1e-8  # |eigenvalue| of a Hessian that counts as singular [E0/v0^2]
SEEN = 3  # times every point must have been found
FIRST_ROUND = 256  # searches of each kind
CLIMB_STEPS = 50  # of a search that climbs out of a minimum; most directions lead nowhere, saddles take about 20
CLIMB_PUSHES = (-0.3, -0.1, 0.1, 0.3)  # along each mode, in units of the natural length
NEWTON_STEPS = 60


@dataclass(frozen=True)
class Landscape:
    """Minima and saddles of index 1, ascending in energy; mirror images are listed separately."""

    minima: np.ndarray  # (m,) total energies [E0]
    minima_at: np.ndarray  # (m, N) displacements [v0]
    saddles: np.ndarray  # (s,) total energies [E0]
    saddles_at: np.ndarray  # (s, N) [v0]
    joins: np.ndarray  # (s, 2) the minima a saddle joins; -1: its descent did not arrive
    complete: bool
    searches: int  # independent searches made
    notes: list[str] = field(default_factory=list)  # why it is not complete

    def as_dict(self) -> dict[str, Any]:
        """The record that the command prints."""
        return {
            "minima": self.minima.tolist(),
            "saddles": [
                {"energy": float(energy), "minima": [int(i), int(j)]}
                for energy, (i, j) in zip(self.saddles, self.joins, strict=True)
            ],
            "complete": self.complete,
            "searches": self.searches,
            "notes": self.notes,
        }


class Explorer:
    """What is known of the landscape of one sample, and the searches that extend it.

    Parameters
    ----------
    glass
        The sample.
    stream
        Randomness of the starts.
    """

    def __init__(self, glass: Glass, stream: np.random.Generator) -> None:
        self.glass, self.stream = glass, stream
        self.length = natural_length(glass)
        self.minima, self.saddles = Catalogue(glass), Catalogue(glass)
        self.ends: list[list[tuple[int, int]]] = []  # of each saddle: (minimum, image) on either side
        self.searches = 0
        self.singular = 0  # points with a singular Hessian, which are in no list
        self._climbed = 0  # minima whose modes have all been climbed
        if self.minima.mirrored:
            # The centre of the symmetry is stationary; generic searches reach it only by chance.
            self._enter(newton(glass, np.zeros((glass.n, 1))))

    def round(self, searches: int, limit: float = np.inf) -> bool:
        """One round of ``searches`` searches of each kind; whether anything new was found.

        Once ``limit`` searches have been made in all, nothing climbs out of further minima: with hundreds of them that
        would take longer than all the rest.
        """
        before = len(self.minima), len(self.saddles)
        self._quench(searches)
        self._climb_new(limit)
        self._enter(follow(self.glass, self._anywhere(searches)))
        self._enter(follow(self.glass, self._between(searches)))
        self._enter(newton(self.glass, self._nearby(4 * searches), steps=NEWTON_STEPS))
        self.searches += 7 * searches
        self._descend_new()
        while self._climbed < len(self.minima) and self.searches < limit:  # minima that only a descent has found
            self._climb_new(limit)
            self._descend_new()
        return (len(self.minima), len(self.saddles)) != before

    # --- starts, as columns ------------------------------------------------------------------------------------

    def _anywhere(self, count: int) -> np.ndarray:
        """Normal displacements, of all widths up to the natural length."""
        widths = self.stream.uniform(0, 1.2 * self.length, count)
        return widths * self.stream.standard_normal((self.glass.n, count))

    def _between(self, count: int) -> np.ndarray:
        """Points on the lines between two minima (or mirror images), and around them."""
        known = self._images(self.minima)
        first, second = self.stream.integers(len(known), size=(2, count))
        share = self.stream.uniform(0.2, 0.8, count)[:, None]
        around = self.stream.uniform(0.0, 0.3 * self.length, count)[:, None]
        points = (1 - share) * known[first] + share * known[second]
        return (points + around * self.stream.standard_normal(points.shape)).T

    def _nearby(self, count: int) -> np.ndarray:
        """Points around known minima and saddles, near and not so near."""
        known = np.array(self.minima.points + self.saddles.points)
        chosen = known[self.stream.integers(len(known), size=count)]
        around = self.length * self.stream.uniform(0.02, 0.6, count)[:, None]
        return (chosen + around * self.stream.standard_normal(chosen.shape)).T

    def _images(self, catalogue: Catalogue) -> np.ndarray:
        known = np.array(catalogue.points)
        return np.concatenate([known, -known]) if catalogue.mirrored else known

    # --- searches ----------------------------------------------------------------------------------------------

    def _quench(self, count: int) -> None:
        relaxed = relax(self.glass, self._anywhere(count), tolerance=TOLERANCE)
        # Newton's last steps bring what the descent has left to rounding.
        self._enter(newton(self.glass, relaxed.v[:, relaxed.converged], steps=5))

    def _climb_new(self, limit: float) -> None:
        """Out of every minimum not climbed yet, along every mode, both ways, near and far pushes; up to ``limit``."""
        while self._climbed < len(self.minima) and self.searches < limit:
            v = self.minima.points[self._climbed]
            directions = np.linalg.eigh(self.glass.hessian(v))[1].repeat(len(CLIMB_PUSHES), axis=1)
            points = v[:, None] + directions * self.length * np.tile(CLIMB_PUSHES, self.glass.n)
            modes = np.arange(self.glass.n).repeat(len(CLIMB_PUSHES))
            before = [list(catalogue.hits) for catalogue in (self.minima, self.saddles)]
            self._enter(follow(self.glass, points, modes, steps=CLIMB_STEPS))
            self._enter(follow(self.glass, points, LOWEST))
            # Climbs out of one minimum are not independent: together they find a point once.
            for catalogue, hits in zip((self.minima, self.saddles), before, strict=True):
                hits += [0] * (len(catalogue) - len(hits))
                catalogue.hits = [min(now, then + 1) for now, then in zip(catalogue.hits, hits, strict=True)]
            self.searches += 2 * len(modes)
            self._climbed += 1

    def _enter(self, found: Stationary) -> None:
        """Take over what converged to a minimum or a saddle of index 1."""
        converged = found.max_gradient <= TOLERANCE
        regular = converged & (found.softest > SINGULAR)
        self.singular += int((converged & ~regular).sum())
        self.minima.add(found.v[:, regular & (found.index == 0)])
        self.saddles.add(found.v[:, regular & (found.index == 1)])

    def _descend_new(self) -> None:
        """Follow the flow down both sides of the saddles that are new."""
        new = self.saddles.points[len(self.ends) :]
        for sides in both_sides(self.glass, np.reshape(new, (-1, self.glass.n)).T):
            pair = []
            for side in sides:
                entry, image = -1, 1
                if side.max_gradient <= TOLERANCE:
                    entry, image = (int(x[0]) for x in self.minima.add(side.v[:, None]))
                pair.append((entry, image))
            self.ends.append(pair)

    # --- the answer --------------------------------------------------------------------------------------------

    def landscape(self, saturated: bool) -> Landscape:
        """All that is known, mirror images unfolded; ``saturated``: the last round has found nothing new."""
        rows = [
            (energy, number, image)
            for number, energy in enumerate(self.minima.energies)
            for image in self._unfold(self.minima, number)
        ]
        # Of mirror images, whose energies are equal, the one whose largest displacement is positive comes first.
        upright = [np.sign(v[np.argmax(np.abs(v))]) for v in self.minima.points]
        rows.sort(key=lambda row: (row[0], -row[2] * upright[row[1]]))
        place = {(number, image): at for at, (_, number, image) in enumerate(rows)}
        place |= {
            (number, -1): place[number, 1] for number in range(len(self.minima)) if self.minima.self_mirrored(number)
        }
        saddles = []
        for number, energy in enumerate(self.saddles.energies):
            for image in self._unfold(self.saddles, number):
                ends = sorted(place.get((entry, image * sign), -1) for entry, sign in self.ends[number])
                saddles.append((energy, ends, image * self.saddles.points[number]))
        saddles.sort(key=lambda row: (row[0], row[1]))
        joins = np.array([ends for _, ends, _ in saddles], dtype=np.int64).reshape(-1, 2)
        notes = self._doubts(len(rows), joins, saturated)
        n = self.glass.n
        return Landscape(
            minima=np.array([energy for energy, _, _ in rows]),
            minima_at=np.array([image * self.minima.points[number] for _, number, image in rows]).reshape(-1, n),
            saddles=np.array([energy for energy, _, _ in saddles]),
            saddles_at=np.array([v for _, _, v in saddles]).reshape(-1, n),
            joins=joins,
            complete=not notes,
            searches=self.searches,
            notes=notes,
        )

    def _unfold(self, catalogue: Catalogue, number: int) -> tuple[int, ...]:
        return (1, -1) if catalogue.mirrored and not catalogue.self_mirrored(number) else (1,)

    def progress(self) -> str:
        """What is known, in words."""
        minima, saddles = (
            sum(len(self._unfold(catalogue, number)) for number in range(len(catalogue)))
            for catalogue in (self.minima, self.saddles)
        )
        return f"{self.searches} searches: {minima} minima, {saddles} saddles, the rarest found {self.rarest()} times"

    def rarest(self) -> int:
        """How often the point found least often was found."""
        return min(self.minima.hits + self.saddles.hits, default=0)

    def _doubts(self, minima: int, joins: np.ndarray, saturated: bool) -> list[str]:
        """What speaks against completeness."""
        doubts = []
        if not saturated:
            doubts.append("the last round of searches still found something new")
        if self.rarest() < SEEN:
            rare = sum(hits < SEEN for hits in self.minima.hits + self.saddles.hits)
            doubts.append(f"{rare} points were found fewer than {SEEN} times")
        if self._climbed < len(self.minima):
            doubts.append(f"out of {len(self.minima) - self._climbed} minima nothing has climbed")
        if (joins < 0).any():
            doubts.append(f"{int((joins < 0).any(axis=1).sum())} saddles have a side whose descent did not arrive")
        if self.singular:
            doubts.append(f"{self.singular} searches ended on a point with a singular Hessian, which is in no list")
        if components(minima, joins) > 1:
            doubts.append(f"the minima fall into {components(minima, joins)} groups that no saddle found joins")
        return doubts


def components(minima: int, joins: np.ndarray) -> int:
    """Groups of minima that the saddles connect."""
    i, j = joins[(joins >= 0).all(axis=1)].T
    return int(connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(minima, minima)), directed=False)[0])


def explore(
    glass: Glass, seed: int = 0, searches: int = 1_000_000, say: Callable[[str], None] = lambda line: None
) -> Landscape:
    """List every minimum and saddle of index 1 of a tiny system.

    Parameters
    ----------
    glass
        The sample.
    seed
        Of the random starts; the answer must not depend on it.
    searches
        Give up after about so many; the list is then not called complete.
    say
        Told after every round what is known.
    """
    explorer = Explorer(glass, np.random.default_rng(seed))
    size, saturated = FIRST_ROUND, False
    while not saturated and explorer.searches < searches:
        found = explorer.round(size, searches)
        say(explorer.progress())
        saturated = not found and explorer.rarest() >= SEEN and size > FIRST_ROUND
        size *= 2
    return explorer.landscape(saturated)
