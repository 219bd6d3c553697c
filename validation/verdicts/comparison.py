"""A run against mean-field theory: averages, extrapolations and checks put together."""

from __future__ import annotations

from dataclasses import dataclass

from validation.predictions import MeanField, predict
from validation.quantities import QUANTITIES
from validation.simulation import Average, Simulation, limit_of_averages
from validation.statistics.coupling_controls import Controls, affordable, exact_controls
from validation.statistics.finite_size import Form, Limit
from validation.verdicts.checks import Check, Verdict, compare, overall
from validation.verdicts.equilibrium import AtTemperature, compare_equilibrium
from validation.verdicts.expectations import expectations
from validation.verdicts.forms import forms
from validation.verdicts.regime import Regime, regime_of


@dataclass(frozen=True)
class Comparison:
    """Everything a report tells.

    Attributes
    ----------
    simulation, mean_field, regime
        What is compared, and where in the phase diagram.
    averages : dict
        By size N, then by observable.
    controls : dict
        By size N: the numbers of the couplings taken out of the averages; empty where they were not looked at.
    forms, limits : dict
        By observable: forms of the approach to N -> infinity, and the limit; none where fewer than two sizes have an
        error.
    checks : list of Check
        Of relaxed states: extrapolated values first, then by size.
    equilibrium : list of AtTemperature
        Thermal averages, hottest first; empty unless the run is in thermal equilibrium (tempering).
    """

    simulation: Simulation
    mean_field: MeanField
    regime: Regime
    averages: dict[int, dict[str, Average]]
    controls: dict[int, Controls]
    forms: dict[str, tuple[Form, ...]]
    limits: dict[str, Limit]
    checks: list[Check]
    equilibrium: list[AtTemperature]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the run as a whole; what symmetry demands can fail, but its passing tests no theory."""
        checks = [*self.checks, *self.thermal_checks]
        return overall([check.verdict for check in checks if check.verdict == "fail" or not self.trivial(check)])

    @property
    def thermal_checks(self) -> list[Check]:
        """The checks of all temperatures."""
        return [check for at in self.equilibrium for check in at.checks]

    def trivial(self, check: Check) -> bool:
        """Whether a check holds by symmetry, whatever the physics."""
        return check.observable == "p" and check.temperature == 0 and self.regime.p_fixed_by_symmetry

    @property
    def converged(self) -> bool:
        """Whether every mean-field solution converged."""
        solved = [self.mean_field.theories, *(at.theories for at in self.equilibrium)]
        return not any(theory.failed for theories in solved for theory in theories.values())


def compare_run(simulation: Simulation) -> Comparison:
    """Solve the theory for the model of a run and compare every observable, per N and extrapolated."""
    mean_field = predict(simulation.run)
    solutions = {name: theory.solution for name, theory in mean_field.theories.items()}
    regime = regime_of(simulation.run, solutions["rs"], solutions["1rsb"])
    controls = (
        {size.n: exact_controls(simulation.run, size.n) for size in simulation.sizes}
        if affordable(simulation.run)
        else {}
    )
    averages = {
        size.n: simulation.averages(size.n, mean_field.window, regime.folded, controls.get(size.n))
        for size in simulation.sizes
    }
    observables = [name for name in QUANTITIES if all(name in found for found in averages.values())]
    if regime.p_fixed_by_symmetry and "displacement_variance" in observables:
        # With p = 0 it is q again, less the square of a noise: a second, contradictory number for the same thing.
        observables.remove("displacement_variance")
    approach = {name: forms(name, regime) for name in observables}
    limits, checks = {}, []
    for name in observables:
        by_size = {n: found[name] for n, found in averages.items() if found[name].stderr}
        found = limit_of_averages(by_size, approach[name])
        if found is not None:
            limits[name] = found
            fewest = min(row.samples for row in by_size.values())
            expected = expectations(name, True, regime, mean_field.theories)
            checks.append(compare(name, None, found.value, found.stderr, mean_field.theories, expected, fewest))
    for n, rows in averages.items():
        for name in observables:
            row = rows[name]
            expected = expectations(name, False, regime, mean_field.theories)
            checks.append(
                compare(name, n, row.mean, row.stderr, mean_field.theories, expected, row.samples, row.problem)
            )
    equilibrium = compare_equilibrium(simulation, controls)
    return Comparison(simulation, mean_field, regime, averages, controls, approach, limits, checks, equilibrium)
