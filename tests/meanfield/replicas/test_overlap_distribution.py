"""q(x) and P(q) of full RSB: published functions of Ising spins, both ends in temperature, what is written."""

from __future__ import annotations

from functools import cache

import h5py
import numpy as np
import pytest
from scipy.special import erf

from meanfield import Model, solve
from meanfield.commands.solution_file import save
from meanfield.replicas.overlap_distribution import overlap_distribution

ISING = Model(potential="ising")


@cache
def full(model, T, steps=7):
    return solve(model, "frsb", T, steps)


def test_ground_state_of_ising_spins():
    # q(mu) = (sqrt(pi)/2) (mu/xi) erf(xi/mu), xi = 1.13: the model function of Oppermann, Schmidt and Sherrington,
    # Phys. Rev. Lett. 98, 127201 (2007), within its own accuracy of half a per cent.
    d = overlap_distribution(full(ISING, 0.0))
    expected = 0.5 * np.sqrt(np.pi) * d.mu / 1.13 * erf(1.13 / d.mu)
    np.testing.assert_allclose(d.q.value, expected, rtol=0.012, atol=0.002)
    assert np.all(np.abs(d.q.value - expected) < d.q.error + 0.005)
    assert np.max(d.q.error) < 0.02
    assert d.mu[-1] / d.mu[0] > 15
    # The density of overlaps is the derivative of the curve.
    slope = 0.5 * np.sqrt(np.pi) * erf(1.13 / d.mu) / 1.13 - np.exp(-((1.13 / d.mu) ** 2)) / d.mu
    off, error = d.density.value * slope - 1.0, d.density.error * slope
    some = d.mu < 4.0
    assert np.all((np.abs(off) < 2.0 * error + 0.05)[some])
    assert np.max(np.abs(off)[some]) < 0.15


def test_linear_next_to_the_transition():
    # q(x) = (1/2 + 3 tau/2) x + O(tau^2) (Parisi; next order from the expansion of Crisanti and Rizzo).
    d = overlap_distribution(full(ISING, 0.95))
    x = 0.95 * d.mu
    np.testing.assert_allclose(d.q.value / x, 0.575, atol=0.003)
    np.testing.assert_allclose(0.95 * d.density.value, 1.0 / 0.575, rtol=0.01)


def test_weight_of_the_distribution():
    # C + int mu dq = 1 exactly, the ends of the range by straight lines.
    s = full(Model(gamma=4.0), 6.0)
    d = overlap_distribution(s)
    low, high = d.q.value[0], d.q.value[-1]
    inside = np.trapezoid(d.mu, d.q.value)
    bottom, top = 0.5 * d.mu[0] * low, d.mu[-1] * (float(d.largest.value) - high)
    C = float(s.limit(lambda one: one.C).value)
    assert C + inside + bottom + top == pytest.approx(1.0, abs=0.03)


def test_files(tmp_path):
    s = full(ISING, 0.5, 5)
    save(s, tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5") as file:
        d = file["overlap_distribution"]
        np.testing.assert_allclose(d["x"][:], 0.5 * d["mu"][:])
        np.testing.assert_allclose(d["P"][:], 0.5 * d["dmu_dq"][:])
        P, h = file["field_density/P"][:], file["field_density/h"][:]
        assert np.trapezoid(P, h) == pytest.approx(1.0, abs=1e-3)
        assert np.max(file["field_density/P_error"][:]) < 0.01


def test_field_density_shows_the_pseudogap():
    # P(h) = 0.3014 |h| for small fields at T = 0 (Oppermann and Schmidt), within the error given.
    s = full(ISING, 0.0)
    h = np.array([0.0, 0.05, 0.1])
    P = s.limit(lambda one: one.field_density(h), power=2.0)
    assert np.all(np.abs(P.value - 0.3014 * h) < 2.0 * P.error)
    assert np.all(P.error < 0.02)
    rs = solve(ISING, "rs")
    assert overlap_distribution(rs) is None
