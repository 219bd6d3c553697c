"""What is kept of the scans of a state: which sites, their points, their avalanches, beside what U_eff,i foretold."""

from __future__ import annotations

import numpy as np

from nsim.landscape.adiabatic_scan import Leg, Point, Stationary
from nsim.landscape.hysteresis import LOOPS, Excursion
from nsim.sample.glass import Glass
from nsim.sample.local_wells import LocalWells

POINTS_KEPT = 48  # of one leg, about: a file must not grow with the care of the continuation
SCAN = {
    "state": ("1", "number of the minimum"),
    "replica": ("1", "replica whose state it is"),
    "site": ("1", "site i that is moved"),
    "home": ("v0", "v_i of the state"),
    "localisation": ("1", "S2_i = sum_{j != i} (Gr_ji/Gr_ii)^2"),
    "reaction_coefficient": ("E0/v0^2", "C_i, which is C_eff at the state"),
    "cavity_field": ("E0/v0", "h_i"),
    "near_singular": ("1", "1: the state has an eigenvalue below 0.03"),
    "loop_up": ("1", "upwards, 0: reversible, 1: closed, 2: closed in the second round, 3: open, 4: lost"),
    "loop_down": ("1", "... and downwards"),
    "dissipated_up": ("E0", "energy lost in one round of the upper loop; NaN: not closed"),
    "dissipated_down": ("E0", "... and of the lower one"),
    "fold_up": ("v0", "x of the first avalanche upwards; NaN: none"),
    "fold_down": ("v0", "... and downwards"),
    "well_asymmetry": ("E0", "U_eff,i(other minimum) - U_eff,i(v_i); NaN: no second well"),
    "well_climb": ("E0", "top of U_eff,i above the state; NaN: no second well"),
    "true_asymmetry": ("E0", "the same of U_i(x), before its first avalanches; NaN: no second well there"),
    "true_climb": ("E0", "top of U_i(x) above the state; NaN: no second well there"),
}
STEP = {
    "scan": ("1", "number of the scan"),
    "direction": ("1", "+1: scan upwards from the state, -1: downwards"),
    "passage": ("1", "0: out, 1: back, 2: out again, 3: back again"),
    "branch": ("1", "avalanches before this point of the passage"),
    "x": ("v0", "displacement of the site"),
    "energy": ("E0", "U_i(x) - U(state)"),
    "local_field": ("E0/v0", "l_i(x)"),
    "C_eff": ("E0/v0^2", "dl_i/dx; NaN at a fold, where it is infinite"),
}
AVALANCHE = {
    "scan": ("1", "number of the scan"),
    "direction": ("1", "+1: scan upwards from the state, -1: downwards"),
    "passage": ("1", "0: out, 1: back, 2: out again, 3: back again"),
    "x": ("v0", "displacement of the site at which the others give way"),
    "drop": ("E0", "energy before less energy after"),
    "field_jump": ("E0/v0", "change of l_i"),
    "distance": ("v0", "between the states before and after"),
    "participation": ("1", "(sum d^2)^2/sum d^4 of the displacement d of the others"),
    "moved": ("1", "sites displaced by more than 1/50 of the natural length"),
    "minimum": ("1", "number of the minimum reached if the site is then released; -1: not converged"),
}


def sites_to_scan(wells: LocalWells, response: np.ndarray, count: int) -> np.ndarray:
    """Sites with a double well of U_eff,i first, then the softest, of largest Gr_ii (N,); shape (count,) or less."""
    return np.lexsort((-response, ~wells.exists))[:count]


def second_well(glass: Glass, state: np.ndarray, ways_out: list[list[Stationary]]) -> dict[str, float]:
    """What U_i(x) has in place of the second well of U_eff,i: the columns ``true_...`` of `SCAN`.

    ``ways_out`` are the stationary points on the way out in each direction. A second minimum counts that is reached
    without an avalanche; of two, the one behind the lower top.
    """
    home = float(glass.energy(state))
    found = []
    for points in ways_out:
        smooth = [point for point in points if point.branch == 0]
        if len(smooth) >= 2 and all(point.converged for point in smooth[:2]) and smooth[0].top:
            climb, asymmetry = (float(glass.energy(point.v)) - home for point in smooth[:2])
            found.append((climb, asymmetry))
    climb, asymmetry = min(found, default=(np.nan, np.nan))
    return {"true_asymmetry": asymmetry, "true_climb": climb}


def step_rows(scan: int, excursions: list[Excursion], energy: float) -> list[dict[str, float]]:
    """Rows of `STEP`, at most about `POINTS_KEPT` of each leg; ends of branches are always among them."""
    return [
        {
            "scan": scan,
            "direction": excursion.direction,
            "passage": passage,
            "branch": branch,
            "x": point.x,
            "energy": point.energy - energy,
            "local_field": point.local_field,
            "C_eff": point.C_eff,
        }
        for excursion in excursions
        for passage, leg in enumerate(excursion.legs)
        for branch, piece in enumerate(leg.pieces())
        for point in _thinned(piece, len(leg.points))
    ]


def _thinned(piece: list[Point], of: int) -> list[Point]:
    kept = max(2, round(POINTS_KEPT * len(piece) / of))
    if len(piece) <= kept or of <= POINTS_KEPT:
        return piece
    # Half by number, which favours folds, and half by x.
    number, x = np.linspace(0, 1, len(piece)), np.array([point.x for point in piece])
    progress = number + np.abs(x - x[0]) / max(abs(x[-1] - x[0]), 1e-300)
    return [piece[k] for k in np.unique(np.searchsorted(progress, np.linspace(0, progress[-1], kept)))]


def avalanche_rows(scan: int, direction: int, passage: int, leg: Leg, minima: list[int]) -> list[dict[str, float]]:
    """Rows of `AVALANCHE`; ``minima`` are the numbers of the minima reached on release."""
    return [
        {
            "scan": scan,
            "direction": direction,
            "passage": passage,
            "x": avalanche.x,
            "drop": avalanche.drop,
            "field_jump": avalanche.field_jump,
            "distance": avalanche.distance,
            "participation": avalanche.participation,
            "moved": avalanche.moved,
            "minimum": minimum,
        }
        for avalanche, minimum in zip(leg.avalanches, minima, strict=True)
    ]


def loop_columns(excursions: list[Excursion]) -> dict[str, float]:
    """The columns of `SCAN` that tell how the scan went."""
    columns: dict[str, float] = {}
    for excursion in excursions:
        side = "up" if excursion.direction > 0 else "down"
        first = excursion.legs[0].avalanches[:1]
        columns[f"loop_{side}"] = LOOPS.index(excursion.loop)
        columns[f"dissipated_{side}"] = excursion.dissipated
        columns[f"fold_{side}"] = first[0].x if first else np.nan
    return columns
