"""What is found around states of a tiny system must be part of its complete landscape, and rightly joined."""

import numpy as np
import pytest

from nsim.descent.relaxation import relax
from nsim.landscape.eigenvector_following import newton
from nsim.landscape.elastic_band import band, bands, maxima
from nsim.landscape.exhaustive import explore
from nsim.landscape.landscape_run import explore_sample
from nsim.landscape.minima_graph import minimax
from nsim.landscape.neighbouring_minima import Effort, Neighbourhood
from nsim.landscape.saddle_newton import refine
from nsim.run_sections import Model
from nsim.sample.glass import Glass

WELLS_ONLY = Effort(flips=False, modes=0, scans=0, walks=0)


@pytest.fixture(scope="module", params=[0.0, 0.3])
def listed(request):
    glass = Glass.draw(Model(gamma=4.0, field=request.param), 2, 16, 0)
    whole = explore(glass)
    assert whole.complete
    assert len(whole.minima) >= 6
    return glass, whole


def place(points: np.ndarray, v: np.ndarray) -> int:
    distance = np.abs(points - v).max(axis=1)
    assert distance.min() < 1e-5
    return int(distance.argmin())


def test_minima_saddles_and_what_they_join_are_those_of_the_whole_landscape(listed):
    glass, whole = listed
    tables, found = explore_sample(glass, whole.minima_at, Effort())
    for v in tables["minimum/v"]:
        place(whole.minima_at, v)
    for k, v in enumerate(tables["saddle/v"]):
        number = place(whole.saddles_at, v)
        (a, sign_a), (b, sign_b) = found.known.ends[k]
        ends = [place(whole.minima_at, s * found.known.minima.points[m]) for m, s in ((a, sign_a), (b, sign_b))]
        assert sorted(ends) == whole.joins[number].tolist()
        top, low, high = whole.saddles[number], *sorted(whole.minima[ends])
        assert tables["saddle/asymmetry"][k] == pytest.approx(high - low, abs=1e-8)
        assert tables["saddle/barrier_upper"][k] == pytest.approx(top - high, abs=1e-8)
        assert tables["saddle/barrier_lower"][k] == pytest.approx(top - low, abs=1e-8)
        distance = np.linalg.norm(np.subtract(*whole.minima_at[ends]))
        assert tables["saddle/distance"][k] == pytest.approx(distance, abs=1e-6)
        assert tables["saddle/path_length"][k] > 0.999 * distance
        assert 1 <= tables["saddle/participation"][k] <= glass.n
        assert tables["saddle/saddle_eigenvalue"][k] < 0
    # Every minimum was a state, so that all minima are there, and with them paths between nearly all pairs.
    folded = len({round(energy, 7) for energy in whole.minima})
    assert len(tables["minimum/energy"]) == folded
    assert tables["minimum/explored"].all()
    counts = found.counts
    assert counts["states"] == len(whole.minima)
    assert counts["repeated_states"] == len(whole.minima) - folded
    assert counts["pairs"] == counts["pairs_direct"] + counts["pairs_by_steps"] + counts["pairs_open"]
    assert counts["pairs_direct"] > 0
    assert len(found.known.saddles) > folded / 2
    check_pairs(glass, whole, tables, found)


def check_pairs(glass, whole, tables, found):
    """The lowest path known is one of the whole landscape, and mostly its lowest."""
    exact = minimax(whole.minima, whole.saddles, whole.joins)
    best = known = 0
    for state, other, mirrored, barrier, saddles, asymmetry in zip(
        *(tables[f"pair/{name}"] for name in ("state", "other", "mirrored", "barrier", "saddles", "asymmetry")),
        strict=True,
    ):
        v, there = found.known.minima.points[int(state)], (1 - 2 * mirrored) * found.known.minima.points[int(other)]
        i, j = place(whole.minima_at, v), place(whole.minima_at, there)
        assert asymmetry == pytest.approx(whole.minima[j] - whole.minima[i], abs=1e-8)
        assert np.isnan(barrier) == (saddles == 0)
        if saddles:
            known += 1
            assert barrier >= exact[i, j] - whole.minima[i] - 1e-8
            best += barrier < exact[i, j] - whole.minima[i] + 1e-8
            direct = [k for k, ends in enumerate(whole.joins) if sorted(ends) == sorted((i, j))]
            assert saddles > 1 or (direct and barrier >= whole.saddles[direct].min() - whole.minima[i] - 1e-8)
    assert best > 0.8 * known > 0
    counts = found.counts
    by = {name: tables[f"pair/by_{name}"].sum() for name in ("flips", "scans", "walks")}
    assert all(by.values())
    assert sum(by.values()) >= len(tables["pair/state"])
    assert counts["walks"] == 16 * len(found.explored)
    assert counts["scans"] == 4 * len(found.explored) == len(tables["scan/site"])
    ways = sum(counts[f"scans_{way}"] for way in ("reversible", "closed", "closed_later", "open", "lost"))
    assert ways == 2 * counts["scans"]
    assert counts["scan_avalanches"] == len(tables["avalanche/drop"])


