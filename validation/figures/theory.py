"""The theories of the figures: solved once, every curve of full RSB with the error of its limit of many steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

import meanfield
from meanfield import LocalStiffness, Model, Solution
from meanfield.quantum.density_of_states import solution_density_of_states
from meanfield.quantum.thermal_ensemble import solution_thermodynamics
from meanfield.sites.double_wells import DoubleWells, double_wells
from meanfield.sites.single_site import critical_field
from validation.predictions import THEORIES

Array = NDArray[np.float64]

GAMMA = 4.0  # KH98 Figs. 2, 3 and 4a, at J0 = 0
CURVES = 2.0  # power of 1/K with which curves converge
SMALLEST = 1e-250
LEAST_WEIGHT, NUMBERS = 1e-5, 100  # of excitations per site, where curves of full RSB begin
FIELDS = 400  # on a branch of h for the statistics of wells


@dataclass(frozen=True)
class Curve:
    """Values with their error, arrays of one shape."""

    value: Array
    error: Array


@dataclass
class Theories:
    """Solutions at gamma = 4, J0 = 0, T = 0 without local disorder, solved when asked for.

    Attributes
    ----------
    hbar2_over_m : float
    """

    hbar2_over_m: float
    _solutions: dict[str, Solution] = field(default_factory=dict)

    def solution(self, ansatz: str) -> Solution:
        """The solution in one ansatz."""
        if ansatz not in self._solutions:
            self._solutions[ansatz] = meanfield.solve(Model(gamma=GAMMA), ansatz)
        return self._solutions[ansatz]

    @property
    def converged(self) -> bool:
        """Whether all that were solved converged."""
        return all(one.converged for one in self._solutions.values())

    def curve(self, ansatz: str, quantity: Callable[[Solution], ArrayLike]) -> Curve:
        """``quantity`` of the solution; in full RSB its limit."""
        found = self.solution(ansatz).limit(quantity, power=CURVES)
        return Curve(np.asarray(found.value), np.asarray(found.error))

    def thermodynamics(self, ansatz: str, T: Array) -> dict[str, Curve]:
        """Specific heat, entropy and their tunnelling parts.

        In full RSB their logarithms are extrapolated: far below the splittings, which move with the number of steps,
        they are exponentially small. The error is that of the value above it.
        """
        names = ("specific_heat", "entropy", "tunnelling_specific_heat", "tunnelling_entropy")

        def quantity(solution: Solution) -> Array:
            found = solution_thermodynamics(solution, self.hbar2_over_m, T)
            return np.log(np.maximum([getattr(found, name) for name in names], SMALLEST))

        logarithms = self.curve(ansatz, quantity)
        value = np.where(logarithms.value > np.log(2 * SMALLEST), np.exp(logarithms.value), 0.0)
        error = value * np.expm1(np.minimum(logarithms.error, 100.0))
        return {name: Curve(value[i], error[i]) for i, name in enumerate(names)}

    def density_of_states(self, ansatz: str, edges: Array, n: int) -> tuple[Array, Curve]:
        """Energies and the density of the first n - 1 excitations there, per site; the error is one of the energies.

        Densities have steps and edges whose places move with the number of steps. In full RSB the energy below which
        a given number N(E) of excitations lies is extrapolated instead: it is continuous, and dN/dE the density.
        """

        def density(solution: Solution) -> Array:
            return solution_density_of_states(solution, self.hbar2_over_m, edges, n).total

        if ansatz != "frsb" or not self.solution(ansatz).ladder:
            middle = np.sqrt(np.maximum(edges[:-1], 0.5 * edges[1]) * edges[1:])
            found = density(self.solution(ansatz))
            return middle, Curve(found, np.zeros_like(found))
        few, all_of_them = np.geomspace(LEAST_WEIGHT, 0.1, NUMBERS), 0.999 * (n - 1)
        number = np.append(few, np.linspace(0.1, all_of_them, NUMBERS)[1:])
        # No two edges with the same number below them: where there is nothing N(E) is flat.
        rising = 1e-14 * np.arange(edges.size)

        def quantiles(solution: Solution) -> Array:
            return np.interp(number, rising + np.append(0.0, np.cumsum(density(solution) * np.diff(edges))), edges)

        E = self.curve(ansatz, quantiles)
        middle, width = 0.5 * (E.value[1:] + E.value[:-1]), np.diff(E.value)
        some = width > 0
        error = 0.5 * (E.error[1:] + E.error[:-1])
        return middle[some], Curve((np.diff(number)[some] / width[some]), error[some])

    def asymmetry_density(self, ansatz: str) -> tuple[Array, Curve]:
        """Asymmetries and P(Delta) per site: P(h) dh/dDelta on both signs of h, dDelta/dh = d."""

        def quantity(solution: Solution) -> Array:
            h, wells = well_branch(solution)
            P = solution.field_density(h) + solution.field_density(-h)
            return np.stack([wells.asymmetry, P / wells.distance])

        return self._along_branch(ansatz, quantity)

    def tunnelling_density(self, ansatz: str) -> tuple[Array, Curve]:
        """Lambda as in KH98, with the barrier above the upper minimum, and P(lambda) per site."""

        def quantity(solution: Solution) -> Array:
            h, wells = well_branch(solution)
            P = solution.field_density(h) + solution.field_density(-h)
            value = wells.tunnelling(self.hbar2_over_m)
            return np.stack([value, P / np.abs(np.gradient(value, h, edge_order=2))])

        return self._along_branch(ansatz, quantity)

    def _along_branch(self, ansatz: str, quantity: Callable[[Solution], Array]) -> tuple[Array, Curve]:
        """Abscissa and ordinate at given h/h_c, either of them extrapolated: their range shrinks with the steps."""
        both = self.curve(ansatz, quantity)
        return both.value[0], Curve(both.value[1], both.error[1])


def well_branch(solution: Solution) -> tuple[Array, DoubleWells]:
    """Fields 0 < h < h_c, denser towards both ends, and the double wells there."""
    model = solution.model
    parameters = (solution.C, model.a2.mean, model.a4, model.gamma)
    h_c = float(critical_field(*parameters))
    t = (np.arange(FIELDS) + 0.5) / FIELDS
    h = h_c * (3.0 * t**2 - 2.0 * t**3)
    return h, double_wells(h, *parameters)


def disordered(std: float, ansatz: str = "rs") -> Solution:
    """KH98 Fig. 4b: gamma = 1, a2 Gaussian of mean 1."""
    return meanfield.solve(Model(gamma=1.0, a2=LocalStiffness.gaussian(1.0, std)), ansatz)


__all__ = ["GAMMA", "THEORIES", "Curve", "Theories", "disordered", "well_branch"]
