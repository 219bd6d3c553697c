"""Deep wells make Ising spins: ground states at a2 = -k, a4 = 6k against the theories at the same k, and k -> infinity.

In a well at v = +-1 a site has the energy -k/4; the energy beyond it becomes that of the Sherrington-Kirkpatrick model
up to a term of order 1/k. At every k theory is solved for the same soft spins; the two deepest wells are extrapolated
to k = infinity and compared with the published energy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meanfield import Model
from validation.claims.controlled_sizes import controls_of
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, differ
from validation.claims.limit_picture import draw_limit, look
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import energies, wrong_couplings
from validation.lowest_states import all_sizes
from validation.plot_style import INK, figure, legend, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.statistics import finite_size
from validation.statistics.coupling_controls import controlled
from validation.statistics.finite_size import Limit
from validation.verdicts.expectations import Expectation
from validation.verdicts.forms import SK_ENERGY

PUBLISHED = -0.7631667  # full RSB [Oppermann, Schmidt, Phys. Rev. E 78, 061124 (2008)]
TRUE = "full RSB is exact for the SK model"
WRONG = "too few steps of symmetry breaking"


def judge(evidence: Evidence) -> Finding:
    """Ground-state energies of soft spins at every k, and of spins."""
    claim = evidence.claim
    checks: list[StudyCheck] = []
    found: list[tuple[float, Limit, dict[str, tuple[float, float] | None]]] = []
    samples = 10**9
    for simulation in sorted(evidence.simulations, key=lambda one: -abs(_depth(mean_field_model(one.run)))):
        model = mean_field_model(simulation.run)
        depth = _depth(model)
        rows = []
        for _, states in all_sizes([simulation], claim.smallest or 1):
            control = controls_of(simulation.run, states.n, evidence)
            rows.append((states.n, controlled(states.scalars["energy"] + depth / 4, control)))
        limit = finite_size.limit(
            [n for n, _ in rows], [one.mean for _, one in rows], [one.stderr for _, one in rows], SK_ENERGY
        )
        if limit is None:
            continue
        solutions = {name: solved(model, name) for name in THEORIES}
        wrong = wrong_couplings(model)
        mistaken = energies({"frsb": solved(wrong.model, "frsb")}, wrong.scale)
        predicted = {name: _shifted(one, depth) for name, one in energies(solutions).items()}
        found.append((depth, limit, predicted))
        samples = min(samples, *(one.samples for _, one in rows))
        where = f"a2 = -{depth:g}, a4 = {6 * depth:g}, gamma = 1, N = {rows[0][0]} to {rows[-1][0]}"
        label = "e + k/4, ground states of deep wells"
        own = check("energy", label, where, None, limit.value, limit.stderr, predicted, _expected(predicted), samples)
        checks += [own, negative_control(own, {"frsb": _shifted(mistaken["frsb"], depth)}, samples)]
    spins = _spins(found)
    ising = {name: solved(Model(potential="ising"), name) for name in ("rs", "1rsb")}
    known: dict[str, tuple[float, float] | None] = {**energies(ising), "frsb": (PUBLISHED, 0.0)}
    if spins is not None:
        checks.insert(
            0,
            check(
                "energy",
                "e of the SK model, k → ∞",
                "from the two deepest wells, linear in 1/k",
                None,
                *spins,
                known,
                _expected(known),
                samples,
            ),
        )
    return Finding(
        claim=claim,
        title=claim.title or "The limit of Ising spins",
        statement=_statement(spins, found),
        checks=checks,
        pictures=[_picture(found, spins, known)] if found else [],
        numbers={
            "depths": [{"k": depth, "limit": limit.to_dict()} for depth, limit, _ in found],
            "spins": None if spins is None else list(spins),
        },
    )


def _depth(model: Model) -> float:
    return -model.a2.mean


def _shifted(value: tuple[float, float] | None, depth: float) -> tuple[float, float] | None:
    return None if value is None else (value[0] + depth / 4, value[1])


def _expected(predicted: dict[str, tuple[float, float] | None]) -> dict[str, Expectation]:
    full = predicted["frsb"]
    gaps = {name: abs(own[0] - full[0]) if own and full else 0.0 for name, own in predicted.items()}
    return {"rs": differ(WRONG, gaps["rs"]), "1rsb": differ(WRONG, gaps["1rsb"]), "frsb": agree(TRUE)}


def _spins(found: list[tuple[float, Limit, dict[str, tuple[float, float] | None]]]) -> tuple[float, float] | None:
    """E of spins from the two deepest wells, with a term 1/k."""
    if len(found) < 2:
        return None
    (k1, first, _), (k2, second, _) = found[0], found[1]  # the deepest first
    weight = k1 / (k1 - k2)
    value = weight * first.value - (weight - 1) * second.value
    return value, float(np.hypot(weight * first.stderr, (weight - 1) * second.stderr))


def _statement(spins: tuple[float, float] | None, found: Sequence[tuple[float, Limit, object]]) -> str:
    at = "; ".join(f"k = {depth:g}: e + k/4 = {with_error(limit.value, limit.stderr)}" for depth, limit, _ in found)
    if spins is None:
        return f"{at}."
    return f"{at}; for k -> infinity {with_error(*spins)}, where the SK model has {PUBLISHED:.5f}."


def _picture(
    found: list[tuple[float, Limit, dict[str, tuple[float, float] | None]]],
    spins: tuple[float, float] | None,
    known: dict[str, tuple[float, float] | None],
) -> Picture:
    with style():
        drawn, axes = figure()
        x = [1 / depth for depth, _, _ in found]
        axes.errorbar(
            x,
            [limit.value for _, limit, _ in found],
            [limit.stderr for _, limit, _ in found],
            fmt="o",
            color=INK,
            capsize=3,
            markersize=4,
            label="simulation, N → ∞",
        )
        if spins is not None:
            draw_limit(axes, 0.0, *spins)
        for name, title in THEORIES.items():
            own = [(0.0, known[name]), *((1 / depth, predicted[name]) for depth, _, predicted in found)]
            there = sorted((at, value[0]) for at, value in own if value is not None)
            axes.plot(
                [at for at, _ in there],
                [value for _, value in there],
                label=title,
                **look(name),
            )
        axes.set_xlim(left=-0.002)
        axes.set_xlabel("$1/k$")
        axes.set_ylabel("$e + k/4$  [$E_0$]")
        legend(drawn, axes)
    caption = "Ground-state energy of soft spins in wells of depth k/4, for N → ∞, against 1/k; open symbol: k → ∞."
    return Picture("sk-limit", "Deep wells become Ising spins", caption, drawn)
