"""Parallel tempering samples exp(-beta U) at every rung: whole distributions, exact limits, negative controls."""

import pickle

import numpy as np
import pytest
from scipy import stats

from nsim.descent.relaxation import relax
from nsim.dynamics import parallel_tempering
from nsim.dynamics.annealing import anneal
from nsim.dynamics.annealing import temperatures as schedule
from nsim.dynamics.overlaps import count_cosines, overlap_sums, pairs
from nsim.dynamics.parallel_tempering import ParallelTempering, Rungs
from nsim.dynamics.thermal_observables import ThermalAverages
from nsim.run_sections import Model
from nsim.sample.glass import Glass

LADDERS = 1500


def random_start(glass, seed, std):
    """Starting states and streams of any range of columns, each from its own seed."""

    def start(columns):
        streams = [np.random.Generator(np.random.SFC64([seed, c])) for c in columns]
        return np.stack([std * stream.standard_normal(glass.n) for stream in streams], axis=1), streams

    return start


def tempered(glass, temperatures, steps, sweeps, ladders=LADDERS, seed=0, width=512):
    """States of many independent ladders after ``sweeps`` sweeps with a swap after each, (N, ladders, M)."""
    rungs = Rungs(np.array(temperatures), np.array(steps))
    tempering = ParallelTempering(
        glass, rungs, ladders, random_start(glass, seed, 3.0), np.random.default_rng([seed, 77]), width
    )
    tempering.run(sweeps, 1)
    return tempering


def p_value(sample, log_density, reach=9.0):
    """Kolmogorov-Smirnov against the density exp(log_density), normalised by quadrature."""
    x = np.linspace(-reach, reach, 20_001)
    cumulative = np.cumsum(np.exp(log_density(x) - log_density(x).max()))
    return stats.kstest(sample, lambda y: np.interp(y, x, cumulative / cumulative[-1])).pvalue


def double_well(x):
    return -3.0 * x**2 / 2 + x**4 / 24 - 0.2 * x


def one_particle(sweeps=250, seed=0):
    """A barrier of 6.75 above wells at +-4.2 of which the one is favoured: T = 0.7 is stuck without its ladder."""
    glass = Glass(np.zeros((1, 1)), np.array([-3.0]), 1.0, 1.0, field=0.2)
    temperatures = [6.0, 3.0, 1.5, 0.7]
    tempering = tempered(glass, temperatures, [6.0, 5.0, 2.0, 1.0], sweeps, seed=seed)
    states = tempering.states()[0]
    return [p_value(states[:, m], lambda x, t=t: -double_well(x) / t) for m, t in enumerate(temperatures)]


def test_one_particle_against_quadrature_at_every_rung(seeds, p_values):
    for seed in seeds:
        p_values += one_particle(seed=seed)
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0, None])
def test_a_wrong_swap_criterion_is_rejected(monkeypatch, factor):
    """Always accepting, or an exponent wrong by a factor two: the same bound fails. So it does without any swap."""
    right = parallel_tempering.log_acceptance

    def wrong(betas, energy):
        ratio = right(betas, energy)
        return np.full_like(ratio, -np.inf) if factor is None else factor * ratio

    monkeypatch.setattr(parallel_tempering, "log_acceptance", wrong)
    assert min(one_particle()) < 1e-3


def test_two_particles_against_quadrature(seeds, p_values):
    J12 = 0.8
    glass = Glass(np.array([[0.0, J12], [J12, 0.0]]), np.array([1.0, -0.5]), 1.0, 0.8, field=0.1)
    temperatures = [3.0, 1.6, 0.8]
    x = np.linspace(-9, 9, 1501)
    v1, v2 = np.meshgrid(x, x, indexing="ij")
    U = -J12 * v1 * v2 - 0.1 * (v1 + v2) + ((v1**2 - 0.5 * v2**2) / 2 + (v1**4 + v2**4) / 24) / 0.8
    for seed in seeds:
        states = tempered(glass, temperatures, [4.0, 3.0, 2.0], 60, seed=seed).states()
        for m, temperature in enumerate(temperatures):
            weight = np.exp(-(U - U.min()) / temperature)
            for site in range(2):
                marginal = np.log(weight.sum(axis=1 - site))
                p_values.append(p_value(states[site, :, m], lambda y, a=marginal: np.interp(y, x, a)))
            product = states[0, :, m] * states[1, :, m]
            exact = (v1 * v2 * weight).sum() / weight.sum()
            p_values.append(2 * stats.norm.sf(abs(product.mean() - exact) / (product.std() / np.sqrt(LADDERS))))
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


