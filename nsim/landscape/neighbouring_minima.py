r"""What surrounds the relaxed states of a sample: the searches for neighbouring minima and for the saddles between.

Candidates, from cheap to dear:

    wells    the double wells of U_eff,i (`nsim.sample.local_wells`): Newton's method on the reduced force of site i
             from the top of the well (`schur_saddle`); where that fails, eigenvector following from there
    modes    the softest modes: eigenvector following from beside the minimum, both ways (along a straight line U
             hardly ever has a maximum: the others must give way)
    flips    every site pushed over (`held_flips`)
    scans    a few sites moved by hand through the folds of the others (`scan_search`)
    walks    short thermal motion, then a quench (`thermal_walks`)

Of the minima that flips, scans and walks have met, the nearest in energy get an elastic band to the state
(`elastic_band`), all of whose maxima are refined. All saddles that a search ends on are entered together
(`nsim.landscape.known_landscape`), which says what they join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from nsim.landscape.eigenvector_following import natural_length
from nsim.landscape.elastic_band import bands, maxima
from nsim.landscape.held_flips import held_flips
from nsim.landscape.known_landscape import NEAR_SINGULAR, Found, KnownLandscape, State
from nsim.landscape.landscape_tables import SOURCES, TRUE_OF_SYSTEM, TRUE_WELL
from nsim.landscape.minima_graph import lowest_path, neighbours_of
from nsim.landscape.saddle_newton import refine
from nsim.landscape.scan_search import ScanSearch
from nsim.landscape.schur_saddle import schur_saddle, top_of_response
from nsim.landscape.thermal_walks import streams_of, thermal_walks
from nsim.landscape.well_quantum import well_tunnelling
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
        self.passed: list[Found] = []  # saddles that scans have passed
        self.scans = ScanSearch(
            glass,
            effort.scans,
            effort.method,
            self.known.minimum,
            lambda saddle: self.passed.append(Found(saddle, "scan")),
        )

    def explore(self, states: Sequence[tuple[int, np.ndarray]]) -> None:
        """Search around minima: pairs of the number of a replica and its displacements, shape (N,).

        Each kind of search is made around all states before the next, so that descents and bands share their products.
        """
        fresh: list[tuple[int, np.ndarray, State]] = []
        for replica, v in states:
            here = self.known.minimum(v)
            self.counts["states"] += 1
            if here[0] in self.explored:
                self.counts["repeated_states"] += 1
            else:
                self.explored.add(here[0])
                fresh.append((replica, v, here))
        self._climb_wells(fresh)
        self._climb_modes(fresh)
        pairs = [pair for replica, v, here in fresh for pair in self._meet(v, here, replica)]
        self.known.enter(self.passed)
        self._connect(pairs)

    def _climb_wells(self, states: list[tuple[int, np.ndarray, State]]) -> None:
        found: list[Found] = []
        rows: list[tuple[dict[str, float], State, int]] = []  # of `WELL`, state, which of those found (-1: none)
        for replica, v, here in states:
            for row, top in self._wells_of(v, here):
                rows.append((row | {"replica": replica}, here, -1 if top is None else len(found)))
                found += [] if top is None else [top]
        numbers = self.known.enter(found)
        for row, here, which in rows:
            saddle = numbers[which] if which >= 0 else -1
            self.wells.append(row | {"well_saddle": saddle} | self._true_well(here, saddle))

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

    def _climb_modes(self, states: list[tuple[int, np.ndarray, State]]) -> None:
        glass, count = self.glass, min(self.effort.modes, self.glass.n)
        if not count:
            return
        found: list[Found] = []
        for _, v, _ in states:
            modes = eigh(glass.hessian(v), subset_by_index=[0, count - 1])[1]
            for direction in np.concatenate([modes.T, -modes.T]):
                self.counts["modes"] += 1
                start = v + MODE_PUSH * natural_length(glass) * direction
                top, reached = refine(glass, start, steps=MODE_STEPS, along=direction)
                if reached:
                    found.append(Found(top, "mode"))
                self.counts["modes_without_saddle"] += not reached
        self.known.enter(found)

    def _meet(self, v: np.ndarray, here: State, state: int) -> list[tuple[State, State]]:
        """Other minima around a state, by all sources; the pairs with the nearest in energy, to get elastic bands."""
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
        return [(here, there) for there in nearest[: self.effort.bands]]

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

    def _connect(self, pairs: list[tuple[State, State]]) -> None:
        """Elastic bands between pairs of states, then across the narrowest gap left, until saddles connect each pair.

        The bands of all pairs move together.
        """
        tried: set[frozenset[State]] = set()
        for attempt in range(BAND_ROUNDS):
            wanted: list[tuple[State, State]] = []
            for pair in pairs:
                gap = self._gap(*pair, tried) if attempt else pair
                if gap is not None and frozenset(gap) not in tried:
                    tried.add(frozenset(gap))
                    wanted.append(gap)
            if not wanted:
                break
            firsts, lasts = (np.stack([self.known.at(gap[end]) for gap in wanted], axis=1) for end in (0, 1))
            found: list[Found] = []
            relaxed = bands(self.glass, firsts, lasts)
            for number in range(len(wanted)):
                for top in maxima(self.glass, relaxed[:, number]).T:
                    saddle, reached = refine(self.glass, top, steps=BAND_STEPS)
                    if reached:
                        found.append(Found(saddle, "band"))
                    self.counts["bands_without_saddle"] += not reached
            self.known.enter(found)
        for here, there in pairs:
            self.counts["pairs"] += 1
            if self.known.joined(here, there):
                self.counts["pairs_direct"] += 1
            else:
                self.counts["pairs_by_steps" if self.known.reachable(here, there) else "pairs_open"] += 1

    def _gap(self, here: State, there: State, tried: set[frozenset[State]]) -> tuple[State, State] | None:
        """Between what is connected to two states: the nearest pair without a band; None if there is no gap."""
        near, far = self.known.reached_from(here), self.known.reached_from(there)
        if there in near:
            return None
        ours, theirs = sorted(near), sorted(far)
        a, b = (np.stack([self.known.at(state) for state in side]) for side in (ours, theirs))
        squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
        for k in np.argsort(squared, axis=None, kind="stable"):
            gap = ours[k // len(theirs)], theirs[k % len(theirs)]
            if frozenset(gap) not in tried:
                return gap
        return None
