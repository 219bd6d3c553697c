"""Ground-state search: global minima of tiny systems by independent means, and the measure of trust."""

import itertools

import h5py
import numpy as np
import pytest
from scipy import optimize

from nsim import run_file
from nsim.analysis.ground_states import ground_states, lowest_state, search
from nsim.analysis.summary import summarise
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.descent.relaxation import relax
from nsim.errors import InputError
from nsim.landscape.exhaustive import explore
from nsim.parallel.ranks import SerialRanks
from nsim.run_sections import Model
from nsim.sample.glass import Glass


def test_minima_are_told_apart_and_mirror_images_folded():
    a, b, c = np.array([1.0, -2.0]), np.array([2.0, 1.0]), np.array([1.0, 3.0])
    v = np.stack([b, a, -a, a + 1e-7, c, -b, c + 1e-3], axis=1)
    energy = np.array([-3.0, -5.0, -5.0, -5.0 + 1e-9, -3.0, -3.0, -3.0])
    folded = lowest_state(energy, v, mirror=True)
    assert (folded.energy, folded.found, folded.states, folded.distinct, folded.once) == (-5.0, 3, 7, 4, 2)
    assert folded.missed == pytest.approx((5 / 8) ** 7)
    assert lowest_state(energy[:1], v[:, :1], mirror=True).missed == 0.5  # one start proves nothing
    assert folded.new == pytest.approx(2 / 7)
    apart = lowest_state(energy, v, mirror=False)
    assert apart.distinct == 6  # a, -a, b, -b, c and c + 1e-3
    assert apart.found in (1, 2)  # a twice, -a once; which of them comes first is a matter of rounding
    by_energy = lowest_state(energy, None, mirror=True)
    assert (by_energy.found, by_energy.distinct) == (3, 2)


def run_of(gamma=4.0, n=10, **protocol):
    """A search of four samples."""
    return {
        "seed": 17,
        "model": {"gamma": gamma},
        "ensemble": {"n": n, "samples": 4, "replicas": 12, "batch": 8},
        "protocol": {"kind": "anneal", "sweeps": 100, **protocol},
    }


def test_global_minimum_of_tiny_glasses():
    """Against many L-BFGS-B runs of scipy."""
    n, several = 12, 0
    for sample in range(4):
        lowest, v = search(run_file.parse(run_of(n=n)), n, sample)
        glass = Glass.draw(Model(gamma=4.0), 17, n, sample)
        assert lowest.found >= 3
        assert glass.energy(v) == pytest.approx(lowest.energy)
        starts = 6 * np.random.default_rng(sample).standard_normal((40, n))
        options = {"gtol": 1e-9, "ftol": 0}
        others = [
            optimize.minimize(glass.energy, x, jac=glass.gradient, method="L-BFGS-B", options=options).fun
            for x in starts
        ]
        assert lowest.energy == pytest.approx(min(others), abs=1e-8)
        several += np.max(others) > lowest.energy + 1e-3
    assert several >= 2  # there was something to choose from


def test_global_minimum_of_a_complete_landscape():
    lowest, _ = search(run_file.parse(run_of(n=7)), 7, 0)
    complete = explore(Glass.draw(Model(gamma=4.0), 17, 7, 0))
    assert complete.complete
    assert lowest.energy == pytest.approx(complete.minima[0], abs=1e-9)


def test_ising_ground_state_by_enumeration():
    """a2 = -k, a4 = 6 k, gamma = 1, k large: v = +-1, and U = -1/2 sum J s s - k N/4 up to terms of order 1/k.

    Only the heat bath gets across the barriers k/4 between the wells of a site.
    """
    k, n = 400.0, 10
    run = run_of(gamma=1.0, n=n, sweeps=200, t_start=3.0, t_end=0.05, algorithm="heat-bath") | {
        "model": {"gamma": 1.0, "a2": -k, "a4": 6 * k}
    }
    spins = np.array(list(itertools.product([-1.0, 1.0], repeat=n))).T
    for sample in range(3):
        lowest, v = search(run_file.parse(run), n, sample, found=4)
        J = Glass.draw(Model(gamma=1.0), 17, n, sample).J
        energies = -0.5 * np.einsum("is,ij,js->s", spins, J, spins)
        best = spins[:, np.argmin(energies)]
        np.testing.assert_array_equal(np.sign(v) * np.sign(v[0]), best * best[0])
        assert lowest.energy == pytest.approx(energies.min() - k * n / 4, abs=n / k)


def test_a_search_is_missed_as_often_as_it_says():
    """Quenches of one sample: the chance (1 - p)^R that R of them miss the lowest of all, against many groups of R."""
    glass = Glass.draw(Model(gamma=4.0), 17, 64, 1)
    start = 5 * np.random.default_rng(0).standard_normal((64, 1200))
    energy = glass.energy(relax(glass, start).v)
    hit = energy < energy.min() + 1e-7
    for size in (3, 6, 12):
        missed = ~hit.reshape(-1, size).any(axis=1)
        says = (1 - hit.mean()) ** size
        assert 0.001 < says < 0.999
        error = np.sqrt(says * (1 - says) / len(missed))
        assert abs(missed.mean() - says) < 4 * error


def test_a_run_says_how_often_it_found_its_lowest_states(tmp_path):
    run = run_file.parse(run_of(n=24))
    run_campaign(run, tmp_path / "run", SerialRanks())
    (group,) = ground_states(RunDirectory(tmp_path / "run"))["groups"]
    assert (group["samples"], len(group["by_sample"]), group["compared_by"]) == (4, 4, "energy and displacements")
    with h5py.File(tmp_path / "run/results.h5") as file:
        energy = file["n24/energy"][()]
    for sample, row in enumerate(group["by_sample"]):
        assert row["lowest_energy"] == pytest.approx(energy[sample].min(), rel=1e-12)
        assert row["found"] == (24 * (energy[sample] - energy[sample].min()) < 1e-7).sum()
        assert row["states"] == 12
    assert 0 < group["lowest_found"]["mean"] < 1
    observables = summarise(RunDirectory(tmp_path / "run"))["groups"][0]["observables"]
    assert observables["lowest_found"] == pytest.approx(group["lowest_found"])
    # The same search by hand, started anew: replicas are those of the run.
    lowest, _ = search(run, 24, 2, found=12, most=12)
    row = group["by_sample"][2]
    assert (lowest.found, lowest.states, lowest.distinct) == (row["found"], row["states"], row["distinct_minima"])
    assert lowest.energy / 24 == pytest.approx(row["lowest_energy"], rel=1e-12)


def test_states_that_were_not_kept_are_told_apart_by_energy(tmp_path, run_dict):
    run_campaign(run_file.parse(run_dict(output={"sites": False})), tmp_path / "run", SerialRanks())
    assert ground_states(RunDirectory(tmp_path / "run"))["groups"][0]["compared_by"] == "energy"


def test_nothing_found_is_an_input_error():
    hopeless = run_of() | {"relaxation": {"max_iterations": 1}, "protocol": {"kind": "quench"}}
    with pytest.raises(InputError, match="none of 16"):
        search(run_file.parse(hopeless), 10, 0, most=16)
