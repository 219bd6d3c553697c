r"""Ground states in a uniform field: p(F)/F for N -> infinity against every theory, and its limit 1 as F -> 0.

In full RSB the susceptibility of a glass to a uniform field is exactly 1 (at J0 = 0), where RS has C and 1RSB something
between. States are relaxed anew in every field: the response includes all jumps, and is that of ground states, not of
one state that is dragged along.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import meanfield
from validation.claims.controlled_sizes import controls_of
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, differ
from validation.claims.limit_picture import draw_limit, draw_sizes, look
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import wrong_couplings
from validation.lowest_states import lowest_states
from validation.plot_style import THEORY_COLOURS, figure, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.simulation import Simulation
from validation.statistics import finite_size
from validation.statistics.coupling_controls import Controlled, controlled
from validation.statistics.finite_size import Limit
from validation.verdicts.forms import IN_A_FIELD

Array = NDArray[np.float64]
Response = tuple[float, Limit, list[tuple[int, Controlled]]]  # field, limit of p/F, p of every size

TRUE = "full RSB is believed exact for ground states"
WRONG = "the ansatz has too little response: its jumps are not all there"


def judge(evidence: Evidence) -> Finding:
    """p(F)/F of every field against RS, 1RSB and full RSB in that field."""
    claim = evidence.claim
    checks: list[StudyCheck] = []
    found: list[Response] = []
    theories: dict[str, dict[float, tuple[float, float]]] = {name: {} for name in THEORIES}
    numbers = []
    for simulation in sorted(evidence.simulations, key=lambda one: one.run.model.field):
        field = simulation.run.model.field
        if field == 0:
            continue
        rows = _rows(simulation, evidence, claim.smallest or 1)
        limit = finite_size.limit(
            [n for n, _ in rows],
            [one.mean / field for _, one in rows],
            [one.stderr / field for _, one in rows],
            IN_A_FIELD,
        )
        if limit is None:
            continue
        found.append((field, limit, rows))
        model = mean_field_model(simulation.run)
        predicted = {name: _displacement(solved(model, name), field) for name in THEORIES}
        wrong = wrong_couplings(model)
        mistaken = _displacement(solved(wrong.model, "frsb"), field)
        for name, own in predicted.items():
            theories[name][field] = own
        full = predicted["frsb"][0]
        expected = {
            "rs": differ(WRONG, abs(predicted["rs"][0] - full)),
            "1rsb": differ(WRONG, abs(predicted["1rsb"][0] - full)),
            "frsb": agree(TRUE),
        }
        samples = min(one.samples for _, one in rows)
        where = f"F = {field:g}, gamma = {model.gamma:g}, J0 = {model.j0:g}, N = {rows[0][0]} to {rows[-1][0]}"
        label = "p/F, response to a uniform field"
        judged = check("susceptibility", label, where, None, limit.value, limit.stderr, predicted, expected, samples)
        checks += [judged, negative_control(judged, {"frsb": mistaken}, samples)]
        numbers.append(
            {
                "field": field,
                "limit": limit.to_dict(),
                "sizes": [
                    {
                        "n": n,
                        "p_over_field": one.mean / field,
                        "stderr": one.stderr / field,
                        "variance_reduction": one.reduction,
                        "samples": one.samples,
                    }
                    for n, one in rows
                ],
            }
        )
    return Finding(
        claim=claim,
        title=claim.title or "Response of ground states to a uniform field",
        statement=_statement(found, theories),
        checks=checks,
        pictures=[_picture(found, theories)] if found else [],
        numbers={"fields": numbers},
        arrays=_arrays(found),
    )


def _rows(simulation: Simulation, evidence: Evidence, smallest: int) -> list[tuple[int, Controlled]]:
    rows = []
    for size in simulation.sizes:
        if size.n >= smallest:
            control = controls_of(simulation.run, size.n, evidence)
            rows.append((size.n, controlled(lowest_states(simulation, size.n).scalars["p"], control)))
    return rows


def _displacement(solution: meanfield.Solution, field: float) -> tuple[float, float]:
    limit = solution.limit(lambda one: one.p)
    return float(limit.value) / field, float(limit.error) / field


def _statement(
    found: list[Response],
    theories: dict[str, dict[float, tuple[float, float]]],
) -> str:
    parts = []
    for field, limit, _ in found:
        said = ", ".join(f"{title} {theories[name][field][0]:.3f}" for name, title in THEORIES.items())
        parts.append(f"F = {field:g}: p/F = {with_error(limit.value, limit.stderr)} ({said})")
    return "; ".join(parts) + ". As F goes to 0 full RSB has exactly 1 and RS has C." if parts else "Nothing to tell."


def _picture(
    found: list[Response],
    theories: dict[str, dict[float, tuple[float, float]]],
) -> Picture:
    """Left: p/F against 1/N with the limit; right: the limit against F with the theories."""
    with style():
        drawn, panels = figure(2, width=9.4, height=4.0)
        shades = np.linspace(0.45, 1.0, len(found))
        for (field, limit, rows), shade in zip(found, shades, strict=True):
            sizes = [(n, one.mean / field, one.stderr / field) for n, one in rows]
            label = f"simulation, F = {field:g}"
            draw_sizes(panels[0], sizes, limit, 2 / 3, label=label, alpha=float(shade), band=0.25)
            draw_limit(panels[1], field, limit.value, limit.stderr)
        panels[0].set_xlabel("$N^{-2/3}$")
        panels[0].set_ylabel("$p/F$  [$v_0^2/E_0$]")
        for name, title in THEORIES.items():
            own = sorted(theories[name].items())
            panels[1].plot(
                [field for field, _ in own],
                [one[0] for _, one in own],
                label=title,
                **look(name),
                marker=".",
            )
            for _, one in own:
                panels[0].plot([0], [one[0]], ">", color=THEORY_COLOURS[name], markersize=6, clip_on=False)
        panels[1].plot([0], [1], "*", color=THEORY_COLOURS["frsb"], markersize=9, clip_on=False)
        panels[1].set_xlim(left=0)
        panels[1].set_xlabel("field $F$  [$E_0/v_0$]")
        handles, labels = panels[0].get_legend_handles_labels()
        more, names = panels[1].get_legend_handles_labels()
        drawn.legend(handles + more, labels + names, loc="outside upper left", ncols=5, columnspacing=1.2)
    caption = (
        "Displacement of ground states per field. Left: against N^(-2/3), with the average of fits and its error; "
        "triangles: the theories. Right: for N → ∞ against the field; star: the exact value of full RSB as F → 0."
    )
    return Picture("field-response", "Response to a uniform field", caption, drawn)


def _arrays(found: list[Response]) -> dict[str, tuple[object, str]]:
    if not found:
        return {}
    return {
        "field": ([field for field, _, _ in found], "uniform field F [E0/v0]"),
        "n": ([n for n, _ in found[0][2]], "sizes"),
        "p_over_field": (
            [[one.mean / field for _, one in rows] for field, _, rows in found],
            "p/F of every field and size [v0^2/E0]",
        ),
        "p_over_field_stderr": (
            [[one.stderr / field for _, one in rows] for field, _, rows in found],
            "its standard error [v0^2/E0]",
        ),
        "limit": ([limit.value for _, limit, _ in found], "p/F for N to infinity [v0^2/E0]"),
        "limit_stderr": ([limit.stderr for _, limit, _ in found], "its error [v0^2/E0]"),
    }
