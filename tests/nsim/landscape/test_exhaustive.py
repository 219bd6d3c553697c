"""Complete lists of minima and saddles, against an enumeration of all complex roots that shares no code with nsim."""

import dataclasses

import numpy as np
import pytest

from nsim.landscape import exhaustive
from nsim.landscape.exhaustive import Explorer, explore
from nsim.run_sections import Model
from nsim.sample.glass import Glass
from tests.nsim.landscape.all_stationary_points import all_stationary_points, index


def energy(glass: Glass, v: np.ndarray) -> float:
    site = (glass.a2 * v**2 / 2 + glass.a4 * v**4 / 24).sum() / glass.gamma
    return float(site - 0.5 * v @ glass.J @ v - glass.field * v.sum())


CASES = [
    # n, gamma, a2, field, seed
    (2, 4.0, 1.0, 0.0, 1),
    (4, 20.0, 1.0, 0.0, 3),
    (5, 4.0, 1.0, 0.2, 4),
    (6, 2.0, -4.0, 0.1, 7),
    (6, 1.0, -5.0, 0.0, 2),
    (7, 20.0, 1.0, 0.0, 5),
]


@pytest.mark.parametrize(("n", "gamma", "a2", "field", "seed"), CASES)
def test_lists_are_those_of_all_complex_roots(n, gamma, a2, field, seed):
    glass = Glass.draw(Model(gamma=gamma, a2=a2, field=field), seed, n, 0)
    points = all_stationary_points(glass.J, gamma, a2, 1.0, field)
    kinds = np.array([index(glass.J, gamma, a2, 1.0, v) for v in points])
    assert ((-1.0) ** kinds).sum() == 1  # Morse: U grows without bound in all directions
    energies = np.array([energy(glass, v) for v in points])

    found = explore(glass)
    assert found.complete, found.notes
    np.testing.assert_allclose(found.minima, np.sort(energies[kinds == 0]), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.saddles, np.sort(energies[kinds == 1]), rtol=0, atol=1e-9)


def test_joined_minima_are_where_the_flow_of_scipy_goes():
    from scipy.integrate import solve_ivp

    glass = Glass.draw(Model(gamma=4.0), 1, 12, 0)
    found = explore(glass)
    assert len(found.saddles) > 3
    for v, ends, top in zip(found.saddles_at, found.joins, found.saddles, strict=True):
        assert np.abs(glass.gradient(v)).max() < 1e-10
        w, modes = np.linalg.eigh(glass.hessian(v))
        assert w[0] < 0 < w[1]
        reached = []
        for side in (-1e-5, 1e-5):
            flow = solve_ivp(
                lambda t, x: -glass.gradient(x), (0, 2000), v + side * modes[:, 0], method="LSODA", rtol=1e-9, atol=1e-9
            )
            distance = np.abs(found.minima_at - flow.y[:, -1]).max(axis=1)
            assert distance.min() < 1e-4
            reached.append(int(distance.argmin()))
            assert found.minima[reached[-1]] < top
        assert sorted(reached) == ends.tolist()


