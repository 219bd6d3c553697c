"""Scans of one site: exact for one and two sites, against scipy's constrained minima for more, loops by their work."""

import itertools

import numpy as np
import pytest
from scipy import optimize

from nsim.descent.relaxation import relax
from nsim.landscape.adiabatic_scan import follow, stationary_points
from nsim.landscape.eigenvector_following import natural_length
from nsim.landscape.exhaustive import explore
from nsim.landscape.held_block import factorise
from nsim.landscape.hysteresis import both_ways, excursion
from nsim.run_sections import Model
from nsim.sample.cavity_field import reaction_coefficient
from nsim.sample.glass import Glass


def glass_and_state(n: int, seed: int, field: float = 0.0) -> tuple[Glass, np.ndarray]:
    glass = Glass.draw(Model(gamma=4.0, field=field), seed, n, 0)
    return glass, relax(glass, 5 * np.random.default_rng(3).standard_normal((n, 1))).v[:, 0]


def others(glass: Glass, v: np.ndarray, site: int) -> np.ndarray:
    """Eigenvalues of the block of the others."""
    return np.linalg.eigvalsh(np.delete(np.delete(glass.hessian(v), site, 0), site, 1))


@pytest.fixture(scope="module")
def jumpy():
    """A state of 20 sites, and those of its ways that meet avalanches."""
    glass, v = glass_and_state(20, 2, field=0.1)
    ways = [way for site in range(0, 20, 2) for way in both_ways(glass, v, site)]
    assert sum(way.loop == "reversible" for way in ways) >= 3
    assert sum(way.loop in ("closed", "closed later") for way in ways) >= 3
    return glass, v, ways


def test_at_the_minimum_the_scan_is_linear_response():
    glass, v = glass_and_state(30, 1)
    Gr = np.linalg.inv(glass.hessian(v))
    C = reaction_coefficient(glass, v, np.diagonal(Gr))
    for site in (0, 7, 29):
        point = follow(glass, v, site, float(v[site])).points[0]
        assert point.energy == pytest.approx(float(glass.energy(v)), abs=1e-9)
        assert abs(point.force) < 1e-9
        assert point.C_eff == pytest.approx(C[site], abs=1e-9)
        assert point.curvature == pytest.approx(1 / Gr[site, site], abs=1e-9)
        block = factorise(glass, v, site)
        np.testing.assert_allclose(block.answer, Gr[:, site] / Gr[site, site], atol=1e-9)


