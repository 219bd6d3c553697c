"""Harmonic reference against single harmonic sites, Debye's law and thermodynamic identities."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import LocalPotentials, ParameterError
from meanfield.quantum.normal_modes import harmonic_thermodynamics
from meanfield.quantum.thermodynamics import thermodynamics


def test_independent_sites():
    """Uncoupled stiff sites are normal modes."""
    stiffness = np.array([1e4, 4e4, 9e4])
    T = np.geomspace(2.0, 500.0, 9)
    sites = thermodynamics(LocalPotentials.from_arrays(h=np.zeros(3), C=0.0, a2=stiffness, a4=1e-8), 0.3, T)
    C, S = harmonic_thermodynamics(stiffness, 0.3, T)
    np.testing.assert_allclose(C, sites.specific_heat, rtol=1e-7, atol=1e-15)
    np.testing.assert_allclose(S, sites.entropy, rtol=1e-7, atol=1e-15)


def test_limits():
    # Debye: density 3 omega^2 of frequencies below 1 gives C = (4 pi^4/5) T^3.
    omega = ((np.arange(2_000_000) + 0.5) / 2_000_000) ** (1 / 3)
    C, S = harmonic_thermodynamics(omega**2, 1.0, [0.05, 1e4, 0.0])
    assert C[0] == pytest.approx(4 * np.pi**4 / 5 * 0.05**3, rel=2e-3)
    assert S[0] == pytest.approx(C[0] / 3, rel=2e-3)
    assert C[1] == pytest.approx(1.0, abs=1e-8)
    assert C[2] == S[2] == 0
    plus, minus = (harmonic_thermodynamics(omega**2, 1.0, 0.3 * (1 + d))[1][0] for d in (1e-5, -1e-5))
    assert (plus - minus) / 2e-5 == pytest.approx(harmonic_thermodynamics(omega**2, 1.0, 0.3)[0][0], rel=1e-8)


@pytest.mark.parametrize(
    ("eigenvalues", "word"), [([], "at least one"), ([1.0, -0.1], "minimum"), ([np.nan], "positive")]
)
def test_bad_modes(eigenvalues, word):
    with pytest.raises(ParameterError, match=word):
        harmonic_thermodynamics(eigenvalues, 1.0, 1.0)
