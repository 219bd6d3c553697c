"""Couplings: their distribution, their independence of how they are drawn, and couplings from outside."""

import itertools

import h5py
import numpy as np
import pytest
from scipy import stats

from nsim import streams
from nsim.errors import InputError
from nsim.sample import couplings
from nsim.sample.couplings import TILE, draw, draw_block
from nsim.streams import Purpose


def upper(J):
    return J[np.triu_indices(len(J), 1)]


@pytest.mark.parametrize("n", [1, 2, 37, TILE, TILE + 1, 2 * TILE + 90])
def test_symmetric_with_zero_diagonal(n):
    J = draw(5, n, 3, j0=1.7)
    assert J.shape == (n, n)
    assert np.array_equal(J, J.T)
    assert not np.diagonal(J).any()


def test_any_block_equals_that_part_of_the_whole():
    n = 2 * TILE + 90
    J = draw(5, n, 3, j0=0.4)
    edges = [0, 1, 17, TILE - 1, TILE, TILE + 5, 2 * TILE, n]
    for rows in itertools.pairwise(edges):
        for columns in [(0, n), (100, 300), (TILE, 2 * TILE), (n - 1, n)]:
            block = draw_block(5, n, 3, slice(*rows), slice(*columns), j0=0.4)
            assert np.array_equal(block, J[slice(*rows), slice(*columns)])


def moments_p_values(x, n, j0=0.0, variance=1.0):
    """Two-sided p-values of mean, variance and kurtosis of independent Normal(j0/n, variance/n) numbers."""
    z = (x - j0 / n) * np.sqrt(n / variance)
    m = len(z)
    scores = (z.mean() * np.sqrt(m), (np.mean(z**2) - 1) / np.sqrt(2 / m), (np.mean(z**4) - 3) / np.sqrt(96 / m))
    return [2 * stats.norm.sf(abs(score)) for score in scores]


def test_moments_and_distribution(seeds, p_values):
    n, j0 = 700, 2.0
    for seed in seeds:
        x = upper(draw(seed, n, 0, j0))
        p_values += moments_p_values(x, n, j0)
        p_values.append(stats.kstest((x - j0 / n) * np.sqrt(n), "norm").pvalue)
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


def test_the_moment_test_sees_a_wrong_variance():
    """Negative control: 5% more variance is rejected with the same number of couplings."""
    n = 700
    x = upper(draw(1, n, 0)) * np.sqrt(1.05)
    assert min(moments_p_values(x, n)) < 1e-6


@pytest.mark.parametrize("key", ["seed", "sample", "n"])
def test_different_keys_are_independent(key, seeds, p_values):
    n = 400
    for seed in seeds:
        this = {"seed": seed, "n": n, "sample": 0}
        a = upper(draw(**this)[:n, :n])
        b = upper(draw(**(this | {key: this[key] + 1}))[:n, :n])
        p_values.append(stats.pearsonr(a, b).pvalue)
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


def test_tiles_of_one_matrix_are_independent(seeds, p_values):
    for seed in seeds:
        J = draw(seed, 3 * TILE, 0)
        tiles = [J[a * TILE : (a + 1) * TILE, b * TILE : (b + 1) * TILE].ravel() for a, b in ((0, 1), (0, 2), (1, 2))]
        p_values += [stats.pearsonr(tiles[i], tiles[i - 1]).pvalue for i in range(3)]
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


def test_streams_differ_in_every_part_of_the_key():
    base = {"seed": 1, "n": 8, "sample": 0, "purpose": Purpose.START, "replica": 0}
    changes = [{}, {"seed": 2}, {"n": 9}, {"sample": 1}, {"purpose": Purpose.MONTE_CARLO}, {"replica": 1}]
    keys = {tuple(streams.seed_sequence(**(base | change)).generate_state(4)) for change in changes}
    assert len(keys) == len(changes)
    # n = 1, sample = 0 must not be n = 10, sample = ... : parts of the key do not run together.
    one, other = (streams.generator(1, n, sample, Purpose.START, 0).random() for n, sample in ((1, 10), (11, 0)))
    assert one != other


def test_given_couplings_are_checked(tmp_path):
    path = tmp_path / "J.npy"
    good = draw(1, 6, 0)
    np.save(path, good)
    assert np.array_equal(couplings.load(path, 6), good)

    def refused(J, words, n=None):
        np.save(path, J)
        with pytest.raises(InputError, match=words):
            couplings.load(path, n)

    refused(good, "6 x 6 where ensemble.n = 7", n=7)
    refused(good[:, :5], "square")
    refused(good + np.eye(6), "diagonal")
    bad = good.copy()
    bad[2, 4] += 1e-3
    refused(bad, r"not symmetric: J\[2,4\]")
    bad = good.copy()
    bad[0, 1] = bad[1, 0] = np.nan
    refused(bad, "not finite")
    refused(good * 1j, "real numbers")
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match=r"neither a \.npy file nor HDF5$"):
        couplings.load(path)
    with pytest.raises(InputError, match="No such file"):
        couplings.load(tmp_path / "missing.npy")


def test_given_couplings_in_hdf5(tmp_path):
    path = tmp_path / "J.dat"  # the content counts, not the name
    good = draw(1, 300, 0)

    def write(**datasets: np.ndarray) -> None:
        with h5py.File(path, "w") as file:
            for name, data in datasets.items():
                file.create_dataset(name.replace("__", "/"), data=data, compression="gzip" if data.ndim == 2 else None)

    write(J=good, other=good[:, :3])
    assert np.array_equal(couplings.load(path, 300), good)
    write(group__anything=good.astype(np.float32))
    assert np.array_equal(couplings.load(path), good.astype(np.float32))
    np.save(tmp_path / "J.npy", good)
    write(J=good)
    assert couplings.digest(path) == couplings.digest(tmp_path / "J.npy")

    def refused(words: str, **datasets: np.ndarray) -> None:
        write(**datasets)
        with pytest.raises(InputError, match=words) as error:
            couplings.load(path)
        assert len(str(error.value).splitlines()) == 1

    refused("datasets /A, /B: call the couplings J", A=good, B=good)
    refused("no dataset")
    refused("square", J=good[:, :5])
    refused("square", J=good[0])
    refused("square", J=np.array(1.0))
    refused("diagonal", J=good + np.eye(300))
    bad = good.copy()
    bad[270, 4] += 1e-3
    refused(r"not symmetric: J\[4,270\]", J=bad)
    bad[270, 4] = bad[4, 270] = np.inf
    refused("not finite", J=bad)
    refused("real numbers", J=good * 1j)
    write(J=good)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match="couplings file"):
        couplings.load(path)
