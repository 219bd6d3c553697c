"""Ensembles of local potentials: they reproduce the solution they come from, and survive a file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from meanfield import LocalPotentials, LocalStiffness, Model, ParameterError, solve
from meanfield.commands import solution_file
from meanfield.sites.single_site import local_potential

CASES = [
    (Model(gamma=4.0), "rs"),
    (Model(gamma=4.0), "1rsb"),
    (Model(gamma=4.0, field=1.0), "1rsb"),
    (Model(gamma=1.0, j0=3.0), "rs"),
    (Model(gamma=1.0, a2=LocalStiffness.gaussian(1.0, 5.0)), "rs"),
    (Model(gamma=1.0, a2=LocalStiffness.discrete((-2.0, 4.0), (0.5, 0.5)), field=0.2), "1rsb"),
]


@pytest.mark.parametrize(("model", "ansatz"), CASES)
def test_averages_reproduce_the_solution(model, ansatz):
    s = solve(model, ansatz)
    e = s.local_potentials(16)
    v = e.minima()
    assert e.weight.sum() == pytest.approx(1.0, rel=1e-12)
    # p is a difference between the two sides of h = 0.
    assert e.average(v) == pytest.approx(s.p, abs=1e-8 * np.sqrt(s.q[-1]))
    assert e.average(v**2) == pytest.approx(s.q[-1], rel=1e-8)
    assert e.average(e.responses()) == pytest.approx(s.C_reg, rel=1e-7)
    assert e.average(e.responses() ** 2) == pytest.approx(s.replicon_sum, rel=1e-4)
    assert e.double_well_fraction() == pytest.approx(s.double_well_fraction, rel=1e-6, abs=1e-12)
    u = e.average(local_potential(v, e.a2, e.a4)) / model.gamma
    u -= model.j0 * s.p**2 / 2 + model.field * s.p + s.C * s.q[-1]
    if s.broken:
        u -= s.mu[0] * (s.q[1] ** 2 - s.q[0] ** 2) / 2
    assert u == pytest.approx(s.internal_energy, rel=1e-8)


@pytest.mark.parametrize(("model", "ansatz"), CASES[:4])
def test_field_density_is_normalised_with_the_right_variance(model, ansatz):
    s = solve(model, ansatz)
    h = np.linspace(-12, 12, 4001) * np.sqrt(s.q[-1]) + s.m
    P = s.field_density(h)
    dh = h[1] - h[0]
    # The trapezoidal rule on a density with a kink at h = 0 errs by about dh^2.
    assert P.sum() * dh == pytest.approx(1.0, abs=1e-5)
    assert np.all(P >= 0)


def test_high_temperature_ensemble():
    s = solve(Model(gamma=4.0), "rs", 5.0)
    e = s.local_potentials()
    assert e.double_well_fraction() == pytest.approx(s.double_well_fraction, rel=1e-6)
    ergodic = solve(Model(gamma=4.0), "rs", 30.0).local_potentials()
    assert len(ergodic) == 1
    assert ergodic.h[0] == 0.0


def test_densities_integrate_to_the_double_well_fraction():
    s = solve(Model(gamma=4.0), "rs")
    e = s.local_potentials(64)
    edges = np.linspace(0.0, 20.0, 60)
    fraction = e.double_well_fraction()
    assert e.asymmetry_density(edges) @ np.diff(edges) == pytest.approx(fraction, rel=1e-9)
    assert e.tunnelling_density(edges * 10, 0.1) @ np.diff(edges * 10) == pytest.approx(fraction, rel=1e-9)
    h_edges = np.linspace(-60.0, 60.0, 25)
    expected = s.field_density(0.5 * (h_edges[1:] + h_edges[:-1]))
    np.testing.assert_allclose(e.field_density(h_edges), expected, atol=3e-3)


def test_round_trip_through_files(tmp_path):
    s = solve(Model(gamma=4.0), "1rsb")
    e = s.local_potentials()
    e.save(tmp_path / "ensemble.h5")
    solution_file.save(s, tmp_path / "solution.h5")
    for path in ("ensemble.h5", "solution.h5"):
        again = LocalPotentials.load(tmp_path / path)
        for name in ("h", "C", "a2", "a4", "gamma", "weight"):
            np.testing.assert_array_equal(getattr(again, name), getattr(e, name))
    with h5py.File(tmp_path / "solution.h5") as file:
        assert file.attrs["free_energy"] == s.free_energy
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1.0
    with pytest.raises(ParameterError, match="no ensemble"):
        LocalPotentials.load(tmp_path / "other.h5")


def test_ensemble_of_a_simulated_state():
    e = LocalPotentials.from_arrays(h=[0.1, -0.2, 3.0, 0.0], C=[0.8, 0.9, 0.7, 0.2], gamma=4.0)
    np.testing.assert_allclose(e.weight, 0.25)
    np.testing.assert_array_equal(e.double_wells().exists, [True, True, False, False])
    for bad in (
        {"h": [1.0, np.nan], "C": 1.0},
        {"h": [1.0, 2.0], "C": [1.0, 2.0, 3.0]},
        {"h": [1.0], "C": 1.0, "weight": [0.5]},
        {"h": [1.0], "C": 1.0, "a4": 0.0},
    ):
        with pytest.raises(ParameterError, match="local potentials"):
            LocalPotentials.from_arrays(**bad)


def test_ising_spins_have_no_local_potentials():
    with pytest.raises(ParameterError, match="Ising"):
        solve(Model(potential="ising"), "rs").local_potentials()
