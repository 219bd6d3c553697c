"""Specific heat and entropy against harmonic oscillators, brute-force sums, identities, limits and other routes."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import LocalPotentials, LocalStiffness, Model, ParameterError, solve
from meanfield.quantum.canonical import averages
from meanfield.quantum.field_resolution import resolution_error
from meanfield.quantum.level_table import Grid, LevelTable
from meanfield.quantum.levels import levels, reduced_levels, wells_of
from meanfield.quantum.thermal_ensemble import solution_thermodynamics, thermal_ensemble
from meanfield.quantum.thermodynamics import (
    _averages_by_group,
    coarseness,
    thermodynamics,
    thermodynamics_by_group,
)
from meanfield.quantum.tunnel_splitting import tunnel_splitting
from meanfield.quantum.wigner_kirkwood import ORDERS, high_temperature, series


def level_sums(heights, T):
    """C and S from many levels, the textbook way."""
    e = heights[None, :] - heights[0]
    w = np.exp(-e / T[:, None])
    Z, u, u2 = w.sum(1), (w * e).sum(1), (w * e * e).sum(1)
    return (u2 / Z - (u / Z) ** 2) / T**2, np.log(Z) + u / Z / T


def test_harmonic_ensemble():
    """Stiff sites: an average of Einstein functions, from the quantum to the classical end."""
    stiffness = np.array([4e4, 9e4])
    X = 0.25
    e = LocalPotentials.from_arrays(h=[0.3, -2.0], C=0.0, a2=stiffness, a4=1e-8, gamma=1.0, weight=[0.3, 0.7])
    T = np.geomspace(1.0, 3e4, 40)
    x = np.sqrt(X * stiffness)[:, None] / T
    C = (0.5 * x / np.sinh(0.5 * np.minimum(x, 700))) ** 2
    S = 0.5 * x / np.tanh(0.5 * x) - np.log(2 * np.sinh(0.5 * x))
    found = thermodynamics(e, X, T)
    np.testing.assert_allclose(found.specific_heat, [0.3, 0.7] @ C, rtol=1e-7, atol=1e-15)
    np.testing.assert_allclose(found.entropy, [0.3, 0.7] @ S, rtol=1e-7, atol=1e-15)
    assert np.all(found.tunnelling_specific_heat == 0)


@pytest.mark.parametrize(("k", "f"), [(0.0, 0.0), (-4.0, 1.0), (4.0, 0.0), (9.0, 0.3), (6.0, 3.0), (2.0, 30.0)])
def test_one_site_against_three_hundred_levels(k, f):
    t = np.geomspace(0.02, 6.0, 50)
    heights = reduced_levels(np.array([k]), np.array([f]), 300)[0]
    C, S = level_sums(heights, t)
    found = averages(np.array([k]), np.array([f]), t[None, :])[0]
    np.testing.assert_allclose(found[:, 0], C, rtol=2e-7, atol=1e-13)
    np.testing.assert_allclose(found[:, 1], S, rtol=2e-8, atol=1e-13)
    # The reference rounds, with its high levels.
    assert np.all(np.abs(found[:, 0] - C) < found[:, 5] + 1e-10)


def test_series_of_the_harmonic_oscillator():
    """-beta^2 V''/24 and so on are the expansion of (y/2)/sinh(y/2)."""
    coefficient, exponent = series()
    harmonic = (exponent[:, 3] == 0) & (exponent[:, 4] == 0)
    # y/2/sinh(y/2) = 1 - y^2/24 + 7 y^4/5760 - 31 y^6/967680 + 127 y^8/154828800 - ...
    expected = [1.0, -1 / 24, 7 / 5760, -31 / 967680, 127 / 154828800]
    by_order = [coefficient[harmonic & (exponent[:, 0] == n)].sum() for n in range(len(expected))]
    np.testing.assert_allclose(by_order, expected, rtol=1e-14)
    assert exponent[:, 0].max() == ORDERS


@pytest.mark.parametrize(("k", "f"), [(0.0, 0.0), (5.0, 0.4), (-30.0, 2.0), (30.0, 0.0)])
def test_series_against_levels(k, f):
    """lnZ, energy and specific heat of the series, and an error estimate that holds and is not idle."""
    K, F = np.array([k]), np.array([f])
    well = wells_of(K, F)[0]
    heights = reduced_levels(K, F, 400)[0]
    out = np.empty(3)
    for t in (1.0 * np.sqrt(well[4] + 4.0), 2.0 * np.sqrt(well[4] + 4.0)):
        w = np.exp(-heights / t)
        u = (w @ heights) / w.sum()
        error = high_temperature(t, well, *series(), out)
        C = ((w @ heights**2) / w.sum() - u * u) / t**2
        assert abs(out[2] - C) < error + 1e-10
        assert error < 2e-5
        assert out[0] == pytest.approx(np.log(w.sum()), abs=error + 1e-10)
        assert out[1] == pytest.approx(u, abs=(error + 1e-10) * t)


def test_classical_limit():
    """One half from the momentum, one quarter from v^4, slowly approached."""
    e = LocalPotentials.from_arrays(h=[0.0, 1.0], C=0.9, gamma=4.0)
    found = thermodynamics(e, 0.3, [1e4, 1e6])
    assert np.all(np.abs(found.specific_heat - 0.75) < [3e-3, 3e-4])


def test_thermodynamic_identities():
    s = solve(Model(gamma=4.0), "rs")
    T = np.geomspace(1e-3, 20.0, 25)
    step = 1e-4
    low, mid, high = (solution_thermodynamics(s, 0.2, T * (1 + d)) for d in (-step, 0, step))
    # C = T dS/dT = dE/dT; the step costs step^2 relative to the third derivative.
    np.testing.assert_allclose((high.entropy - low.entropy) / (2 * step), mid.specific_heat, rtol=3e-6)
    np.testing.assert_allclose(
        (high.thermal_energy - low.thermal_energy) / (2 * step * T), mid.specific_heat, rtol=3e-6
    )


def test_linear_term_of_replica_symmetry():
    """Below the splitting of its sites nothing is left; above, P(0) gives C = (pi^2/6) (2 P(0)/(2 v0)) T, exactly."""
    s = solve(Model(gamma=4.0), "rs")
    X = 1e-3
    kappa, u = s.C - 0.25, 1.0 / 24
    log_splitting = tunnel_splitting(np.full(1, s.C), 1.0, 1.0, 4.0, X)[0]
    assert log_splitting < -100
    T = np.geomspace(1e-6, 1e-4, 7)
    found = solution_thermodynamics(s, X, T)
    # dDelta/dh of the levels, a little less than the distance 2 v0 of the minima.
    h = 1e-3
    pair = levels(h, s.C, gamma=4.0, hbar2_over_m=X, n=2).heights[0]
    slope = (pair[1] - pair[0]) / h
    assert slope == pytest.approx(2 * np.sqrt(kappa / u), rel=1e-2)
    P0 = 1.0 / np.sqrt(2 * np.pi * s.q[0])
    np.testing.assert_allclose(found.specific_heat, np.pi**2 / 6 * 2 * P0 / slope * T, rtol=1e-4)
    np.testing.assert_allclose(found.specific_heat, found.tunnelling_specific_heat, rtol=1e-9)
    assert found.exponent(1e-6, 1e-4) == pytest.approx(1.0, abs=1e-5)


def test_quadrature_is_converged():
    T = np.geomspace(1e-5, 5.0, 30)
    for ansatz in ("rs", "1rsb"):
        s = solve(Model(gamma=4.0), ansatz)
        coarse = thermodynamics(thermal_ensemble(s, 1e-5), 0.1, T)
        fine = thermodynamics(thermal_ensemble(s, 1e-6, 20), 0.1, T)
        np.testing.assert_allclose(coarse.specific_heat, fine.specific_heat, rtol=1e-8)
        np.testing.assert_allclose(coarse.entropy, fine.entropy, rtol=1e-8)


def test_error_with_local_disorder_is_that_of_the_quadrature_over_stiffness():
    """Splittings fall by powers of ten over a small range of a2: few nodes miss those of the order of T."""
    s = solve(Model(gamma=1.0, a2=LocalStiffness.gaussian(1.0, 5.0)), "rs")
    T = np.array([1e-4, 1e-3, 1e-2])
    found = solution_thermodynamics(s, 0.1, T)
    fine, coarse = (thermodynamics(thermal_ensemble(s, T[0], n_a2=n), 0.1, T).specific_heat for n in (90, 12))
    assert np.all(np.abs(found.specific_heat - fine) <= found.error)
    assert np.all(found.error < 5e-4 * fine)
    assert abs(coarse[0] / fine[0] - 1) > 5e-3


def test_local_disorder_against_plain_sampling():
    """The a2 integral by a random sample of sites."""
    s = solve(Model(gamma=1.0, a2=LocalStiffness.gaussian(1.0, 1.5)), "rs")
    T = np.array([0.05, 0.2, 1.0])
    found = solution_thermodynamics(s, 0.5, T)
    rng = np.random.default_rng(3)
    n = 60_000
    h, a2 = np.sqrt(s.q[0]) * rng.standard_normal(n), 1.0 + 1.5 * rng.standard_normal(n)
    sample = thermodynamics(LocalPotentials.from_arrays(h=h, C=s.C, a2=a2), 0.5, T).specific_heat
    # No site has more than 1.3, so the variance is at most 1.3 times the mean.
    error = np.sqrt(1.3 * sample / n)
    assert np.all(error < 0.1 * sample)
    assert np.all(np.abs(sample - found.specific_heat) < 4 * error)


def test_table_against_diagonalisation():
    rng = np.random.default_rng(0)
    e = LocalPotentials.from_arrays(h=rng.normal(0, 5.7, 600), C=rng.normal(0.6, 0.15, 600), gamma=4.0)
    T = np.geomspace(1e-3, 10, 40)
    for X in (1.0, 0.1):
        direct, table = (thermodynamics(e, X, T, method) for method in ("direct", "table"))
        np.testing.assert_allclose(table.specific_heat, direct.specific_heat, rtol=1e-4, atol=1e-14)
        np.testing.assert_allclose(table.entropy, direct.entropy, rtol=1e-4, atol=1e-14)
        np.testing.assert_allclose(
            table.tunnelling_specific_heat, direct.tunnelling_specific_heat, rtol=3e-4, atol=1e-14
        )
        deviation = np.abs(table.specific_heat - direct.specific_heat)
        assert np.all(deviation < 3 * table.error + 1e-5 * direct.specific_heat + 1e-14)


def test_table_keeps_tiny_gaps():
    k, f = np.array([11.3, 14.2, 9.9]), np.array([0.0, 1e-13, 3e-9])
    found = LevelTable.build(Grid.build(k, f), 4).excitations(f, slice(None))
    from meanfield.quantum.tunnel_splitting import ground_gaps

    np.testing.assert_allclose(found[:, 1], ground_gaps(k, f, reduced_levels(k, f, 2)), rtol=1e-5)


def test_ensembles_from_outside(tmp_path):
    e = LocalPotentials.from_arrays(h=[1.0, -1.0], C=[-5.0, -5.0], gamma=2.0)
    found = thermodynamics(e, 1.0, [0.0, 0.1])
    assert found.double_well_fraction == 0
    assert found.specific_heat[0] == found.entropy[0] == 0.0
    assert np.all(found.tunnelling_specific_heat == 0)
    # Different quartic coefficients: averages of the parts.
    rng = np.random.default_rng(1)
    parts = [
        LocalPotentials.from_arrays(h=rng.normal(0, 2, 100), C=0.9, a4=a4, gamma=gamma)
        for a4, gamma in ((1.0, 4.0), (2.0, 3.0))
    ]
    names = ("h", "C", "a2", "a4", "gamma")
    both = LocalPotentials.from_arrays(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
    T = [0.01, 0.1, 1.0]
    expected = np.mean([thermodynamics(p, 0.3, T).specific_heat for p in parts], axis=0)
    for method in ("direct", "table"):
        found = thermodynamics(both, 0.3, T, method)
        np.testing.assert_allclose(found.specific_heat, expected, rtol=1e-4)
    for text, word in (
        ("h,C\n", "empty"),
        ("h,k\n1,2\n", "columns"),
        ("h,C\n1,nan\n", "finite"),
        ("h,C\n1\n", "table"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(ParameterError, match=word):
            LocalPotentials.load(tmp_path / "bad.csv")
    (tmp_path / "good.csv").write_text("C,h\n0.5,1.0\n0.6,-1.0\n")
    assert list(LocalPotentials.load(tmp_path / "good.csv").C) == [0.5, 0.6]
    (tmp_path / "bad.h5").write_text("no such format")
    with pytest.raises(ParameterError, match="no HDF5"):
        LocalPotentials.load(tmp_path / "bad.h5")
    for bad in (-1.0, np.nan, [], [[1.0]]):
        with pytest.raises(ParameterError, match="temperatures"):
            thermodynamics(e, 1.0, bad)
    with pytest.raises(ParameterError, match="hbar2_over_m"):
        thermodynamics(e, 0.0, 1.0)
    with pytest.raises(ParameterError, match="two temperatures"):
        found.exponent(100.0, 200.0)


@pytest.mark.parametrize("ansatz", ["rs", "1rsb"])
def test_coarse_fields_are_noticed(ansatz):
    # An ensemble that ends too coarsely at h = 0 is right down to the temperature it states, and wrong far below.
    solution = solve(Model(gamma=4.0), ansatz)
    ensemble = solution.local_potentials()
    T = coarseness(ensemble) * np.append(np.geomspace(1e-3, 0.1, 7), [1.0, 3.0])
    exact = thermal_ensemble(solution, T[0])
    assert coarseness(exact) < 0.1 * T[0]
    ratio = thermodynamics(ensemble, 0.1, T).specific_heat / thermodynamics(exact, 0.1, T).specific_heat
    assert ratio[-2:] == pytest.approx(1.0, abs=2e-3)
    # The error oscillates with T.
    assert np.max(np.abs(ratio - 1.0)) > 0.01
    # More nodes reach lower.
    assert coarseness(solution.local_potentials(40)) < 0.1 * T[-2]
    assert coarseness(solve(Model(gamma=0.8), ansatz).local_potentials()) == 0.0


def test_groups_are_averaged_for_themselves():
    """Interpolated and direct, each group as if it were alone."""
    rng = np.random.default_rng(8)
    h, C = rng.normal(0, 5.7, 900), rng.normal(0.6, 0.15, 900)
    group = rng.integers(0, 3, 900)
    both = LocalPotentials.from_arrays(h=h, C=C, gamma=4.0)
    T = np.geomspace(1e-2, 10, 9)
    for method, tolerance in (("direct", 1e-12), ("table", 1e-4)):
        total = _averages_by_group(both, 0.1, T, group, 3, method)
        for g in range(3):
            own = thermodynamics(
                LocalPotentials.from_arrays(h=h[group == g], C=C[group == g], gamma=4.0), 0.1, T, "direct"
            )
            np.testing.assert_allclose(total[g, :, 0] / np.mean(group == g), own.specific_heat, rtol=tolerance)
            np.testing.assert_allclose(total[g, :, 1] / np.mean(group == g), own.entropy, rtol=tolerance)
    parts = thermodynamics_by_group(both, 0.1, T, group)
    share = np.bincount(group) / 900
    expected = sum(one * part.specific_heat for one, part in zip(share, parts, strict=True))
    np.testing.assert_allclose(thermodynamics(both, 0.1, T).specific_heat, expected, rtol=1e-10)
    with pytest.raises(ParameterError, match="every group"):
        thermodynamics_by_group(both, 0.1, T, np.full(900, 1))


def test_exponentially_small_numbers_keep_their_digits():
    """Far below the gap: C = x^2 exp(-x), S = (x + 1) exp(-x)."""
    e = LocalPotentials.from_arrays(h=[3.0], C=0.3, gamma=4.0)
    pair = levels([3.0], 0.3, gamma=4.0, hbar2_over_m=1.0, n=2).heights[0]
    x = np.array([60.0, 300.0, 600.0])
    found = thermodynamics(e, 1.0, (pair[1] - pair[0]) / x)
    np.testing.assert_allclose(found.specific_heat, x**2 * np.exp(-x), rtol=1e-10)
    np.testing.assert_allclose(found.entropy, (x + 1) * np.exp(-x), rtol=1e-10)
    assert thermodynamics(e, 1.0, 1e-6).specific_heat[0] == 0.0


def test_error_of_coarse_fields_is_of_the_right_size():
    """Against fields that resolve T; and it falls where the fields suffice."""
    solution = solve(Model(gamma=4.0), "rs")
    ensemble = solution.local_potentials(4)
    T = coarseness(ensemble) * np.geomspace(0.02, 3.0, 25)
    exact = thermodynamics(thermal_ensemble(solution, T[0]), 0.1, T)
    found = thermodynamics(ensemble, 0.1, T)
    deviation, error = np.abs(found.specific_heat - exact.specific_heat), resolution_error(ensemble, 0.1, T)
    wrong = deviation > 0.03 * exact.specific_heat
    assert wrong.sum() >= 5
    # Where fields are far apart one sum is as good as another: the error is right within a factor.
    assert np.all(error[wrong] > 0.3 * deviation[wrong])
    assert np.median(error[wrong] / deviation[wrong]) < 5
    assert np.all(resolution_error(solution.local_potentials(60), 0.1, T[-3:]) < 0.02 * exact.specific_heat[-3:])
    single = LocalPotentials.from_arrays(h=[1.0, 2.0], C=-1.0, gamma=4.0)
    assert np.all(resolution_error(single, 0.1, T) == 0)