def test_linear_response_wells_stand_beside_what_was_found(listed):
    glass, whole = listed
    tables, found = explore_sample(glass, whole.minima_at, WELLS_ONLY)
    assert found.counts["wells"] == len(tables["well/site"])
    by_way = sum(found.counts[f"wells_{way}"] for way in ("by_schur", "by_following", "without_saddle"))
    assert by_way == found.counts["wells"] > 0
    energies = tables["minimum/energy"]
    for k in np.flatnonzero(tables["well/connected"]):
        saddle, state = int(tables["well/well_saddle"][k]), int(tables["well/state"][k])
        ends = {int(tables["saddle/first"][saddle]), int(tables["saddle/second"][saddle])}
        assert state in ends
        other = (ends - {state} or {state}).pop()
        assert tables["well/true_asymmetry"][k] == pytest.approx(energies[other] - energies[state])
        assert tables["well/true_climb"][k] == pytest.approx(tables["saddle/energy"][saddle] - energies[state])


def test_a_band_between_joined_minima_leads_to_their_saddle(listed):
    glass, whole = listed
    met = 0
    for (i, j), saddle in zip(whole.joins, whole.saddles_at, strict=True):
        images = band(glass, whole.minima_at[i], whole.minima_at[j])
        np.testing.assert_array_equal(images[:, 0], whole.minima_at[i])
        spacing = np.linalg.norm(np.diff(images, axis=1), axis=0)
        assert np.ptp(spacing) < 0.5 * spacing.mean()
        for top in maxima(glass, images).T:
            v, reached = refine(glass, top)
            if reached:
                assert place(whole.saddles_at, v) >= 0
                met += np.abs(v - saddle).max() < 1e-6
    assert met > len(whole.saddles) / 2  # pairs with several saddles, and steps over others, account for the rest


@pytest.mark.parametrize(("n", "samples"), [(40, 12), (110, 6)])
def test_soft_modes_lead_to_saddles_of_the_state(n, samples):
    """In 24 samples of 40 sites 57% of the climbs reached a saddle, with a deviation of 37% between samples.

    From the top of the energy along the straight line, for comparison, 2% did.
    """
    climbs = failed = of_state = saddles = 0
    for sample in range(samples):
        glass = Glass.draw(Model(gamma=4.0), 1, n, sample)
        v = relax(glass, 5 * np.random.default_rng(3).standard_normal((n, 1))).v.T
        search = Neighbourhood(glass, Effort())
        search.known.minimum(v[0])
        search._climb_modes(v[0])
        search._enter()
        climbs, failed = climbs + search.counts["modes"], failed + search.counts["modes_without_saddle"]
        saddles += len(search.known.saddles)
        of_state += sum(0 in (first[0], second[0]) for first, second in search.known.ends)
    assert climbs == 8 * samples
    assert (climbs - failed) / climbs > 0.57 - 3 * 0.37 / np.sqrt(samples)
    assert of_state > saddles / 2


