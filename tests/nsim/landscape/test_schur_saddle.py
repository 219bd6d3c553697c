"""Saddles by the Schur complement, against the complete list of a tiny system and its eigenvalues."""

import numpy as np
import pytest

from nsim.landscape.eigenvector_following import newton
from nsim.landscape.exhaustive import explore
from nsim.landscape.schur_saddle import schur_saddle, top_of_response
from nsim.run_sections import Model
from nsim.sample.glass import Glass


@pytest.fixture(scope="module")
def listed():
    glass = Glass.draw(Model(gamma=4.0), 1, 16, 0)
    return glass, explore(glass)


def test_it_finds_the_saddles_of_the_complete_list(listed):
    glass, landscape = listed
    rng = np.random.default_rng(0)
    found = 0
    for saddle in landscape.saddles_at:
        mode = np.linalg.eigh(glass.hessian(saddle))[1][:, 0]
        site = int(np.abs(mode).argmax())
        others = np.delete(np.delete(glass.hessian(saddle), site, 0), site, 1)
        start = saddle + 1e-3 * rng.standard_normal(glass.n)
        result = schur_saddle(glass, start, site)
        # The proof is possible just where the block of the other sites is positive definite.
        assert result.index_one == (np.linalg.eigvalsh(others)[0] > 0)
        if result.index_one:
            found += 1
            assert result.max_gradient < 1e-10
            np.testing.assert_allclose(result.v, saddle, atol=1e-8)
    assert found > len(landscape.saddles) / 2


def test_minima_and_higher_saddles_are_never_called_saddles_of_index_one(listed):
    glass, landscape = listed
    points = newton(glass, 2 * np.random.default_rng(1).standard_normal((16, 200)), steps=60)
    higher = points.v[:, (points.max_gradient < 1e-10) & (points.index >= 2)]
    assert higher.shape[1] > 10
    for v in [*landscape.minima_at, *higher.T]:
        for site in range(0, glass.n, 5):
            result = schur_saddle(glass, v, site, farthest=0.1)
            if result.index_one:  # it may have gone elsewhere
                w = np.linalg.eigvalsh(glass.hessian(result.v))
                assert w[0] < 0 < w[1]
                assert np.abs(result.v - v).max() > 1e-3


def test_the_response_moves_the_site_to_the_top():
    v, response = np.array([1.0, 2.0]), np.array([0.5, 0.1])
    np.testing.assert_allclose(top_of_response(v, response, 0, 0.0), [0.0, 1.8])