def test_mirror_images_are_listed_separately_and_joined_alike():
    found = explore(Glass.draw(Model(gamma=4.0), 2, 10, 0))
    assert found.complete
    np.testing.assert_allclose(found.minima[::2], found.minima[1::2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.minima_at.sum(axis=0), 0, atol=1e-8)
    mirror = {i: int(np.abs(found.minima_at + v).max(axis=1).argmin()) for i, v in enumerate(found.minima_at)}
    edges = sorted((round(e, 6), tuple(ends)) for e, ends in zip(found.saddles, found.joins.tolist(), strict=True))
    images = [
        (round(e, 6), tuple(sorted(mirror[i] for i in ends)))
        for e, ends in zip(found.saddles, found.joins.tolist(), strict=True)
    ]
    assert sorted(images) == edges


def test_two_kinds_of_search_alone_find_the_same_lists():
    """N = 16: eigenvector following and Newton's method, each without the other, from starts of their own."""
    from nsim.landscape.eigenvector_following import follow, newton

    glass = Glass.draw(Model(gamma=4.0), 3, 16, 0)
    whole = explore(glass)
    assert whole.complete
    climbing, jumping = (Explorer(glass, np.random.default_rng(seed)) for seed in (1, 2))
    for explorer in (climbing, jumping):
        explorer._quench(1000)
    climbing._enter(follow(glass, climbing._anywhere(1500)))
    for _ in range(3):
        jumping._enter(newton(glass, jumping._nearby(4000)))
    for explorer in (climbing, jumping):
        explorer._descend_new()
        found = explorer.landscape(saturated=True)
        np.testing.assert_allclose(found.minima, whole.minima, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.saddles, whole.saddles, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(found.joins, whole.joins)


def test_what_may_be_missing_is_said(monkeypatch):
    glass = Glass.draw(Model(gamma=4.0), 1, 12, 0)
    short = explore(glass, searches=1)
    assert not short.complete
    assert "still found something new" in short.notes[0]

    # Without saddles the minima are no longer connected, and no list is called complete.
    explorer = Explorer(glass, np.random.default_rng(0))
    explorer._quench(200)
    alone = explorer.landscape(saturated=True)
    assert not alone.complete
    assert "groups that no saddle" in alone.notes[-1]

    # A minimum with a singular Hessian (a2 = 0 at v = 0) is met but listed nowhere.
    flat = dataclasses.replace(Glass.draw(Model(gamma=1.0, a2=0.0), 1, 1, 0))
    found = explore(flat)
    assert not found.complete
    assert any("singular" in note for note in found.notes)
    assert exhaustive.SEEN >= 2


def test_climbs_out_of_one_minimum_count_as_one():
    """They are not independent: what only one minimum leads to would look well sampled after one visit there."""
    explorer = Explorer(Glass.draw(Model(gamma=4.0), 1, 16, 0), np.random.default_rng(0))
    explorer._quench(300)
    before = list(explorer.minima.hits)
    explorer._climb_new(np.inf)
    assert len(explorer.saddles) > 4
    assert explorer.searches == 8 * 16 * len(explorer.minima)
    assert max(explorer.saddles.hits) <= len(explorer.minima)
    assert max(explorer.saddles.hits) > 1  # from several minima
    gained = np.subtract(explorer.minima.hits[: len(before)], before)
    assert gained.max() <= len(explorer.minima)


def test_it_says_how_far_it_is_and_gives_up_when_told():
    glass = Glass.draw(Model(gamma=4.0), 1, 16, 0)
    said, limit = [], 100
    short = explore(glass, searches=limit, say=said.append)
    # Climbs are the bulk where there are many minima; the one that reaches the limit and the round are still ended.
    assert short.searches <= limit + 8 * 16 + 7 * exhaustive.FIRST_ROUND
    (line,) = said
    assert line.startswith(f"{short.searches} searches: {len(short.minima)} minima, {len(short.saddles)} saddles")
    assert not short.complete
    assert any("minima nothing has climbed" in note for note in short.notes)

    said.clear()
    tiny = explore(Glass.draw(Model(gamma=4.0), 2, 6, 0), say=said.append)
    assert tiny.complete
    assert len(said) >= 2  # one line for each round
    assert said[-1].startswith(f"{tiny.searches} searches: {len(tiny.minima)} minima, {len(tiny.saddles)} saddles")


def test_lists_do_not_depend_on_the_seed_of_the_searches():
    """Not even in the order of mirror images, so that what joins what can be compared."""
    glass = Glass.draw(Model(gamma=4.0, a2=-1.0), 1, 6, 0)
    one, other = explore(glass, 0), explore(glass, 1)
    assert one.complete
    assert other.complete
    assert len(one.minima) > 2
    np.testing.assert_allclose(one.minima_at, other.minima_at, atol=1e-6)
    np.testing.assert_allclose(one.saddles, other.saddles, atol=1e-9)
    np.testing.assert_array_equal(one.joins, other.joins)
