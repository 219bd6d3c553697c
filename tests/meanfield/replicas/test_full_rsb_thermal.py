"""Full RSB at T > 0: the literature on Ising spins, exact statements, thermodynamic identities, both ends in T."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from meanfield import Model, solve
from meanfield.replicas.limits import energy_limit, limit

ISING, GLASS = Model(potential="ising"), Model(gamma=4.0)


@cache
def full(model, T, steps=5):
    return solve(model, "frsb", T, steps)


@pytest.mark.parametrize("tau", [0.02, 0.05])
def test_expansion_at_the_transition(tau):
    # q_EA = tau + tau^2 - tau^3 + (5/2) tau^4 + O(tau^5), tau = 1 - T (Crisanti and Rizzo, Phys. Rev. E 65,
    # 046137 (2002)); x(q) at its end is 2 tau to leading order.
    s = full(ISING, 1.0 - tau)
    assert s.converged
    found = s.limit(lambda one: one.q[-1])
    expected = tau + tau**2 - tau**3 + 2.5 * tau**4
    assert abs(found.value - expected) < found.error + 12.0 * tau**5
    assert found.error < 0.1 * tau**2


def test_entropy_at_low_temperature():
    # s = 0.72 T^2 (Crisanti and Rizzo), and f = e_0 - 0.24 T^3: no term linear or quadratic in T.
    for T in (0.05, 0.1):
        s = full(ISING, T)
        assert s.entropy / T**2 == pytest.approx(0.72, abs=0.01)
        assert (s.free_energy + 0.7631667) / T**3 == pytest.approx(-0.24, abs=0.01)


@pytest.mark.parametrize("case", [(ISING, 0.4), (GLASS, 1e-3), (GLASS, 6.0)])
def test_exact_statements(case):
    s = full(*case)
    assert s.converged
    assert s.error < 2e-6 * abs(s.free_energy)
    # The susceptibility is 1 everywhere in the glass, every replicon is zero, q(0) = 0.
    chi = s.limit(lambda one: one.susceptibility)
    assert abs(chi.value - 1.0) < chi.error < 2e-3
    assert abs(s.limit(lambda one: one.q[0]).value) < s.limit(lambda one: one.q[0]).error
    marginal = s.limit(lambda one: one.replicons[0])
    assert abs(marginal.value) < marginal.error
    if s.model is ISING:
        assert s.limit(lambda one: one.q_diag).value == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("case", [(GLASS, 6.0), (Model(gamma=4.0, field=1.0), 3.0)])
def test_thermodynamic_identities(case):
    model, T = case
    s, dT = full(model, T, 4), 0.01 * T
    up, down = full(model, T + dT, 4), full(model, T - dT, 4)
    assert -(up.free_energy - down.free_energy) / (2 * dT) == pytest.approx(s.entropy, rel=1e-4)
    energy = (up.free_energy / (T + dT) - down.free_energy / (T - dT)) / (1 / (T + dT) - 1 / (T - dT))
    assert energy == pytest.approx(s.internal_energy, rel=2e-4)
    assert s.internal_energy - T * s.entropy == pytest.approx(s.free_energy, rel=1e-12)
    # The entropy of K steps is converged far better than what is compared here.
    assert s.limit(lambda one: one.entropy).error < 1e-4 * abs(s.entropy)


def test_joins_the_ground_state():
    ground = full(GLASS, 0.0)
    s = full(GLASS, 1e-3)
    assert abs(s.internal_energy - ground.internal_energy) < 0.51e-3 + ground.error
    found, at_zero = (one.limit(lambda o: o.C) for one in (s, ground))
    assert abs(found.value - at_zero.value) < found.error + at_zero.error


def test_joins_the_ergodic_phase():
    for T in (21.4, 21.55):
        s, rs = full(GLASS, T), solve(GLASS, "rs", T)
        assert s.converged
        assert s.free_energy == pytest.approx(rs.free_energy, rel=1e-10)
        assert s.internal_energy == pytest.approx(rs.internal_energy, abs=1e-6)
    assert full(GLASS, 21.56).phase == "ergodic"


@pytest.mark.parametrize("case", [(ISING, 0.0), (ISING, 0.3), (GLASS, 0.0), (GLASS, 6.0)])
def test_errors_cover_what_more_steps_find(case):
    # Two more steps move every limit by less than the errors of the two.
    few, more = full(*case, 5), full(*case, 7)
    assert abs(few.free_energy - more.free_energy) < few.error
    for name in ("q_diag", "C", "C_reg", "susceptibility", "replicons"):
        pick = (lambda s: s.replicons[0]) if name == "replicons" else (lambda s, name=name: getattr(s, name))
        a, b = few.limit(pick), more.limit(pick)
        assert abs(a.value - b.value) <= 1.5 * (a.error + b.error) + 1e-12, name


def test_limit_of_power_laws():
    K = np.arange(1, 9)[:, None]
    w = np.array([1.0, 5 / 3, 2.0, 4.0])
    found = limit(2.0 - 0.7 * (K + 1.3) ** -w, 8)
    assert np.all(np.abs(found.value - 2.0) < found.error)
    assert np.all(found.error < 0.5 * (8.0 + 1.3) ** -w)
    # Slower than any law that occurs: the error has to be of the order of what is missing.
    slow = limit(2.0 - 0.7 * (K[:, 0] + 1.3) ** -0.5, 8)
    assert slow.error > 0.02
    assert limit([3.0, 3.0, 3.0, 3.0], 8).error == 0.0
    assert np.isnan(limit([3.0], 1).error)
    # Two energies as well as one have a meaning, and their error says that they are few.
    assert energy_limit([-1.2, -1.1]).error > 0.005
