"""Thermal equilibrium through the glass transition: u, q_hat and overlaps against every theory, Binder ratios, P(q).

The rows are those of `validation report` for a tempering run. To them come the temperatures where the Binder ratios and
the scaled overlaps of two sizes cross (`crossing`); both tend to the glass temperature of the theory, known exactly.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from meanfield import Model, glass_temperature
from meanfield.replicas.overlap_distribution import overlap_distribution
from validation.claims.crossing import Invariant, OverlapMoments, binder, crossing, crossing_limit, scaled_overlap
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, label_of
from validation.claims.limit_picture import look
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import wrong_couplings
from validation.plot_style import INK, SHADE, draw_size, figure, legend, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.simulation import Simulation
from validation.statistics.coupling_controls import Controls, affordable, controlled, exact_controls
from validation.verdicts.equilibrium import AtTemperature, compare_equilibrium

Array = NDArray[np.float64]

EXACT = "the glass temperature of the theory, E[(beta <v^2>)^2] = 1, the same in every ansatz"


INVARIANTS: dict[str, tuple[str, Invariant]] = {
    "binder_crossing": ("Binder ratios", binder),
    "overlap_crossing": ("N^(2/3) [q^2]", scaled_overlap),
}


@dataclass(frozen=True)
class Overlaps(OverlapMoments):
    """With P(q/q_hat) by temperature, (M, bins)."""

    cosine: Array
    distribution: Array


def judge(evidence: Evidence) -> Finding:
    """Thermal averages at every temperature, the crossing of Binder ratios, and P(q)."""
    simulation = evidence.simulations[0]
    model = mean_field_model(simulation.run)
    run = simulation.run
    controls = {size.n: exact_controls(run, size.n) for size in simulation.sizes} if affordable(run) else {}
    compared = compare_equilibrium(simulation, controls)
    sizes = [size.n for size in simulation.sizes]
    where = f"equilibrium, gamma = {model.gamma:g}, J0 = {model.j0:g}, N = {sizes[0]} to {sizes[-1]}"
    checks: list[StudyCheck] = []
    for at in compared:
        checks += [StudyCheck(one, where, label_of(one.observable, True)) for one in at.checks if one.n is None]
        control = _control(at, model, where)
        checks += [control] if control is not None else []
    overlaps = [_overlaps(simulation, n, controls.get(n)) for n in sizes]
    transition = glass_temperature(model)
    crossings = {name: _crossings(overlaps, invariant) for name, (_, invariant) in INVARIANTS.items()}
    if transition is not None:
        for name, found in crossings.items():
            checks += _crossing_checks(name, found, transition, model, where, overlaps)
    return Finding(
        claim=evidence.claim,
        title=evidence.claim.title or "Thermal equilibrium through the transition",
        statement=_statement(checks, crossings, transition),
        checks=checks,
        pictures=[_picture(overlaps, model, transition)],
        numbers={
            "glass_temperature": transition,
            "crossings": {
                name: [{"n": n, "temperature": value, "stderr": error} for n, (value, error) in found]
                for name, found in crossings.items()
            },
        },
        arrays=_arrays(overlaps),
    )


def _crossings(overlaps: list[Overlaps], invariant: Invariant) -> list[tuple[int, tuple[float, float]]]:
    """Of every size with the next larger one, where there is one."""
    found = [(small.n, crossing(small, large, invariant)) for small, large in itertools.pairwise(overlaps)]
    return [(n, one) for n, one in found if one is not None]


def _crossing_checks(
    name: str,
    found: list[tuple[int, tuple[float, float]]],
    transition: float,
    model: Model,
    where: str,
    overlaps: list[Overlaps],
) -> list[StudyCheck]:
    """Against the glass temperature, and against that of couplings of variance 1.05/N."""
    limit = crossing_limit(found)
    if limit is None:
        return []
    label = f"T at which {INVARIANTS[name][0]} cross"
    samples = min(len(one.squared) for one in overlaps)
    wrong = wrong_couplings(model)
    mistaken = (glass_temperature(wrong.model) or 0.0) * wrong.scale
    own, exact = dict.fromkeys(THEORIES, (transition, 0.0)), dict.fromkeys(THEORIES, agree(EXACT))
    judged = check(name, label, where, None, *limit, own, exact, samples)
    return [judged, negative_control(judged, dict.fromkeys(THEORIES, (mistaken, 0.0)), samples)]


def _control(at: AtTemperature, model: Model, where: str) -> StudyCheck | None:
    """The energy against full RSB (RS where it is exact) for couplings of variance 1.05/N."""
    row = next((one for one in at.checks if one.n is None and one.observable == "energy"), None)
    if row is None or row.verdict == "not tested":
        return None
    name = "rs" if at.rs_exact else "frsb"
    wrong = wrong_couplings(model)
    solution = solved(wrong.model, name, temperature=wrong.temperature(at.temperature))
    judged = StudyCheck(row, where, label_of("energy", True))
    return negative_control(judged, {name: (wrong.scale * solution.internal_energy, 0.0)}, 10**6)


def _overlaps(simulation: Simulation, n: int, control: Controls | None) -> Overlaps:
    """Overlaps of one size, their moments freed of the couplings' control variates: per sample, with the same means."""
    with h5py.File(simulation.path / "results.h5", "r", locking=False) as file:
        group = file[f"n{n}"]
        there = (group["finished"][()] == 1).all(axis=1)
        distribution = group["overlap_distribution"][()][there].mean(axis=0)
        return Overlaps(
            n,
            group["temperature"][()],
            _freed(group["overlap_squared"][()], there, control),
            _freed(group["overlap_fourth"][()], there, control),
            group["cosine"][()],
            distribution,
        )


