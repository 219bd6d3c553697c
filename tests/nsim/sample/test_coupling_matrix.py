"""Products with J wherever it lives, minima of J rounded to single precision, and Newton steps by products alone."""

import tracemalloc

import numpy as np
import pytest

from nsim import run_file
from nsim.analysis.summary import summarise
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.descent.newton_krylov import FORCING, positive_definite, solve
from nsim.descent.relaxation import relax
from nsim.errors import InputError
from nsim.parallel.rank_group import ALONE
from nsim.parallel.ranks import SerialRanks
from nsim.run_sections import Model
from nsim.sample import couplings
from nsim.sample.coupling_matrix import SYMMETRIC_COLUMNS, RowBlocks, WholeMatrix, row_range
from nsim.sample.couplings import TILE, draw, draw_block, draw_shared
from nsim.sample.glass import Glass
from nsim.sample.hessian import lowest_eigenvalues

N = 2 * TILE + 91  # no multiple of a tile, a panel or an unrolled loop


class Part:
    """One rank of a group whose others are played by the test: `all_gather` completes the rows."""

    def __init__(self, others):
        self._others = others

    def all_gather(self, block):
        return np.concatenate([block, self._others(block)])


@pytest.mark.parametrize("columns", [None, 1, SYMMETRIC_COLUMNS, SYMMETRIC_COLUMNS + 1, 32])
def test_products(columns):
    """Double precision to rounding, also where J is single; rough products to single precision and no better."""
    J = draw(1, N, 0)
    v = np.random.default_rng(0).standard_normal(N if columns is None else (N, columns))
    rounded = J.astype(np.float32)
    scale = np.abs(J) @ np.abs(v)
    for matrix, exact in ((J, J @ v), (rounded, rounded.astype(float) @ v)):
        for couplings_ in (WholeMatrix(matrix), RowBlocks(matrix, ALONE)):
            product, rough = couplings_ @ v, couplings_.rough() @ v
            assert product.dtype == rough.dtype == np.float64
            assert product.shape == rough.shape == v.shape
            assert (np.abs(product - exact) / scale).max() < 1e-15 * np.sqrt(N)
            assert 1e-9 < (np.abs(rough - exact) / scale).max() < 1e-6
    assert np.abs(WholeMatrix(rounded) @ v - J @ v).max() > 1e-8  # J rounded is another model


def test_row_blocks_join_in_order():
    J = draw(1, 50, 0)
    first, second = row_range(50, 0, 2), row_range(50, 1, 2)
    assert (first.stop, second.start, second.stop) == (second.start, 25, 50)
    v = np.random.default_rng(0).standard_normal((50, 3))
    joined = RowBlocks(J[first], Part(lambda block: J[second] @ v)) @ v
    np.testing.assert_allclose(joined, J @ v, rtol=1e-13)


def test_single_precision_is_the_rounded_matrix_however_it_is_drawn():
    rounded = draw(3, N, 1, j0=0.7).astype(np.float32)
    assert np.array_equal(draw(3, N, 1, 0.7, np.float32), rounded)
    assert np.array_equal(draw_shared(ALONE, 3, N, 1, 0.7, np.float32).whole, rounded)
    assert np.array_equal(draw_block(3, N, 1, slice(7, 300), slice(200, N), 0.7, np.float32), rounded[7:300, 200:])


