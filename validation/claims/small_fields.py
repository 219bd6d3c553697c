"""P(h) of ground states at small fields: does it vanish at h = 0, with what slope, and how do double wells go?

Full RSB has a pseudogap, P(h) = slope |h|; RS and 1RSB a flat P(h), and with it a finite density of double wells. Like
is compared with like: P(0) and the slope of simulation and theory are both those of the line through the mean
densities in two windows next to h = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import meanfield
from meanfield import Solution
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, differ, undecided
from validation.claims.limit_picture import draw_sizes, draw_theories, look
from validation.claims.solved import solved
from validation.finite_size import power_law
from validation.lowest_sites import lowest_sites
from validation.lowest_states import all_sizes
from validation.plot_style import INK, SHADE, figure, legend, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.simulation import Sites
from validation.statistics import finite_size
from validation.statistics.finite_size import Form, Limit
from validation.verdicts.forms import NOT_FIXED, RESPONSE, SMALL_FIELDS

Array = NDArray[np.float64]

WINDOW = 0.12  # width of each of the two windows, in standard deviations of the RS field distribution
NODES = 24  # Gauss nodes in a window
PSEUDOGAP = "full RSB has a pseudogap where double wells are: P(0) = 0"
FLAT = "the ansatz has a flat P(h) at h = 0, where ground states have a pseudogap"
WELLS = "the flat P(h) of the ansatz brings double wells with it, which ground states avoid"


@dataclass(frozen=True)
class Near:
    """P(h) near h = 0 of one size: P(0), slope and the share of sites with double wells, with errors over samples."""

    n: int
    samples: int
    density: tuple[float, float]
    slope: tuple[float, float]
    wells: tuple[float, float]
    sites: Sites


def judge(evidence: Evidence) -> Finding:
    """Compare the small fields of the lowest states with every theory."""
    claim = evidence.claim
    run = evidence.simulations[0].run
    model = mean_field_model(run)
    solutions = {name: solved(model, name) for name in THEORIES}
    scale = float(np.sqrt(solutions["rs"].q[-1]))
    w = WINDOW * scale
    rows = [
        _near(lowest_sites(simulation, states.n), w, model)
        for simulation, states in all_sizes(evidence.simulations, claim.smallest or 1)
    ]
    sizes = [row.n for row in rows]
    limits = {
        "small_field_density": _limit(sizes, [row.density for row in rows], SMALL_FIELDS),
        "pseudogap_slope": _limit(sizes, [row.slope for row in rows], RESPONSE),
        "double_well_fraction": _limit(sizes, [row.wells for row in rows], NOT_FIXED),
    }
    predicted = {name: _prediction(solution, w) for name, solution in solutions.items()}
    where = f"ground states, gamma = {model.gamma:g}, J0 = {model.j0:g}, N = {sizes[0]} to {sizes[-1]}"
    samples = min(row.samples for row in rows)
    checks: list[StudyCheck] = []
    for name, label, gaps in (
        ("small_field_density", "P(h = 0)", FLAT),
        ("pseudogap_slope", "slope of P(h) at h = 0", FLAT),
        ("double_well_fraction", "fraction of sites with a double well", WELLS),
    ):
        limit = limits[name]
        if limit is None:
            continue
        values = {ansatz: own[name] for ansatz, own in predicted.items()}
        full = values["frsb"][0]
        expected = {
            "rs": differ(gaps, abs(values["rs"][0] - full)),
            "1rsb": differ(gaps, abs(values["1rsb"][0] - full)),
            "frsb": agree(PSEUDOGAP) if name == "small_field_density" else undecided("no exponent of N is known"),
        }
        if name == "double_well_fraction":
            expected["frsb"] = undecided("full RSB has next to none at these parameters")
        checks.append(check(name, label, where, None, limit.value, limit.stderr, values, expected, samples))
    exponents = _exponent(sizes, [row.density for row in rows])
    return Finding(
        claim=claim,
        title=claim.title or "Small fields and double wells of ground states",
        statement=_statement(limits, predicted, exponents),
        checks=checks,
        pictures=[_picture(rows, solutions, predicted, limits, w)],
        numbers={
            "window": w,
            "sizes": [
                {
                    "n": row.n,
                    "samples": row.samples,
                    "density": list(row.density),
                    "slope": list(row.slope),
                    "double_wells": list(row.wells),
                }
                for row in rows
            ],
            "limits": {name: one.to_dict() for name, one in limits.items() if one is not None},
            "density_exponent": list(exponents),
        },
        tables=[_table(rows)],
    )


def line(first: Array | float, second: Array | float, w: float) -> tuple[Array | float, Array | float]:
    """P(0) and slope of the line through the mean densities in (0, w/2) and (w/2, w)."""
    return (3 * first - second) / 2, 2 * (second - first) / w


def _near(sites: Sites, w: float, model: meanfield.Model) -> Near:
    """Linear in the counts of each sample, so that errors over samples are those of a mean."""
    h = np.abs(sites.h)
    densities = [((h >= low) & (h < high)).mean(axis=1) / w for low, high in ((0.0, w / 2), (w / 2, w))]
    density, slope = line(densities[0], densities[1], w)
    wells = sites.local_potentials(model.a4, model.gamma).double_wells().exists.reshape(h.shape).mean(axis=1)
    return Near(sites.n, len(h), _mean(np.asarray(density)), _mean(np.asarray(slope)), _mean(wells), sites)


def _mean(values: Array) -> tuple[float, float]:
    # A rare event that no sample shows is still known to about one event.
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()), max(error, 1e-12)


def _prediction(solution: Solution, w: float) -> dict[str, tuple[float, float]]:
    """The same line through the theory's densities; of full RSB its limit of many steps."""
    t, weight = np.polynomial.legendre.leggauss(NODES)
    inner, outer = w / 4 * (1 + t), w / 2 + w / 4 * (1 + t)

    def near(one: Solution) -> Array:
        first, second = (float(weight @ one.field_density(h)) / 2 for h in (inner, outer))
        return np.array(line(first, second, w))

    curve = solution.limit(near, power=2.0)
    wells = solution.limit(lambda one: one.double_well_fraction)
    return {
        "small_field_density": (float(curve.value[0]), float(curve.error[0])),
        "pseudogap_slope": (float(curve.value[1]), float(curve.error[1])),
        "double_well_fraction": (float(wells.value), float(wells.error)),
    }