def test_refining_climbs_along_the_mode_it_is_told():
    """Out of a minimum of nearly free double wells, over the barrier of the site that the mode belongs to."""
    n = 8
    a2 = np.linspace(-2.0, -3.0, n)
    glass = Glass(0.02 * Glass.draw(Model(gamma=1.0), 1, n, 0).J, a2, 1.0, 1.0)
    v = relax(glass, np.full((n, 1), 3.0)).v[:, 0]
    modes = np.linalg.eigh(glass.hessian(v))[1]
    for k in (0, 3, 6):
        site = int(np.abs(modes[:, k]).argmax())
        inwards = -np.sign(modes[site, k]) * modes[:, k]
        top, reached = refine(glass, v + 0.2 * inwards, along=inwards)
        assert reached
        assert abs(top[site]) < 0.5
        assert (np.abs(np.delete(top, site)) > 3).all()


def test_refining_ends_on_saddles_of_index_one_only(listed):
    glass, whole = listed
    v = newton(glass, 2 * np.random.default_rng(1).standard_normal((16, 400)), steps=60)
    higher = v.v[:, (v.max_gradient < 1e-10) & (v.index >= 2)]
    assert higher.shape[1] > 10
    climbed = 0
    for k, start in enumerate([*whole.minima_at, *higher.T]):
        end, reached = refine(glass, start)
        if reached:
            place(whole.saddles_at, end)
            climbed += k < len(whole.minima)
    assert climbed > len(whole.minima) / 4  # uphill along the softest mode, out of a minimum


def test_wells_of_nearly_free_sites_are_true_and_proved():
    """Weak couplings: every site is a double well of its own, and linear response is nearly exact."""
    n = 8
    J = 0.02 * Glass.draw(Model(gamma=1.0), 1, n, 0).J
    glass = Glass(J, np.full(n, -2.0), 1.0, 1.0)
    state = relax(glass, np.full((n, 1), 3.0)).v.T
    tables, found = explore_sample(glass, state, WELLS_ONLY)
    assert found.counts["wells"] == found.counts["wells_by_schur"] == n
    assert (tables["well/localisation"] < 0.01).all()
    assert tables["well/connected"].all()
    np.testing.assert_allclose(tables["well/true_climb"], tables["well/well_climb"], rtol=0.02)
    np.testing.assert_allclose(tables["well/true_asymmetry"], tables["well/well_asymmetry"], atol=0.05)
    np.testing.assert_allclose(tables["well/true_distance"], tables["well/well_distance"], rtol=0.01)
    np.testing.assert_allclose(tables["well/true_participation"], 1, atol=0.01)
    # The action, about -ln Delta_0, is that of the barrier within its own error.
    np.testing.assert_allclose(tables["well/true_log_delta0"], tables["well/well_log_delta0"], rtol=0.02)
    # At the top the site itself is at rest near v = 0, the others still at their minima.
    for k, v in enumerate(tables["saddle/v"]):
        site = int(tables["well/site"][tables["well/well_saddle"] == k][0])
        assert abs(v[site]) < 0.2
        assert (np.abs(np.delete(v, site)) > 3).all()


def test_bands_of_several_pairs_are_those_of_each_alone(listed):
    glass, whole = listed
    firsts, lasts = whole.minima_at[:5].T, whole.minima_at[1:6].T
    together = bands(glass, firsts, lasts, images=9, steps=30)
    for k in range(5):
        alone = band(glass, firsts[:, k], lasts[:, k], images=9, steps=30)
        np.testing.assert_allclose(together[:, k], alone, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2])
def test_wells_of_nearly_singular_states_are_marked_and_counted(n):
    """Free sites with a2 = -0.01: minima at v^2 = 0.06 with an eigenvalue of 0.02; with a2 = -0.02 it is 0.04."""
    for a2, singular in ((-0.01, True), (-0.02, False)):
        glass = Glass(np.zeros((n, n)), np.full(n, a2), 1.0, 1.0)
        v = np.full((1, n), np.sqrt(-6 * a2))
        tables, found = explore_sample(glass, v, Effort(modes=0))
        assert found.counts["wells"] == found.counts["wells_by_schur"] == n
        assert found.counts["wells_near_singular"] == n * singular
        assert (tables["well/near_singular"] == singular).all()
        assert (tables["scan/near_singular"] == singular).all()
        assert found.counts["near_singular"] == singular * len(found.known.minima)
        # A saddle joins every state to a flip of it: for one site that is its own mirror image.
        assert found.counts["saddles_to_mirror"] == (n == 1)
        np.testing.assert_allclose(tables["scan/true_climb"], 1.5 * a2**2, rtol=1e-6)
