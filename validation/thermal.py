"""Thermal averages against replica-symmetric theory at the same temperatures.

Where the RS solution is stable it is exact for N -> infinity, and energy and <v^2> must agree after extrapolation in
1/N, the law of corrections away from the transition. Near it they follow another law, and below it RS is wrong
by little: there numbers are shown without a verdict. Only temperatures that all sizes have in common can be
extrapolated; give them as a list in the run file.
"""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
from numpy.typing import NDArray

import meanfield
from meanfield import Model, ParameterError
from validation.checks import Check, compare
from validation.expectations import EXACT, FINITE_N, NOT_SOLVED, Expectation
from validation.extrapolation import extrapolate
from validation.predictions import THEORIES, Theory, mean_field_model
from validation.simulation import Average, Simulation, average

THERMAL = {"thermal_energy": "energy", "thermal_q": "q"}  # names in the file and in the report
FAR = 0.3  # replicon from which corrections are those in 1/N
MOST_UNEQUILIBRATED = 0.02  # share of the samples; the test itself has errors

BELOW = "RS is unstable at this temperature"
NEAR = "close to the transition, where corrections are not in 1/N"
ONLY_RS = "theories with broken symmetry are solved at T = 0 only for a report"


def thermal_checks(simulation: Simulation) -> list[Check]:
    """The checks of a run that sampled at T > 0, extrapolated ones first; none of other runs."""
    by_size = {size.n: _averages(simulation, size.n) for size in simulation.sizes}
    temperatures = sorted({t for found in by_size.values() for t in found}, reverse=True)
    if not temperatures:
        return []
    try:
        model = mean_field_model(simulation.run)
    except ParameterError:
        return []
    extrapolated, finite = [], []
    for temperature in temperatures:
        theories, reason = _theories(model, temperature)
        for observable in THERMAL.values():
            here = {n: found[temperature][observable] for n, found in by_size.items() if temperature in found}
            usable = {n: row for n, row in here.items() if row.stderr and not row.problem}
            limit = extrapolate(
                list(usable), [row.mean for row in usable.values()], [row.stderr or 0.0 for row in usable.values()], 1.0
            )
            if limit is not None:
                expectation = Expectation(None, reason) if reason else Expectation("agree", EXACT)
                expected = dict.fromkeys(THEORIES, expectation)
                fewest = min(row.samples for row in usable.values())
                found = compare(observable, None, limit.value, limit.stderr, theories, expected, fewest)
                extrapolated.append(replace(found, temperature=temperature))
            for n, row in here.items():
                expected = dict.fromkeys(THEORIES, Expectation(None, row.problem or FINITE_N))
                found = compare(observable, n, row.mean, row.stderr, theories, expected, row.samples, row.problem)
                finite.append(replace(found, temperature=temperature))
    return extrapolated + finite


def _averages(simulation: Simulation, n: int) -> dict[float, dict[str, Average]]:
    """Averages over samples by temperature and observable."""
    with h5py.File(simulation.path / "results.h5", "r", locking=False) as file:
        group = file[f"n{n}"]
        if not THERMAL.keys() <= group.keys():
            return {}
        finished: NDArray[np.bool_] = (group["finished"][()] == 1).all(axis=1)
        reached = group["equilibrated"][()][finished] == 1
        arrays = {name: group[name][()].mean(axis=1)[finished] for name in THERMAL}
        temperatures = group["temperature"][()]
    found: dict[float, dict[str, Average]] = {}
    for at, temperature in enumerate(temperatures):
        out = int((~reached[:, at]).sum())
        problem = f"{out} of {len(reached)} samples are not in equilibrium"
        rows = {short: average(arrays[name][:, at]) for name, short in THERMAL.items()}
        if out > MOST_UNEQUILIBRATED * len(reached):
            rows = {name: replace(row, problem=problem) for name, row in rows.items()}
        found[float(temperature)] = rows
    return found


def _theories(model: Model, temperature: float) -> tuple[dict[str, Theory], str]:
    """What is predicted at a temperature, and why agreement is not expected there (empty: it is)."""
    rs = meanfield.solve(model, "rs", temperature=temperature)
    if not rs.converged:
        return {name: Theory(name, None, problem=NOT_SOLVED) for name in THEORIES}, NOT_SOLVED
    values = {"energy": rs.internal_energy, "q": rs.q_diag}
    theories = {"rs": Theory("rs", rs, values)}
    stable = rs.replicon > 0
    for name in THEORIES.keys() - {"rs"}:
        # Where RS is stable the others coincide with it.
        theories[name] = Theory(name, rs, values) if stable else Theory(name, None, problem=ONLY_RS)
    if not stable:
        return theories, BELOW
    return theories, "" if rs.replicon > FAR else NEAR
