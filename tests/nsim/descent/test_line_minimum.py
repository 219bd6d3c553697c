"""The exact line minimum against brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nsim.descent.line_minimum import first_minimum, quartic_coefficients
from nsim.run_sections import Model
from nsim.sample.glass import Glass

coefficient = st.floats(-10, 10)


@given(c1=st.floats(-10, -1e-3), c2=coefficient, c3=coefficient, c4=st.floats(1e-2, 10))
def test_first_downhill_minimum(c1, c2, c3, c4):
    roots = np.roots([4 * c4, 3 * c3, 2 * c2, c1])
    real = np.sort(roots.real[(abs(roots.imag) < 1e-7 * (1 + abs(roots))) & (roots.real > 0)])
    gaps = np.diff(real)
    assume(not len(gaps) or gaps.min() > 1e-3)  # a double root is a fold, where nearest is undefined
    if len(real) % 2 == 0:  # np.roots has split or merged a near-double root
        assume(False)
    assert first_minimum(c1, c2, c3, c4) == pytest.approx(real[0], rel=1e-6)


@given(c1=st.floats(-10, -1e-3), c2=coefficient, c3=coefficient, c4=st.floats(1e-2, 10))
def test_the_slope_vanishes_and_was_negative_before(c1, c2, c3, c4):
    t = first_minimum(c1, c2, c3, c4)
    assert 0 < t < np.inf

    def slope(x):
        return c1 + x * (2 * c2 + x * (3 * c3 + x * 4 * c4))

    size = abs(c1) + 2 * abs(c2) * t + 3 * abs(c3) * t**2 + 4 * c4 * t**3
    assert abs(slope(t)) < 1e-12 * size
    assert (slope(np.linspace(0, t * (1 - 1e-6), 500)) < 1e-9 * size).all()


@given(first=st.floats(0.05, 3), to_top=st.floats(0.05, 3), to_second=st.floats(0.05, 3), c4=st.floats(0.01, 10))
def test_of_two_minima_ahead_the_nearer_is_taken(first, to_top, to_second, c4):
    """Slope 4 c4 (t - first)(t - top)(t - second): never over the barrier, however deep the second minimum."""
    _, c3, c2, c1 = c4 * np.poly([first, first + to_top, first + to_top + to_second]) * [4, 4 / 3, 2, 4]
    assert first_minimum(c1, c2, c3, c4) == pytest.approx(first, rel=1e-6)


def test_without_quartic_part():
    assert first_minimum(-3.0, 2.0, 0.0, 0.0) == pytest.approx(0.75)
    assert first_minimum(-3.0, -2.0, 0.0, 0.0) == np.inf


def test_coefficients_are_those_of_the_energy():
    glass = Glass.draw(Model(gamma=0.7, a2=-1.0, a4=2.0, field=0.3), seed=1, n=15, sample=0)
    rng = np.random.default_rng(4)
    v, d = rng.standard_normal((2, 15, 4))
    c = quartic_coefficients(v, d, glass.gradient(v), glass.J @ d, glass.a2, glass.a4, glass.gamma)
    for t in (-1.3, 0.4, 2.0):
        change = glass.energy(v + t * d) - glass.energy(v)
        np.testing.assert_allclose(c[0] * t + c[1] * t**2 + c[2] * t**3 + c[3] * t**4, change, rtol=1e-11, atol=1e-11)
