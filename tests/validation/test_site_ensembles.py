"""Simulated sites as ensembles: averages and errors sample by sample, against each sample taken alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meanfield import LocalPotentials
from meanfield.quantum.levels import levels
from meanfield.quantum.thermodynamics import thermodynamics
from nsim.errors import InputError
from validation.simulation import Simulation
from validation.site_ensembles import SiteEnsemble, over_samples

X, T = 0.3, np.geomspace(0.01, 10.0, 7)


@pytest.fixture(scope="module")
def ensemble(quenched: Path) -> SiteEnsemble:
    return SiteEnsemble.of(Simulation.open(quenched))


def alone(ensemble: SiteEnsemble, sample: int) -> LocalPotentials:
    e, own = ensemble.potentials, ensemble.sample == sample
    return LocalPotentials.from_arrays(e.h[own], e.C[own], e.a2[own], e.a4[own], e.gamma[own])


def test_averages_are_those_of_samples_alone(ensemble: SiteEnsemble) -> None:
    found = ensemble.thermodynamics(X, T)
    rows = [thermodynamics(alone(ensemble, s), X, T) for s in range(ensemble.samples)]
    for name in ("specific_heat", "entropy", "tunnelling_specific_heat"):
        values = np.array([getattr(row, name) for row in rows])
        np.testing.assert_allclose(found[name].mean, values.mean(axis=0), rtol=1e-10, atol=1e-15)
        expected = values.std(axis=0, ddof=1) / np.sqrt(len(rows))
        np.testing.assert_allclose(found[name].error, expected, rtol=1e-6, atol=1e-15)
    fractions = [alone(ensemble, s).double_well_fraction() for s in range(ensemble.samples)]
    assert ensemble.double_well_fraction().mean == pytest.approx(np.mean(fractions))
    # States of one sample are alike: errors by states would be too small.
    assert ensemble.states == 2 * ensemble.samples == 24


def test_density_of_states_counts_every_excitation(ensemble: SiteEnsemble) -> None:
    edges = np.append(np.linspace(0.0, 6.0, 9), 60.0)
    *each, total = ensemble.density_of_states(X, edges, 4)
    for one in each:
        assert one.mean @ np.diff(edges) == pytest.approx(1.0)
    assert total.mean @ np.diff(edges) == pytest.approx(3.0)
    e = ensemble.potentials
    heights = levels(e.h, e.C, e.a2, e.a4, e.gamma, hbar2_over_m=X, n=4).heights
    inside = (heights[:, 1] - heights[:, 0] < edges[1]).mean()
    assert each[0].mean[0] * edges[1] == pytest.approx(inside)
    # The error of the sum is not that of independent levels.
    independent = np.sqrt(sum(one.error**2 for one in each))
    assert not np.allclose(total.error, independent)


def test_minima_have_their_own_couplings(ensemble: SiteEnsemble) -> None:
    """Gradient zero, and the response of the modes is that of the stored local potentials."""
    few = ensemble.some(3)
    assert few.samples == few.states == 3
    for row, (glass, v) in enumerate(few.minima(3)):
        assert np.abs(glass.gradient(v)).max() < 1e-8
        response = np.trace(np.linalg.inv(glass.hessian(v))) / ensemble.n
        e = few.potentials
        own = few.sample == row
        curvature = (e.a2[own] + 0.5 * v**2) / e.gamma[own] - e.C[own]
        assert response == pytest.approx(np.mean(1.0 / curvature), rel=1e-7)


def test_harmonic_references(ensemble: SiteEnsemble) -> None:
    """Classical limit one for both; at low T collective modes, which are softer, hold more heat."""
    few = ensemble.some(6)
    hot = np.array([1e4])
    modes, sites = few.normal_modes(X, hot, 6)[0], few.site_oscillators(X, hot)[0]
    assert modes.mean[0] == pytest.approx(1.0, abs=1e-6)
    assert sites.mean[0] == pytest.approx(1.0, abs=1e-6)
    cold = np.array([0.05])
    modes, sites = few.normal_modes(X, cold, 6)[0], few.site_oscillators(X, cold)[0]
    rows = []
    for glass, v in few.minima(6):
        x = np.sqrt(X / np.diag(np.linalg.inv(glass.hessian(v)))) / cold
        rows.append(np.mean((0.5 * x / np.sinh(0.5 * x)) ** 2))
    assert sites.mean[0] == pytest.approx(np.mean(rows), rel=1e-7)
    assert modes.mean[0] > sites.mean[0]


def test_one_sample_has_no_error() -> None:
    assert np.isnan(over_samples([[1.0, 2.0]]).error).all()


def test_bad_sizes(quenched: Path) -> None:
    with pytest.raises(InputError, match="no size N = 99; there are 24"):
        SiteEnsemble.of(Simulation.open(quenched), 99)