def _freed(moments: Array, there: NDArray[np.bool_], control: Controls | None) -> Array:
    """Moments of the samples that are there, (samples, M), less what goes with the controls of each."""
    known = np.where(there[:, None], moments, np.nan)
    return np.stack([controlled(column, control).residual for column in known.T], axis=1)


def _statement(
    checks: list[StudyCheck], crossings: dict[str, list[tuple[int, tuple[float, float]]]], transition: float | None
) -> str:
    own = [one.check for one in checks if not one.control]
    count = {verdict: sum(one.verdict == verdict for one in own) for verdict in ("pass", "fail", "not tested")}
    said = f"{count['pass']} rows pass, {count['fail']} fail, {count['not tested']} are not judged"
    for name, found in crossings.items():
        limit = crossing_limit(found)
        if limit is not None and transition is not None:
            said += f"; {INVARIANTS[name][0]} cross at T = {with_error(*limit)}"
        else:
            said += f"; {INVARIANTS[name][0]} of two sizes do not cross"
    return said + (f"; theory has T_g = {transition:.3f}." if transition is not None else ".")


def _picture(overlaps: list[Overlaps], model: Model, transition: float | None) -> Picture:
    """Binder ratios; scaled overlaps; P(q) at the temperature nearest to half the transition, with full RSB."""
    with style():
        drawn, panels = figure(3, width=13.2, height=4.0)
        for one, shade in zip(overlaps, np.linspace(0.4, 1.0, len(overlaps)), strict=True):
            for axes, (_, invariant) in zip(panels, INVARIANTS.values(), strict=False):
                error = one.resampled(invariant).std(axis=0, ddof=1)
                draw_size(axes, one.temperatures, one.curve(invariant), error, shade, f"simulation, N = {one.n}")
        for axes, name in zip(panels, ("Binder ratio", "$N^{2/3}\\,[\\langle q^2\\rangle]$  [$v_0^4$]"), strict=False):
            if transition is not None:
                axes.axvline(transition, **look("frsb"), label="$T_g$, theory")
            axes.set_xlabel("temperature $T$  [$E_0$]")
            axes.set_ylabel(name)
        panels[1].set_yscale("log")
        at = int(np.argmin(np.abs(overlaps[0].temperatures - 0.5 * (transition or overlaps[0].temperatures[-1]))))
        temperature = float(overlaps[0].temperatures[at])
        for one, shade in zip(overlaps, np.linspace(0.4, 1.0, len(overlaps)), strict=True):
            panels[2].plot(one.cosine, _symmetric(one.distribution[at]), color=INK, alpha=shade, drawstyle="steps-mid")
        _full_rsb_curve(panels[2], model, temperature)
        panels[2].set_xlim(-1, 1)
        panels[2].set_ylim(bottom=0)
        panels[2].set_xlabel(rf"$q_{{ab}}/\sqrt{{q_{{aa}} q_{{bb}}}}$ at $T$ = {temperature:.3g}")
        panels[2].set_ylabel("$P$")
        legend(drawn, panels[0], columns=5)
    caption = (
        "Left: Binder ratios (3 − [q⁴]/[q²]²)/2 with bootstrap errors over samples, and the theory's glass "
        "temperature. Middle: overlaps scaled as at the transition of the Sherrington–Kirkpatrick model, where sizes "
        "must cross. Right: distribution of overlaps of independent replicas, with the continuous part of full RSB; "
        "arrows: its delta functions at ±q_EA."
    )
    return Picture("equilibrium", "Binder ratios, scaled overlaps and P(q)", caption, drawn)


def _symmetric(density: Array) -> Array:
    return (density + density[::-1]) / 2


def _full_rsb_curve(axes: Any, model: Model, temperature: float) -> None:
    """P(q/q_hat) of full RSB; at zero field each overlap stands for both signs."""
    solution = solved(model, "frsb", temperature=temperature)
    found = overlap_distribution(solution)
    if found is None:
        return
    scale = solution.q_diag
    q = found.q.value / scale
    for sign in (-1, 1):
        axes.plot(sign * q, temperature * found.density.value * scale / 2, **look("frsb"))
        largest = float(found.largest.value) / scale
        axes.annotate(
            "", (sign * largest, 0.05), (sign * largest, 0.9), arrowprops={"arrowstyle": "<-", "color": SHADE}
        )


def _arrays(overlaps: list[Overlaps]) -> dict[str, tuple[Any, str]]:
    arrays: dict[str, tuple[Any, str]] = {"temperature": (overlaps[0].temperatures, "temperatures [E0]")}
    arrays["cosine"] = (overlaps[0].cosine, "q_ab/sqrt(q_aa q_bb)")
    for one in overlaps:
        arrays[f"binder_n{one.n}"] = (one.curve(binder), f"Binder ratio at N = {one.n}")
        arrays[f"scaled_overlap_n{one.n}"] = (one.curve(scaled_overlap), f"N^(2/3) [q^2] at N = {one.n} [v0^4]")
        arrays[f"overlap_distribution_n{one.n}"] = (one.distribution, f"P(q/q_hat) at N = {one.n}, by temperature")
    return arrays
