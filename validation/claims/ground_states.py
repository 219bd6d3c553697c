"""Ground states of a glass: the energy for N -> infinity accepts full RSB and rejects RS and 1RSB, or cannot yet.

The lowest of several slowly annealed states stands for the ground state; how often it was found, and what half as many
replicas would have missed, are told with it. What all of them may still have missed is bounded (`missed_minima`): the
limit lies in the middle between energies as they are and lowered by it, and half the distance is part of its error.
Energies are freed of the couplings' control variates and extrapolated
with the exponent 2/3 of glassy ground states, with and without a term of next order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield import Solution
from validation.claims.controlled_sizes import controls_of
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, differ, undecided
from validation.claims.kinds import GroundStates
from validation.claims.limit_picture import draw_limit, draw_sizes, draw_theories
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import energies, wrong_couplings
from validation.finite_size import LITERATURE, power_law
from validation.lowest_states import LowestStates, all_sizes
from validation.plot_style import figure, legend, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.statistics import finite_size
from validation.statistics.coupling_controls import Controlled, Controls, controlled
from validation.statistics.finite_size import Form, Limit
from validation.statistics.resampling import width
from validation.verdicts.forms import GLASSY_ENERGY, RESPONSE, SOFT_MODE

Array = NDArray[np.float64]

TRUE = "full RSB is believed exact for ground states"
TOO_LOW = "RS is unstable, and its energy lies below the true one"
ONE_STEP = "one step of symmetry breaking is not enough; its energy lies 0.2% below"


@dataclass(frozen=True)
class SizeRow:
    """What is known of one size."""

    states: LowestStates
    control: Controls | None
    energy: Controlled


def judge(evidence: Evidence) -> Finding:
    """Compare ground states with every theory."""
    claim = evidence.claim
    assert isinstance(claim, GroundStates)
    rows = []
    for simulation, states in all_sizes(evidence.simulations, claim.smallest or 1):
        control = controls_of(simulation.run, states.n, evidence)
        rows.append(SizeRow(states, control, controlled(states.scalars["energy"], control)))
    run = evidence.simulations[0].run
    model = mean_field_model(run)
    solutions = {name: solved(model, name) for name in THEORIES}
    wrong = wrong_couplings(model)
    mistaken = {"frsb": solved(wrong.model, "frsb")}
    conditions = f"ground states, gamma = {model.gamma:g}, J0 = {model.j0:g}, N = {_span(rows)}"
    limits = {"energy": limit_of(rows, "energy", GLASSY_ENERGY), "q": limit_of(rows, "q", GLASSY_ENERGY)}
    limits |= {"C": limit_of(rows, "C", RESPONSE), "lambda_min": limit_of(rows, "lambda_min", SOFT_MODE)}
    checks = _checks(rows, limits, solutions, conditions)
    energy = limits["energy"]
    checks += [
        negative_control(one, {"frsb": energies(mistaken, wrong.scale)["frsb"]}, _fewest(rows))
        for one in checks
        if one.check.observable == "energy"
    ]
    found: dict[str, Limit] = {name: one for name, one in limits.items() if one is not None}
    widths = _widths(rows)
    return Finding(
        claim=claim,
        title=claim.title or "Energy of ground states",
        statement=_statement(energy, solutions, rows),
        checks=checks,
        pictures=[_picture(rows, energy, solutions)] if energy is not None else [],
        numbers={
            "sizes": [_row_numbers(row) for row in rows],
            "limits": {name: one.to_dict() for name, one in found.items()},
            "width": widths,
        },
        arrays=_arrays(rows, energy),
        tables=[_size_table(rows), *([_fit_table(energy)] if energy is not None else []), _width_table(rows, widths)],
    )


def limit_of(rows: list[SizeRow], name: str, forms: tuple[Form, ...]) -> Limit | None:
    """N -> infinity of a number of the lowest states; of the energy, with what may still be missed."""
    usable = [row for row in rows if name in row.states.scalars and np.isfinite(row.states.scalars[name]).any()]
    means = [controlled(row.states.scalars[name], row.control) for row in usable]
    if len(usable) < 2:
        return None
    sizes, errors = [row.states.n for row in usable], [one.stderr for one in means]
    values = np.array([one.mean for one in means])
    found = finite_size.limit(sizes, values.tolist(), errors, forms)
    if found is None or name != "energy":
        return found
    missed = np.nan_to_num([row.states.still_missed for row in usable])
    lowered = finite_size.limit(sizes, (values - missed).tolist(), errors, forms)
    return found if lowered is None else finite_size.between(found, lowered)


def _fewest(rows: list[SizeRow]) -> int:
    return min(row.states.samples for row in rows)


def _span(rows: list[SizeRow]) -> str:
    return f"{rows[0].states.n} to {rows[-1].states.n}"


def _checks(
    rows: list[SizeRow], limits: dict[str, Limit | None], solutions: dict[str, Solution], conditions: str
) -> list[StudyCheck]:
    """Energy, q and C_reg against the three theories."""
    made = []
    samples = _fewest(rows)
    predicted = energies(solutions)
    true = solutions["frsb"].internal_energy
    expected = {
        "rs": differ(TOO_LOW, abs(solutions["rs"].internal_energy - true)),
        "1rsb": differ(ONE_STEP, abs(solutions["1rsb"].internal_energy - true)),
        "frsb": agree(TRUE),
    }
    if (energy := limits["energy"]) is not None:
        made.append(
            check(
                "energy",
                "e, ground states",
                conditions,
                None,
                energy.value,
                energy.stderr,
                predicted,
                expected,
                samples,
            )
        )
    for name, label, quantity, why in (
        ("q", "q, ground states", lambda s: s.q_diag, ""),
        ("C", "C_reg, ground states", lambda s: s.C_reg, "no theory fixes the exponent"),
    ):
        found = limits[name]
        if found is None:
            continue
        values = {}
        for ansatz, solution in solutions.items():
            one = solution.limit(quantity)
            values[ansatz] = float(one.value), float(one.error)
        full = values["frsb"][0]
        outcome = {
            "rs": differ(TOO_LOW.split(",")[0], abs(values["rs"][0] - full)),
            "1rsb": undecided("1RSB and full RSB are too close here")
            if name == "C"
            else differ("one step of symmetry breaking is not enough", abs(values["1rsb"][0] - full)),
            "frsb": agree(TRUE),
        }
        if name == "C":
            outcome["rs"] = undecided("RS and full RSB nearly coincide in the response without jumps")
        conditions_here = f"{conditions}; {why}" if why else conditions
        made.append(check(name, label, conditions_here, None, found.value, found.stderr, values, outcome, samples))
    return made


def _statement(energy: Limit | None, solutions: dict[str, Solution], rows: list[SizeRow]) -> str:
    if energy is None:
        return "Two sizes or more are needed to extrapolate."
    apart: list[str] = []
    not_apart: list[str] = []
    for name, title in THEORIES.items():
        prediction = solutions[name].internal_energy
        error = math.hypot(energy.stderr, solutions[name].error if math.isfinite(solutions[name].error) else 0.0)
        z = (energy.value - prediction) / error
        text = f"{title} ({prediction:.4f}, z = {z:+.1f})"
        (not_apart if abs(z) < 3 else apart).append(text)
    relative = energy.stderr / abs(energy.value)
    samples = sum(row.states.samples for row in rows)
    said = f"e = {with_error(energy.value, energy.stderr)} for N -> infinity ({relative:.2%}) from {samples} samples"
    said += f". Rejected: {', '.join(apart) or 'none'}. Not rejected: {', '.join(not_apart) or 'none'}."
    if len(not_apart) > 1:
        said += " What is not rejected is not told apart by these data."
    return said


def _picture(rows: list[SizeRow], energy: Limit, solutions: dict[str, Solution]) -> Picture:
    """Energies against N^(-2/3), with the averaged limit's band and the theories' values; enlarged near zero."""
    sizes = [(row.states.n, row.energy.mean, row.energy.stderr) for row in rows]
    slope = _mean_slope(energy, sizes[0][0])
    values = {name: solution.internal_energy for name, solution in solutions.items()}
    with style():
        drawn, panels = figure(2, width=9.4, height=4.0)
        # RS lies far below what the right panel enlarges.
        for axes, tilt, names in zip(panels, (0.0, slope), (THEORIES, ("1rsb", "frsb")), strict=True):
            right = draw_sizes(
                axes,
                sizes,
                energy,
                2 / 3,
                label="simulation, lowest states",
                line_label="average of fits",
                tilt=tilt,
            )
            draw_limit(axes, 0.0, energy.value, energy.stderr)
            draw_theories(axes, values, names)
            axes.set_xlim(-0.03 * right, right)
            axes.set_xlabel("$N^{-2/3}$")
        panels[0].set_ylabel("energy per site $e$  [$E_0$]")
        panels[1].set_ylabel(f"$e - {slope:.1f}\\,N^{{-2/3}}$  [$E_0$]")
        legend(drawn, panels[0], columns=5)
    caption = (
        "Energy per site of the lowest states against N^(-2/3), freed of the couplings' control variates; line and "
        "band: average over forms and cuts with statistical error and spread; open symbol: its value for N → ∞. "
        f"Right: the same less {slope:.1f} N^(-2/3), so that errors and the distance of 1RSB from full RSB are seen."
    )
    return Picture("ground-energy", "Ground-state energy, extrapolated", caption, drawn)


def _mean_slope(energy: Limit, smallest: int) -> float:
    """Of the averaged line against N^(-2/3), from N = infinity to the smallest size."""
    line, _ = energy.curve(np.array([smallest], float))
    return float((line[0] - energy.value) * smallest ** (2 / 3))


def _widths(rows: list[SizeRow]) -> dict[str, object]:
    """Scatter of the energy per site between samples, N^-w: as it is, and without that of the traces of J."""
    n = np.array([row.states.n for row in rows], float)
    found: dict[str, object] = {"literature": LITERATURE}
    for name, data in (
        ("plain", [row.states.scalars["energy"][np.isfinite(row.states.scalars["energy"])] for row in rows]),
        ("freed_of_traces", [_freed_of_traces(row) for row in rows]),
    ):
        pairs = np.array([width(values) for values in data])
        found[name] = power_law(n, pairs[:, 0], pairs[:, 1])
    return found


def _freed_of_traces(row: SizeRow) -> Array:
    """Energies with the exactly known controls taken out: what is left is not just a fluctuation of the units."""
    return controlled(row.states.scalars["energy"], row.control.traces() if row.control is not None else None).residual


def _row_numbers(row: SizeRow) -> dict[str, object]:
    halved = row.states.halved_energy - row.states.scalars["energy"]
    return {
        "n": row.states.n,
        "samples": row.states.samples,
        "energy": row.energy.mean,
        "stderr": row.energy.stderr,
        "plain_energy": row.energy.plain_mean,
        "plain_stderr": row.energy.plain_stderr,
        "variance_reduction": row.energy.reduction,
        "controls": list(row.control.names) if row.control is not None and row.energy.used else [],
        "control_z": row.control.z.tolist() if row.control is not None else [],
        "cheap_samples": 0 if row.control is None else len(row.control.cheap),
        "lowest_found": float(np.mean(row.states.found / row.states.states)),
        "missed": row.states.missed,
        "half_the_replicas": float(np.nanmean(halved)),
        "still_missed": None if math.isnan(row.states.still_missed) else row.states.still_missed,
    }


def _size_table(rows: list[SizeRow]) -> tuple[str, list[str], list[list[str]]]:
    header = [
        "N",
        "samples",
        "e",
        "e without controls",
        "variance reduction",
        "lowest found",
        "missed",
        "half the replicas",
        "still missed, at most",
    ]
    body = []
    for row in rows:
        data = _row_numbers(row)
        body.append(
            [
                str(row.states.n),
                str(row.states.samples),
                with_error(row.energy.mean, row.energy.stderr),
                with_error(row.energy.plain_mean, row.energy.plain_stderr),
                f"{row.energy.reduction:.2f}" if row.energy.used else "not used",
                f"{data['lowest_found']:.0%}",
                f"{row.states.missed:.2g}",
                f"{data['half_the_replicas']:+.2g}",
                "–" if data["still_missed"] is None else f"{data['still_missed']:.2g}",
            ]
        )
    caption = (
        "Energy per site of the lowest states. Variance reduction: by how much fewer samples are needed with the "
        "control variates (sums and traces of J with exact means; largest eigenvalue and descents from the softest "
        "eigenvectors, with means from cheap samples). Lowest found: share of the states of a sample that are its "
        "lowest; missed: chance that a state as easily found was missed; half the replicas: what the mean lowest "
        "energy rises by with half of them; still missed: bound of what it would fall by with ever more of them"
    )
    return caption, header, body


def _fit_table(energy: Limit) -> tuple[str, list[str], list[list[str]]]:
    body = [
        [
            fit.form.label,
            str(fit.smallest),
            with_error(fit.value, fit.stderr),
            f"{fit.chi2:.1f}/{fit.dof}",
            "–" if fit.probability is None else f"{fit.probability:.2g}",
            f"{fit.weight:.3f}",
        ]
        for fit in energy.fits
    ]
    return (
        f"Fits of e(N): forms, smallest N kept, and their weights; average {with_error(energy.value, energy.stderr)} "
        f"(statistical {energy.statistical:.2g}, spread over fits {energy.spread:.2g}, states that may be missed "
        f"{energy.systematic:.2g})",
        ["form", "from N =", "e for N → ∞", "chi²/dof", "probability", "weight"],
        body,
    )


def _width_table(rows: list[SizeRow], widths: dict[str, object]) -> tuple[str, list[str], list[list[str]]]:
    plain, freed = widths["plain"], widths["freed_of_traces"]
    assert isinstance(plain, dict)
    assert isinstance(freed, dict)
    body = [
        [
            str(row.states.n),
            with_error(plain["value"][at], plain["stderr"][at]),
            with_error(freed["value"][at], freed["stderr"][at]),
        ]
        for at, row in enumerate(rows)
    ]
    caption = (
        f"Scatter of e between samples, N^-w: w = {with_error(plain['exponent'], plain['exponent_stderr'])} as it is "
        f"(chi² = {plain['chi2']:.1f} for {plain['dof']}), "
        f"{with_error(freed['exponent'], freed['exponent_stderr'])} without that of the traces of J "
        f"(chi² = {freed['chi2']:.1f}); the literature on the SK model has 3/4 and 5/6"
    )
    return caption, ["N", "width", "without traces of J"], body


def _arrays(rows: list[SizeRow], energy: Limit | None) -> dict[str, tuple[object, str]]:
    arrays: dict[str, tuple[object, str]] = {
        "n": ([row.states.n for row in rows], "sizes"),
        "samples": ([row.states.samples for row in rows], "disorder samples of each size"),
        "energy": ([row.energy.mean for row in rows], "energy per site of the lowest states, freed of controls [E0]"),
        "energy_stderr": ([row.energy.stderr for row in rows], "its standard error [E0]"),
        "plain_energy": ([row.energy.plain_mean for row in rows], "the same without control variates [E0]"),
        "plain_energy_stderr": ([row.energy.plain_stderr for row in rows], "its standard error [E0]"),
    }
    if energy is not None:
        n = np.geomspace(rows[0].states.n, 1e5, 200)
        curve, band = energy.curve(n)
        arrays |= {
            "curve_n": (n, "sizes of the fitted curve"),
            "curve_energy": (curve, "average of the fits [E0]"),
            "curve_stderr": (band, "its error with the spread over fits [E0]"),
        }
    return arrays
