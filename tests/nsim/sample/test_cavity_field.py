"""C_i and h_i: the local potential has its minimum and curvature where the N-particle landscape says."""

import numpy as np
import pytest

from nsim.descent.relaxation import relax
from nsim.run_sections import GaussianStiffness, Model
from nsim.sample.cavity_field import cavity_field, localisation, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.hessian import (
    NotAMinimumError,
    cholesky,
    lowest_eigenvalues,
    lowest_mode,
    resolvent_diagonal,
    resolvent_diagonal_and_localisation,
    spectrum,
)


@pytest.fixture
def state():
    model = Model(gamma=3.0, j0=0.3, a2=GaussianStiffness(mean=1.0, std=0.5), field=0.2)
    glass = Glass.draw(model, seed=6, n=40, sample=0)
    v = relax(glass, 4 * np.random.default_rng(1).standard_normal((40, 1)), tolerance=1e-12).v[:, 0]
    return glass, v


def test_resolvent_is_the_response_to_a_field_on_one_site(state):
    """Gr_ii = dv_i/dF_i, by relaxing again with a small extra field on site i and -on site i."""
    glass, v = state
    response = resolvent_diagonal(cholesky(glass.hessian(v)))
    np.testing.assert_allclose(response, np.diagonal(np.linalg.inv(glass.hessian(v))), rtol=1e-10)
    step = 1e-4
    for i in (0, 7, 39):
        moved = []
        for sign in (1, -1):
            field = glass.field + sign * step * (np.arange(40) == i)
            x = v.copy()
            for _ in range(30):  # plain Newton with the shifted field, independent of nsim.descent.relaxation
                x = x - np.linalg.solve(glass.hessian(x), glass.on_site_slope(x) - glass.J @ x - field)
            moved.append(x[i])
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(response[i], rel=1e-5)


def test_local_potential_is_stationary_at_v_with_curvature_one_over_response(state):
    glass, v = state
    response = resolvent_diagonal(cholesky(glass.hessian(v)))
    C = reaction_coefficient(glass, v, response)
    h = cavity_field(glass.local_field(v), C, v)
    slope = -h - C * v + (glass.a2 * v + glass.a4 * v**3 / 6) / glass.gamma
    curvature = -C + (glass.a2 + glass.a4 * v**2 / 2) / glass.gamma
    assert np.abs(slope).max() < 1e-11
    np.testing.assert_allclose(curvature, 1 / response, rtol=1e-12)


def test_reaction_is_the_adiabatic_answer_of_the_others(state):
    """With v_i held at x and all others relaxed, d(sum_j J_ij v_j)/dx = C_i."""
    glass, v = state
    i, step = 5, 1e-4
    others = np.arange(40) != i
    fields = []
    for x in (v[i] + step, v[i] - step):
        rest = v[others].copy()
        for _ in range(30):
            full = np.insert(rest, i, x)
            M = glass.hessian(full)[np.ix_(others, others)]
            rest = rest - np.linalg.solve(M, glass.gradient(full)[others])
        fields.append(glass.J[i, others] @ rest)
    response = resolvent_diagonal(cholesky(glass.hessian(v)))
    assert (fields[0] - fields[1]) / (2 * step) == pytest.approx(reaction_coefficient(glass, v, response)[i], rel=1e-5)


def test_eigenvalues(state):
    glass, v = state
    exact = np.linalg.eigvalsh(glass.hessian(v))
    np.testing.assert_allclose(lowest_eigenvalues(glass, v, 4), exact[:4], rtol=1e-10)
    np.testing.assert_allclose(spectrum(glass, v), exact, rtol=1e-10)
    two = Glass(np.zeros((2, 2)), np.array([2.0, 1.0]), 1.0, 1.0)
    small = lowest_eigenvalues(two, np.zeros(2), 4)
    assert small[:2] == pytest.approx([1.0, 2.0])
    assert np.isnan(small[2:]).all()


def test_lowest_eigenvalues_of_a_large_hessian():
    """Lanczos iteration, on the inverse and on the Hessian itself, against the dense solver."""
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=350, sample=0)
    v = relax(glass, 5 * np.random.default_rng(0).standard_normal((350, 1))).v[:, 0]
    M = glass.hessian(v)
    exact, modes = np.linalg.eigh(M)
    np.testing.assert_allclose(lowest_eigenvalues(glass, v, 4, cholesky(glass.hessian(v))), exact[:4], rtol=1e-9)
    np.testing.assert_allclose(lowest_eigenvalues(glass, v, 4), exact[:4], rtol=1e-9)
    value, mode = lowest_mode(glass, v)
    assert value == pytest.approx(exact[0], rel=1e-3)
    assert abs(mode @ modes[:, 0]) == pytest.approx(1, abs=1e-3)


def test_no_response_without_a_minimum():
    with pytest.raises(NotAMinimumError):
        cholesky(np.diag([1.0, -1.0]))


def test_localisation_is_how_far_the_others_move_with_a_site(state):
    """S2_i = sum_j (dv_j/dx)^2 with v_i held at x and all others relaxed."""
    glass, v = state
    diagonal, spread = resolvent_diagonal_and_localisation(cholesky(glass.hessian(v)))
    np.testing.assert_allclose(diagonal, np.diagonal(np.linalg.inv(glass.hessian(v))), rtol=1e-10)
    np.testing.assert_allclose(spread, localisation(np.linalg.inv(glass.hessian(v))), rtol=1e-9)
    step = 1e-4
    for i in (0, 17):
        others = np.arange(40) != i
        ends = []
        for x in (v[i] + step, v[i] - step):
            rest = v[others].copy()
            for _ in range(30):
                full = np.insert(rest, i, x)
                M = glass.hessian(full)[np.ix_(others, others)]
                rest = rest - np.linalg.solve(M, glass.gradient(full)[others])
            ends.append(rest)
        assert (((ends[0] - ends[1]) / (2 * step)) ** 2).sum() == pytest.approx(spread[i], rel=1e-5)


def test_the_whole_resolvent_is_the_inverse_hessian():
    from nsim.sample.hessian import NotAMinimumError, resolvent

    glass = Glass.draw(Model(gamma=4.0), 1, 30, 0)
    v = relax(glass, 5 * np.random.default_rng(0).standard_normal((30, 1))).v[:, 0]
    Gr = resolvent(glass.hessian(v))
    np.testing.assert_allclose(Gr @ glass.hessian(v), np.eye(30), atol=1e-10)
    np.testing.assert_array_equal(Gr, Gr.T)
    with pytest.raises(NotAMinimumError):
        resolvent(glass.hessian(np.zeros(30)))