def test_gaussian_limit_covariance(seeds, p_values):
    """a4 = 0: <v_i v_j> = T (M^{-1})_ij at every rung, through the Mahalanobis distance of whole states."""
    glass = Glass.draw(Model(gamma=0.3, a4=0.0), seed=2, n=6, sample=0)
    temperatures = np.array([2.0, 1.2, 0.7])
    M = glass.hessian(np.zeros(6))
    for seed in seeds:
        states = tempered(glass, temperatures, 0.8 * np.sqrt(temperatures), 60, seed=seed).states()
        for m, temperature in enumerate(temperatures):
            distance = np.einsum("ir,ij,jr->r", states[:, :, m], M / temperature, states[:, :, m])
            p_values.append(stats.kstest(distance, stats.chi2(6).cdf).pvalue)
        # Negative control: the temperature of the next rung.
        distance = np.einsum("ir,ij,jr->r", states[:, :, 0], M / temperatures[1], states[:, :, 0])
        assert stats.kstest(distance, stats.chi2(6).cdf).pvalue < 1e-6
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


def test_energies_and_moments_are_those_of_the_states():
    """Also after many swaps and blocks: rung by rung the sums are those of the states there."""
    glass = Glass.draw(Model(gamma=4.0, j0=0.5, field=0.3), seed=1, n=20, sample=0)
    tempering = tempered(glass, [40.0, 30.0, 20.0], [5.0, 5.0, 5.0], 130, ladders=3, width=4)
    states, moments = tempering.states(), tempering.moments()
    for ladder in range(3):
        v = states[:, ladder]
        np.testing.assert_allclose(moments.energy(glass.field)[ladder], glass.energy(v), rtol=1e-11)
        np.testing.assert_allclose(moments.first[ladder], v.sum(axis=0), rtol=1e-11)
        np.testing.assert_allclose(moments.fourth[ladder], (v**4).sum(axis=0), rtol=1e-11)
    assert sorted(tempering.column.ravel()) == list(range(9))
    assert [set(row // 3) for row in tempering.column] == [{0}, {1}, {2}]  # ladders never mix


def test_round_trips_of_ballistic_replicas(monkeypatch):
    """If every swap is accepted, replicas run up and down: one round trip in 2 M swaps, each of the M replicas."""
    monkeypatch.setattr(parallel_tempering, "log_acceptance", lambda betas, energy: 0 * energy[:, 1:])
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=4, sample=0)
    rungs = 6
    tempering = tempered(glass, np.geomspace(40, 4, rungs), np.full(rungs, 3.0), 4 * rungs, ladders=2)
    tempering.reset_counts()
    tempering.run(10 * 2 * rungs, 1)
    np.testing.assert_array_equal(tempering.round_trips, 10 * rungs)
    np.testing.assert_allclose(tempering.swapped, tempering.offered)


def test_a_state_taken_up_again_goes_on_bit_for_bit():
    """Also between two draws of random numbers, after a trip through pickle, and with everything counted so far."""
    glass = Glass.draw(Model(gamma=4.0, field=0.1), seed=1, n=20, sample=0)

    def begin():
        tempering = tempered(glass, [40.0, 30.0, 20.0], [5.0, 5.0, 5.0], 0, ladders=3, width=4)
        return tempering, ThermalAverages(tempering, 3)

    def go_on(tempering, averages, times):
        for _ in range(times):
            tempering.run(3, 2)
            averages.add()

    whole, broken, again = begin(), begin(), begin()
    go_on(*whole, 80)
    go_on(*broken, 37)
    kept = pickle.dumps([part.state() for part in broken])
    go_on(*broken, 5)  # what happens later does not reach what was kept
    for part, state in zip(again, pickle.loads(kept), strict=True):
        part.restore(state)
    go_on(*again, 43)
    np.testing.assert_array_equal(again[0].states(), whole[0].states())
    found, expected = (averages.results(0.0) for _, averages in (again, whole))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_overlaps_are_their_definitions():
    v = np.random.default_rng(3).standard_normal((7, 3, 2))
    first, second = overlap_sums(v, pairs(3))
    histogram = np.zeros((2, 100))
    cosines = np.empty((3, 2))
    for k, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
        x = v[:, a] * v[:, b]
        np.testing.assert_allclose(first[k], x.sum(axis=0))
        np.testing.assert_allclose(second[k], (x**2).sum(axis=0))
        cosines[k] = x.sum(axis=0) / np.linalg.norm(v[:, a], axis=0) / np.linalg.norm(v[:, b], axis=0)
    count_cosines(histogram, cosines)
    for m in range(2):
        np.testing.assert_array_equal(histogram[m], np.histogram(cosines[:, m], 100, (-1, 1))[0])


def test_averages_are_their_definitions():
    """Every moment and overlap from the states themselves, three measurements of three ladders with two rungs."""
    glass = Glass.draw(Model(gamma=4.0, j0=0.7, field=0.2), seed=1, n=6, sample=0)
    tempering = tempered(glass, [30.0, 20.0], [5.0, 5.0], 20, ladders=3)
    averages, states = ThermalAverages(tempering, 1), []
    for _ in range(3):
        tempering.run(1, 1)
        averages.add()
        states.append(tempering.states())
    found = averages.results(0.7)
    v = np.array(states)  # (times, N, ladders, rungs)
    betas = tempering.rungs.betas
    energy = np.array([[[glass.energy(x[:, a, m]) for m in range(2)] for a in range(3)] for x in v])
    q, p = (v**2).mean(axis=1), v.mean(axis=1)
    bonds = v[:, :, None] * v[:, None, :] * (1 - np.eye(6))[:, :, None, None]  # v_i v_j, i != j
    couples = [(0, 1), (0, 2), (1, 2)]
    overlap = np.array([(v[:, :, a] * v[:, :, b]).mean(axis=1) for a, b in couples])
    link, self_link = (
        np.array([(bonds[..., a, :] * bonds[..., b, :]).sum(axis=(1, 2)) / 30 for a, b in which]).mean(axis=(0, 1))
        for which in (couples, [(0, 0), (1, 1), (2, 2)])
    )
    coupling = -0.5 * (glass.J[:, :, None, None] * bonds).sum(axis=(1, 2)).mean(axis=(0, 1)) / 6
    by_parts = -0.35 * ((p**2).mean(axis=(0, 1)) - q.mean(axis=(0, 1)) / 6) - betas / 2 * 5 / 6 * (self_link - link)
    for name, expected in {
        "thermal_energy": energy.mean(axis=0) / 6,
        "thermal_q": q.mean(axis=0),
        "thermal_p": p.mean(axis=0),
        "thermal_abs_p": np.abs(p).mean(axis=0),
        "specific_heat": betas**2 * energy.var(axis=(0, 1)) / 6,
        "susceptibility": betas * 6 * p.var(axis=(0, 1)),
        "local_susceptibility": betas * (q.mean(axis=(0, 1)) - overlap.mean(axis=(0, 1))),
        "overlap": overlap.mean(axis=(0, 1)),
        "abs_overlap": np.abs(overlap).mean(axis=(0, 1)),
        "overlap_squared": (overlap**2).mean(axis=(0, 1)),
        "overlap_fourth": (overlap**4).mean(axis=(0, 1)),
        "link_overlap": link,
        "gauss_gap": coupling - by_parts,
    }.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, err_msg=name)


