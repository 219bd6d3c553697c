"""Levels and tunnel splittings against exact limits, published numbers, another basis and many digits."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield import ParameterError
from meanfield.quantum.levels import levels, reduced_levels
from meanfield.quantum.reduced_potential import ReducedPotentials
from meanfield.quantum.site_spectrum import site_spectrum
from meanfield.quantum.tunnel_splitting import (
    TINY,
    _log_splittings,
    ground_gaps,
    instanton_splittings,
    reduced_splittings,
    tunnel_splitting,
)
from meanfield.sites.double_wells import double_wells

# p^2 + x^4: e.g. Banerjee et al., Proc. R. Soc. A 360, 575 (1978).
QUARTIC = [1.060362090484183, 3.799673029801394, 7.455697937986738, 11.644745511378162, 16.261826018850226]
# ln(E_1 - E_0) of p^2/2 + x^4/4 - k x^2/2, from each parity's oscillator basis with 110 digits.
SPLITTINGS = {
    5.0: -7.3012006349479,
    10.0: -25.6366119692917,
    12.0: -34.7778237387825,
    20.0: -79.2608004222937,
    26.0: -119.593994223104,
}


def oscillator_basis(k, f, n, size=260):
    """The same levels, above the minimum, from a basis of oscillator functions around the mean of the wells."""
    roots = np.roots([1.0, 0.0, -k, -f])
    real = roots[np.abs(roots.imag) < 1e-9].real
    centre, width = 0.5 * (real.min() + real.max()), np.ptp(real)
    omega = np.sqrt(abs(k) + 3 * centre**2 + width**2 + 2.0)
    x = np.diag(np.sqrt(np.arange(1, size + 8) / (2 * omega)), 1)
    x = x + x.T + centre * np.eye(size + 8)
    harmonic = np.diag(omega * (np.arange(size + 8) + 0.5))
    x0 = x - centre * np.eye(size + 8)
    x2 = x @ x
    matrix = harmonic - 0.5 * omega**2 * (x0 @ x0) + 0.25 * (x2 @ x2) - 0.5 * k * x2 - f * x
    minimum = min(0.25 * r**4 - 0.5 * k * r**2 - f * r for r in real)
    return np.linalg.eigvalsh(matrix[:size, :size])[:n] - minimum


def test_quartic_oscillator():
    # p^2/2 + x^4/4 with x = 2^(1/6) y is 2^(-4/3) (p_y^2 + y^4).
    found = reduced_levels(np.zeros(1), np.zeros(1), 5)[0] * 2 ** (4 / 3)
    np.testing.assert_allclose(found, QUARTIC, rtol=1e-12)


@pytest.mark.parametrize("k", [-1e3, -1e5])
def test_perturbation_theory_of_the_harmonic_limit(k):
    n, w = np.arange(12), np.sqrt(-k)
    first = 3.0 / (16.0 * w**2) * (2 * n**2 + 2 * n + 1)
    second = -(34 * n**3 + 51 * n**2 + 59 * n + 21) / (16 * 8 * w**5)
    found = reduced_levels(np.array([k]), np.zeros(1), 12)[0]
    third = (n + 1.0) ** 4 / w**8 * 100
    assert np.all(np.abs(found - (w * (n + 0.5) + first + second)) < third + 1e-13 * w * (n + 1))


def test_large_field_is_a_harmonic_well():
    f = 1e9
    w = np.sqrt(3.0) * f ** (1 / 3)
    found = reduced_levels(np.zeros(1), np.array([f]), 6)[0]
    np.testing.assert_allclose(found, w * (np.arange(6) + 0.5), rtol=1e-7)


@pytest.mark.parametrize("n", [1, 2, 7, 20, 45])
def test_another_basis(n):
    rng = np.random.default_rng(5)
    k, f = rng.uniform(-9.0, 9.0, 25), rng.exponential(6.0, 25) * rng.integers(0, 2, 25)
    found = reduced_levels(k, f, n)
    for i in range(k.size):
        expected = oscillator_basis(k[i], f[i], n)
        np.testing.assert_allclose(found[i], expected, rtol=1e-10, err_msg=f"k = {k[i]}, f = {f[i]}")


def test_extreme_parameters_agree_with_a_finer_grid():
    rng = np.random.default_rng(8)
    size = 10 ** rng.uniform(-2, 5, 60)
    k = size * rng.choice([-1.0, 1.0], 60)
    f = 10 ** rng.uniform(-9, 9, 60)
    # Two wells down to degenerate and up to just disappearing.
    f[::3] = np.abs(k[::3]) ** 1.5 * rng.choice([0.0, 1e-8, 0.1, 0.3849, 0.38491, 0.5], 20)
    for n in (1, 6, 20):
        coarse, fine = reduced_levels(k, f, n), reduced_levels(k, f, n, action=22.0, shift=0.37)
        np.testing.assert_allclose(coarse, fine, rtol=2e-11)
        assert np.all(np.diff(fine) > -1e-9 * fine[:, :1])


def test_units_and_absolute_energies():
    """Against p = -i d/dv on a plain Fourier grid in the model's own units."""
    h, C, a2, a4, gamma, X = -0.7, 0.9, 0.5, 1.7, 2.5, 0.3
    size, length = 400, 24.0
    v = (np.arange(size) - size // 2) * length / size
    p = 2 * np.pi * np.fft.fftfreq(size, length / size)
    kinetic = np.fft.ifft(0.5 * X * p[:, None] ** 2 * np.fft.fft(np.eye(size), axis=0), axis=0).real
    potential = -h * v - C * v**2 / 2 + (a2 * v**2 / 2 + a4 * v**4 / 24) / gamma
    expected = np.linalg.eigvalsh(0.5 * (kinetic + kinetic.T) + np.diag(potential))[:8]
    found = levels(h, C, a2, a4, gamma, hbar2_over_m=X, n=8, estimate_error=True)
    np.testing.assert_allclose(found.absolute[0], expected, rtol=1e-11, atol=1e-11)
    assert np.all(found.error < 1e-10 * found.heights)
    site = site_spectrum(h, C, a2, a4, gamma, X, 8)
    np.testing.assert_allclose(site["levels"], expected, rtol=1e-11, atol=1e-11)
    assert site["gap"] == pytest.approx(expected[1] - expected[0], rel=1e-9)


def test_error_estimate_sees_a_bad_grid(monkeypatch):
    import meanfield.quantum.levels as module

    good = levels(0.3, 0.9, gamma=4.0, hbar2_over_m=0.5, n=10)
    monkeypatch.setattr(
        module, "reduced_levels", lambda k, f, n, action=5.0, shift=0.0: reduced_levels(k, f, n, action)
    )
    bad = levels(0.3, 0.9, gamma=4.0, hbar2_over_m=0.5, n=10, estimate_error=True)
    true_error = np.abs(bad.heights - good.heights)
    assert true_error.max() > 1e-9
    assert np.all(bad.error > 0.5 * true_error)


def test_splittings_of_many_digits():
    k = np.array(list(SPLITTINGS))
    np.testing.assert_allclose(reduced_splittings(k), list(SPLITTINGS.values()), rtol=1e-11)


def test_splitting_joins_the_difference_of_levels():
    # Around the point where the method changes, both are good to 1e-7.
    k = np.linspace(5.6, 6.6, 21)
    pairs = reduced_levels(k, np.zeros_like(k), 2)
    difference = pairs[:, 1] - pairs[:, 0]
    assert difference[0] > TINY * np.sqrt(2.0 * 6.0) > difference[-1]
    np.testing.assert_allclose(np.exp(reduced_splittings(k)), difference, rtol=1e-6)


def test_splitting_of_excited_doublets():
    """Where the levels still resolve it; a doublet splits the more the higher it lies."""
    k = np.full(1, 9.0)
    found = [reduced_splittings(k, doublet)[0] for doublet in range(3)]
    assert found[0] < found[1] < found[2]
    E = oscillator_basis(9.0, 0.0, 4, size=300)
    assert np.exp(found[1]) == pytest.approx(E[3] - E[2], rel=1e-5)
    # Semiclassically the doublets of a deep well grow by about 8 k^(3/2) sqrt(2)/(n + 1), here the second over the
    # first.
    deep = [reduced_splittings(np.array([40.0]), doublet)[0] for doublet in range(2)]
    assert np.exp(deep[1] - deep[0]) == pytest.approx(8 * np.sqrt(2) * 40**1.5 * np.sqrt(1.0), rel=0.1)


def test_hybridisation_in_a_small_field():
    k = 12.0
    f = np.array([0.0, 1e-17, 1e-16, 1e-15, 1e-12, 1e-9, 1e-6])
    heights = reduced_levels(np.full(7, k), f, 2)
    gaps = ground_gaps(np.full(7, k), f, heights)
    zero = np.exp(SPLITTINGS[k])
    assert gaps[0] == pytest.approx(zero, rel=1e-9)
    # The asymmetry is linear in the field with the slope 2 <e|x|o>, as the levels show where they can.
    slope = (heights[-1, 1] - heights[-1, 0]) / f[-1]
    np.testing.assert_allclose(gaps, np.hypot(zero, slope * f), rtol=1e-7)
    # It lies a little inside of the classical distance of the minima, by zero-point motion.
    assert slope == pytest.approx(2 * np.sqrt(k), rel=0.05)


def test_definitions_of_tunnelling():
    h, C, gamma, X = np.array([0.0, 0.05, 0.3]), 0.9, 4.0, 0.02
    wells = double_wells(h, C, 1.0, 1.0, gamma)
    assert wells.wkb(X)[0] == pytest.approx(4.0 / 3.0 * wells.tunnelling(X)[0], rel=1e-12)
    # The action by quadrature of its definition.
    v = np.linspace(-12.0, 12.0, 2_000_001)
    for i in range(3):
        U = -h[i] * v - C * v**2 / 2 + (v**2 / 2 + v**4 / 24) / gamma
        top = np.argmin(np.where(np.abs(v) < 2.0, -U, np.inf))
        left = np.argmin(np.where(np.arange(v.size) < top, U, np.inf))
        barrier = (np.arange(v.size) > left) & (np.arange(v.size) < np.argmin(U + 1e3 * (v < 0))) & (U[left] < U)
        expected = np.sqrt(2.0 * (U - U[left]).clip(0.0))[barrier].sum() * (v[1] - v[0]) / np.sqrt(X)
        assert wells.wkb(X)[i] == pytest.approx(expected, rel=1e-5)
    # ln Delta_0 differs from minus the WKB exponent by the logarithm of a prefactor only.
    coarse, fine = (tunnel_splitting(np.full(1, C), 1.0, 1.0, gamma, x)[0] for x in (X, X / 4))
    change = fine - coarse
    assert change == pytest.approx(-wells.wkb(X)[0] + np.log(0.5) + 0.5 * np.log(2.0), rel=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"h": 0.0, "C": 1.0, "hbar2_over_m": 0.0, "n": 1},
        {"h": 0.0, "C": 1.0, "hbar2_over_m": 1.0, "n": 0},
        {"h": 0.0, "C": 1.0, "hbar2_over_m": 1.0, "n": 2.5},
        {"h": 0.0, "C": 1.0, "a4": 0.0, "hbar2_over_m": 1.0, "n": 2},
        {"h": np.nan, "C": 1.0, "hbar2_over_m": 1.0, "n": 2},
    ],
)
def test_bad_input(arguments):
    with pytest.raises(ParameterError):
        levels(**arguments)


