r"""What surrounds the relaxed states of a sample: neighbouring minima, saddles between, and their two-level systems.

Candidates, from cheap to dear:

    wells    the double wells of U_eff,i (`nsim.sample.local_wells`): Newton's method on the reduced force of site i
             from the top of the well (`schur_saddle`); where that fails, eigenvector following from there
    modes    the softest modes: from the top of the quartic along each, both ways
    flips    every site pushed over (`held_flips`)
    scans    a few sites moved by hand through the folds of the others (`scan_search`)
    walks    short thermal motion, then a quench (`thermal_walks`)

Of the minima that flips, scans and walks have met, the nearest in energy get an elastic band to the state
(`elastic_band`), all of whose maxima are refined.

Whatever saddle results is entered once, and the gradient flow down both sides says which minima it joins: those of the
candidate, others, or a state and its own mirror image. What went wrong, repeats and folds are counted, never dropped in
silence (`COUNTS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from nsim.landscape.elastic_band import band, maxima, refine
from nsim.landscape.gradient_flow import both_sides
from nsim.landscape.held_flips import held_flips
from nsim.landscape.minima_graph import lowest_path, neighbours_of
from nsim.landscape.path_quantum import join, tunnelling
from nsim.landscape.scan_search import SCAN_COUNTS, ScanSearch
from nsim.landscape.schur_saddle import schur_saddle, top_of_response
from nsim.landscape.stationary_catalogue import Catalogue
from nsim.landscape.thermal_walks import streams_of, thermal_walks
from nsim.sample.cavity_field import cavity_field, localisation, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.local_wells import LocalWells, local_wells, top_of_well

NEAR_SINGULAR = 0.03  # lowest eigenvalue of a minimum [E0/v0^2] below which its linear-response wells are spurious
COUNTS = {
    "states": "states explored",
    "repeated_states": "states that were a known minimum (or its mirror image)",
    "wells": "double wells of U_eff,i",
    "wells_near_singular": "... of states with an eigenvalue below 0.03",
    "wells_by_schur": "... whose saddle the Schur complement proved",
    "wells_by_following": "... whose saddle only eigenvector following found",
    "wells_without_saddle": "... from whose top no saddle was found",
    "modes": "searches along soft modes",
    "modes_without_saddle": "... that found no saddle, or a line without a top",
    "flips": "sites pushed over",
    "flips_returned": "... that fell back",
    "flips_unconverged": "... that did not converge",
    "flips_mirrored": "... that ended in the mirror image of the state",
    **SCAN_COUNTS,
    "walks": "thermal walks",
    "walks_returned": "... that fell back",
    "walks_unconverged": "... that did not converge",
    "walks_mirrored": "... that ended in the mirror image of the state",
    "new_by_flips": "minima that flips were the first to meet",
    "new_by_scans": "minima that scans were the first to meet",
    "new_by_walks": "minima that walks were the first to meet",
    "pairs": "pairs of a state and a minimum that flips, scans or walks found, given to an elastic band",
    "pairs_direct": "... that one saddle joins",
    "pairs_by_steps": "... that only a path over several saddles joins",
    "pairs_open": "... that no path found joins",
    "bands_without_saddle": "maxima of bands that could not be refined to a saddle",
    "saddles_again": "searches that ended on a known saddle",
    "descents_failed": "saddles with a side whose descent did not arrive",
    "saddles_to_mirror": "saddles that join a minimum to its own mirror image",
    "saddles_to_self": "saddles both of whose sides lead to the same minimum",
    "saddles_parallel": "saddles beyond the first of the same two minima",
    "near_singular": "minima with an eigenvalue below 0.03",
}
BANDS = 4  # elastic bands given to one pair
FOUND_BY = ("schur", "following", "mode", "band", "scan")
SOURCES = ("flips", "scans", "walks")


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
    """The known part of the landscape of one sample.

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
        self.minima, self.saddles = Catalogue(glass), Catalogue(glass)
        self.lambda_min: list[float] = []  # of each minimum
        self.ends: list[tuple[tuple[int, int], tuple[int, int]]] = []  # of each saddle: (minimum, image) on either side
        self.systems: list[dict[str, float]] = []  # of each saddle, see `SYSTEM`
        self.wells: list[dict[str, float]] = []  # one row for each double well of U_eff,i, see `WELL`
        self.counts = dict.fromkeys(COUNTS, 0)
        self.explored: set[int] = set()
        self.met: list[dict[str, float]] = []  # one row for each pair of a state and a minimum met from it, see `PAIR`
        self.scans = ScanSearch(
            glass, effort.scans, effort.method, self._minimum, lambda saddle: self._saddle(saddle, "scan")
        )

    # --- what is entered ---------------------------------------------------------------------------------------

    def _minimum(self, v: np.ndarray) -> tuple[int, int]:
        entry, image = self.minima.add(v[:, None])
        if entry[0] == len(self.lambda_min):
            lowest = float(eigh(self.glass.hessian(v), eigvals_only=True, subset_by_index=[0, 0])[0])
            self.lambda_min.append(lowest)
            self.counts["near_singular"] += lowest < NEAR_SINGULAR
        return int(entry[0]), int(image[0])

    def _saddle(self, v: np.ndarray, found_by: str) -> int:
        """Enter a saddle of index 1; if it is new, follow both of its sides and solve the path's quantum problem."""
        entry, _ = self.saddles.add(v[:, None])
        number = int(entry[0])
        if number < len(self.ends):
            self.counts["saddles_again"] += 1
            return number
        sides = both_sides(self.glass, v)
        arrived = all(side.max_gradient <= 1e-10 for side in sides)
        self.counts["descents_failed"] += not arrived
        first, second = (self._minimum(side.v) if side.max_gradient <= 1e-10 else (-1, 1) for side in sides)
        if arrived and first[0] == second[0]:
            self.counts["saddles_to_self" if first[1] == second[1] else "saddles_to_mirror"] += 1
        parallel = any(_same_pair((first, second), known) for known in self.ends)
        self.counts["saddles_parallel"] += arrived and parallel
        self.ends.append((first, second))
        row = dict.fromkeys(SYSTEM, np.nan) | {"found_by": FOUND_BY.index(found_by)}
        if arrived:
            row |= self._system(v, sides[0].v, sides[1].v, sides[0].path, sides[1].path)
        self.systems.append(row)
        return number

    def _system(
        self, saddle: np.ndarray, a: np.ndarray, b: np.ndarray, path_a: np.ndarray, path_b: np.ndarray
    ) -> dict[str, float]:
        """A row of `SYSTEM` but for ``found_by``."""
        top, low, high = float(self.glass.energy(saddle)), *sorted(float(self.glass.energy(v)) for v in (a, b))
        path = join(self.glass, saddle, path_a, path_b)
        quantum = tunnelling(self.glass, path, self.effort.hbar2_over_m)
        moved = (b - a) ** 2
        return {
            "asymmetry": high - low,
            "barrier_upper": top - high,
            "barrier_lower": top - low,
            "path_length": path.length,
            "distance": float(np.sqrt(moved.sum())),
            "participation": float(moved.sum() ** 2 / max((moved**2).sum(), 1e-300)),
            "saddle_eigenvalue": float(eigh(self.glass.hessian(saddle), eigvals_only=True, subset_by_index=[0, 0])[0]),
            "splitting": quantum.splitting,
            "delta0": quantum.delta0,
        }

    # --- the searches ------------------------------------------------------------------------------------------

    def explore(self, v: np.ndarray, state: int) -> None:
        """Search around the minimum ``v``, shape (N,), which is number ``state`` of the sample's states."""
        here = self._minimum(v)
        self.counts["states"] += 1
        if here[0] in self.explored:
            self.counts["repeated_states"] += 1
            return
        self.explored.add(here[0])
        self._climb_wells(v, here, state)
        self._climb_modes(v)
        self._meet(v, here, state)

    def _climb_wells(self, v: np.ndarray, here: tuple[int, int], state: int) -> None:
        glass = self.glass
        Gr = np.linalg.inv(glass.hessian(v))
        spread = localisation(Gr)
        C = reaction_coefficient(glass, v, np.diagonal(Gr))
        h = cavity_field(glass.local_field(v), C, v)
        wells = local_wells(h, C, v, glass.a2, glass.a4, glass.gamma, self.effort.hbar2_over_m)
        tops = top_of_well(h, C, glass.a2, glass.a4, glass.gamma)
        singular = self.lambda_min[here[0]] < NEAR_SINGULAR
        for i in np.flatnonzero(wells.exists):
            self.counts["wells"] += 1
            self.counts["wells_near_singular"] += singular
            start = top_of_response(v, Gr[:, i], int(i), float(tops[i]))
            found = schur_saddle(glass, start, int(i))
            if found.index_one:
                number = self._saddle(found.v, "schur")
                self.counts["wells_by_schur"] += 1
            else:
                top, reached = refine(glass, start)
                number = self._saddle(top, "following") if reached else -1
                self.counts["wells_by_following" if reached else "wells_without_saddle"] += 1
            self.wells.append(self._well(state, here, int(i), wells, spread, number, found.index_one))

    def _well(
        self,
        state: int,
        here: tuple[int, int],
        site: int,
        wells: LocalWells,
        spread: np.ndarray,
        saddle: int,
        proved: bool,
    ) -> dict[str, float]:
        """A row of `WELL`: the linear-response well beside the true two-level system found from it."""
        row = {
            "state": here[0],
            "replica": state,
            "site": site,
            "near_singular": self.lambda_min[here[0]] < NEAR_SINGULAR,
            "localisation": spread[site],
            "well_asymmetry": wells.asymmetry[site],
            "well_barrier": wells.barrier[site],
            "well_distance": wells.distance[site],
            "well_climb": wells.barrier[site] + max(wells.asymmetry[site], 0.0),
            "well_saddle": saddle,
            "schur": proved,
            "connected": False,
            "true_asymmetry": np.nan,
            "true_barrier": np.nan,
            "true_climb": np.nan,
        }
        if saddle < 0:
            return row
        minima = [entry for entry, _ in self.ends[saddle]]
        if here[0] not in minima or min(minima) < 0:
            return row
        other = minima[1] if minima[0] == here[0] else minima[0]
        energies = self.minima.energies
        row["connected"] = True
        row["true_asymmetry"] = energies[other] - energies[here[0]]
        row["true_barrier"] = self.saddles.energies[saddle] - max(energies[other], energies[here[0]])
        row["true_climb"] = self.saddles.energies[saddle] - energies[here[0]]
        return row

    def _climb_modes(self, v: np.ndarray) -> None:
        glass, count = self.glass, min(self.effort.modes, self.glass.n)
        if not count:
            return
        modes = eigh(glass.hessian(v), subset_by_index=[0, count - 1])[1]
        for mode in modes.T:
            for direction in (mode, -mode):
                self.counts["modes"] += 1
                # U along the line is a quartic, its slope a cubic; the first maximum is where the climb starts.
                t = np.array([-1.0, 0.5, 1.0, 2.0])
                slopes = [float(glass.gradient(v + x * direction) @ direction) for x in t]
                tops = np.roots(np.polyfit(t, slopes, 3))
                ahead = np.sort(tops[(np.abs(tops.imag) < 1e-9) & (tops.real > 1e-6)].real)
                top, reached = refine(glass, v + ahead[0] * direction) if len(ahead) else (v, False)
                if reached:
                    self._saddle(top, "mode")
                self.counts["modes_without_saddle"] += not reached

    def _meet(self, v: np.ndarray, here: tuple[int, int], state: int) -> None:
        """Other minima around the state, by all sources; the nearest in energy get elastic bands."""
        met: dict[tuple[int, int], set[str]] = {}
        for source, search in (("flips", self._flip), ("scans", self._scan), ("walks", self._walk)):
            known = len(self.minima)
            for there in search(v, here, state):
                if there != here:
                    met.setdefault(there, set()).add(source)
            self.counts[f"new_by_{source}"] += len(self.minima) - known
        self.counts.update(self.scans.counts)
        mirror = here[0], -here[1]
        energies = self.minima.energies
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
            if rank >= self.effort.bands:
                continue
            self.counts["pairs"] += 1
            self._connect(here, there)
            if self._joined(here, there):
                self.counts["pairs_direct"] += 1
            else:
                self.counts["pairs_by_steps" if self._reachable(here, there) else "pairs_open"] += 1

    def _flip(self, v: np.ndarray, here: tuple[int, int], state: int) -> set[tuple[int, int]]:
        """The minima that pushing every site over leads to."""
        if not self.effort.flips:
            return set()
        flips = held_flips(self.glass, v, method=self.effort.method)
        self.counts["flips"] += len(flips.site)
        self.counts["flips_returned"] += int(flips.returned.sum())
        self.counts["flips_unconverged"] += int((~flips.converged).sum())
        ends = [self._minimum(flips.v[:, r]) for r in np.flatnonzero(flips.converged & ~flips.returned)]
        self.counts["flips_mirrored"] += ends.count((here[0], -here[1]))
        return set(ends)

    def _scan(self, v: np.ndarray, here: tuple[int, int], state: int) -> set[tuple[int, int]]:
        """The minima that scans of a few sites pass, or release into."""
        singular = self.lambda_min[here[0]] < NEAR_SINGULAR
        of_state: dict[str, float] = {"state": here[0], "replica": state, "near_singular": singular}
        return self.scans.around(v, of_state, self.effort.hbar2_over_m)

    def _walk(self, v: np.ndarray, here: tuple[int, int], state: int) -> set[tuple[int, int]]:
        """The minima that thermal walks end in."""
        effort = self.effort
        if not effort.walks:
            return set()
        walked = thermal_walks(
            self.glass, v, self.streams(state), effort.walk_temperature, effort.walk_sweeps, effort.method
        )
        ends = [self._minimum(walked.v[:, r]) for r in np.flatnonzero(walked.converged)]
        self.counts["walks"] += effort.walks
        self.counts["walks_returned"] += ends.count(here)
        self.counts["walks_unconverged"] += int((~walked.converged).sum())
        self.counts["walks_mirrored"] += ends.count((here[0], -here[1]))
        return set(ends)

    def pairs(self) -> list[dict[str, float]]:
        """The rows of `PAIR`: what was met from each state, with the lowest path over all saddles known by now."""
        graph = neighbours_of(self.ends, self.saddles.energies)
        energies = self.minima.energies
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

    def _joined(self, here: tuple[int, int], there: tuple[int, int]) -> bool:
        return any(_same_pair((here, there), ends) for ends in self.ends)

    def _connect(self, here: tuple[int, int], there: tuple[int, int]) -> None:
        """Elastic bands between two states, then across the narrowest gap that is left, until saddles connect them."""
        tried: set[frozenset[tuple[int, int]]] = set()
        first, last = here, there
        for attempt in range(BANDS):
            if attempt and self._reachable(here, there):
                return
            if attempt:
                pairs = [
                    (a, b)
                    for a in self._reached_from(here)
                    for b in self._reached_from(there)
                    if frozenset((a, b)) not in tried
                ]
                if not pairs:
                    return
                first, last = min(pairs, key=lambda pair: float(np.linalg.norm(self._at(pair[0]) - self._at(pair[1]))))
            tried.add(frozenset((first, last)))
            for top in maxima(self.glass, band(self.glass, self._at(first), self._at(last))).T:
                saddle, reached = refine(self.glass, top)
                if reached:
                    self._saddle(saddle, "band")
                self.counts["bands_without_saddle"] += not reached

    def _at(self, state: tuple[int, int]) -> np.ndarray:
        return state[1] * self.minima.points[state[0]]

    def _reachable(self, here: tuple[int, int], there: tuple[int, int]) -> bool:
        return there in self._reached_from(here)

    def _reached_from(self, here: tuple[int, int]) -> set[tuple[int, int]]:
        """The states that the saddles found so far connect to one, mirror images kept apart."""
        reached, fresh = {here}, [here]
        while fresh:
            entry, image = fresh.pop()
            for ends in self.ends:
                for (a, sign_a), (b, sign_b) in (ends, ends[::-1]):
                    following = (b, sign_b * sign_a * image)
                    if a == entry and b >= 0 and following not in reached:
                        reached.add(following)
                        fresh.append(following)
        return reached


