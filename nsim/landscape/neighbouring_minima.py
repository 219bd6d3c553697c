r"""What surrounds the relaxed states of a sample: the searches for neighbouring minima and for the saddles between.

Candidates, from cheap to dear:

    wells    the double wells of U_eff,i (`nsim.sample.local_wells`): Newton's method on the reduced force of site i
             from the top of the well (`schur_saddle`); where that fails, eigenvector following from there
    modes    the softest modes: eigenvector following from beside the minimum, both ways (along a straight line U
             hardly ever has a maximum: the others must give way)
    flips    every site pushed over (`held_flips`)
    scans    a few sites moved by hand through the folds of the others (`scan_search`)
    walks    short thermal motion, then a quench (`thermal_walks`)

Each kind of search is made around all states before the next, so that descents and bands share their products. Between
two steps, the search of one kind around one state or the following of all that was found, it can be stopped and go on
from its checkpoint.

Of the minima that flips, scans and walks have met, the nearest in energy get an elastic band to the state
(`elastic_band`), all of whose maxima are refined. All saddles that a search ends on are entered together
(`nsim.landscape.known_landscape`), which says what they join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import eigh

from nsim.landscape.eigenvector_following import natural_length
from nsim.landscape.elastic_band import bands, maxima
from nsim.landscape.held_flips import held_flips
from nsim.landscape.known_landscape import NEAR_SINGULAR, Found, KnownLandscape, State, as_state
from nsim.landscape.landscape_tables import SOURCES, TRUE_OF_SYSTEM, TRUE_WELL
from nsim.landscape.minima_graph import lowest_path, neighbours_of
from nsim.landscape.saddle_newton import refine
from nsim.landscape.scan_search import ScanSearch
from nsim.landscape.schur_saddle import schur_saddle, top_of_response
from nsim.landscape.thermal_walks import streams_of, thermal_walks
from nsim.landscape.well_quantum import well_tunnelling
from nsim.parallel.checkpoint import NEVER, Checkpoint
from nsim.parallel.checkpoint import State as Held
from nsim.sample.cavity_field import cavity_field, localisation, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.hessian import resolvent
from nsim.sample.local_wells import local_wells, top_of_well

BAND_ROUNDS = 4  # elastic bands given to one pair
BAND_STEPS = 20  # to a saddle from the top of a band: what takes longer is hardly one of this band
MODE_PUSH = 0.03  # off a minimum along a soft mode, in units of the natural length
MODE_STEPS = 120  # to a saddle from there


@dataclass(frozen=True)
class Effort:
    """How much is searched around each state."""

    flips: bool = True
    bands: int = 8  # neighbouring minima of each state, nearest in energy first, that get an elastic band
    modes: int = 4  # soft modes climbed
    scans: int = 4  # sites of each state that are scanned
    walks: int = 16  # thermal walks from each state
    walk_sweeps: int = 50
    walk_temperature: float = 2.4  # [E0]; the default of a run file follows the model
    method: str = "conjugate-gradient"  # descent of flips, avalanches and walks
    hbar2_over_m: float = 1.0


class Neighbourhood:
    """The search around the states of one sample.

    Parameters
    ----------
    glass
        The sample.
    effort
        How much is searched.
    streams
        The random streams of the walkers from the state of a replica.
    """

    def __init__(
        self, glass: Glass, effort: Effort, streams: Callable[[int], list[np.random.Generator]] | None = None
    ) -> None:
        self.glass, self.effort = glass, effort
        self.streams = streams or (lambda replica: streams_of(0, glass.n, 0, replica, effort.walks))
        self.known = KnownLandscape(glass, effort.hbar2_over_m)
        self.counts = self.known.counts
        self.wells: list[dict[str, float]] = []  # one row for each double well of U_eff,i, see `WELL`
        self.explored: set[int] = set()
        self.met: list[dict[str, float]] = []  # one row for each pair of a state and a minimum met from it, see `PAIR`
        # What the steps of the search hand on:
        self._done = 0  # steps
        self._fresh: list[tuple[int, State]] = []  # states to explore: replica, state
        self._found: list[Found] = []  # saddles to be entered
        self._tops: list[tuple[dict[str, float], State, int]] = []  # of `WELL`, state, which of those found (-1: none)
        self._pairs: list[tuple[State, State]] = []  # to be connected by bands ...
        self._tried: set[frozenset[State]] = set()  # ... and what had one
        self.scans = ScanSearch(
            glass,
            effort.scans,
            effort.method,
            self.known.minimum,
            lambda saddle: self._found.append(Found(saddle, "scan")),
        )

    def explore(self, states: Sequence[tuple[int, np.ndarray]], checkpoint: Checkpoint = NEVER) -> None:
        """Search around minima: pairs of the number of a replica and its displacements, shape (N,)."""
        held = checkpoint.load()
        if held is None:
            self._begin(states)
        else:
            self.restore(held)
        steps = self._steps(dict(states))
        while self._done < len(steps):
            steps[self._done]()
            self._done += 1
            checkpoint.pause(self.state, lambda: {"share": self._done / len(steps)})

    def _begin(self, states: Sequence[tuple[int, np.ndarray]]) -> None:
        """Enter the states; those not explored yet are."""
        self._done, self._fresh = 0, []
        self._pairs, self._tried = [], set()
        for replica, v in states:
            here = self.known.minimum(v)
            self.counts["states"] += 1
            if here[0] in self.explored:
                self.counts["repeated_states"] += 1
            else:
                self.explored.add(here[0])
                self._fresh.append((replica, here))

    def _steps(self, at: dict[int, np.ndarray]) -> list[Callable[[], object]]:
        """The search, cut where it can be stopped; ``at`` are the displacements of each replica, shape (N,)."""
        connect: list[Callable[[], object]] = []
        for attempt in range(BAND_ROUNDS):
            connect += [partial(self._connect, attempt), self._enter]
        return [
            *(partial(self._climb_wells, at[replica], here, replica) for replica, here in self._fresh),
            self._enter_wells,
            *(partial(self._climb_modes, at[replica]) for replica, _ in self._fresh),
            self._enter,
            *(partial(self._meet, at[replica], here, replica) for replica, here in self._fresh),
            self._enter,
            *connect,
            self._count_pairs,
        ]

    def state(self) -> Held:
        """All that the rest of the search depends on, for a checkpoint."""
        return {
            "known": self.known.state(),
            "scans": self.scans.state(),
            "wells": self.wells,
            "explored": sorted(self.explored),
            "met": self.met,
            "done": self._done,
            "fresh": self._fresh,
            "found": self._found,
            "tops": self._tops,
            "pairs": self._pairs,
            "tried": [sorted(gap) for gap in self._tried],
        }

    def restore(self, held: Held) -> None:
        """Go on from a `state`."""
        self.known.restore(held["known"])
        self.scans.restore(held["scans"])
        self.wells, self.explored, self.met = held["wells"], set(held["explored"]), held["met"]
        self._done = held["done"]
        self._fresh = [(replica, as_state(here)) for replica, here in held["fresh"]]
        self._found = [Found(*found) for found in held["found"]]
        self._tops = [(row, as_state(here), which) for row, here, which in held["tops"]]
        self._pairs = [(as_state(here), as_state(there)) for here, there in held["pairs"]]
        self._tried = {frozenset(map(as_state, gap)) for gap in held["tried"]}

    def _enter(self) -> list[int]:
        """Enter the saddles found, and follow both sides of the new ones; the number of each."""
        numbers = self.known.enter(self._found)
        self._found = []
        return numbers

    def _climb_wells(self, v: np.ndarray, here: State, replica: int) -> None:
        for row, top in self._wells_of(v, here):
            self._tops.append((row | {"replica": replica}, here, -1 if top is None else len(self._found)))
            self._found += [] if top is None else [top]

    def _enter_wells(self) -> None:
        numbers = self._enter()
        for row, here, which in self._tops:
            saddle = numbers[which] if which >= 0 else -1
            self.wells.append(row | {"well_saddle": saddle} | self._true_well(here, saddle))
        self._tops = []

    def _wells_of(self, v: np.ndarray, here: State) -> Iterator[tuple[dict[str, float], Found | None]]:
        """The linear-response wells of a state, and the saddles found from their tops."""
        glass = self.glass
        Gr = resolvent(glass.hessian(v))
        spread = localisation(Gr)
        C = reaction_coefficient(glass, v, np.diagonal(Gr))
        h = cavity_field(glass.local_field(v), C, v)
        wells = local_wells(h, C, v, glass.a2, glass.a4, glass.gamma, self.effort.hbar2_over_m)
        tops = top_of_well(h, C, glass.a2, glass.a4, glass.gamma)
        for i in map(int, np.flatnonzero(wells.exists)):
            self.counts["wells"] += 1
            self.counts["wells_near_singular"] += self.known.lambda_min[here[0]] < NEAR_SINGULAR
            start = top_of_response(v, Gr[:, i], i, float(tops[i]))
            schur = schur_saddle(glass, start, i)
            saddle, reached = (schur.v, True) if schur.index_one else refine(glass, start)
            way = "by_schur" if schur.index_one else "by_following" if reached else "without_saddle"
            self.counts[f"wells_{way}"] += 1
            row = {
                "state": here[0],
                "site": i,
                "near_singular": self.known.lambda_min[here[0]] < NEAR_SINGULAR,
                "localisation": spread[i],
                "well_asymmetry": wells.asymmetry[i],
                "well_barrier": wells.barrier[i],
                "well_distance": wells.distance[i],
                "well_log_delta0": well_tunnelling(
                    h[i], C[i], glass.a2[i], glass.a4, glass.gamma, self.effort.hbar2_over_m
                ).log_delta0,
                "well_climb": wells.barrier[i] + max(wells.asymmetry[i], 0.0),
                "schur": schur.index_one,
            }
            yield row, Found(saddle, "schur" if schur.index_one else "following") if reached else None

    def _true_well(self, here: State, saddle: int) -> dict[str, float]:
        """What the landscape has in place of a linear-response well: the columns of `WELL` that say so."""
        minima = [entry for entry, _ in self.known.ends[saddle]] if saddle >= 0 else [-1]
        if here[0] not in minima or min(minima) < 0:
            return {"connected": False, **dict.fromkeys(TRUE_WELL, np.nan)}
        other = minima[1] if minima[0] == here[0] else minima[0]
        energies, top = self.known.minima.energies, self.known.saddles.energies[saddle]
        return {
            "connected": True,
            "true_asymmetry": energies[other] - energies[here[0]],
            "true_barrier": top - max(energies[other], energies[here[0]]),
            "true_climb": top - energies[here[0]],
            **{f"true_{name}": self.known.systems[saddle][name] for name in TRUE_OF_SYSTEM},
        }

    def _climb_modes(self, v: np.ndarray) -> None:
        glass, count = self.glass, min(self.effort.modes, self.glass.n)
        if not count:
            return
        modes = eigh(glass.hessian(v), subset_by_index=[0, count - 1])[1]
        for direction in np.concatenate([modes.T, -modes.T]):
            self.counts["modes"] += 1
            start = v + MODE_PUSH * natural_length(glass) * direction
            top, reached = refine(glass, start, steps=MODE_STEPS, along=direction)
            if reached:
                self._found.append(Found(top, "mode"))
            self.counts["modes_without_saddle"] += not reached

    def _meet(self, v: np.ndarray, here: State, state: int) -> None:
        """Other minima around a state, by all sources; the nearest in energy are to get elastic bands."""
        met: dict[State, set[str]] = {}
        for source, search in (("flips", self._flip), ("scans", self._scan), ("walks", self._walk)):
            known = len(self.known.minima)
            for there in search(v, here, state):
                if there != here:
                    met.setdefault(there, set()).add(source)
            self.counts[f"new_by_{source}"] += len(self.known.minima) - known
        self.counts.update(self.scans.counts)
        mirror = here[0], -here[1]
        energies = self.known.minima.energies
        nearest = sorted(
            (there for there in met if there != mirror),
            key=lambda there: (abs(energies[there[0]] - energies[here[0]]), there),
        )
        for rank, there in enumerate(nearest):
            self.met.append(
                {
                    "state": here[0],
                    "other": there[0],
                    "mirrored": here[1] != there[1],
                    "banded": rank < self.effort.bands,
                    **{f"by_{source}": source in met[there] for source in SOURCES},
                }
            )
        self._pairs += [(here, there) for there in nearest[: self.effort.bands]]

    def _flip(self, v: np.ndarray, here: State, state: int) -> set[State]:
        """The minima that pushing every site over leads to."""
        if not self.effort.flips:
            return set()
        flips = held_flips(self.glass, v, method=self.effort.method)
        self.counts["flips"] += len(flips.site)
        self.counts["flips_returned"] += int(flips.returned.sum())
        self.counts["flips_unconverged"] += int((~flips.converged).sum())
        ends = [self.known.minimum(flips.v[:, r]) for r in np.flatnonzero(flips.converged & ~flips.returned)]
        self.counts["flips_mirrored"] += ends.count((here[0], -here[1]))
        return set(ends)

    def _scan(self, v: np.ndarray, here: State, state: int) -> set[State]:
        """The minima that scans of a few sites pass, or release into."""
        singular = self.known.lambda_min[here[0]] < NEAR_SINGULAR
        of_state: dict[str, float] = {"state": here[0], "replica": state, "near_singular": singular}
        return self.scans.around(v, of_state, self.effort.hbar2_over_m)

    def _walk(self, v: np.ndarray, here: State, state: int) -> set[State]:
        """The minima that thermal walks end in."""
        effort = self.effort
        if not effort.walks:
            return set()
        walked = thermal_walks(
            self.glass, v, self.streams(state), effort.walk_temperature, effort.walk_sweeps, effort.method
        )
        ends = [self.known.minimum(walked.v[:, r]) for r in np.flatnonzero(walked.converged)]
        self.counts["walks"] += effort.walks
        self.counts["walks_returned"] += ends.count(here)
        self.counts["walks_unconverged"] += int((~walked.converged).sum())
        self.counts["walks_mirrored"] += ends.count((here[0], -here[1]))
        return set(ends)

    def pairs(self) -> list[dict[str, float]]:
        """The rows of `PAIR`: what was met from each state, with the lowest path over all saddles known by now."""
        graph = neighbours_of(self.known.ends, self.known.saddles.energies)
        energies = self.known.minima.energies
        rows = []
        for row in self.met:
            here, there = (int(row["state"]), 1), (int(row["other"]), -1 if row["mirrored"] else 1)
            highest, steps = lowest_path(graph, here, there)
            rows.append(
                row
                | {
                    "asymmetry": energies[there[0]] - energies[here[0]],
                    "barrier": highest - energies[here[0]] if steps else np.nan,
                    "saddles": steps,
                }
            )
        return rows

    def _connect(self, attempt: int) -> None:
        """Elastic bands between pairs of states, at later attempts across the narrowest gap left between them.

        The bands of all pairs move together.
        """
        wanted: list[tuple[State, State]] = []
        for pair in self._pairs:
            gap = self._gap(*pair) if attempt else pair
            if gap is not None and frozenset(gap) not in self._tried:
                self._tried.add(frozenset(gap))
                wanted.append(gap)
        if not wanted:
            return
        firsts, lasts = (np.stack([self.known.at(gap[end]) for gap in wanted], axis=1) for end in (0, 1))
        relaxed = bands(self.glass, firsts, lasts)
        for number in range(len(wanted)):
            for top in maxima(self.glass, relaxed[:, number]).T:
                saddle, reached = refine(self.glass, top, steps=BAND_STEPS)
                if reached:
                    self._found.append(Found(saddle, "band"))
                self.counts["bands_without_saddle"] += not reached

    def _count_pairs(self) -> None:
        """How the pairs that got bands are connected."""
        for here, there in self._pairs:
            self.counts["pairs"] += 1
            if self.known.joined(here, there):
                self.counts["pairs_direct"] += 1
            else:
                self.counts["pairs_by_steps" if self.known.reachable(here, there) else "pairs_open"] += 1

    def _gap(self, here: State, there: State) -> tuple[State, State] | None:
        """Between what is connected to two states: the nearest pair without a band; None if there is no gap."""
        near, far = self.known.reached_from(here), self.known.reached_from(there)
        if there in near:
            return None
        ours, theirs = sorted(near), sorted(far)
        a, b = (np.stack([self.known.at(state) for state in side]) for side in (ours, theirs))
        squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
        for k in np.argsort(squared, axis=None, kind="stable"):
            gap = ours[k // len(theirs)], theirs[k % len(theirs)]
            if frozenset(gap) not in self._tried:
                return gap
        return None
