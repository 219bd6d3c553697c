"""The family of 1RSB states at given mu: optimum, Legendre structure, an independent evaluation, both temperatures."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from meanfield import Model, ParameterError, cli, solve
from meanfield.replicas.complexity import complexity
from meanfield.replicas.k_step_rsb import KStep
from meanfield.replicas.one_step_family import Family, Member

CASES = [
    (Model(gamma=4.0), 0.0),
    (Model(potential="ising"), 0.0),
    (Model(gamma=4.0, j0=1.1, field=0.5), 0.0),
    (Model(gamma=4.0), 4.0),
]


@cache
def curve(case):
    return complexity(*case)


@pytest.mark.parametrize("case", CASES)
def test_vanishes_at_the_optimum(case):
    c = curve(case)
    at = int(np.argmin(np.abs(c.complexity)))
    assert c.mu[at] == c.solution.mu[0]
    assert abs(c.complexity[at]) < 1e-11
    assert c.energy[at] == pytest.approx(c.solution.free_energy, rel=1e-11)
    # f(mu) has its maximum there; fewer states the lower their energy.
    assert np.argmax(c.free_energy) == at
    assert np.all(c.complexity[:at] > 0)
    assert np.all(c.complexity[at + 1 :] < 0)
    assert c.mu[0] < 0.5 * c.mu[at] < 2.0 * c.mu[at] < c.mu[-1]
    assert not c.stable.any()


@pytest.mark.parametrize("case", CASES)
def test_legendre_structure(case):
    # e = d(mu f)/dmu by differences in ln mu of second and fourth order: the fourth is right to a part of their
    # difference, itself small against how e varies.
    c = curve(case)
    f0 = c.solution.free_energy
    t, y = np.log(c.mu), c.mu * (c.free_energy - f0)
    step = t[1] - t[0]
    second = (y[3:-1] - y[1:-3]) / (2.0 * step) / c.mu[2:-2]
    fourth = second * 4.0 / 3.0 - (y[4:] - y[:-4]) / (12.0 * step) / c.mu[2:-2]
    error = np.abs(second - fourth)
    assert np.max(error) < 0.02 * np.ptp(c.energy)
    assert np.all(np.abs(fourth + f0 - c.energy[2:-2]) < 0.3 * error + 1e-4 * np.ptp(c.energy))


def test_energy_and_complexity_are_conjugate():
    c = curve(CASES[0])
    # On the lower branch (where Sigma falls with mu): dSigma = mu de, by the trapezoidal rule.
    de, mean = np.diff(c.energy), 0.5 * (c.mu[1:] + c.mu[:-1])
    np.testing.assert_allclose(np.diff(c.complexity), mean * de, rtol=3e-3, atol=1e-6)


def test_two_temperatures_join():
    cold, ground = complexity(Model(gamma=4.0), 1e-5, 12), complexity(Model(gamma=4.0), 0.0, 12)
    np.testing.assert_allclose(cold.mu, ground.mu, rtol=1e-4)
    np.testing.assert_allclose(cold.complexity, ground.complexity, rtol=1e-5, atol=1e-12)


def test_family_leads_from_rs_to_the_optimum():
    # With a mean field: from mu -> 0, where q_1 and C are those of RS, up to the 1RSB solution.
    model = Model(gamma=1.0, j0=1.2)
    rs, one = solve(model, "rs"), solve(model, "1rsb")
    family = Family(KStep(model, rs.m))
    first = next(family.rising(float(rs.q[-1]), rs.C))
    assert np.exp(first.x[0]) == pytest.approx(rs.q[-1], rel=1e-5)
    assert first.slope > 0
    near = family.near_optimum(float(rs.q[-1]), rs.C)
    found = family.branch.solve(near, 1)
    assert found.converged
    assert np.exp(found.x[0]) == pytest.approx(one.q[1], rel=1e-9)


def test_refused_without_breaking():
    with pytest.raises(ParameterError, match="no broken"):
        complexity(Model(gamma=1.0, j0=3.0))
    with pytest.raises(ParameterError, match="points"):
        complexity(Model(gamma=4.0), points=2)
    with pytest.raises(ParameterError, match="points"):
        complexity(Model(gamma=4.0), points=2001)


def test_ends_are_named():
    # Without a mean field q_0 vanishes at a smallest mu > 0: finer steps get closer to it, never beyond.
    few, many = complexity(Model(gamma=4.0), points=8), complexity(Model(gamma=4.0), points=60)
    assert few.ends == many.ends == ("q_0 vanishes", "end of the range: 4 mu*")
    assert few.mu[0] >= many.mu[0]
    assert many.q[0, 0] < 0.05 * many.q[0, 1]
    assert few.mu.size < few.requested == 8
    # With one the family reaches mu -> 0.
    polarised = complexity(Model(gamma=1.0, j0=1.2), points=5)
    assert polarised.ends[0] == "end of the range: 0.1 mu*"
    assert few.converged
    assert polarised.converged


def test_failed_iteration_is_told(monkeypatch, capsys):
    def stuck(self, mu, start):
        return Member(start, 0.0, 1.0, False)

    monkeypatch.setattr(Family, "solve", stuck)
    monkeypatch.setattr("sys.argv", ["meanfield", "complexity", "--gamma=4", "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 3
    output = capsys.readouterr()
    curve = json.loads(output.out)
    assert (curve["converged"], curve["ends"]) == (False, ["the iteration failed"] * 2)
    assert "not converged" in output.err