SYSTEM = {
    "asymmetry": ("E0", "energy difference of the two minima a saddle joins"),
    "barrier_upper": ("E0", "saddle above the upper minimum"),
    "barrier_lower": ("E0", "saddle above the lower minimum"),
    "path_length": ("v0", "length of the minimum-energy path"),
    "distance": ("v0", "distance between the two minima"),
    "participation": ("1", "(sum d^2)^2/sum d^4 of the displacement d between the two minima"),
    "saddle_eigenvalue": ("E0/v0^2", "the negative eigenvalue of the Hessian at the saddle"),
    "splitting": ("E0", "E_1 - E_0 along the path; NaN: hidden by rounding"),
    "delta0": ("E0", "smallest splitting a tilt can reach; NaN: hidden by rounding, or no level below the barrier"),
    "found_by": (
        "1",
        "0: Schur complement, 1: following from a well, 2: a soft mode, 3: elastic band, 4: a scan",
    ),
}
PAIR = {
    "state": ("1", "number of the minimum, a state of the run"),
    "other": ("1", "number of a minimum met from it"),
    "mirrored": ("1", "1: it was the mirror image of that minimum"),
    "by_flips": ("1", "1: met by pushing a site over"),
    "by_scans": ("1", "1: met by a scan"),
    "by_walks": ("1", "1: met by a thermal walk"),
    "banded": ("1", "1: given to an elastic band"),
    "asymmetry": ("E0", "U(other) - U(state)"),
    "barrier": ("E0", "highest saddle on the lowest path known, above the state; NaN: no path known"),
    "saddles": ("1", "fewest saddles on such a path; 0: no path known"),
}
WELL = {
    "state": ("1", "number of the minimum"),
    "replica": ("1", "replica whose state it is"),
    "site": ("1", "site i of the double well of U_eff,i"),
    "near_singular": ("1", "1: the state has an eigenvalue below 0.03, and the well may be spurious"),
    "localisation": ("1", "S2_i = sum_{j != i} (Gr_ji/Gr_ii)^2"),
    "well_asymmetry": ("E0", "U_eff,i(other minimum) - U_eff,i(v_i)"),
    "well_barrier": ("E0", "top of U_eff,i above its upper minimum"),
    "well_climb": ("E0", "top of U_eff,i above the state"),
    "well_distance": ("v0", "distance of the minima of U_eff,i"),
    "well_saddle": ("1", "number of the saddle found from the well's top; -1: none"),
    "schur": ("1", "1: proved by the Schur complement of site i"),
    "connected": ("1", "1: that saddle joins the state to another minimum"),
    "true_asymmetry": ("E0", "U(other minimum) - U(state); NaN: not connected"),
    "true_barrier": ("E0", "saddle above the upper of the two minima; NaN: not connected"),
    "true_climb": ("E0", "saddle above the state; NaN: not connected"),
}


def _same_pair(one: tuple[tuple[int, int], tuple[int, int]], other: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Whether two pairs of (minimum, image) are the same, up to order and a common mirror."""
    (a, sign_a), (b, sign_b) = one
    relative = sign_a * sign_b
    (c, sign_c), (d, sign_d) = other
    return sorted((a, b)) == sorted((c, d)) and relative == sign_c * sign_d
