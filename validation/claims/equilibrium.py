"""Thermal equilibrium through the glass transition: u, q_hat and overlaps against every theory, Binder ratios, P(q).

The rows are those of `validation report` for a tempering run. To them comes the temperature where the Binder ratios of
two sizes cross, which tends to the glass temperature of the theory, known exactly.
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
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, label_of
from validation.claims.limit_picture import look
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import wrong_couplings
from validation.plot_style import INK, SHADE, figure, legend, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.simulation import Simulation
from validation.statistics.coupling_controls import affordable, exact_controls
from validation.statistics.resampling import bootstrap
from validation.verdicts.equilibrium import AtTemperature, compare_equilibrium

Array = NDArray[np.float64]

EXACT = "the glass temperature of the theory, E[(beta <v^2>)^2] = 1, the same in every ansatz"


@dataclass(frozen=True)
class Overlaps:
    """Overlap moments per sample of one size, (samples, M), and P(q/q_hat) per temperature, (M, bins)."""

    n: int
    temperatures: Array
    squared: Array
    fourth: Array
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
    overlaps = [_overlaps(simulation, n) for n in sizes]
    crossings = [_crossing(small, large) for small, large in itertools.pairwise(overlaps)]
    known = [(small.n, found) for small, found in zip(overlaps, crossings, strict=False) if found is not None]
    transition = glass_temperature(model)
    limit = _crossing_limit(known)
    if limit is not None and transition is not None:
        samples = min(len(one.squared) for one in overlaps)
        own = dict.fromkeys(THEORIES, (transition, 0.0))
        label = "T at which Binder ratios cross"
        exact = dict.fromkeys(THEORIES, agree(EXACT))
        judged = check("binder_crossing", label, where, None, *limit, own, exact, samples)
        wrong = wrong_couplings(model)
        mistaken = (glass_temperature(wrong.model) or 0.0) * wrong.scale
        checks += [judged, negative_control(judged, dict.fromkeys(THEORIES, (mistaken, 0.0)), samples)]
    return Finding(
        claim=evidence.claim,
        title=evidence.claim.title or "Thermal equilibrium through the transition",
        statement=_statement(checks, limit, transition),
        checks=checks,
        pictures=[_picture(overlaps, model, transition)],
        numbers={
            "glass_temperature": transition,
            "crossings": [{"n": n, "temperature": found[0], "stderr": found[1]} for n, found in known],
            "crossing_limit": None if limit is None else list(limit),
        },
        arrays=_arrays(overlaps),
    )


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


def _overlaps(simulation: Simulation, n: int) -> Overlaps:
    with h5py.File(simulation.path / "results.h5", "r", locking=False) as file:
        group = file[f"n{n}"]
        there = (group["finished"][()] == 1).all(axis=1)
        distribution = group["overlap_distribution"][()][there].mean(axis=0)
        return Overlaps(
            n,
            group["temperature"][()],
            group["overlap_squared"][()][there],
            group["overlap_fourth"][()][there],
            group["cosine"][()],
            distribution,
        )


def binder(squared: Array, fourth: Array) -> Array:
    """(3 - [q^4]/[q^2]^2)/2 from averages over samples, shape (M,)."""
    return np.asarray((3 - fourth.mean(axis=0) / squared.mean(axis=0) ** 2) / 2)


def _crossing(small: Overlaps, large: Overlaps) -> tuple[float, float] | None:
    """Temperature at which two sizes have the same Binder ratio, by interpolation; error by bootstrap over samples.

    The sizes have independent samples, which are drawn again independently.
    """
    values = [_crossing_of(small.temperatures, *pair) for pair in _resampled(small, large)]
    whole = _crossing_of(small.temperatures, binder(small.squared, small.fourth), binder(large.squared, large.fourth))
    there = np.array([value for value in values if value is not None])
    if whole is None or len(there) < 0.8 * len(values):
        return None
    return whole, float(there.std(ddof=1))


def _resampled(small: Overlaps, large: Overlaps) -> list[tuple[Array, Array]]:
    drawn: list[list[Array]] = []
    for one in (small, large):
        curves: list[Array] = []
        data = np.stack([one.squared, one.fourth], axis=1)

        def keep(rows: Array, curves: list[Array] = curves) -> float:
            curves.append(binder(rows[:, 0], rows[:, 1]))
            return 0.0

        bootstrap(data, keep, seed=one.n)
        drawn.append(curves[:-1])
    return list(zip(*drawn, strict=True))


def _crossing_of(temperatures: Array, small: Array, large: Array) -> float | None:
    """Where the larger size begins to have the larger Binder ratio: the hottest such sign change."""
    difference = large - small
    for at in range(len(difference) - 1):  # hottest first
        if difference[at] < 0 <= difference[at + 1]:
            share = difference[at] / (difference[at] - difference[at + 1])
            return float(temperatures[at] + share * (temperatures[at + 1] - temperatures[at]))
    return None


def _crossing_limit(known: list[tuple[int, tuple[float, float]]]) -> tuple[float, float] | None:
    """The crossing of the two largest sizes, its drift from the pair before as a systematic error."""
    if not known:
        return None
    value, error = known[-1][1]
    drift = abs(value - known[-2][1][0]) if len(known) > 1 else 0.0
    noise = np.hypot(error, known[-2][1][1]) if len(known) > 1 else 0.0
    return value, float(np.hypot(error, np.sqrt(max(drift**2 - noise**2, 0.0))))


def _statement(checks: list[StudyCheck], limit: tuple[float, float] | None, transition: float | None) -> str:
    own = [one.check for one in checks if not one.control]
    count = {verdict: sum(one.verdict == verdict for one in own) for verdict in ("pass", "fail", "not tested")}
    said = f"{count['pass']} rows pass, {count['fail']} fail, {count['not tested']} are not judged"
    if limit is not None and transition is not None:
        said += f"; Binder ratios cross at T = {with_error(*limit)}, where theory has T_g = {transition:.3f}"
    return said + "."


def _picture(overlaps: list[Overlaps], model: Model, transition: float | None) -> Picture:
    """Left: Binder ratios; right: P(q) at the temperature nearest to half the transition, with full RSB."""
    with style():
        drawn, panels = figure(2, width=9.4, height=4.0)
        for one, shade in zip(overlaps, np.linspace(0.4, 1.0, len(overlaps)), strict=True):
            data = np.stack([one.squared, one.fourth], axis=1)
            value, error = bootstrap(data, lambda rows: binder(rows[:, 0], rows[:, 1]), seed=one.n)
            panels[0].errorbar(
                one.temperatures,
                value,
                error,
                fmt="o-",
                color=INK,
                alpha=shade,
                markersize=3,
                linewidth=0.8,
                capsize=2,
                label=f"simulation, N = {one.n}",
            )
        if transition is not None:
            panels[0].axvline(transition, **look("frsb"), label="$T_g$, theory")
        panels[0].set_xlabel("temperature $T$  [$E_0$]")
        panels[0].set_ylabel("Binder ratio")
        at = int(np.argmin(np.abs(overlaps[0].temperatures - 0.5 * (transition or overlaps[0].temperatures[-1]))))
        temperature = float(overlaps[0].temperatures[at])
        for one, shade in zip(overlaps, np.linspace(0.4, 1.0, len(overlaps)), strict=True):
            panels[1].plot(one.cosine, _symmetric(one.distribution[at]), color=INK, alpha=shade, drawstyle="steps-mid")
        _full_rsb_curve(panels[1], model, temperature)
        panels[1].set_xlim(-1, 1)
        panels[1].set_ylim(bottom=0)
        panels[1].set_xlabel(rf"$q_{{ab}}/\sqrt{{q_{{aa}} q_{{bb}}}}$ at $T$ = {temperature:.3g}")
        panels[1].set_ylabel("$P$")
        legend(drawn, panels[0], columns=5)
    caption = (
        "Left: Binder ratios (3 − [q⁴]/[q²]²)/2 with bootstrap errors over samples, and the theory's glass "
        "temperature. Right: distribution of overlaps of independent replicas, with the continuous part of full RSB; "
        "arrows: its delta functions at ±q_EA."
    )
    return Picture("equilibrium", "Binder ratios and P(q)", caption, drawn)


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
        arrays[f"binder_n{one.n}"] = (binder(one.squared, one.fourth), f"Binder ratio at N = {one.n}")
        arrays[f"overlap_distribution_n{one.n}"] = (one.distribution, f"P(q/q_hat) at N = {one.n}, by temperature")
    return arrays
