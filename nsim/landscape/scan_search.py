"""Adiabatic scans of a few sites of every state: a record of them, and a source of neighbouring minima and saddles.

On its way a scan passes stationary points of U, minima and saddles of index 1 with their proof; beyond a fold the
others have jumped, and when the site is then released they relax to a minimum that one site, pushed just far enough,
leads to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nsim.descent.relaxation import relax
from nsim.landscape.adiabatic_scan import stationary_points
from nsim.landscape.hysteresis import Excursion, both_ways
from nsim.landscape.scan_record import (
    avalanche_rows,
    loop_columns,
    second_well,
    sites_to_scan,
    step_rows,
)
from nsim.parallel.checkpoint import State
from nsim.sample.cavity_field import cavity_field, localisation, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.hessian import resolvent
from nsim.sample.local_wells import local_wells

SCAN_COUNTS = {
    "scans": "sites scanned, both ways",
    "scans_reversible": "ways without an avalanche",
    "scans_closed": "... whose loop closed",
    "scans_closed_later": "... whose loop closed in the second round",
    "scans_open": "... whose loop did not close",
    "scans_lost": "... that could not be followed to their end",
    "scan_avalanches": "folds located, with an avalanche each",
    "scan_points_unproved": "stationary points passed that could not be refined",
    "scan_releases_unconverged": "sites released after an avalanche whose state did not converge",
}
Enter = Callable[[np.ndarray], tuple[int, int]]


class ScanSearch:
    """The scans of one sample.

    Parameters
    ----------
    glass
        The sample.
    sites
        How many sites of each state are scanned.
    method
        Descent of the avalanches and of the released states.
    enter_minimum, enter_saddle
        What is found is handed to these; the first returns the number of a minimum, and 1 or -1 for its mirror image.
    """

    def __init__(
        self, glass: Glass, sites: int, method: str, enter_minimum: Enter, enter_saddle: Callable[[np.ndarray], None]
    ) -> None:
        self.glass, self.sites, self.method = glass, sites, method
        self.enter_minimum, self.enter_saddle = enter_minimum, enter_saddle
        self.scans: list[dict[str, float]] = []
        self.steps: list[dict[str, float]] = []
        self.avalanches: list[dict[str, float]] = []
        self.counts = dict.fromkeys(SCAN_COUNTS, 0)

    def state(self) -> State:
        """What was recorded, for a checkpoint."""
        return {"scans": self.scans, "steps": self.steps, "avalanches": self.avalanches, "counts": self.counts}

    def restore(self, held: State) -> None:
        """Go on from a `state`."""
        self.scans, self.steps, self.avalanches = held["scans"], held["steps"], held["avalanches"]
        self.counts = held["counts"]

    def around(self, v: np.ndarray, of_state: dict[str, float], hbar2_over_m: float) -> set[tuple[int, int]]:
        """Scan sites of the minimum ``v``, shape (N,); the minima met, as number and image.

        ``of_state`` are the columns of `scan_record.SCAN` that belong to the state.
        """
        if not self.sites:
            return set()
        glass = self.glass
        Gr = resolvent(glass.hessian(v))
        response, spread = np.diagonal(Gr), localisation(Gr)
        C = reaction_coefficient(glass, v, response)
        h = cavity_field(glass.local_field(v), C, v)
        wells = local_wells(h, C, v, glass.a2, glass.a4, glass.gamma, hbar2_over_m)
        met: set[tuple[int, int]] = set()
        for site in map(int, sites_to_scan(wells, response, self.sites)):
            excursions = both_ways(glass, v, site, self.method)
            self._count(excursions)
            row = of_state | {
                "site": site,
                "home": v[site],
                "localisation": spread[site],
                "reaction_coefficient": C[site],
                "cavity_field": h[site],
                "well_asymmetry": wells.asymmetry[site],
                "well_climb": wells.barrier[site] + max(wells.asymmetry[site], 0.0),
            }
            ways_out = []
            for excursion in excursions:
                for passage, leg in enumerate(excursion.legs):
                    points = stationary_points(glass, leg)
                    self.counts["scan_points_unproved"] += sum(not point.converged for point in points)
                    for point in points:
                        if point.converged and point.top:
                            self.enter_saddle(point.v)
                        elif point.converged:
                            met.add(self.enter_minimum(point.v))
                    ways_out += [points] if passage == 0 else []
                    released = self._release([avalanche.v for avalanche in leg.avalanches])
                    met.update(minimum for minimum in released if minimum[0] >= 0)
                    self.avalanches += avalanche_rows(
                        len(self.scans), excursion.direction, passage, leg, [number for number, _ in released]
                    )
            self.steps += step_rows(len(self.scans), excursions, float(glass.energy(v)))
            self.scans.append(row | loop_columns(excursions) | second_well(glass, v, ways_out))
        return met

    def _release(self, landed: list[np.ndarray]) -> list[tuple[int, int]]:
        """The minima that states behind avalanches relax to; number -1 where that does not converge."""
        if not landed:
            return []
        relaxed = relax(self.glass, np.stack(landed, axis=1), method=self.method)
        self.counts["scan_releases_unconverged"] += int((~relaxed.converged).sum())
        return [
            self.enter_minimum(v) if converged else (-1, 1)
            for v, converged in zip(relaxed.v.T, relaxed.converged, strict=True)
        ]

    def _count(self, excursions: list[Excursion]) -> None:
        self.counts["scans"] += 1
        for excursion in excursions:
            self.counts[f"scans_{excursion.loop.replace(' ', '_')}"] += 1
            self.counts["scan_avalanches"] += sum(len(leg.avalanches) for leg in excursion.legs)