def test_drawing_takes_a_few_tiles_beside_the_matrix():
    tracemalloc.start()
    draw(1, 1500, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * (1500**2 + 6 * TILE**2)


@pytest.mark.parametrize("n", [60, 450])
def test_minima_of_the_rounded_model_are_exact(n):
    """J in single precision, gradient by the definition in double precision; that of the exact J is elsewhere."""
    model = Model(gamma=4.0)
    begin = 5 * np.random.default_rng(0).standard_normal((n, 6))
    rounded = Glass.draw(model, 1, n, 0, dtype=np.float32)
    relaxed = relax(rounded, begin)
    assert relaxed.converged.all()
    widened = Glass(rounded.J.astype(np.float64), rounded.a2, rounded.a4, rounded.gamma)
    assert np.abs(widened.gradient(relaxed.v)).max() < 1e-10
    assert np.abs(Glass.draw(model, 1, n, 0).gradient(relaxed.v)).max() > 1e-8


@pytest.mark.parametrize("n", [80, 450])
def test_products_alone_reach_the_minima_of_the_factorised_hessian(n):
    glass = Glass.draw(Model(gamma=4.0), 2, n, 0)
    begin = 5 * np.random.default_rng(1).standard_normal((n, 5))  # few: each with a Hessian of its own
    with_hessian, without = relax(glass, begin), relax(glass, begin, factorise=False)
    spread = relax(Glass(RowBlocks(glass.J, ALONE), glass.a2, glass.a4, glass.gamma), begin)
    for found in (without, spread):
        assert found.converged.all()
        np.testing.assert_allclose(found.v, with_hessian.v, atol=1e-9)
    from_saddle = relax(glass, 0 * begin[:, :1], factorise=False)  # the origin
    assert from_saddle.converged.all()
    assert glass.energy(from_saddle.v) < -1


def test_inner_solutions_and_their_refusal():
    glass = Glass.draw(Model(gamma=4.0), 2, 400, 0)
    g = np.random.default_rng(0).standard_normal(400)
    diagonal = np.full((400, 3), 2.5)
    for scale in (1.0, 1e-9):  # residuals far below what single precision can square
        b = scale * g[:, None] * [1.0, 0.0, 3.0]
        x, solved = solve(glass.couplings.rough(), diagonal, b)
        residual = 2.5 * x - glass.J @ x - b
        assert solved.all()
        assert (np.linalg.norm(residual, axis=0) <= 1.1 * FORCING * np.linalg.norm(b, axis=0)).all()
    diagonal[:, 1] = 1.5  # the spectrum of J reaches 2
    assert solve(glass.couplings, diagonal, np.stack([g, g, g], axis=1))[1].tolist() == [True, False, True]


def test_positive_definiteness_is_told_from_its_absence():
    """Diagonals on both sides of the spectral edge of J, also closer to it than single precision can tell."""
    glass = Glass.draw(Model(gamma=1.0), 2, 400, 0)
    edge = np.linalg.eigvalsh(glass.J)[-1]
    gaps = np.array([0.3, -0.3, 1e-2, -1e-2, 1e-6, -1e-6])
    v = np.sqrt(2 * (edge + gaps - 1)) * np.ones((400, 1))  # a2 + a4 v^2/2 = edge + gap
    for J in (glass.couplings, glass.couplings.rough()):
        assert (positive_definite(glass, v, J) == (gaps > 0)).all()


def test_a_run_without_response(run_dict, tmp_path):
    """Nothing that needs the inverse Hessian, and the same states and eigenvalues."""
    for name, response in (("with", True), ("without", False)):
        run = run_file.parse(run_dict(output={"response": response}, ensemble={"n": 320, "replicas": 2}))
        run_campaign(run, tmp_path / name, SerialRanks())
    full, lean = (summarise(RunDirectory(tmp_path / name))["groups"][0] for name in ("with", "without"))
    assert lean["unconverged"] == 0
    for name in ("energy", "q", "lambda_min", "lowest_energy"):
        assert lean["observables"][name]["mean"] == pytest.approx(full["observables"][name]["mean"], rel=1e-9)
    for name in ("C", "replicon_sum", "double_well_fraction"):
        assert lean["observables"][name]["mean"] is None


def test_a_saddle_does_not_pass_without_response(run_dict):
    """Positive definiteness then rests on the lowest eigenvalue."""
    from nsim.campaign.observables import measure
    from nsim.descent.relaxation import Relaxed

    glass = Glass.draw(Model(gamma=4.0), 1, 350, 0)
    at_origin = Relaxed(np.zeros((350, 1)), np.zeros(1), np.zeros(1, dtype=int), np.array([True]))
    for inverse in (True, False):
        measured = measure(glass, at_origin, 2, 1.0, inverse)
        assert measured["converged"] == [0]
        assert measured["lambda_min"] == pytest.approx(lowest_eigenvalues(glass, np.zeros(350), 1))
        assert measured["lambda_min"] == pytest.approx(0.25 - np.linalg.eigvalsh(glass.J)[-1], rel=1e-9)


def test_given_couplings_in_single_precision(run_dict, tmp_path):
    """Legal together; the data are those of the rounded file."""
    J = draw(5, 30, 0)
    np.save(tmp_path / "J.npy", J)
    np.save(tmp_path / "rounded.npy", J.astype(np.float32))
    energies = []
    for name, precision in (("J.npy", "single"), ("rounded.npy", "double"), ("J.npy", "double")):
        run = run_file.parse(
            run_dict(ensemble={"n": 30, "replicas": 4}, couplings={"file": name, "precision": precision}), tmp_path
        )
        run_campaign(run, tmp_path / f"{name}-{precision}", SerialRanks())
        energies.append(summarise(RunDirectory(tmp_path / f"{name}-{precision}"))["groups"][0]["observables"]["energy"])
    assert energies[0]["mean"] == pytest.approx(energies[1]["mean"], rel=1e-12)
    assert abs(energies[0]["mean"] / energies[2]["mean"] - 1) > 1e-11


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol__kind": "anneal"}, "protocol.kind = 'anneal' needs all couplings"),
        ({}, "output.response = false"),
        ({"output": {"response": False}, "couplings": {"file": "J.npy"}, "ensemble": {"n": 4}}, "couplings.file"),
    ],
)
def test_rows_are_refused_where_j_is_needed_whole(run_dict, tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        run_campaign(run_file.parse(run_dict(**changes)), tmp_path / "run", SerialRanks(), rows=True)


def test_the_digest_of_given_couplings_is_that_of_their_values(tmp_path):
    J = draw(5, 300, 0).astype(np.float32)
    np.save(tmp_path / "single.npy", J)
    np.save(tmp_path / "double.npy", J.astype(np.float64))
    np.save(tmp_path / "other.npy", 2 * J)
    digests = [couplings.digest(tmp_path / f"{name}.npy") for name in ("single", "double", "other")]
    assert digests[0] == digests[1] != digests[2]
