"""Single-site potential: stationary points, double wells, thermal moments, against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from meanfield.model import LocalStiffness, Model, ParameterError
from meanfield.sites.double_wells import double_wells
from meanfield.sites.ground_state import half_line_nodes
from meanfield.sites.single_site import (
    critical_field,
    effective_curvature,
    effective_force,
    effective_potential,
    global_minimum,
    stationary_points,
)
from meanfield.sites.thermal import thermal_site

# Rounded: subnormal numbers test floating-point underflow, not physics.
fields = st.floats(-50.0, 50.0).map(lambda x: round(x, 6))
responses = st.floats(0.0, 3.0).map(lambda x: round(x, 6))
stiffnesses = st.floats(-10.0, 10.0).map(lambda x: round(x, 6))
couplings = st.floats(0.05, 50.0)


@given(h=fields, C=responses, a2=stiffnesses, a4=st.floats(0.1, 10.0), gamma=couplings)
@settings(max_examples=200, deadline=None)
def test_stationary_points_are_the_roots_of_the_cubic(h, C, a2, a4, gamma):
    found = [float(v) for v in stationary_points(h, C, a2, a4, gamma) if np.isfinite(v)]
    u, kappa = a4 / (6 * gamma), C - a2 / gamma
    expected = np.roots([u, 0.0, -kappa, -h])
    scale = np.max(np.abs(expected)) + 1e-300
    # numpy.roots loses half the digits at a double root; away from the fold it is good to 1e-9.
    gap = min(abs(a - b) for i, a in enumerate(expected) for b in expected[:i])
    if gap > 1e-3 * scale:
        real = np.sort(expected[np.abs(expected.imag) < 1e-9 * scale].real)
        np.testing.assert_allclose(np.sort(found), real, rtol=0, atol=1e-9 * scale)
    for v in found:
        assert abs(effective_force(v, h, C, a2, a4, gamma)) <= 1e-12 * (abs(h) + u * scale**3 + abs(kappa) * scale)


def test_stationary_points_near_the_fold():
    C, a2, a4, gamma = 0.9, 1.0, 1.0, 4.0
    h_c = float(critical_field(C, a2, a4, gamma))
    left, top, right = stationary_points(h_c * (1 - 1e-8), C, a2, a4, gamma)
    # At distance eps from the fold the two points are at -s (1 -+ sqrt(2 eps/3)), s = v0/sqrt(3).
    s = np.sqrt((C - 0.25) / (3 * a4 / (6 * gamma)))
    assert (top - left) / s == pytest.approx(2 * np.sqrt(2e-8 / 3), rel=1e-3)
    assert right == pytest.approx(2 * s, rel=1e-7)
    assert np.isnan(stationary_points(h_c * (1 + 1e-8), C, a2, a4, gamma)[1])


@given(h=fields, C=responses, a2=stiffnesses, gamma=couplings)
@settings(max_examples=100, deadline=None)
def test_global_minimum_beats_a_scan(h, C, a2, gamma):
    v = float(global_minimum(h, C, a2, 1.0, gamma))
    scan = np.linspace(-3 * abs(v) - 1, 3 * abs(v) + 1, 4001)
    energy = effective_potential(scan, h, C, a2, 1.0, gamma)
    lowest = float(effective_potential(v, h, C, a2, 1.0, gamma))
    assert lowest <= energy.min() + 1e-12 * np.abs(energy).max()
    assert effective_curvature(v, C, a2, 1.0, gamma) >= -1e-9


@given(h=st.floats(-2.0, 2.0), C=st.floats(0.3, 2.0), gamma=st.floats(1.0, 20.0))
@settings(max_examples=60, deadline=None)
def test_double_wells_against_a_scan(h, C, gamma):
    h_c = float(critical_field(C, 1.0, 1.0, gamma))
    wells = {kind: double_wells(h, C, 1.0, 1.0, gamma, kind) for kind in ("upper", "lower", "mean")}
    assert bool(wells["upper"].exists) == (abs(h) < h_c)
    if h_c < 1e-2 or abs(h) > 0.95 * h_c:
        return
    v = np.linspace(-40.0, 40.0, 400_001)
    energy = effective_potential(v, h, C, 1.0, 1.0, gamma)
    inner = energy[1:-1]
    minima = np.flatnonzero((inner < energy[:-2]) & (inner <= energy[2:])) + 1
    assert minima.size == 2
    top = energy[minima[0] : minima[1] + 1].max()
    low, high = np.sort(energy[minima])
    # The scan misses an extremum by less than curvature * (grid/2)^2 / 2.
    assert wells["upper"].asymmetry == pytest.approx(high - low, abs=1e-7)
    assert wells["upper"].barrier == pytest.approx(top - high, abs=1e-7)
    assert wells["lower"].barrier == pytest.approx(top - low, abs=1e-7)
    assert wells["mean"].barrier == pytest.approx(top - (low + high) / 2, abs=1e-7)
    assert wells["upper"].distance == pytest.approx(v[minima[1]] - v[minima[0]], abs=5e-4)


def test_tunnelling_parameter_of_a_symmetric_well():
    # kappa = 1/2 at gamma = 4: v0^2 = kappa/u = 12, V = kappa^2/(4u) = 3/2, d = 2 v0.
    wells = double_wells(0.0, 0.75, 1.0, 1.0, 4.0)
    assert wells.barrier == pytest.approx(1.5, rel=1e-14)
    assert wells.tunnelling(0.3) == pytest.approx(np.sqrt(12) * np.sqrt(2 * 1.5 / 0.3), rel=1e-14)
    with pytest.raises(ParameterError):
        wells.tunnelling(0.0)


def _moments(h, kappa, u, T):
    """<v>, variance, <v^4> and phi by adaptive quadrature around the global minimum."""
    grid = np.linspace(-30.0, 30.0, 600_001)
    energy = -h * grid - kappa * grid**2 / 2 + u * grid**4 / 4
    low = energy.min()

    def integrate(power, centre=0.0):
        def f(v):
            action = (-h * v - kappa * v * v / 2 + u * v**4 / 4 - low) / T
            return (v - centre) ** power * np.exp(-action)

        inside = grid[(energy - low) / T < 60]
        edges = np.linspace(inside[0], inside[-1], 41)
        return sum(quad(f, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in itertools.pairwise(edges))

    Z = integrate(0)
    mean = integrate(1) / Z
    return mean, integrate(2, mean) / Z, integrate(4) / Z, -low + T * np.log(Z)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("T", [0.02, 0.3, 2.0, 40.0])
@pytest.mark.parametrize("C", [0.0, 0.25, 0.9])
@pytest.mark.parametrize("h", [0.05, 0.7, 3.0])
def test_thermal_moments_against_quadrature(T, C, h):
    model = Model(gamma=4.0)
    site = thermal_site(model, T, C, np.array([1.0]), np.array([h]))
    mean, variance, v4, phi = _moments(h, C - 0.25, model.quartic, T)
    assert site.v[0] == pytest.approx(mean, rel=1e-10)
    assert site.variance[0] == pytest.approx(variance, rel=1e-9)
    assert site.v4[0] == pytest.approx(v4, rel=1e-10)
    assert site.phi[0] == pytest.approx(phi, rel=1e-10, abs=1e-10 * T)


@given(h=st.floats(0.0, 20.0), C=responses, a2=stiffnesses, gamma=couplings, T=st.floats(1e-6, 100.0))
@settings(max_examples=150, deadline=None)
def test_virial_theorem(h, C, a2, gamma, T):
    # <v U_eff'> = T for any Boltzmann weight: u <v^4> - kappa <v^2> - h <v> = T.
    model = Model(gamma=gamma)
    site = thermal_site(model, T, C, np.array([a2]), np.array([h]))
    kappa = C - a2 / gamma
    terms = model.quartic * site.v4[0], kappa * site.v2[0], h * site.v[0]
    assert terms[0] - terms[1] - terms[2] == pytest.approx(T, abs=1e-9 * (T + sum(map(abs, terms))))


def test_half_line_nodes_integrate_over_fields():
    model, C = Model(gamma=4.0), 0.9
    edges = np.array([0.0, 1.0, 4.0, 10.0])
    nodes = half_line_nodes(model, C, np.array(1.0), edges, 16)
    np.testing.assert_allclose(global_minimum(nodes.h, C, 1.0, 1.0, 4.0), nodes.v, rtol=1e-12)
    depth = -effective_potential(nodes.v, nodes.h, C, 1.0, 1.0, 4.0)
    np.testing.assert_allclose(nodes.phi, depth - (C - 0.25) ** 2 / (4 * model.quartic), atol=1e-12)
    exact = quad(lambda h: np.exp(-h) * global_minimum(h, C, 1.0, 1.0, 4.0), 0, 10, epsabs=1e-13)[0]
    assert np.sum(nodes.dh * np.exp(-nodes.h) * nodes.v) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("kind", [LocalStiffness.gaussian(1.0, 5.0), LocalStiffness.uniform(-1.0, 4.0)])
@pytest.mark.parametrize("split", [-1e3, 0.3, 1e3])
def test_stiffness_rules_have_their_moments(kind, split):
    a2, weight = kind.rule(split, 16)
    assert weight.sum() == pytest.approx(1.0, rel=1e-14)
    assert weight @ a2 == pytest.approx(kind.mean, rel=1e-10)
    assert weight @ (a2 - kind.mean) ** 2 == pytest.approx(kind.std**2, rel=1e-10)


def test_parameters_are_checked():
    for bad in ({"gamma": 0.0}, {"gamma": np.nan}, {"a4": 0.0}, {"j0": np.inf}, {"field": "x"}, {"potential": "x"}):
        with pytest.raises(ParameterError, match=next(iter(bad))):
            Model(**bad)
    with pytest.raises(ParameterError, match="must not exceed"):
        LocalStiffness.uniform(2.0, 1.0)
    with pytest.raises(ParameterError, match="weight"):
        LocalStiffness.discrete((1.0, 2.0), (1.0, -1.0))
