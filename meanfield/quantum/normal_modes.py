"""Harmonic reference: the collective normal modes of a minimum, quantised exactly.

A minimum whose Hessian has eigenvalues lambda_i has frequencies hbar omega_i = sqrt((hbar^2/m) lambda_i); per site

    C = (1/N) sum_i [(x_i/2)/sinh(x_i/2)]^2,   S = (1/N) sum_i [(x_i/2) coth(x_i/2) - ln(2 sinh(x_i/2))],   x_i =
    hbar omega_i/T.

Beside the single-site picture this shows what the decoupling of sites leaves out: soft collective modes. It knows
no tunnelling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError, require_positive
from meanfield.quantum.thermodynamics import read_temperatures

Array = NDArray[np.float64]

# Modes that have left their ground state by less than this count for nothing.
FROZEN = 700.0


def harmonic_thermodynamics(
    eigenvalues: ArrayLike, hbar2_over_m: float, temperatures: ArrayLike
) -> tuple[Array, Array]:
    """Specific heat and entropy per site, (n,) each, of modes with Hessian ``eigenvalues`` (N,), all positive.

    The eigenvalues of several minima of one size may be given together.
    """
    T = read_temperatures(temperatures)
    X = require_positive("hbar2_over_m", hbar2_over_m)
    stiffness = np.asarray(eigenvalues, float).ravel()
    if stiffness.size == 0:
        raise ParameterError("normal modes need at least one eigenvalue")
    if not np.all(stiffness > 0) or not np.all(np.isfinite(stiffness)):
        raise ParameterError("normal modes need positive eigenvalues of the Hessian: the state is no minimum")
    specific_heat, entropy = np.zeros(T.size), np.zeros(T.size)
    for i in np.flatnonzero(T > 0):
        x = np.sqrt(X * stiffness) / T[i]
        x = x[x < FROZEN]
        quanta = 1.0 / np.expm1(x)
        specific_heat[i] = np.sum(x * x * quanta * (quanta + 1.0)) / stiffness.size
        entropy[i] = np.sum(x * quanta - np.log(-np.expm1(-x))) / stiffness.size
    return specific_heat, entropy