def averages_of(glass, temperatures, burn_in, sweeps, ladders=2, seed=0, cold=True):
    """Thermal averages; odd ladders start cold."""
    count = len(temperatures)

    def start(columns):
        v, streams = random_start(glass, seed, 5.0)(columns)
        odd = [at for at, column in enumerate(columns) if column // count % 2]
        if cold and odd:
            cooling = schedule("linear", 40.0, temperatures[-1], 100)
            v[:, odd] = anneal(glass, v[:, odd], [streams[at] for at in odd], cooling)
        return v, streams

    rungs = Rungs(np.array(temperatures), 1.3 * np.sqrt(temperatures))
    tempering = ParallelTempering(glass, rungs, ladders, start, np.random.default_rng(seed), 32)
    tempering.run(burn_in, 1)
    tempering.reset_counts()
    averages = ThermalAverages(tempering, 2)
    for _ in range(sweeps // 2):
        tempering.run(2, 1)
        averages.add()
    return averages.results(0.0)


def test_integration_by_parts_over_the_couplings():
    """In the mean over samples the couplings' energy follows from overlaps, in the glass, too; not while it ages."""
    temperatures = np.geomspace(40.0, 6.0, 7)
    found = [averages_of(Glass.draw(Model(gamma=4.0), 3, 16, sample), temperatures, 300, 1000) for sample in range(40)]
    gaps = np.array([one["gauss_gap"] for one in found])
    error = gaps.std(axis=0, ddof=1) / np.sqrt(40)
    assert (np.abs(gaps.mean(axis=0)) < 4 * error).all()
    early = [
        averages_of(Glass.draw(Model(gamma=4.0), 3, 16, sample), temperatures, 0, 10, cold=False)
        for sample in range(40)
    ]
    gaps = np.array([one["gauss_gap"] for one in early])
    assert (gaps.mean(axis=0) > 4 * gaps.std(axis=0, ddof=1) / np.sqrt(40))[-2:].all()


def test_specific_heat_is_the_slope_of_the_energy():
    temperatures = np.geomspace(40.0, 15.0, 12)
    glass = Glass.draw(Model(gamma=4.0), 5, 48, 0)
    found = averages_of(glass, temperatures, 500, 12_000, ladders=4)
    energy = found["thermal_energy"].mean(axis=0)
    # Between rungs, by the trapezium rule; its curvature error is about (d ln T)^2/12 = 0.1%.
    heat = found["specific_heat"]
    by_fluctuation = -np.diff(temperatures) * (heat[1:] + heat[:-1]) / 2
    error = np.sqrt(2 * heat.mean() / 48) * temperatures[:-1] / np.sqrt(found["effective_energy"][:-1])
    np.testing.assert_array_less(np.abs(by_fluctuation + np.diff(energy)), 4 * error + 0.06 * by_fluctuation)
    total = by_fluctuation.sum()
    assert total == pytest.approx(energy[0] - energy[-1], rel=0.03)


def test_what_is_not_equilibrated_is_told():
    """One sample: a long run meets from above and below at every temperature, a short one in the glass does not."""
    glass = Glass.draw(Model(gamma=4.0), 7, 96, 1)
    temperatures = np.geomspace(40.0, 3.0, 18)
    short = averages_of(glass, temperatures, 0, 80)
    assert not short["equilibrated"].all()
    long = averages_of(glass, temperatures, 3000, 6000)
    assert long["equilibrated"].all()
    assert (long["round_trips"] > 0).all()
    assert (short["round_trips"] < 5).all()


def test_the_coldest_rung_finds_what_annealing_finds():
    """Gamma = 4, far below T_g: inherent structures of the coldest rung reach the best of many annealings."""
    best, found = [], []
    for sample in range(6):
        glass = Glass.draw(Model(gamma=4.0), 31, 24, sample)
        streams = [np.random.default_rng([sample, r]) for r in range(32)]
        v = anneal(glass, np.zeros((24, 32)), streams, schedule("linear", 40.0, 0.02, 400))
        best.append(glass.energy(relax(glass, v).v).min())
        temperatures = np.geomspace(40.0, 0.5, 16)
        rungs = Rungs(temperatures, 1.3 * np.sqrt(temperatures))
        start, swaps = random_start(glass, sample, 5.0), np.random.default_rng(sample)
        tempering = ParallelTempering(glass, rungs, 4, start, swaps, 32)
        tempering.run(1000, 1)
        found.append(glass.energy(relax(glass, tempering.states()[:, :, -1]).v).min())
    np.testing.assert_allclose(found, best, rtol=1e-9)
