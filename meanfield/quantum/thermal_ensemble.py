"""The quantum thermodynamics of a mean-field solution: its field distribution integrated over exactly.

The order parameters are those of the classical solution, at T = 0 as in KH98. At low temperature only fields with
an asymmetry 2 |h| v0 of the order of T count. They are not sampled: P(h) is integrated over panels that shrink
towards h = 0 until they resolve the lowest temperature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from meanfield.quantum.thermodynamics import Thermodynamics, read_temperatures, thermodynamics
from meanfield.replicas.field_distribution import local_potentials
from meanfield.replicas.solution import Solution
from meanfield.sites.ground_state import jump
from meanfield.sites.local_potentials import LocalPotentials

# Smallest field that is resolved, in units of the spread of fields: less weight than rounding errors.
FINEST = 1e-12


def thermal_ensemble(solution: Solution, lowest_energy: float, n: int = 12) -> LocalPotentials:
    """Quadrature ensemble of ``solution`` that resolves asymmetries down to ``lowest_energy``; n nodes per panel."""
    a2, _ = solution.model.stiffness_rule(solution.C)
    spread = abs(solution.m) + float(np.sqrt(solution.q[-1]))
    v0 = float(jump(solution.model, solution.C, a2).max())
    if v0 == 0.0 or spread == 0.0:
        return local_potentials(solution, n)
    finest = max(0.05 * lowest_energy / v0, FINEST * spread)
    if solution.model.a2.continuous:
        # Tunnel splittings change by powers of ten over a small range of a2, which needs many nodes in a2 rather
        # than in h. With broken symmetry every one of them has a field distribution of its own, which takes its time.
        return local_potentials(solution, min(n, 8), finest, n_a2=12 if solution.broken else 30)
    return local_potentials(solution, n, finest)


def solution_thermodynamics(solution: Solution, hbar2_over_m: float, temperatures: ArrayLike) -> Thermodynamics:
    """Specific heat and entropy per site of the ensemble of local potentials of ``solution``."""
    T = read_temperatures(temperatures)
    lowest = float(T[T > 0].min(initial=np.inf))
    ensemble = solution.local_potentials() if np.isinf(lowest) else thermal_ensemble(solution, lowest)
    return thermodynamics(ensemble, hbar2_over_m, T)
