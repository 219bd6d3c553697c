"""The quantum thermodynamics of a mean-field solution: its field distribution integrated over exactly.

The order parameters are those of the classical solution, at T = 0 as in KH98. At low temperature only fields with
an asymmetry 2 |h| v0 of the order of T count. They are not sampled: P(h) is integrated over panels that shrink
towards h = 0 until they resolve the lowest temperature.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from numpy.typing import ArrayLike

from meanfield.quantum.thermodynamics import (
    Thermodynamics,
    read_temperatures,
    thermodynamics,
    thermodynamics_by_group,
)
from meanfield.replicas.field_distribution import local_potentials
from meanfield.replicas.solution import Solution
from meanfield.sites.ground_state import jump
from meanfield.sites.local_potentials import LocalPotentials

# Smallest field that is resolved, in units of the spread of fields: less weight than rounding errors.
FINEST = 1e-12
# Nodes per panel of a distribution of a2, and of a coarser one that tells the error. Splittings change by powers of ten
# over a small range of a2, and C(T) is due to those of the order of T: at T = 1e-4 (gamma = 1, standard deviation 5,
# hbar^2/m = 0.1) 12 nodes err by 2e-2 of C, 30 by 2e-3, 60 by 1e-5, where the error told is 2e-4.
STIFFNESS_NODES, COARSER_NODES = 60, 44


def thermal_ensemble(
    solution: Solution, lowest_energy: float, n: int = 12, n_a2: int = STIFFNESS_NODES
) -> LocalPotentials:
    """Quadrature ensemble of ``solution`` that resolves asymmetries down to ``lowest_energy``; n nodes per panel.

    ``n_a2`` is the number of nodes per panel of a continuous distribution of a2.
    """
    a2, _ = solution.model.stiffness_rule(solution.C)
    spread = abs(solution.m) + float(np.sqrt(solution.q[-1]))
    v0 = float(jump(solution.model, solution.C, a2).max())
    if v0 == 0.0 or spread == 0.0:
        return local_potentials(solution, n)
    finest = max(0.05 * lowest_energy / v0, FINEST * spread)
    if solution.model.a2.continuous:
        # It takes many nodes in a2 rather than in h.
        return local_potentials(solution, min(n, 8), finest, n_a2=n_a2)
    return local_potentials(solution, n, finest)


def solution_thermodynamics(solution: Solution, hbar2_over_m: float, temperatures: ArrayLike) -> Thermodynamics:
    """Specific heat and entropy per site of the ensemble of local potentials of ``solution``.

    With a continuous distribution of a2 the error includes that of its quadrature: the change from a coarser one.
    """
    T = read_temperatures(temperatures)
    lowest = float(T[T > 0].min(initial=np.inf))
    if np.isinf(lowest):
        return thermodynamics(solution.local_potentials(), hbar2_over_m, T)
    ensemble = thermal_ensemble(solution, lowest)
    if not solution.model.a2.continuous:
        return thermodynamics(ensemble, hbar2_over_m, T)
    coarser = thermal_ensemble(solution, lowest, n_a2=COARSER_NODES)
    # Together, so that levels are computed once.
    both = LocalPotentials(
        **{
            item.name: np.concatenate([getattr(ensemble, item.name), getattr(coarser, item.name)])
            * (0.5 if item.name == "weight" else 1.0)
            for item in fields(LocalPotentials)
        }
    )
    group = np.repeat([0, 1], [len(ensemble), len(coarser)])
    found, rough = thermodynamics_by_group(both, hbar2_over_m, T, group)
    return replace(found, error=found.error + np.abs(found.specific_heat - rough.specific_heat))
