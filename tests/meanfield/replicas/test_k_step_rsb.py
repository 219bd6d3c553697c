"""K steps at T = 0: published numbers, the 1RSB solver, numerical derivatives, brute-force recursion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meanfield import LocalStiffness, Model, ParameterError, solve
from meanfield.replicas.k_step_averages import KStepFields
from meanfield.replicas.k_step_rsb import free_energy
from meanfield.sites.single_site import effective_potential, global_minimum


def fields_of(solution, refine=1.0):
    s = solution
    return KStepFields.build(s.model, s.m, s.q, s.C, s.mu, refine=refine)


def replica_free_energy(model, p, q, C, mu):
    fields = KStepFields.build(model, model.j0 * p + model.field, q, C, mu)
    return free_energy(model, replace(fields.averages(), p=p), q, C, mu)


def test_two_steps_of_sherrington_kirkpatrick():
    s = solve(Model(potential="ising"), "krsb", steps=2)
    assert s.converged
    assert s.free_energy == pytest.approx(-0.76360801, abs=5e-9)
    np.testing.assert_allclose(s.q, [0.3214, 0.8495, 1.0], atol=5e-5)
    np.testing.assert_allclose(s.mu, [0.8350, 2.7404], atol=6e-5)
    assert s.internal_energy == pytest.approx(s.free_energy, rel=1e-9)


def test_two_steps_at_gamma_four():
    s = solve(Model(gamma=4.0), "krsb", steps=2)
    assert s.free_energy == pytest.approx(-12.11229, abs=5e-6)
    assert s.C_reg == pytest.approx(0.351, abs=5e-4)
    assert s.internal_energy == pytest.approx(s.free_energy, rel=1e-9)


@pytest.mark.parametrize(
    "model",
    [
        Model(potential="ising"),
        Model(gamma=4.0),
        Model(gamma=0.6),
        Model(gamma=4.0, j0=0.9, field=-0.5),
        Model(gamma=1.0, a2=LocalStiffness.uniform(-1.0, 5.0)),
    ],
)
def test_one_step_is_that_of_the_other_solver(model):
    s, one = solve(model, "krsb", steps=1), solve(model, "1rsb")
    assert s.converged
    assert s.free_energy == pytest.approx(one.free_energy, rel=1e-11)
    np.testing.assert_allclose(s.q, one.q, rtol=1e-7)
    # E[1/U_eff''^2] is dominated by rare sites where the a2 are continuous, a challenge to both quadratures.
    assert s.replicon_sum == pytest.approx(one.replicon_sum, rel=1e-4 if model.a2.continuous else 1e-8)
    for name in ("p", "C", "C_reg", "susceptibility"):
        assert getattr(s, name) == pytest.approx(getattr(one, name), rel=1e-7, abs=1e-12)
    np.testing.assert_allclose(s.mu, one.mu, rtol=1e-7)
    np.testing.assert_allclose(s.replicons[0], one.replicons[0], rtol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        Model(gamma=4.0),
        Model(gamma=4.0, j0=1.08),
        Model(gamma=4.0, j0=0.5, field=1.0),
        Model(gamma=1.0, a2=LocalStiffness.discrete((-2.0, 4.0), (0.5, 0.5))),
    ],
)
def test_free_energy_is_stationary(model):
    s = solve(model, "krsb", steps=3)
    assert s.converged
    assert s.residual < 1e-9
    point = np.array([s.p, s.C, *s.q, *s.mu])
    f = replica_free_energy(model, s.p, s.q, s.C, s.mu)
    assert f == pytest.approx(s.free_energy, rel=1e-11)
    for k in range(point.size):
        step = np.zeros(point.size)
        step[k] = 1e-4 * point[k]
        shifted = (point + step, point - step)
        up, down = (replica_free_energy(model, x[0], x[2:6], x[1], x[6:]) for x in shifted)
        # The slope is zero on the scale of the curvature: f moves by less than the second difference.
        assert abs(up - down) < 1e-2 * abs(up + down - 2.0 * f) + 2e-10 * abs(f), k


def test_recursion_by_brute_force():
    # Two outer layers on a fine uniform grid, the innermost one too: an independent evaluation.
    model, q, C, mu = Model(gamma=4.0), np.array([8.0, 20.0, 27.0, 31.0]), 0.5, np.array([0.01, 0.03, 0.1])
    a = KStepFields.build(model, 1.5, q, C, mu).averages()
    h = np.linspace(-110.0, 110.0, 4400)  # no point at the jump
    dh = h[1] - h[0]
    v = global_minimum(h, C, 1.0, 1.0, 4.0)
    phi = -effective_potential(v, h, C, 1.0, 1.0, 4.0)
    gauss = [np.exp(-((h[:, None] - h) ** 2) / (2 * d)) / np.sqrt(2 * np.pi * d) * dh for d in np.diff(q)]
    levels = [phi]
    for k in (2, 1, 0):
        levels.insert(0, np.log(gauss[k] @ np.exp(mu[k] * (levels[0] - 200.0))) / mu[k] + 200.0)
    P = np.exp(-((h - 1.5) ** 2) / (2 * q[0])) / np.sqrt(2 * np.pi * q[0])
    phi0 = float(P @ levels[0]) * dh
    assert a.phi0 == pytest.approx(phi0, rel=1e-5)
    slopes = [np.gradient(level, dh, edge_order=2) for level in levels[:3]] + [v]
    assert a.p == pytest.approx(float(P @ slopes[0]) * dh, rel=1e-4)
    for k in range(4):
        assert a.q[k] == pytest.approx(float(P @ slopes[k] ** 2) * dh, rel=2e-4)
        if k < 3:
            P = np.exp(mu[k] * levels[k + 1]) * (gauss[k].T @ (P * np.exp(-mu[k] * levels[k])))
    assert a.norm_error < 1e-9


def test_quadrature_is_converged():
    s = solve(Model(gamma=4.0), "krsb", steps=4)
    a, finer = fields_of(s).averages(), fields_of(s, refine=1.7).averages()
    np.testing.assert_allclose(a.q, finer.q, rtol=1e-9)
    np.testing.assert_allclose(a.gain, finer.gain, rtol=1e-9)
    assert a.phi0 == pytest.approx(finer.phi0, rel=1e-11)
    assert a.norm_error < 1e-9


@given(gamma=st.floats(0.55, 40.0), field=st.sampled_from([0.0, 0.3]))
@settings(max_examples=4, deadline=None)
def test_energy_does_not_fall_with_more_steps(gamma, field):
    model = Model(gamma=gamma, field=field)
    energies = [solve(model, "rs").free_energy]
    for steps in (1, 2, 3):
        s = solve(model, "krsb", steps=steps)
        assert s.converged
        assert s.internal_energy == pytest.approx(s.free_energy, rel=1e-7)
        if s.broken:
            assert np.all(np.diff(s.q) > 0)
            assert np.all(np.diff(s.mu) > 0)
        energies.append(s.free_energy)
    assert np.all(np.diff(energies) > -1e-11 * abs(energies[0]))


def test_scaling_law():
    a, b = (solve(Model(gamma=3.0, a4=a4), "krsb", steps=3) for a4 in (1.0, 0.25))
    assert b.free_energy == pytest.approx(4 * a.free_energy, rel=1e-10)
    np.testing.assert_allclose(b.q, 4 * a.q, rtol=1e-7)
    np.testing.assert_allclose(b.mu, a.mu / 4, rtol=1e-7)


@pytest.mark.parametrize("model", [Model(gamma=4.0), Model(gamma=4.0, j0=0.5, field=-1.0)])
def test_averages_over_local_potentials(model):
    s = solve(model, "krsb", steps=3)
    e = s.local_potentials(16)
    v = e.minima()
    assert e.average(v) == pytest.approx(s.p, abs=1e-8)
    assert e.average(v**2) == pytest.approx(s.q[-1], rel=1e-9)
    assert e.average(e.responses()) == pytest.approx(s.C_reg, rel=1e-9)
    assert e.double_well_fraction() == pytest.approx(s.double_well_fraction, rel=1e-8)
    # The jumps: C = C_reg + 2 v0 P(0).
    v0 = np.sqrt((s.C - 0.25) * 24)
    assert s.C_reg + 2 * v0 * s.field_density(np.zeros(1))[0] == pytest.approx(s.C, rel=1e-8)
    h = np.linspace(-70.0, 70.0, 1401)
    assert s.field_density(h).sum() * 0.1 == pytest.approx(1.0, abs=5e-5)


def test_polarised_state_beyond_the_boundary_of_one_step():
    # At J0 = 1.02 one step is glassy (boundary 1.030); its susceptibility with four steps is 0.995.
    model = Model(gamma=4.0, j0=1.02)
    assert solve(model, "1rsb").phase == "glassy"
    s = solve(model, "krsb", steps=4)
    assert s.converged
    assert s.phase == "polarised"
    assert s.free_energy < s.solutions[0].free_energy


def test_without_breaking():
    s = solve(Model(gamma=1.0, j0=3.0), "krsb", steps=3)
    assert s.free_energy == pytest.approx(solve(Model(gamma=1.0, j0=3.0), "rs").free_energy, rel=1e-12)
    assert (s.q.size, s.mu.size, s.broken) == (4, 3, False)
    assert solve(Model(gamma=0.4), "krsb", steps=2).phase == "ergodic"


def test_number_of_steps_is_checked():
    for bad in (None, 0, -1, 1.5, 99):
        with pytest.raises(ParameterError, match="steps"):
            solve(Model(gamma=4.0), "krsb", steps=bad)
    with pytest.raises(ParameterError, match="steps"):
        solve(Model(gamma=4.0), "1rsb", steps=2)
