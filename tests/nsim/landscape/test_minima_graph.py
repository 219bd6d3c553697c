"""Minimax barriers over the graph of minima and saddles, against all paths of small graphs."""

import itertools

import numpy as np
import pytest

from nsim.landscape.minima_graph import disconnectivity, lowest_path, minimax, neighbours_of

pytestmark = pytest.mark.timeout(20)  # a wrong search may never end: that fails


def highest_on_best_path(m: int, saddles: np.ndarray, joins: np.ndarray, i: int, j: int) -> float:
    """Every simple path, the lowest of their highest saddles."""
    edge = np.full((m, m), np.inf)
    for energy, (a, b) in zip(saddles, joins, strict=True):
        edge[a, b] = edge[b, a] = min(edge[a, b], energy)
    inner = [k for k in range(m) if k not in (i, j)]
    paths = ((i, *middle, j) for size in range(m - 1) for middle in itertools.permutations(inner, size))
    return min(max(edge[a, b] for a, b in itertools.pairwise(path)) for path in paths)


def test_barriers_of_random_graphs_are_those_of_all_paths():
    rng = np.random.default_rng(0)
    for count in (3, 5, 9):
        minima = rng.uniform(-2, -1, 6)
        saddles, joins = rng.uniform(0, 1, count), rng.integers(6, size=(count, 2))
        found = minimax(minima, saddles, joins)
        for i, j in itertools.combinations(range(6), 2):
            assert found[i, j] == found[j, i] == highest_on_best_path(6, saddles, joins, i, j)


def test_the_tree_joins_all_minima_once():
    minima, saddles = np.array([-3.0, -2.0, -1.0]), np.array([0.5, 0.1, 0.2, 0.3])
    joins = np.array([[0, 1], [1, 2], [2, 2], [-1, 0]])  # a loop and a saddle of unknown ends change nothing
    tree = disconnectivity(minima, saddles, joins)
    assert [(join.energy, join.first, join.second) for join in tree] == [(0.1, (1,), (2,)), (0.5, (0,), (1, 2))]
    assert minimax(minima, saddles, joins)[0, 2] == 0.5


def test_lowest_paths_are_minimax_with_the_fewest_saddles():
    rng = np.random.default_rng(1)
    for count in (3, 6, 9):
        minima, saddles = rng.uniform(-2, -1, 6), rng.uniform(0, 1, count)
        joins = rng.integers(6, size=(count, 2))
        graph = neighbours_of([((int(a), 1), (int(b), 1)) for a, b in joins], saddles.tolist())
        whole = minimax(minima, saddles, joins)
        for i, j in itertools.combinations(range(6), 2):
            highest, steps = lowest_path(graph, (i, 1), (j, 1))
            assert highest == whole[i, j]
            if not np.isfinite(highest):
                assert steps == 0
                continue
            low = [set(map(int, joins[k])) for k in range(count) if saddles[k] <= highest]
            reached, hops = {i}, 0
            while j not in reached:
                reached |= {b for pair in low for b in pair if pair & reached}
                hops += 1
            assert steps == hops


def test_mirror_images_are_states_of_their_own():
    """0 - 1 and 1 - (-0): from a state to its mirror image over two saddles, though no saddle joins them."""
    ends = [((0, 1), (1, 1)), ((1, 1), (0, -1)), ((2, 1), (-1, 1))]
    graph = neighbours_of(ends, [0.2, 0.5, 0.1])
    assert lowest_path(graph, (0, 1), (0, -1)) == (0.5, 2)
    assert lowest_path(graph, (0, 1), (1, 1)) == (0.2, 1)
    # 1's mirror image: by the mirror of the second saddle at once, since the first and it are both needed else.
    assert lowest_path(graph, (0, 1), (1, -1)) == (0.5, 1)
    assert lowest_path(graph, (0, 1), (2, 1)) == (np.inf, 0)