def test_reduction_keeps_what_it_must():
    p = ReducedPotentials.build([0.3, -0.3], 0.9, 1.0, 1.0, 4.0, 0.1)
    assert p.f[0] == p.f[1]
    v = np.linspace(-15, 15, 300_001)
    U = -0.3 * v - 0.9 * v**2 / 2 + (v**2 / 2 + v**4 / 24) / 4
    assert p.minimum[0] == pytest.approx(U.min(), rel=1e-8)


def test_highest_barriers():
    """The instanton expansion against the Wronskian, where its first missing term says how well; at once for any k."""
    for k, tolerance in ((60.0, 5e-10), (95.0, 3e-11)):
        one = np.array([k])
        wronskian = _log_splittings(one, reduced_levels(one, np.zeros(1), 2).mean(axis=1))
        assert instanton_splittings(one)[0] == pytest.approx(wronskian[0], abs=tolerance)
    deep = site_spectrum(1.0, 0.88, 1.0, 1.0, 1e10, 1.0, 3)
    action = deep["double_well"]["wkb_exponent"]
    assert deep["double_well"]["log_splitting_at_zero_field"] == pytest.approx(-action, rel=1e-4)
    # Two wells far apart in energy: the lowest levels are those of an oscillator.
    np.testing.assert_allclose(np.diff(deep["heights"]), np.sqrt(2 * 0.88), rtol=1e-4)
