"""1RSB and K steps at T > 0: brute force, thermodynamic identities, the limits T -> 0 and T -> T_g."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meanfield import Model, glass_temperature, solve
from meanfield.replicas.k_step_averages import KStepFields
from meanfield.replicas.k_step_rsb import free_energy
from meanfield.replicas.thermal_layer import thermal_layer
from meanfield.sites.thermal import thermal_site

ISING = Model(potential="ising")


@cache
def broken(model, T, steps=1):
    return solve(model, "krsb", T, steps)


def replica_free_energy(model, T, p, q, C, mu):
    a = KStepFields.build(model, model.j0 * p + model.field, q, C, mu, temperature=T).averages()
    return free_energy(model, a, q, C, mu) + 0.25 * T * C**2


def test_ising_spins_by_brute_force():
    # f of one step in its textbook form, m = mu T, by sums over a uniform grid of Gaussian variables.
    T = 0.5
    s = broken(ISING, T)
    assert s.converged
    (q0, q1), m = s.q, s.mu[0] * T
    z = np.linspace(-9.0, 9.0, 361)
    w = np.exp(-0.5 * z * z)
    w /= w.sum()

    def f(q0, q1, m):
        h = np.sqrt(q0) * z[:, None] + np.sqrt(q1 - q0) * z[None, :]
        inner = np.log((2.0 * np.cosh(h / T)) ** m @ w)
        bracket = 1.0 + m * q0**2 + (1.0 - m) * q1**2 - 2.0 * q1
        return -0.25 * bracket / T - T / m * float(w @ inner)

    assert s.free_energy == pytest.approx(f(q0, q1, m), rel=1e-11)
    for k in range(3):
        step = 1e-4 * np.eye(3)[k]
        up, down = f(*(np.array([q0, q1, m]) + step)), f(*(np.array([q0, q1, m]) - step))
        assert abs(up - down) < 1e-10
    assert solve(ISING, "rs", T).free_energy < s.free_energy < broken(ISING, T, 2).free_energy
    assert solve(ISING, "1rsb", T).free_energy == pytest.approx(s.free_energy, rel=1e-12)


@pytest.mark.parametrize(("model", "T", "steps"), [(Model(gamma=4.0), 5.0, 2), (Model(gamma=4.0, field=1.0), 2.0, 1)])
def test_stationarity_and_thermodynamics(model, T, steps):
    s = broken(model, T, steps)
    assert s.converged
    assert s.residual < 1e-9
    dT = 0.02 * T
    up, down = broken(model, T + dT, steps), broken(model, T - dT, steps)
    assert -(up.free_energy - down.free_energy) / (2 * dT) == pytest.approx(s.entropy, rel=2e-4)
    energy = (up.free_energy / (T + dT) - down.free_energy / (T - dT)) / (1 / (T + dT) - 1 / (T - dT))
    assert energy == pytest.approx(s.internal_energy, rel=2e-4)
    point = np.array([s.C, *s.q, *s.mu])
    n = 2 + steps
    for k in range(point.size):
        step = np.zeros(point.size)
        step[k] = 1e-4 * point[k]
        shifted = (point + step, point - step)
        high, low = (replica_free_energy(model, T, s.p, x[1:n], x[0], x[n:]) for x in shifted)
        assert abs(high - low) < 1e-2 * abs(high + low - 2.0 * s.free_energy) + 1e-11 * abs(s.free_energy)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    gamma=st.floats(0.7, 8.0),
    j0=st.sampled_from([0.0, 0.6]),
    field=st.sampled_from([0.0, 0.2]),
    share=st.floats(0.2, 0.7),
)
def test_every_condition_is_a_slope_of_f(gamma, j0, field, share):
    """At random parameters: f is flat in C, q_0, q_1 and mu, and at fixed order parameters s = -df/dT, u = f + T s."""
    model = Model(gamma=gamma, j0=j0, field=field)
    T = share * glass_temperature(Model(gamma=gamma))
    s = solve(model, "1rsb", T)
    assert s.converged
    assert s.internal_energy == pytest.approx(s.free_energy + T * s.entropy, abs=1e-9 * abs(s.free_energy))
    if not s.broken:
        return
    point = np.array([s.C, *s.q, *s.mu])
    at = replica_free_energy(model, T, s.p, s.q, s.C, s.mu) - 0.5 * j0 * s.p**2
    for k in range(point.size):
        step = np.zeros(point.size)
        step[k] = 1e-4 * point[k]
        high, low = (
            replica_free_energy(model, T, s.p, x[1:3], x[0], x[3:]) - 0.5 * j0 * s.p**2
            for x in (point + step, point - step)
        )
        assert abs(high - low) < 1e-2 * abs(high + low - 2.0 * at) + 1e-11 * abs(s.free_energy)


def test_joins_the_ground_state():
    ground = solve(ISING, "1rsb")
    for T in (0.05, 0.1):
        s = broken(ISING, T)
        # f = e - T s_0 + O(T^2), with the entropy -C^2/4 of the ground state.
        assert abs(s.free_energy - (ground.free_energy - T * ground.entropy)) < 0.07 * T**2
        assert s.mu[0] == pytest.approx(ground.mu[0], rel=2.5 * T)


def test_joins_the_transition():
    # q(x) is linear just below T_g: one step has q_0 = q_1/3, m grows from 0.
    s, rs = broken(ISING, 0.97), solve(ISING, "rs", 0.97)
    assert s.q[0] / s.q[1] == pytest.approx(1 / 3, abs=1e-3)
    assert 0 < s.mu[0] * 0.97 < 0.05
    assert 0 < s.free_energy - rs.free_energy < 1e-8
    assert s.susceptibility == pytest.approx(1.0, abs=1e-4)
    above = broken(Model(gamma=4.0), 22.0)
    assert (above.phase, above.converged) == ("ergodic", True)


def test_fields_and_local_potentials():
    s = broken(Model(gamma=4.0, field=1.0), 2.0)
    h = np.linspace(-80.0, 80.0, 1601)
    P = s.field_density(h)
    assert P.sum() * 0.1 == pytest.approx(1.0, abs=1e-9)
    assert (P @ h) * 0.1 > s.m  # the tilt
    # The self-overlap exceeds q_1 by the thermal fluctuations.
    assert s.q_diag == pytest.approx(s.q[1] + 2.0 * s.C, rel=1e-12)
    e = s.local_potentials()
    assert e.double_well_fraction() == pytest.approx(s.double_well_fraction, rel=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
def test_cold_limit_is_smooth(steps):
    # Averages at T -> 0 join those of the other quadrature, which cuts the fields at the jump, linearly in T.
    ground = solve(Model(gamma=4.0), "krsb", steps=steps)
    for T in (1e-3, 1e-5):
        s = broken(Model(gamma=4.0), T, steps)
        assert s.converged
        assert s.free_energy + T * s.entropy == pytest.approx(ground.internal_energy, abs=0.55 * T)
        np.testing.assert_allclose(s.q, ground.q, rtol=2 * T)
        np.testing.assert_allclose(s.mu, ground.mu, rtol=2 * T)
        np.testing.assert_allclose(s.C, ground.C, rtol=2 * T + 5e-9)


def test_layer_of_fields_by_brute_force():
    model, T, C, delta, mu = Model(gamma=4.0), 0.3, 0.6, 13.0, 0.03
    h0, a2 = np.array([0.0, 1.5, 9.0, 30.0]), np.array([1.0])
    layer = thermal_layer(model, T, C, delta, mu, a2, h0, 0.05)
    h, dh = np.linspace(-90.0, 90.0, 60001, retstep=True)
    site = thermal_site(model, T, C, a2[:, None], np.abs(h)[None, :])
    v, chi = np.sign(h) * site.v[0], site.variance[0] / T
    for i, centre in enumerate(h0):
        gauss = np.exp(-((h - centre) ** 2) / (2.0 * delta)) / np.sqrt(2.0 * np.pi * delta) * dh
        norm = float(gauss @ np.exp(mu * site.phi[0]))
        tilted = gauss * np.exp(mu * site.phi[0]) / norm
        phi0 = np.log(norm) / mu
        assert layer.phi0[0, i] == pytest.approx(phi0, rel=1e-12)
        assert layer.gain[0, i] == pytest.approx(float(tilted @ site.phi[0]) - phi0, rel=1e-9)
        expected = (tilted @ v, tilted @ v**2, tilted @ chi, tilted @ chi**2)
        found = (layer.v[0, i], layer.v2[0, i], layer.chi[0, i], layer.chi2[0, i])
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
        energy = tilted @ (0.5 * site.v2[0] + site.v4[0] / 24.0) / 4.0
        assert layer.G[0, i] == pytest.approx(energy, rel=1e-10)


@pytest.mark.parametrize("distance", [1e-2, 1e-4])
def test_next_to_the_transition(distance):
    # Parisi: q(x) = x/2 just below T_g = 1, here cut to one step, q_1 = 1 - T, m = (4/3) q_1 in units of T.
    s = broken(ISING, 1.0 - distance)
    assert s.converged
    assert s.q[1] == pytest.approx(distance, rel=1.5 * distance)
    assert s.q[0] / s.q[1] == pytest.approx(1 / 3, rel=distance)
    assert s.mu[0] / s.q[1] == pytest.approx(4 / 3, rel=3 * distance)
    almost = broken(Model(gamma=4.0), 21.550713 * (1.0 - distance))
    assert almost.converged
    assert almost.q[0] / almost.q[1] == pytest.approx(1 / 3, rel=2 * distance)


def test_stable_rs_is_not_broken():
    s, rs = broken(Model(gamma=1.0, j0=3.0), 0.5, 2), solve(Model(gamma=1.0, j0=3.0), "rs", 0.5)
    assert s.free_energy == rs.free_energy
    assert s.converged
    assert not s.broken


@pytest.mark.parametrize("share", [0.4, 0.45, 0.5, 0.55])
def test_the_branch_of_small_q_0_is_refused(share):
    # It satisfies the equations as well, with a lower f: overlaps maximise f, and q_0 is at least q_1/3 (its value at
    # the transition, where q(x) is linear).
    model = Model(gamma=1.0)
    T = share * 2.7416795
    rs, one = solve(model, "rs", T), solve(model, "1rsb", T)
    assert one.converged
    assert one.free_energy > rs.free_energy
    assert one.q[0] > one.q[1] / 3
