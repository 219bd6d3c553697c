"""Density of states against its plateau, cut-off and moments; double-well statistics against known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import LocalPotentials, LocalStiffness, Model, ParameterError, solve
from meanfield.quantum.canonical import excitations_of, tunnelling_gaps
from meanfield.quantum.density_of_states import density_of_states, solution_density_of_states
from meanfield.quantum.levels import levels, wells_of
from meanfield.quantum.thermal_ensemble import solution_thermodynamics, thermal_ensemble
from meanfield.quantum.tunnel_splitting import tunnel_splitting
from meanfield.quantum.well_statistics import well_statistics


def test_plateau_cut_off_and_rise():
    """RS: nothing below Delta_0, a plateau P(0) dh/dDelta, the weight of the divergence at Delta_0."""
    s, X = solve(Model(gamma=4.0), "rs"), 1.5
    splitting = np.exp(tunnel_splitting(np.full(1, s.C), 1.0, 1.0, 4.0, X)[0])
    assert 1e-4 < splitting < 0.01
    edges = np.concatenate([[0.0], splitting * np.geomspace(0.01, 0.999, 5), np.geomspace(0.02, 30.0, 200)])
    dos = solution_density_of_states(s, X, edges, 3)
    assert np.all(dos.total[:5] == 0)
    h = np.array([0.02, 0.03])
    pair = levels(h, s.C, gamma=4.0, hbar2_over_m=X, n=2).heights
    slope = np.diff(np.diff(pair, axis=1)[:, 0])[0] / 0.01
    plateau = 2.0 / np.sqrt(2 * np.pi * s.q[0]) / slope
    flat = (edges[:-1] > 20 * splitting) & (edges[1:] < 0.3)
    np.testing.assert_allclose(dos.first[flat], plateau, rtol=3e-3)
    assert dos.first.max() > 5 * plateau
    # The weight piled up at the splitting is all there: the plateau from zero on, sqrt(E^2 - Delta_0^2) of it.
    first = edges[6] / splitting
    assert dos.first[5] * np.diff(edges)[5] == pytest.approx(plateau * splitting * np.sqrt(first**2 - 1), rel=1e-2)
    np.testing.assert_allclose(dos.by_level @ np.diff(edges), 1.0, atol=1e-6)


def test_moments_of_the_ensemble():
    """The mean of E_n - E_0 by quadrature over the same fields, with local disorder too."""
    for a2 in (LocalStiffness.fixed(1.0), LocalStiffness.gaussian(1.0, 1.0)):
        s, X = solve(Model(gamma=2.0, a2=a2), "rs"), 0.5
        edges = np.linspace(0.0, 40.0, 4001)
        dos = solution_density_of_states(s, X, edges, 3)
        e = thermal_ensemble(s, 1e-3)
        pick = np.random.default_rng(6).choice(len(e), 2500, p=e.weight) if a2.continuous else np.arange(len(e))
        weight = np.full(2500, 1 / 2500) if a2.continuous else e.weight
        heights = levels(e.h[pick], e.C[pick], e.a2[pick], e.a4[pick], e.gamma[pick], hbar2_over_m=X, n=3).heights
        mean = weight @ (heights[:, 1:] - heights[:, :1])
        found = dos.by_level @ (np.diff(edges) * 0.5 * (edges[1:] + edges[:-1]))
        # The disordered ensemble is sampled; its excitations spread by about half their mean.
        np.testing.assert_allclose(found, mean, rtol=1e-4 if not a2.continuous else 4 * 0.5 / 50)


def test_two_level_integral_gives_the_specific_heat():
    """At low T the specific heat is the Schottky integral over the density of the first excitation."""
    s, X, T = solve(Model(gamma=4.0), "1rsb"), 0.1, 1e-3
    edges = np.concatenate([[0.0], np.geomspace(1e-6, 0.1, 2000)])
    dos = solution_density_of_states(s, X, edges, 2)
    x = 0.5 * (edges[1:] + edges[:-1]) / T
    C = np.sum(dos.first * np.diff(edges) * (0.5 * x / np.cosh(0.5 * x)) ** 2)
    assert solution_thermodynamics(s, X, T).specific_heat[0] == pytest.approx(C, rel=1e-4)


def test_histogram_of_a_sample_agrees_within_its_errors():
    s, X = solve(Model(gamma=4.0), "rs"), 0.5
    edges = np.linspace(0.0, 4.0, 21)
    theory = solution_density_of_states(s, X, edges, 3)
    rng = np.random.default_rng(2)
    sample = LocalPotentials.from_arrays(h=np.sqrt(s.q[0]) * rng.standard_normal(2500), C=s.C, gamma=4.0)
    found = density_of_states(sample, X, edges, 3)
    some = theory.by_level * np.diff(edges) * 2500 > 10
    z = (found.by_level - theory.by_level)[some] / found.error[some]
    assert np.mean(z**2) < 2.0
    # A wrong width of the fields must show.
    wrong = LocalPotentials.from_arrays(h=1.2 * sample.h, C=s.C, gamma=4.0)
    found = density_of_states(wrong, X, edges, 3)
    z = (found.by_level - theory.by_level)[some] / np.maximum(found.error[some], 1e-3)
    assert np.mean(z**2) > 3.0


def test_bad_energies():
    e = LocalPotentials.from_arrays(h=[0.0], C=[1.0], gamma=4.0)
    for edges in ([1.0], [1.0, 0.5], [-1.0, 1.0], [0.0, np.nan]):
        with pytest.raises(ParameterError, match="energies"):
            density_of_states(e, 1.0, edges)
    with pytest.raises(ParameterError, match="2 levels"):
        density_of_states(e, 1.0, [0.0, 1.0], 1)


def test_statistics_without_disorder():
    """Delta and lambda determine each other, and Delta is evenly distributed up to the width of P(h)."""
    s, X = solve(Model(gamma=4.0), "rs"), 0.1
    w = well_statistics(s.local_potentials(64), X)
    assert w.fraction == pytest.approx(s.double_well_fraction, rel=1e-6)
    assert w.dependence() > 0.95
    assert w.information() > 2.5
    assert w.flatness("asymmetry") < 0.2
    edges = np.linspace(0.0, 1.01 * w.tunnelling.max(), 30)
    assert w.density("tunnelling", edges) @ np.diff(edges) == pytest.approx(1.0, rel=1e-12)
    joint = w.joint_density(np.linspace(0, 20, 9), edges)
    assert joint.sum() * 2.5 * (edges[1] - edges[0]) == pytest.approx(1.0, rel=1e-9)
    # Splittings: the exact one is close to the asymmetry where that is large and to Delta_0 at h = 0.
    small = w.asymmetry < 1e-3
    assert np.all(w.splitting[small] < 1.1e-3)
    assert np.all(np.abs(w.splitting / w.asymmetry - 1)[(w.asymmetry > 0.01) & (w.asymmetry < 0.2)] < 0.1)
    np.testing.assert_allclose(w.log_tunnel_energy, w.log_tunnel_energy[0])
    symmetric = w.asymmetry < 1e-3 * w.barrier
    np.testing.assert_allclose(w.wkb[symmetric], 4 / 3 * w.tunnelling[symmetric], rtol=0.01)


def test_measures_of_independence():
    """Even and independent numbers in place of wells give zero, within their sampling error."""
    from dataclasses import replace

    s = solve(Model(gamma=4.0), "rs")
    w = well_statistics(s.local_potentials(), 0.1)
    rng = np.random.default_rng(4)
    n = 100_000
    flat = replace(w, weight=np.full(n, 1 / n), asymmetry=rng.random(n), tunnelling=rng.random(n))
    assert flat.flatness("asymmetry") < 2.0 / np.sqrt(n)
    assert flat.dependence() < 10.0 / np.sqrt(n)
    assert flat.information() == pytest.approx(31**2 / (2 * n), rel=0.2)
    same = replace(flat, tunnelling=flat.asymmetry**3)
    assert same.dependence() > 0.95
    assert same.information() == pytest.approx(np.log(32), rel=1e-2)
    assert same.flatness("tunnelling") > 0.3


def test_no_double_wells():
    e = LocalPotentials.from_arrays(h=[1.0, 2.0], C=[-1.0, 0.1], gamma=4.0)
    w = well_statistics(e, 1.0)
    assert w.fraction == 0
    assert w.density("asymmetry", [0.0, 1.0]) == 0
    with pytest.raises(ParameterError, match="no double wells"):
        w.dependence()


def test_splitting_of_a_well_that_lies_high():
    """With Delta above hbar omega the two-level system is no longer made of the two lowest levels."""
    k, f = np.array([14.0]), np.array([1.6])
    excitations, _ = excitations_of(k, f, 8)
    wells = wells_of(k, f)
    omega = np.sqrt(wells[0, 4])
    assert 2.0 * omega < wells[0, 3] < 3.0 * omega
    gap = tunnelling_gaps(excitations, wells)[0]
    # Some level is the ground state of the upper well: nearer than any excitation of the lower one by chance.
    distance = np.abs(excitations[0] - gap)
    assert distance.min() < 0.06 * omega
    assert gap > 1.5 * excitations[0, 1]
