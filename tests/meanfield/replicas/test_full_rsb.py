"""Full RSB at T = 0: the literature on Ising spins, exact statements, honest error bars."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from meanfield import LocalStiffness, Model, solve
from meanfield.replicas.limits import energy_limit

# Oppermann and Schmidt, Phys. Rev. E 78, 061124 (2008).
ISING = -0.763166726566547


@cache
def full(**parameters):
    steps = parameters.pop("steps", None)
    return solve(Model(**parameters), "frsb", steps=steps)


def test_ground_state_of_sherrington_kirkpatrick():
    s = full(potential="ising")
    assert s.converged
    assert s.free_energy == pytest.approx(ISING, abs=1e-7)
    assert 0 < abs(s.free_energy - ISING) < s.error < 1e-6


@pytest.mark.parametrize("steps", [3, 4, 5, 6])
def test_error_bar_is_honest(steps):
    s = full(potential="ising", steps=steps)
    assert s.mu.size == steps
    assert abs(s.free_energy - ISING) < s.error
    # Less than the energy of K steps is below the limit, 0.04/(K + 1.2)^4.
    assert s.error < 0.04 / (steps + 1.2) ** 4


def test_pseudogap_of_ising_spins():
    s = full(potential="ising")
    # P(h) rises as 0.3014 |h| up to h = 0.3, from the field 0.1 that eight steps resolve.
    low, high = s.field_density(np.array([0.1, 0.3]))
    assert (high - low) / 0.2 == pytest.approx(s.pseudogap_slope, rel=0.04)
    # At h = 0 it falls with every step: RS 0.399, one step 0.120, eight 0.011.
    assert s.field_density(np.zeros(1))[0] < 0.012


def test_glass_at_gamma_four():
    s = full(gamma=4.0)
    assert s.converged
    assert s.free_energy == pytest.approx(-12.1064, abs=5e-5)
    assert s.free_energy == pytest.approx(-12.10639092, abs=s.error)
    assert s.error < 1e-6 * abs(s.free_energy)
    assert s.internal_energy == s.free_energy
    # The slope of the pseudogap, 0.3014 (1 - R)/v0^2 with v0^2 = 24 (C_reg - 1/4) and R = E[1/U_eff''^2].
    R, v0_square = 1.0 - s.replicon, 24.0 * (s.C_reg - 0.25)
    assert s.pseudogap_slope == pytest.approx(0.3014 * (1.0 - R) / v0_square, rel=1e-12)
    # A jump at h = 0 makes the innermost replicon minus infinity, which JSON has no number for.
    assert s.to_dict()["replicons"][-1] is None
    # Above every finite K, by less than K = 2 and 3 are apart.
    two, three = (solve(Model(gamma=4.0), "krsb", steps=k).free_energy for k in (2, 3))
    assert two < three < s.free_energy < 2 * three - two
    assert s.C_reg == pytest.approx(0.34, abs=3e-3)
    assert s.double_well_fraction < 0.002
    assert np.all(np.diff(s.q) > 0)
    assert np.all(np.diff(s.mu) > 0)


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_susceptibility_tends_to_one(gamma):
    chi = [solve(Model(gamma=gamma), "1rsb").susceptibility]
    chi += [full(gamma=gamma, steps=k).susceptibility for k in (3, 4)]
    assert np.all(np.diff(chi) > 0)
    assert 0.9945 < chi[-1] < 1.0


def test_polarised_just_beyond_the_exact_boundary():
    # The boundary is J0 = 1; one step puts it at 1.030.
    s = full(gamma=4.0, j0=1.02, steps=3)
    assert s.phase == "polarised"
    assert [other.phase for other in s.solutions] == ["glassy"]
    assert s.free_energy < s.solutions[0].free_energy
    assert full(gamma=4.0, j0=0.98, steps=3).phase == "glassy"


def test_local_disorder():
    a2 = LocalStiffness.discrete((-2.0, 4.0), (0.5, 0.5))
    s = full(gamma=1.0, a2=a2, steps=4)
    assert s.converged
    assert s.free_energy > solve(Model(gamma=1.0, a2=a2), "1rsb").free_energy
    e = s.local_potentials(16)
    assert e.average(e.minima() ** 2) == pytest.approx(s.q[-1], rel=1e-8)
    assert e.average(e.responses()) == pytest.approx(s.C_reg, rel=1e-8)


def test_coincides_with_rs_where_that_is_stable():
    s, rs = full(gamma=1.0, j0=3.0), solve(Model(gamma=1.0, j0=3.0), "rs")
    assert s.free_energy == pytest.approx(rs.free_energy, rel=1e-12)
    assert (s.error, s.broken, s.converged) == (0.0, False, True)


def test_extrapolation():
    energies = -1.0 - 0.3 / (np.arange(1, 7) + 1.15) ** 4
    found = energy_limit(energies)
    assert found.value == pytest.approx(-1.0, abs=1e-9)
    assert found.error < 1e-8
    # A slower law is not extrapolated exactly: the error bar has to say so.
    slow = energy_limit(-1.0 - 0.3 / (np.arange(1, 7) + 1.15) ** 3)
    assert abs(slow.value + 1.0) < 2.0 * slow.error + 1e-3
    assert slow.error > 1e-6
    assert np.isnan(energy_limit(energies[:1]).error)


# Full RSB at J0 = 0 has double wells from gamma = 2.557(9) on: below, no jumps, C_reg = C and the replicon is 0.
@pytest.mark.parametrize("gamma", [1.5, 2.1, 2.2, 2.4, 2.5])
def test_regular_parts_below_the_onset_of_double_wells(gamma):
    found = full(gamma=gamma).to_dict()["limits"]
    assert abs(found["replicon"]["value"]) <= 2.0 * found["replicon"]["error"]
    assert found["replicon"]["error"] < 1.0
    apart = abs(found["C_reg"]["value"] - found["C"]["value"])
    assert apart <= 2.0 * np.hypot(found["C_reg"]["error"], found["C"]["error"])
    # Less than the two were apart at the last K: the error says something.
    assert found["C_reg"]["error"] < 0.006
    assert abs(found["double_well_fraction"]["value"]) <= 2.0 * found["double_well_fraction"]["error"]
    assert "pseudogap_slope" not in found


def test_regular_parts_far_above_the_onset_are_extrapolated():
    s = full(gamma=4.0)
    found = s.to_dict()["limits"]
    for name in ("C_reg", "replicon"):
        plain = s.limit(lambda one, name=name: getattr(one, name))
        assert found[name] == plain.to_dict()
    assert found["C_reg"]["value"] == pytest.approx(0.3307, abs=3e-4)
    assert found["replicon"]["value"] > 20.0 * found["replicon"]["error"]
    assert found["pseudogap_slope"]["value"] > 0.0


def test_regular_parts_where_nothing_jumps_are_extrapolated():
    s = full(gamma=2.0, steps=3)
    hot = replace(s, temperature=0.1)  # the ladder as it is: only whether a limit is taken of it matters
    assert hot.regular_limit(lambda one: one.C_reg, 7.0) == hot.limit(lambda one: one.C_reg)
    rs = solve(Model(gamma=2.2), "rs")
    assert rs.regular_limit(lambda one: one.C_reg, 7.0).value == rs.C_reg