def test_slopes_are_derivatives(jumpy):
    """Central differences of U_i and l_i about points in the middle of branches."""
    glass, _, ways = jumpy
    pieces = [piece for way in ways for leg in way.legs for piece in leg.pieces() if len(piece) > 8]
    assert len(pieces) > 20
    for piece in pieces[::3]:
        point, h = piece[len(piece) // 2], 1e-3
        site = int(np.flatnonzero(point.v == point.x)[0])
        below, above = (follow(glass, point.v, site, point.x + side * h).points[-1] for side in (-1, 1))
        assert (above.energy - below.energy) / (2 * h) == pytest.approx(point.force, abs=1e-4)
        assert (above.local_field - below.local_field) / (2 * h) == pytest.approx(point.C_eff, rel=2e-3, abs=1e-3)
        assert (above.force - below.force) / (2 * h) == pytest.approx(point.curvature, rel=2e-3, abs=3e-3)


# The last one passes a branch so close that a step whose predictor erred by more than `TRUSTED` would leap onto it.
@pytest.mark.parametrize(
    ("seed", "field", "site", "direction"),
    [(4, 0.0, 4, 1), (4, 0.0, 4, -1), (4, 0.0, 9, 1), (4, 0.0, 9, -1), (35, 0.1, 4, 1)],
)
def test_scipy_minimises_the_others_to_the_same_branch(seed, field, site, direction):
    """Fine steps, each minimised by scipy from the last: same energies, and jumps where our folds are."""
    glass, v = glass_and_state(10, seed, field)
    goal, step = v[site] + direction * 6.0, 0.03
    leg = follow(glass, v, site, goal, "steepest-descent")
    assert not leg.lost
    free = np.delete(np.arange(10), site)
    jumps, x, before, seen = [], v.copy(), v.copy(), 0
    mine = leg.points

    def held(y, x):
        x[free] = y
        return float(glass.energy(x)), glass.gradient(x)[free]

    for at in np.arange(v[site], goal, direction * step)[1:]:
        x[site] = at
        found = optimize.minimize(held, x[free], args=(x,), jac=True, method="L-BFGS-B", options={"ftol": 1e-15})
        x[free] = found.x
        if np.abs(x - before).max() > 0.5:
            jumps.append(at)
        before = x.copy()
        if jumps:  # where it lands is a matter of the descent
            break
        k = next(k for k, (a, b) in enumerate(itertools.pairwise(mine)) if (at - a.x) * (at - b.x) <= 0)
        seen += 1
        fine = follow(glass, mine[k].v, site, at)
        assert fine.points[-1].energy == pytest.approx(found.fun, abs=1e-6)
        np.testing.assert_allclose(fine.end, x, atol=1e-3)
    assert seen > 10
    if jumps:
        assert 0 <= (jumps[0] - leg.avalanches[0].x) * direction <= 2 * step
    else:
        assert not leg.avalanches


def test_folds_are_singular_and_avalanches_go_down(jumpy):
    glass, _, ways = jumpy
    met = 0
    for leg in (leg for way in ways for leg in way.legs):
        for point in leg.points:
            if np.isnan(point.C_eff):
                continue
            assert others(glass, point.v, leg.site)[0] > 0
            assert np.abs(np.delete(glass.gradient(point.v), leg.site)).max() <= 1e-10
        for avalanche in leg.avalanches:
            met += 1
            fold, after = leg.points[avalanche.after - 1], leg.points[avalanche.after]
            assert fold.x == after.x == avalanche.x
            lowest = others(glass, fold.v, leg.site)
            assert abs(lowest[0]) < 1e-7
            assert lowest[1] > 0.01
            assert avalanche.drop == pytest.approx(fold.energy - after.energy, abs=1e-9)
            assert avalanche.drop > 0
            assert avalanche.field_jump == pytest.approx(after.local_field - fold.local_field, abs=1e-9)
            moved = np.delete(after.v - fold.v, leg.site)
            assert avalanche.distance == pytest.approx(np.linalg.norm(moved))
            assert avalanche.participation == pytest.approx((moved**2).sum() ** 2 / (moved**4).sum())
            assert 1 <= avalanche.participation <= glass.n - 1
            assert avalanche.moved == (np.abs(moved) > 0.02 * natural_length(glass)).sum()
    assert met > 10


def test_the_way_back_without_an_avalanche_is_the_way_out(jumpy):
    glass, v, ways = jumpy
    for way in [way for way in ways if way.loop == "reversible"][:3]:
        out = way.legs[0]
        back = follow(glass, out.end, out.site, float(v[out.site]))
        assert not back.avalanches
        np.testing.assert_allclose(back.end, v, atol=1e-8)


def test_work_round_a_closed_loop_is_what_avalanches_dissipate(jumpy):
    """Energies are never used here: the integral of the force on the site over the points of the last round."""
    _, _, ways = jumpy
    for way in ways:
        if way.loop == "reversible":
            assert way.dissipated == 0
        if way.loop not in ("closed", "closed later"):
            continue
        assert np.abs(way.legs[-1].end - way.legs[-2].points[0].v).max() < 1e-5
        work = 0.0
        for piece in (piece for leg in way.legs[-2:] for piece in leg.pieces()):
            for a, b in itertools.pairwise(piece):
                work += 0.5 * (a.force + b.force) * (b.x - a.x)
                if not np.isnan(a.curvature + b.curvature):
                    work += (b.x - a.x) ** 2 / 12 * (a.curvature - b.curvature)
        assert work == pytest.approx(way.dissipated, rel=2e-3, abs=2e-3)


def test_it_passes_minima_and_saddles_of_the_complete_list():
    glass = Glass.draw(Model(gamma=1.0, a2=-2.0, field=0.2), 5, 6, 0)
    whole = explore(glass)
    assert whole.complete
    tops = bottoms = 0
    for v in whole.minima_at[:5]:
        for site in range(glass.n):
            for way in both_ways(glass, v, site):
                for point in (point for leg in way.legs for point in stationary_points(glass, leg)):
                    assert point.converged
                    known = whole.saddles_at if point.top else whole.minima_at
                    assert np.abs(known - point.v).max(axis=1).min() < 1e-6
                    tops, bottoms = tops + point.top, bottoms + (not point.top)
    assert tops > 3
    assert bottoms > 3


def test_one_site_has_its_own_potential():
    glass = Glass(np.zeros((1, 1)), np.array([-2.0]), 1.0, 1.0, 0.1)
    v = relax(glass, np.array([[3.0]])).v[:, 0]
    leg = follow(glass, v, 0, -5.0)
    assert leg.points[-1].x == -5.0
    for point in leg.points:
        assert point.energy == pytest.approx(float(glass.energy(np.array([point.x]))), abs=1e-12)
        assert point.C_eff == 0
    assert [point.top for point in stationary_points(glass, leg)] == [True, False]


def test_two_sites_fold_where_theory_says():
    """J x pulls the soft site against its own double well until G''(v_2) = 0: x = G'(v_2)/(gamma J) there."""
    a2, gamma, coupling = -2.0, 2.0, 0.7
    glass = Glass(np.array([[0, coupling], [coupling, 0]]), np.array([1.0, a2]), 1.0, gamma)
    v = relax(glass, np.array([[-2.0], [-4.0]])).v[:, 0]
    far = 8.0
    way = excursion(glass, v, 0, 1, far)
    at = np.sqrt(-2 * a2)  # |v_2| where its curvature vanishes
    fold = (-a2 * at - at**3 / 6) / gamma / coupling
    out, back = way.legs
    assert [avalanche.x for avalanche in out.avalanches] == pytest.approx([fold], abs=1e-9)
    assert out.points[out.avalanches[0].after - 1].v[1] == pytest.approx(-at, abs=1e-6)
    # It lands at 2 at: the other root of the cubic whose double root is -at.
    assert out.avalanches[0].v[1] == pytest.approx(2 * at, abs=1e-6)
    # The way back ends at v_1 < 0, far from the fold of the other side unless that lies before it.
    assert way.loop == ("closed" if float(v[0]) < -fold else "open")
    assert len(back.avalanches) == (1 if float(v[0]) < -fold else 0)
    for point in (point for leg in way.legs for point in leg.points):
        cubic = np.roots([1 / (6 * gamma), 0, a2 / gamma, -coupling * point.x])
        real = cubic[np.abs(cubic.imag) < 1e-4].real
        assert np.abs(real - point.v[1]).min() < 1e-6


def test_without_a_quartic_term_everything_is_linear():
    glass = Glass(0.3 * Glass.draw(Model(gamma=1.0), 1, 6, 0).J, np.full(6, 2.0), 0.0, 1.0, 0.5)
    v = np.linalg.solve(glass.hessian(np.zeros(6)), np.full(6, 0.5))
    for way in both_ways(glass, v, 2):
        assert way.loop == "reversible"
        first = way.legs[0].points[0]
        for point in way.legs[0].points:
            assert point.C_eff == pytest.approx(first.C_eff, abs=1e-12)
            shift = point.x - first.x
            assert point.energy == pytest.approx(first.energy + first.curvature * shift**2 / 2, abs=1e-10)
