"""Density of states of the excitations E_n - E_0 of an ensemble of local potentials (KH98 Fig. 3b).

For a mean-field solution E_n - E_0 is followed as a function of the field on a grid that shrinks towards h = 0.
Between neighbouring fields it is linear, so that every stretch of fields spreads its weight P(h) dh evenly over a
range of energies: there is no binning noise, and the square-root divergence at the tunnel splitting keeps its weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError
from meanfield.quantum.canonical import excitations_of
from meanfield.quantum.level_table import Grid, LevelTable, covered
from meanfield.quantum.reduced_potential import ReducedPotentials
from meanfield.replicas.field_distribution import density_by_stiffness
from meanfield.replicas.solution import Solution
from meanfield.sites.ground_state import jump
from meanfield.sites.local_potentials import LocalPotentials

Array = NDArray[np.float64]

FIELDS = 1500  # on the half line
FIELDS_PER_STIFFNESS = 300
FEW = 3000


@dataclass(frozen=True)
class DensityOfStates:
    """Excitations per site and unit of energy, averaged over energies between neighbouring ``edges``.

    Attributes
    ----------
    edges : array (bins + 1,)
        [energy]
    by_level : array (n - 1, bins)
        Density of E_1 - E_0, ..., E_{n-1} - E_0; each integrates to one over all energies.
    error : array (n - 1, bins)
        Standard error of a sampled ensemble, by the number of its sites; zero for a solution.
    """

    edges: Array
    by_level: Array
    error: Array

    @property
    def total(self) -> Array:
        """Density of all excitations that were asked for, (bins,)."""
        return self.by_level.sum(axis=0)

    @property
    def first(self) -> Array:
        """Density of the first excitation, which is all that counts at low temperature, (bins,)."""
        return self.by_level[0]


def read_edges(edges: ArrayLike, n: int) -> Array:
    """Energies (bins + 1,), increasing and not negative; at least two levels are needed for an excitation."""
    E = np.asarray(edges, float)
    if E.ndim != 1 or E.size < 2 or not np.all(np.isfinite(E)) or np.any(np.diff(E) <= 0) or E[0] < 0:
        raise ParameterError("energies must be at least two increasing numbers, none of them negative")
    if n < 2:
        raise ParameterError(f"a density of excitations needs at least 2 levels, got {n}")
    return E


def solution_density_of_states(
    solution: Solution, hbar2_over_m: float, edges: ArrayLike, n: int = 8
) -> DensityOfStates:
    """Density of states of a mean-field solution, of its ``n`` lowest levels."""
    E = read_edges(edges, n)
    model, C, m = solution.model, solution.C, solution.m
    if model.potential == "ising":
        raise ParameterError("Ising spins have no levels")
    if solution.q[-1] == 0.0:
        return density_of_states(solution.local_potentials(), hbar2_over_m, E, n)
    disorder = model.a2.continuous
    a2, weight = model.stiffness_rule(C, 30 if disorder and not solution.broken else 12)
    spread = float(np.sqrt(solution.q[-1]))
    far = abs(m) + 9.0 * spread
    # Fields from far below the lowest energy's on.
    v0 = max(float(jump(model, C, a2).max()), 1e-3 * spread)
    lowest = float(E[E > 0].min())
    scale = min(max(0.1 * lowest / v0, 1e-12 * far), 0.1 * far)
    count = FIELDS_PER_STIFFNESS if disorder else FIELDS
    h = scale * np.sinh(np.linspace(0.0, np.arcsinh(far / scale), count))
    field = np.broadcast_to(h, (a2.size, h.size))
    P = density_by_stiffness(solution, a2, field)
    P = P + (density_by_stiffness(solution, a2, -field) if m else P)
    mass = weight[:, None] * 0.5 * (P[:, 1:] + P[:, :-1]) * np.diff(h)
    mass /= mass.sum()
    keep = weight > 1e-14 * weight.max()
    a2, mass = a2[keep], mass[keep]
    reduced = ReducedPotentials.build(
        np.tile(h, a2.size), C, np.repeat(a2, h.size), model.a4, model.gamma, hbar2_over_m
    )
    excitations = _excitations(reduced, n).reshape(a2.size, h.size, n)
    result = np.empty((n - 1, E.size - 1))
    for level in range(1, n):
        low = np.minimum(excitations[:, 1:, level], excitations[:, :-1, level])
        high = np.maximum(excitations[:, 1:, level], excitations[:, :-1, level])
        result[level - 1] = np.diff(_cumulative(E, low.ravel(), high.ravel(), mass.ravel())) / np.diff(E)
    return DensityOfStates(E, result, np.zeros_like(result))


def density_of_states(ensemble: LocalPotentials, hbar2_over_m: float, edges: ArrayLike, n: int = 8) -> DensityOfStates:
    """Histogram of the excitations of any ensemble, of its ``n`` lowest levels; errors take sites as independent."""
    E = read_edges(edges, n)
    excitations = excitation_energies(ensemble, hbar2_over_m, n)
    counts = np.empty((2, n - 1, E.size - 1))
    for level in range(1, n):
        for power in (1, 2):
            values = excitations[:, level]
            counts[power - 1, level - 1] = np.histogram(values, bins=E, weights=ensemble.weight**power)[0]
    variance = np.maximum(counts[1] - counts[0] ** 2 * np.sum(ensemble.weight**2), 0.0)
    return DensityOfStates(E, counts[0] / np.diff(E), np.sqrt(variance) / np.diff(E))


def excitation_energies(ensemble: LocalPotentials, hbar2_over_m: float, n: int) -> Array:
    """E_0 - E_0, ..., E_{n-1} - E_0 [energy] of every potential of an ensemble, shape (m, n)."""
    if n < 2:
        raise ParameterError(f"excitations need at least 2 levels, got {n}")
    return _excitations(
        ReducedPotentials.build(ensemble.h, ensemble.C, ensemble.a2, ensemble.a4, ensemble.gamma, hbar2_over_m), n
    )


def _excitations(reduced: ReducedPotentials, n: int) -> Array:
    """E_n - E_0 [energy], shape (m, n)."""
    k, f = reduced.k, reduced.f
    energy = np.broadcast_to(reduced.energy, k.shape)
    inside = covered(k, f) & (k.size > FEW)
    result = np.empty((k.size, n))
    if np.any(inside):
        result[inside] = LevelTable.build(Grid.build(k[inside], f[inside]), n).excitations(f[inside], slice(None))
    if not np.all(inside):
        result[~inside] = excitations_of(k[~inside], f[~inside], n)[0]
    return energy[:, None] * result


def _cumulative(E: Array, low: Array, high: Array, mass: Array) -> Array:
    """Weight below each energy ``E`` (bins + 1,) of ``mass`` spread evenly from ``low`` to ``high``, arrays (m,)."""
    result = np.empty(E.size)
    width = np.maximum(high - low, 1e-300)
    for i, e in enumerate(E):
        result[i] = mass @ np.clip((e - low) / width, 0.0, 1.0)
    return result
