"""Scans as a record and as a search: against wells that are known, and against the states they set out from."""

import numpy as np
import pytest

from nsim.descent.relaxation import relax
from nsim.landscape.hysteresis import both_ways
from nsim.landscape.landscape_run import explore_sample
from nsim.landscape.neighbouring_minima import Effort
from nsim.landscape.scan_record import POINTS_KEPT, sites_to_scan, step_rows
from nsim.run_sections import Model
from nsim.sample.cavity_field import cavity_field, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.local_wells import local_wells

SCANS_ONLY = Effort(flips=False, modes=0, bands=0, walks=0, scans=1000)


def test_wells_of_nearly_free_sites_are_what_linear_response_foretells():
    n = 8
    J = 0.02 * Glass.draw(Model(gamma=1.0), 1, n, 0).J
    glass = Glass(J, np.full(n, -2.0), 1.0, 1.0)
    state = relax(glass, np.full((n, 1), 3.0)).v.T
    tables, found = explore_sample(glass, state, SCANS_ONLY)
    assert len(tables["scan/site"]) == n
    assert not tables["scan/loop_up"].any()
    assert not tables["scan/loop_down"].any()
    assert np.isnan(tables["scan/fold_up"]).all()
    np.testing.assert_allclose(tables["scan/true_climb"], tables["scan/well_climb"], rtol=0.02)
    np.testing.assert_allclose(tables["scan/true_asymmetry"], tables["scan/well_asymmetry"], atol=0.05)
    # Each scan passes the saddle that the Schur complement proves from the top of the well, and the minimum beyond.
    assert found.counts["wells_by_schur"] == len(found.known.saddles) == n
    assert found.counts["saddles_again"] == n
    assert len(found.known.minima) == n + 1


@pytest.fixture(scope="module")
def scanned():
    glass = Glass.draw(Model(gamma=2.0, a2=-1.0), 7, 40, 0)
    states = relax(glass, 5 * np.random.default_rng(1).standard_normal((40, 2))).v.T
    return glass, states, *explore_sample(glass, states, Effort(flips=False, modes=0, bands=0, walks=0, scans=6))


def test_the_record_is_that_of_scans_made_again(scanned):
    glass, states, tables, _ = scanned
    row = 3
    state, site = states[int(tables["scan/replica"][row])], int(tables["scan/site"][row])
    ways = both_ways(glass, state, site)
    own = tables["step/scan"] == row
    for direction, way in zip((1, -1), ways, strict=True):
        for passage, leg in enumerate(way.legs):
            here = own & (tables["step/direction"] == direction) & (tables["step/passage"] == passage)
            assert here.sum() > 5
            kept = np.stack([tables[f"step/{name}"][here] for name in ("x", "energy", "local_field", "C_eff")], axis=1)
            home = float(glass.energy(state))
            all_points = np.array([(p.x, p.energy - home, p.local_field, p.C_eff) for p in leg.points])
            for row_kept in kept:
                close = np.isclose(all_points, row_kept, rtol=1e-5, atol=1e-5, equal_nan=True).all(axis=1)
                assert close.any()
    assert tables["scan/home"][row] == state[site]
    at_home = own & (tables["step/passage"] == 0) & (tables["step/x"] == np.float32(state[site]))
    assert at_home.sum() == 2
    np.testing.assert_allclose(tables["step/C_eff"][at_home], tables["scan/reaction_coefficient"][row], rtol=1e-6)


def test_released_sites_relax_to_the_minima_that_are_named(scanned):
    glass, states, tables, found = scanned
    named = 0
    for row in np.unique(tables["avalanche/scan"]).astype(int)[:4]:
        state, site = states[int(tables["scan/replica"][row])], int(tables["scan/site"][row])
        own = tables["avalanche/scan"] == row
        minima = iter(tables["avalanche/minimum"][own].astype(int))
        for way in both_ways(glass, state, site):
            for avalanche in (avalanche for leg in way.legs for avalanche in leg.avalanches):
                named += 1
                end = relax(glass, avalanche.v[:, None]).v[:, 0]
                minimum = found.known.minima.points[next(minima)]
                assert min(np.abs(end - minimum).max(), np.abs(end + minimum).max()) < 1e-5
    assert named > 3
    assert (tables["avalanche/drop"] > 0).all()
    assert len(found.known.minima) > len(found.explored)


def test_sites_with_wells_come_first_then_the_softest():
    glass = Glass.draw(Model(gamma=4.0), 2, 64, 0)
    v = relax(glass, 5 * np.random.default_rng(0).standard_normal((64, 1))).v[:, 0]
    response = np.diagonal(np.linalg.inv(glass.hessian(v)))
    C = reaction_coefficient(glass, v, response)
    h = cavity_field(glass.local_field(v), C, v)
    # With a stronger reaction some of these sites would have two wells.
    wells = local_wells(h, C + 2.0, v, glass.a2, glass.a4, glass.gamma, 1.0)
    assert 0 < wells.exists.sum() < 64
    order = sites_to_scan(wells, response, 64)
    count = int(wells.exists.sum())
    assert wells.exists[order[:count]].all()
    assert (np.diff(response[order[count:]]) <= 0).all()
    assert len(sites_to_scan(wells, response, 5)) == 5


def test_what_is_kept_is_bounded(scanned):
    glass, states, _, _ = scanned
    ways = both_ways(glass, states[0], 0)
    rows = step_rows(0, ways, float(glass.energy(states[0])))
    for direction, way in zip((1, -1), ways, strict=True):
        for passage, leg in enumerate(way.legs):
            own = [r for r in rows if r["direction"] == direction and r["passage"] == passage]
            assert len(own) <= POINTS_KEPT + 3 * (len(leg.avalanches) + 1)
            assert own[-1]["x"] == leg.points[-1].x
            xs = {r["x"] for r in own}
            assert xs >= {avalanche.x for avalanche in leg.avalanches}
