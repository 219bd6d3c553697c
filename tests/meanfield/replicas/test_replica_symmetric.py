"""RS at T = 0 and T > 0: known numbers, brute-force evaluation, thermodynamic identities, symmetries."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from meanfield import LocalStiffness, Model, ParameterError, glass_temperature, solve
from meanfield.replicas.replica_symmetric import ReplicaSymmetric, averages
from meanfield.sites.single_site import effective_potential, global_minimum

TWO_KINDS = LocalStiffness.discrete((-2.0, 4.0), (0.5, 0.5))


def free_energy(model, T, p, q, C):
    """The replica-symmetric free energy as a function of free order parameters."""
    m = model.j0 * p + model.field
    phi = averages(model, T, m, q, C).phi
    return model.j0 * p**2 / 2 + C * q / 2 + T * C**2 / 4 - phi


def test_known_glass_at_zero_temperature():
    s = solve(Model(gamma=4.0), "rs")
    assert s.converged
    assert s.phase == "glassy"
    assert s.q[0] == pytest.approx(32.81862, abs=5e-6)
    assert pytest.approx(0.883937, abs=5e-7) == s.C
    assert s.free_energy == pytest.approx(-12.453637, abs=5e-7)
    assert s.internal_energy == pytest.approx(s.free_energy, rel=1e-12)
    assert s.double_well_fraction == pytest.approx(0.132, abs=5e-4)
    assert s.replicon_sum == pytest.approx(0.14, abs=5e-3)
    assert s.C_reg == pytest.approx(0.341, abs=5e-4)


def test_known_polarised_state():
    s = solve(Model(gamma=1.0, j0=3.0), "rs")
    assert s.converged
    assert s.p == pytest.approx(3.468874, abs=5e-7)
    assert s.q[0] == pytest.approx(12.364938, abs=5e-7)
    assert pytest.approx(0.157148, abs=5e-7) == s.C
    assert s.free_energy == pytest.approx(-6.905141, abs=5e-7)
    assert s.replicon > 0
    assert [other.phase for other in s.solutions] == ["glassy"]
    assert s.solutions[0].free_energy > s.free_energy


def test_a_field_alone_makes_no_phase():
    assert solve(Model(gamma=0.4, field=0.1), "rs").phase == "in a field"
    assert solve(Model(gamma=4.0, j0=0.5, field=-0.1), "rs", 1.0).phase == "in a field"


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("gamma", [0.55, 4.0])
def test_polarisation_however_close_to_its_onset(gamma, distance):
    # Beyond J0 C = 1 p grows like the square root of the distance, with a relative correction of that order.
    response = solve(Model(gamma=gamma), "rs").C

    def p(x):
        s = solve(Model(gamma=gamma, j0=(1 + x) / response), "rs")
        assert s.converged
        assert [other.phase for other in s.solutions] == ["glassy"]
        return s.p

    # At 1e-8 rounding errors of the response (1e-13 after iteration) are 1e-5 of the distance.
    assert p(distance) / np.sqrt(distance) == pytest.approx(p(1e-4) / 1e-2, rel=0.03)


def test_equations_by_brute_force():
    s = solve(Model(gamma=4.0, j0=0.5, field=1.0), "rs")
    model, std, q, C = s.model, np.sqrt(s.q[0]), s.q[0], s.C
    m = model.j0 * s.p + model.field

    def average(function):
        def integrand(h):
            return function(h) * np.exp(-((h - m) ** 2) / (2 * q)) / np.sqrt(2 * np.pi * q)

        panels = [m - 10 * std, m - 3 * std, 0.0, m + 3 * std, m + 10 * std]
        pairs = itertools.pairwise(panels)
        return sum(quad(integrand, a, b, epsabs=1e-12, epsrel=1e-12, limit=200)[0] for a, b in pairs)

    def v(h):
        return float(global_minimum(h, C, 1.0, 1.0, 4.0))

    assert average(v) == pytest.approx(s.p, rel=1e-9)
    assert average(lambda h: v(h) ** 2) == pytest.approx(q, rel=1e-9)
    # By parts, not across the jump.
    assert average(lambda h: (h - m) * v(h)) / q == pytest.approx(C, rel=1e-9)
    phi = average(lambda h: -float(effective_potential(v(h), h, C, 1.0, 1.0, 4.0)))
    assert model.j0 * s.p**2 / 2 + C * q / 2 - phi == pytest.approx(s.free_energy, rel=1e-9)


@pytest.mark.parametrize(
    ("model", "T"),
    [
        (Model(gamma=4.0, field=0.7, j0=0.5), 0.0),
        (Model(gamma=1.0, j0=3.0), 0.0),
        (Model(gamma=1.0, a2=LocalStiffness.gaussian(1.0, 5.0), field=0.3, j0=-0.5), 0.0),
        (Model(gamma=4.0, field=0.7, j0=0.5), 3.0),
        (Model(gamma=1.0, a2=TWO_KINDS, field=0.2), 0.5),
    ],
)
def test_free_energy_is_stationary(model, T):
    s = solve(model, "rs", T)
    point = np.array([s.p, s.q[0], s.C])
    # f is smooth on the scale of the order parameters: central differences at 1e-4 err by about 1e-8 f.
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-4 * abs(point[k])
        up, down = free_energy(model, T, *(point + step)), free_energy(model, T, *(point - step))
        assert abs(up - down) / 2e-4 < 1e-6 * abs(s.free_energy)
    assert free_energy(model, T, *point) == pytest.approx(s.free_energy, rel=1e-13)


@given(
    gamma=st.floats(0.3, 30.0),
    j0=st.floats(-1.0, 3.0).map(lambda x: round(x, 2)),
    field=st.floats(-1.0, 1.0).map(lambda x: round(x, 2)),
    T=st.floats(0.05, 30.0),
)
@settings(max_examples=12, deadline=None)
def test_thermodynamic_identities(gamma, j0, field, T):
    model = Model(gamma=gamma, j0=j0, field=field)
    s = solve(model, "rs", T)
    assert s.converged
    # Follow this very solution (a fixed branch) to neighbouring temperatures.
    step = 1e-3 * T

    def at(temperature):
        return min(
            (x for o in [solve(model, "rs", temperature)] for x in (o, *o.solutions)),
            key=lambda x: abs(x.p - s.p) + abs(x.q[0] - s.q[0]),
        )

    up, down = at(T + step), at(T - step)
    scale = abs(s.free_energy) + T
    assert s.entropy == pytest.approx(-(up.free_energy - down.free_energy) / (2 * step), abs=1e-4 * scale / T)
    beta_f = up.free_energy / up.temperature - down.free_energy / down.temperature
    beta = 1 / up.temperature - 1 / down.temperature
    assert s.internal_energy == pytest.approx(beta_f / beta, abs=1e-4 * scale)


@pytest.mark.parametrize("model", [Model(gamma=4.0), Model(gamma=1.0, j0=3.0), Model(gamma=0.45, field=0.2)])
def test_low_temperature_joins_the_ground_state(model):
    cold, colder, ground = (solve(model, "rs", T) for T in (2e-4, 1e-4, 0.0))
    for name in ("internal_energy", "C", "q_diag", "p"):
        limit = 2 * getattr(colder, name) - getattr(cold, name)
        assert limit == pytest.approx(getattr(ground, name), rel=1e-6, abs=1e-6)


def test_exact_lines_at_zero_temperature():
    # Ergodic to glass at a2/gamma = 2; ergodic to polarised at a2/gamma = J0 + 1/J0 (J0 >= 1).
    for gamma, j0, phase in [
        (1 / 2.001, 0.0, "ergodic"),
        (1 / 1.999, 0.0, "glassy"),
        (1 / 2.001, 0.9, "ergodic"),
        (1 / 2.501, 2.0, "ergodic"),
        (1 / 2.499, 2.0, "polarised"),
    ]:
        s = solve(Model(gamma=gamma, j0=j0), "rs")
        assert (s.phase, s.converged) == (phase, True)


def test_ergodic_response_is_exact():
    s = solve(Model(gamma=0.4), "rs")
    assert pytest.approx((2.5 - np.sqrt(2.5**2 - 4)) / 2, rel=1e-14) == s.C
    assert s.replicon == pytest.approx(1 - s.C**2, rel=1e-14)
    assert (s.free_energy, s.q[0]) == (0.0, 0.0)


@given(gamma=st.floats(0.3, 20.0), j0=st.integers(-2, 3), field=st.floats(0.01, 2.0))
@settings(max_examples=10, deadline=None)
def test_mirror_symmetry(gamma, j0, field):
    model = Model(gamma=gamma, j0=j0, field=field)
    up, down = solve(model, "rs"), solve(replace(model, field=-field), "rs")
    assert up.p == -down.p
    assert up.free_energy == down.free_energy
    assert up.p > 0
    h = np.linspace(-5.0, 5.0, 11)
    np.testing.assert_allclose(up.field_density(h), down.field_density(-h), rtol=1e-13)


@given(gamma=st.floats(0.6, 20.0), scale=st.floats(0.2, 5.0), T=st.sampled_from([0.0, 0.3]))
@settings(max_examples=10, deadline=None)
def test_scaling_laws(gamma, scale, T):
    # v = s w: energies, fields and temperature scale so that C does not change. With a2 unchanged,
    # a4 -> a4/s^2 maps q -> s^2 q, f -> s^2 f, T -> s^2 T (an entropy ln s apart).
    a = solve(Model(gamma=gamma), "rs", T)
    b = solve(Model(gamma=gamma, a4=1 / scale**2), "rs", scale**2 * T)
    assert pytest.approx(a.C, rel=1e-9) == b.C
    assert b.q[0] == pytest.approx(scale**2 * a.q[0], rel=1e-9)
    assert b.internal_energy == pytest.approx(scale**2 * a.internal_energy, rel=1e-9)
    # gamma only enters through a2/gamma and a4/gamma.
    c = solve(Model(gamma=scale * gamma, a2=scale, a4=scale), "rs", T)
    assert c.free_energy == pytest.approx(a.free_energy, rel=1e-9)


def test_ising_leaf():
    s = solve(Model(potential="ising"), "rs")
    assert s.free_energy == pytest.approx(-np.sqrt(2 / np.pi), rel=1e-13)
    assert s.entropy == pytest.approx(-1 / (2 * np.pi), rel=1e-12)
    warm = solve(Model(potential="ising"), "rs", 1e-3)
    assert warm.entropy == pytest.approx(-1 / (2 * np.pi), rel=1e-2)
    hot = solve(Model(potential="ising"), "rs", 2.0)
    assert hot.free_energy == pytest.approx(-2 * np.log(2) - 1 / 8, rel=1e-13)


def test_ising_limit_of_the_quartic_model():
    # gamma = 1, a2 = -k, a4 = 6k: e + k/4 = -sqrt(2/pi) + O(1/k); Richardson extrapolation in 1/k.
    values = [solve(Model(a2=-k, a4=6 * k), "rs").free_energy + k / 4 for k in (100.0, 200.0, 400.0)]
    first = [2 * values[1] - values[0], 2 * values[2] - values[1]]
    assert (4 * first[1] - first[0]) / 3 == pytest.approx(-np.sqrt(2 / np.pi), abs=1e-6)
    assert abs(values[0] + np.sqrt(2 / np.pi)) > 1e-4  # there is something to extrapolate


def test_glass_temperatures():
    assert glass_temperature(Model(gamma=4.0)) == pytest.approx(21.550713, abs=5e-7)
    assert glass_temperature(Model(gamma=1.0, a2=TWO_KINDS)) == pytest.approx(10.061, abs=5e-4)
    assert glass_temperature(Model(potential="ising")) == pytest.approx(1.0, rel=1e-12)
    assert glass_temperature(Model(gamma=1 / 2.001)) is None
    assert 0 < glass_temperature(Model(gamma=1 / 1.999)) < 1e-2
    # J0 <= 1 changes nothing; beyond, the glass appears inside the polarised phase, at lower T.
    same = glass_temperature(Model(gamma=4.0, j0=0.99))
    assert same == pytest.approx(glass_temperature(Model(gamma=4.0)), rel=1e-12)
    assert glass_temperature(Model(gamma=4.0, j0=1.05)) < 20


def test_glass_temperature_is_where_the_overlap_appears():
    T_g = glass_temperature(Model(gamma=4.0))
    above, below = (solve(Model(gamma=4.0), "rs", T_g * x) for x in (1 + 1e-4, 1 - 1e-4))
    assert (above.phase, below.phase) == ("ergodic", "glassy")
    assert above.replicon > 0 > below.replicon
    # <v^2> = T and C = 1 at T_g.
    assert solve(Model(gamma=4.0), "rs", T_g * (1 + 1e-9)).q_diag == pytest.approx(T_g, rel=1e-6)


def test_almeida_thouless_temperature_is_marginal():
    model = Model(gamma=4.0, field=1.0)
    T = glass_temperature(model)
    assert solve(model, "rs", 1.001 * T).replicon > 0 > solve(model, "rs", 0.999 * T).replicon


def test_bracketing_finds_what_newton_finds():
    ansatz = ReplicaSymmetric(Model(gamma=4.0), 0.0)
    np.testing.assert_allclose(ansatz._bracketed(0.0), ansatz.solve(0.0).x, atol=1e-5)


def test_bad_input():
    with pytest.raises(ParameterError, match="temperature"):
        solve(Model(gamma=1.0), "rs", -1.0)
    with pytest.raises(ParameterError, match="ansatz"):
        solve(Model(gamma=1.0), "2rsb")
    with pytest.raises(ParameterError, match="delta function"):
        solve(Model(gamma=0.4), "rs").field_density(np.zeros(1))


def test_stability_counts_the_jump() -> None:
    """At gamma = 4, T = 0 the regular part of the replicon is positive, and RS is unstable all the same."""
    glass = solve(Model(gamma=4.0), "rs")
    assert glass.replicon > 0
    assert glass.has_jump
    assert not glass.stable
    assert solve(Model(gamma=1.0, j0=3.0), "rs").stable
    assert not solve(Model(potential="ising"), "rs").stable


@pytest.mark.parametrize("model", [Model(gamma=0.45, j0=0.999), Model(gamma=4.0, j0=-2.0), Model(gamma=4.0, j0=0.5)])
@pytest.mark.parametrize("T", [0.0, 0.1, 30.0])
def test_tiny_fields_have_the_linear_response(model, T):
    unpolarised = solve(replace(model, j0=0.0), "rs", T)
    for field in (1e-6, 1e-10):
        s = solve(replace(model, field=field), "rs", T)
        assert s.converged
        # p/F = C/(1 - J0 C), with corrections of order (F/T)^2 and, in a glass at T = 0, F^2/q.
        response = unpolarised.C / (1 - model.j0 * unpolarised.C)
        assert s.p / field == pytest.approx(response, rel=1e-6 if field == 1e-6 else 1e-8)