def _limit(sizes: list[int], rows: list[tuple[float, float]], forms: tuple[Form, ...]) -> Limit | None:
    there = [at for at, (value, error) in enumerate(rows) if error > 1e-11 and np.isfinite(value)]
    if len(there) < 2:
        return None
    return finite_size.limit(
        [sizes[at] for at in there], [rows[at][0] for at in there], [rows[at][1] for at in there], forms
    )


def _exponent(sizes: list[int], rows: list[tuple[float, float]]) -> tuple[float, float]:
    """P(0) ~ N^-w over the sizes measured: w and its error."""
    n, (value, error) = np.array(sizes, float), np.array(rows).T
    if len(n) < 2 or np.any(value <= 0):
        return float("nan"), float("nan")
    found = power_law(n, value, error)
    return found["exponent"], found["exponent_stderr"]


def _statement(
    limits: dict[str, Limit | None], predicted: dict[str, dict[str, tuple[float, float]]], exponent: tuple[float, float]
) -> str:
    parts = []
    for name, title in (("small_field_density", "P(0)"), ("double_well_fraction", "share of double wells")):
        limit = limits[name]
        if limit is not None:
            theories = ", ".join(f"{THEORIES[a]} {predicted[a][name][0]:.3g}" for a in THEORIES)
            parts.append(f"{title} = {with_error(limit.value, limit.stderr)} for N -> infinity ({theories})")
    if np.isfinite(exponent[0]):
        parts.append(f"P(0) falls as N^-w with w = {with_error(*exponent)} over these sizes (SK: 1/3)")
    return "; ".join(parts) + "."


def _picture(
    rows: list[Near],
    solutions: dict[str, Solution],
    predicted: dict[str, dict[str, tuple[float, float]]],
    limits: dict[str, Limit | None],
    w: float,
) -> Picture:
    """Left: P(h) near zero of every size; right: P(0) against N^(-1/3)."""
    with style():
        drawn, panels = figure(2, width=9.4, height=4.0)
        reach = 5 * w
        edges = np.linspace(0, reach, 16)
        for row, shade in zip(rows, np.linspace(0.3, 1.0, len(rows)), strict=True):
            density, error = row.sites.histogram(np.abs(row.sites.h), edges)
            centres = (edges[1:] + edges[:-1]) / 2
            panels[0].errorbar(
                centres,
                density / 2,
                error / 2,
                fmt="o-",
                color=INK,
                alpha=shade,
                markersize=3,
                linewidth=0.8,
                label=f"simulation, N = {row.n}",
            )
        h = np.linspace(0, reach, 40)
        for name, title in THEORIES.items():
            curve = solutions[name].limit(lambda one, h=h: one.field_density(h), power=2.0)  # type: ignore[misc]
            panels[0].plot(h, curve.value, label=title, **look(name))
        panels[0].axvspan(0, w, color=SHADE, alpha=0.15, linewidth=0)
        panels[0].set_xlim(0, reach)
        panels[0].set_ylim(bottom=0)
        panels[0].set_xlabel("$|h|$  [$E_0/v_0$]")
        panels[0].set_ylabel("$P(h)$")
        sizes = [(row.n, *row.density) for row in rows]
        draw_sizes(panels[1], sizes, limits["small_field_density"], 1 / 3, reach=1.05)
        draw_theories(panels[1], {a: one["small_field_density"][0] for a, one in predicted.items()}, labelled=False)
        panels[1].set_xlim(left=0)
        panels[1].set_xlabel("$N^{-1/3}$")
        panels[1].set_ylabel("$P(0)$")
        legend(drawn, panels[0], columns=4)
    caption = (
        "Distribution of the cavity fields of the lowest states near h = 0, with the theories (full RSB: limit of many "
        "steps). Shaded: the two windows through whose mean densities P(0) and the slope are drawn. Right: P(0) "
        "against N^(-1/3), with the average of fits and its error."
    )
    return Picture("small-fields", "The pseudogap", caption, drawn)


def _table(rows: list[Near]) -> tuple[str, list[str], list[list[str]]]:
    body = [
        [str(row.n), str(row.samples), with_error(*row.density), with_error(*row.slope), with_error(*row.wells)]
        for row in rows
    ]
    return "P(h) near h = 0 of the lowest states", ["N", "samples", "P(0)", "slope", "double wells"], body
