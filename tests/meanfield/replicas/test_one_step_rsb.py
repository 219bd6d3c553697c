"""1RSB at T = 0: published and independently computed numbers, stationarity, symmetries, limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from meanfield import LocalStiffness, Model, solve
from meanfield.replicas.field_distribution import FEW_STIFFNESSES, density_by_stiffness
from meanfield.replicas.newton import newton
from meanfield.replicas.one_step_rsb import averages, free_energy, stationarity
from meanfield.replicas.tilted_layer import tilted_layer
from meanfield.sites.single_site import effective_potential, global_minimum


def replica_free_energy(model, p, q0, q1, C, mu):
    m = model.j0 * p + model.field
    return free_energy(model, p, q0, q1, C, mu, averages(model, m, q0, q1, C, mu, refine=8).phi0)


def test_sherrington_kirkpatrick():
    s = solve(Model(potential="ising"), "1rsb")
    assert s.converged
    assert s.free_energy == pytest.approx(-0.76525943, abs=5e-9)
    assert s.q[0] == pytest.approx(0.476784, abs=5e-7)
    assert s.q[1] == pytest.approx(1.0, rel=1e-12)
    assert s.mu[0] == pytest.approx(1.360821, abs=5e-7)


def test_ising_limit_of_the_quartic_model():
    values = [solve(Model(a2=-k, a4=6 * k), "1rsb").free_energy + k / 4 for k in (100.0, 200.0, 400.0)]
    first = [2 * values[1] - values[0], 2 * values[2] - values[1]]
    assert (4 * first[1] - first[0]) / 3 == pytest.approx(-0.76525943, abs=1e-6)


def test_the_glass_at_gamma_four():
    s, rs = solve(Model(gamma=4.0), "1rsb"), solve(Model(gamma=4.0), "rs")
    assert s.converged
    # Between RS and two steps; -12.11229 is the two-step energy.
    assert rs.free_energy < s.free_energy < -12.11229
    assert s.C_reg == pytest.approx(0.354, abs=5e-4)
    assert s.internal_energy == pytest.approx(s.free_energy, rel=1e-12)
    assert 0.025 < s.double_well_fraction < 0.035
    # One step takes most of the RS value 0.8839 up to the exact susceptibility 1.
    assert 0.96 < s.susceptibility < 1.0
    # The jumps: C = C_reg + 2 v0 P(0).
    v0 = np.sqrt((s.C - 0.25) * 24)
    assert s.C_reg + 2 * v0 * s.field_density(np.zeros(1))[0] == pytest.approx(s.C, rel=1e-9)


def test_inner_layer_by_brute_force():
    model, C, delta_q, mu = Model(gamma=4.0), 0.6, 13.0, 0.03
    h0 = np.array([0.0, 1.5, 9.0, 30.0])
    layer = tilted_layer(model, C, delta_q, mu, np.array([1.0]), h0)

    def v(h):
        return float(global_minimum(h, C, 1.0, 1.0, 4.0))

    def phi(h):
        return -float(effective_potential(v(h), h, C, 1.0, 1.0, 4.0))

    std = np.sqrt(delta_q)
    for i, centre in enumerate(h0):

        def average(function, centre=centre):
            def integrand(h):
                gauss = np.exp(-((h - centre) ** 2) / (2 * delta_q)) / np.sqrt(2 * np.pi * delta_q)
                return function(h) * gauss * np.exp(mu * (phi(h) - phi(centre)))

            edges = np.unique(np.append(centre + std * np.array([-13.0, -5.0, 0.0, 5.0, 14.0]), 0.0))
            edges = edges[(edges >= centre - 13 * std) & (edges <= centre + 14 * std)]
            pairs = itertools.pairwise(edges)
            return sum(quad(integrand, a, b, epsabs=1e-12, epsrel=1e-12, limit=200)[0] for a, b in pairs)

        norm = average(lambda h: 1.0)
        phi0 = phi(centre) + np.log(norm) / mu
        assert layer.phi0[0, i] + phi(0.0) == pytest.approx(phi0, rel=1e-10)
        assert layer.v[0, i] == pytest.approx(average(v) / norm, rel=1e-9, abs=1e-9)
        assert layer.v2[0, i] == pytest.approx(average(lambda h: v(h) ** 2) / norm, rel=1e-9)
        assert layer.gain[0, i] == pytest.approx(average(phi) / norm - phi0, rel=1e-8)
        # C by parts: E_tilted[z v*]/sqrt(Delta q) - mu E_tilted[v*^2].
        by_parts = average(lambda h, c=centre: (h - c) * v(h)) / norm / delta_q
        by_parts -= mu * average(lambda h: v(h) ** 2) / norm
        assert layer.chi[0, i] == pytest.approx(by_parts, rel=1e-8)


@pytest.mark.parametrize(
    "model",
    [
        Model(gamma=4.0),
        Model(gamma=0.7),
        Model(gamma=4.0, j0=1.08),
        Model(gamma=4.0, field=1.0),
        Model(gamma=1.0, a2=LocalStiffness.uniform(-1.0, 5.0)),
    ],
)
def test_free_energy_is_stationary(model):
    s = solve(model, "1rsb")
    assert s.converged
    assert s.broken
    point = np.array([s.p, *s.q, s.C, *s.mu])
    assert replica_free_energy(model, *point) == pytest.approx(s.free_energy, rel=1e-11)
    # The gain over RS is what the order parameters decide: f must be flat on its scale.
    gain = s.free_energy - solve(model, "rs").free_energy
    for k in range(5):
        step = np.zeros(5)
        step[k] = 1e-3 * abs(point[k])
        up, down = replica_free_energy(model, *(point + step)), replica_free_energy(model, *(point - step))
        assert abs(up - down) / 2e-3 < 2e-4 * abs(s.free_energy) * 1e-1 + 1e-4 * abs(gain)


def test_derivative_with_respect_to_mu():
    model, m, q0, q1, C, mu = Model(gamma=4.0), 1.0, 15.0, 30.0, 0.6, 0.02
    a = averages(model, m, q0, q1, C, mu)
    analytic = (q1**2 - q0**2) / 4 - a.gain / mu
    step = 1e-4 * mu
    up, down = (
        free_energy(model, 0.0, q0, q1, C, x, averages(model, m, q0, q1, C, x).phi0) for x in (mu + step, mu - step)
    )
    assert (up - down) / (2 * step) == pytest.approx(analytic, rel=1e-6)
    # Away from the solution, so that the comparison is not between zeros.
    assert abs(analytic) > 0.1


def test_the_branch_without_outer_overlap_is_rejected():
    model, s = Model(gamma=4.0), solve(Model(gamma=4.0), "1rsb")

    def residual(y):
        q1, C, mu = np.exp(y)
        q0 = 1e-9 * q1
        return stationarity(averages(model, 0.0, q0, q1, C, mu), q0, q1, C, mu)[[0, 2, 3]]

    root = newton(residual, np.log([s.q[1], s.C, s.mu[0]]))
    assert root.converged
    q1, C, mu = np.exp(root.x)
    other = replica_free_energy(model, 0.0, 1e-9 * q1, q1, C, mu)
    assert other < s.free_energy - 1e-3
    assert s.q[0] > 0.1 * s.q[1]


@given(gamma=st.floats(0.52, 50.0), field=st.sampled_from([0.0, 0.2]))
@settings(max_examples=12, deadline=None)
def test_one_step_raises_the_energy(gamma, field):
    model = Model(gamma=gamma, field=field)
    one, rs = solve(model, "1rsb"), solve(model, "rs")
    assert one.converged
    assert one.residual < 1e-10
    assert one.free_energy >= rs.free_energy - 1e-12 * abs(rs.free_energy)
    assert one.internal_energy == pytest.approx(one.free_energy, rel=1e-9)
    if one.broken:
        assert 0 < one.q[0] < one.q[1]
        assert rs.susceptibility < one.susceptibility
    else:
        assert one.note


def test_scaling_law():
    a, b = solve(Model(gamma=3.0), "1rsb"), solve(Model(gamma=3.0, a4=0.25), "1rsb")
    assert b.free_energy == pytest.approx(4 * a.free_energy, rel=1e-11)
    np.testing.assert_allclose(b.q, 4 * a.q, rtol=1e-9)
    assert b.mu[0] == pytest.approx(a.mu[0] / 4, rel=1e-8)


def test_mirror_symmetry():
    up, down = (solve(Model(gamma=4.0, j0=0.5, field=F), "1rsb") for F in (0.3, -0.3))
    assert up.p == -down.p > 0
    np.testing.assert_array_equal(up.q, down.q)
    h = np.linspace(-8.0, 8.0, 9)
    # Each side is computed by its own quadrature.
    np.testing.assert_allclose(up.field_density(h), down.field_density(-h), rtol=1e-9)


def test_coincides_with_rs_where_that_is_stable():
    one, rs = solve(Model(gamma=1.0, j0=3.0), "1rsb"), solve(Model(gamma=1.0, j0=3.0), "rs")
    assert not one.broken
    assert one.converged
    assert "RS is stable" in one.note
    assert one.free_energy == pytest.approx(rs.free_energy, rel=1e-12)
    assert one.to_dict()["mu"] == [None]
    ergodic = solve(Model(gamma=0.4), "1rsb")
    assert ergodic.phase == "ergodic"
    np.testing.assert_array_equal(ergodic.q, [0.0, 0.0])


def test_one_step_moves_the_polarised_boundary():
    # RS puts it at 1/C = 1.131, one step at 1/(C + mu dq) = 1.030: at J0 = 1.08 they differ.
    model = Model(gamma=4.0, j0=1.08)
    assert solve(model, "rs").phase == "glassy"
    one = solve(model, "1rsb")
    assert one.phase == "polarised"
    assert one.free_energy < one.solutions[0].free_energy


@pytest.mark.parametrize(("gamma", "j0"), [(1.0, 1.2), (0.85, 1.15), (1.5, 1.4)])
def test_weakly_broken_polarised_glass(gamma, j0):
    # Between the boundary of the glass and the line where RS becomes stable the breaking is weak, and Newton's
    # iteration from generic starts gets lost.
    model = Model(gamma=gamma, j0=j0)
    s, rs = solve(model, "1rsb"), solve(model, "rs")
    assert s.converged
    assert s.phase == "polarised"
    assert s.broken
    assert s.residual < 1e-10
    assert rs.replicon < 0
    assert rs.free_energy < s.free_energy < rs.free_energy + 1e-4
    assert s.internal_energy == pytest.approx(s.free_energy, rel=1e-9)
    assert s.m == pytest.approx(j0 * s.p, rel=1e-9)


def test_fields_of_many_kinds_of_sites_are_those_of_each():
    """Many kinds share the grid of K steps; a few have integrals of their own."""
    s = solve(Model(gamma=1.0, a2=LocalStiffness.gaussian(1.0, 1.5)), "1rsb")
    assert s.broken
    z = np.linspace(-4.0, 4.0, FEW_STIFFNESSES + 1)
    h = np.broadcast_to(np.linspace(-4.0, 4.0, 33) * np.sqrt(s.q[-1]), (z.size, 33))
    together = density_by_stiffness(s, 1.0 + 1.5 * z, h)[::10]
    alone = density_by_stiffness(s, 1.0 + 1.5 * z[::10], h[::10])
    error = np.abs(together - alone).max(axis=1) / alone.max()
    assert error.max() < 1e-5
    assert error @ np.exp(-0.5 * z[::10] ** 2) / np.exp(-0.5 * z[::10] ** 2).sum() < 1e-7
