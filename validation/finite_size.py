"""Finite-size study of one or several runs of one model: every observable against N, and its limit N -> infinity.

The forms of the approach to the limit (`validation.verdicts.forms`) and their average are those of a report: of one run
both give the same numbers. Here several runs can be put together, and no theory's prediction is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsim.errors import InputError
from validation.lowest_states import LowestStates, lowest_states
from validation.predictions import predict
from validation.quantities import QUANTITIES
from validation.simulation import Average, Simulation, limit_of_averages
from validation.statistics.coupling_controls import Controls, affordable, controlled, exact_controls
from validation.statistics.finite_size import Form, Limit
from validation.statistics.resampling import width
from validation.verdicts.forms import forms
from validation.verdicts.regime import Regime, regime_of

Array = NDArray[np.float64]

LITERATURE = {"3/4": 3 / 4, "5/6": 5 / 6}  # exponents of the width of the SK model's ground-state energy


@dataclass(frozen=True)
class Observable:
    """One observable: its averages by size and its limit."""

    name: str
    averages: dict[int, Average]
    limit: Limit | None
    forms: tuple[Form, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "sizes": [
                {
                    "n": n,
                    "mean": row.mean,
                    "stderr": row.stderr,
                    "samples": row.samples,
                    "variance_reduction": row.reduction,
                }
                for n, row in self.averages.items()
            ],
            "limit": None if self.limit is None else self.limit.to_dict(),
            "forms": [{"form": form.label, "reason": form.reason} for form in self.forms],
        }


@dataclass(frozen=True)
class FiniteSizeStudy:
    """Every observable of runs of one model, and how the energy scatters between samples.

    ``width`` holds sizes, widths, errors and the exponent w of width ~ N^-w; None with fewer than two sizes.
    """

    regime: Regime
    observables: dict[str, Observable]
    width: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "regime": self.regime.name,
            "observables": {name: one.to_dict() for name, one in self.observables.items()},
            "width": self.width,
        }


def study(directories: Sequence[Path]) -> FiniteSizeStudy:
    """Study runs of one model at different sizes; raises `InputError` where models differ or a size comes twice."""
    simulations = [Simulation.open(path) for path in directories]
    first = simulations[0]
    for other in simulations[1:]:
        if other.run.model != first.run.model:
            raise InputError(f"{other.path} is a run of another model than {first.path}")
    theory = predict(first.run)
    solutions = {name: one.solution for name, one in theory.theories.items()}
    regime = regime_of(first.run, solutions["rs"], solutions["1rsb"])
    by_size: dict[int, dict[str, Average]] = {}
    states: dict[int, tuple[LowestStates, Controls | None]] = {}
    for simulation in simulations:
        for size in simulation.sizes:
            if size.n in by_size:
                raise InputError(f"{simulation.path}: N = {size.n} stands in another of these runs, too")
            control = exact_controls(simulation.run, size.n) if affordable(simulation.run) else None
            by_size[size.n] = simulation.averages(size.n, theory.window, regime.folded, control)
            states[size.n] = lowest_states(simulation, size.n), control
    sizes = sorted(by_size)
    names = [name for name in QUANTITIES if all(name in by_size[n] for n in sizes)]
    observables = {}
    for name in names:
        if name == "p" and regime.p_fixed_by_symmetry:
            continue
        own = forms(name, regime)
        rows = {n: by_size[n][name] for n in sizes}
        observables[name] = Observable(name, rows, limit_of_averages(rows, own), own)
    return FiniteSizeStudy(regime, observables, _width([states[n] for n in sizes]))


def _width(states: list[tuple[LowestStates, Controls | None]]) -> dict[str, Any] | None:
    """Standard deviation of the lowest energy per site between samples, N^-w, as it is and without traces of J."""
    enough = [(one, control) for one, control in states if one.samples > 2]
    if len(enough) < 2:
        return None
    answer: dict[str, Any] = {"n": [one.n for one, _ in enough], "literature": LITERATURE}
    for key, use in (("plain", False), ("without_traces", True)):
        values = [controlled(one.scalars["energy"], control if use else None).residual for one, control in enough]
        pairs = np.array([width(one) for one in values])
        answer[key] = power_law(np.array(answer["n"], float), pairs[:, 0], pairs[:, 1])
    return answer


def power_law(n: Array, value: Array, stderr: Array) -> dict[str, Any]:
    """Fit value ~ N^-w: w with its error, chi^2 and degrees of freedom, by least squares of the logarithms."""
    weight = (value / stderr) ** 2
    A = np.column_stack([np.ones_like(n), -np.log(n)])
    covariance = np.linalg.inv((A.T * weight) @ A)
    fit = covariance @ (A.T * weight) @ np.log(value)
    return {
        "value": value.tolist(),
        "stderr": stderr.tolist(),
        "exponent": float(fit[1]),
        "exponent_stderr": float(np.sqrt(covariance[1, 1])),
        "chi2": float(weight @ (np.log(value) - A @ fit) ** 2),
        "dof": len(n) - 2,
    }
