"""Monte Carlo samples exp(-beta U): tested on whole distributions, with negative controls."""

import numpy as np
import pytest
from scipy import integrate, stats

from nsim.dynamics.heat_bath import HeatBathChain
from nsim.dynamics.monte_carlo import BLOCK, REFRESH, MetropolisChain
from nsim.run_sections import Model
from nsim.sample.glass import Glass

REPLICAS, SWEEPS = 3000, 150  # independent final states; far more sweeps than these tiny systems need to forget


CHAINS = {
    "metropolis": lambda glass, start, streams: MetropolisChain(glass, start, streams, step=2.5),
    "heat-bath": HeatBathChain,
}
both = pytest.mark.parametrize("algorithm", CHAINS)


def final_states(glass, beta, algorithm, seed=0, sweeps=SWEEPS):
    """One state of each of many independent chains, shape (N, REPLICAS)."""
    streams = [np.random.default_rng([seed, r]) for r in range(REPLICAS)]
    start = 3 * np.random.default_rng(seed).standard_normal((glass.n, REPLICAS))
    chain = CHAINS[algorithm](glass, start, streams)
    for _ in range(sweeps):
        chain.sweep(beta)
    return chain.v


def kolmogorov_smirnov(sample, log_density, reach=9.0):
    """p-value of ``sample`` against the density exp(log_density), normalised by quadrature on a fine grid."""
    x = np.linspace(-reach, reach, 20_001)
    density = np.exp(log_density(x) - log_density(x).max())
    cumulative = integrate.cumulative_simpson(density, x=x, initial=0)
    return stats.kstest(sample, lambda y: np.interp(y, x, cumulative / cumulative[-1])).pvalue


@both
def test_one_particle_against_quadrature(algorithm, seeds, p_values):
    glass = Glass(np.zeros((1, 1)), np.array([-1.5]), 1.0, 1.0, field=0.2)
    beta = 0.5  # a barrier of 1.7 T between the wells: crossed many times in 150 sweeps

    def log_density(x):
        return -beta * (-1.5 * x**2 / 2 + x**4 / 24 - 0.2 * x)

    for seed in seeds:
        sample = final_states(glass, beta, algorithm, seed)[0]
        p_values.append(kolmogorov_smirnov(sample, log_density))
    if len(seeds) == 1:
        assert min(p_values) > 1e-3
        # Negative control: a temperature wrong by 30% fails the same bound (20% at most seeds, not at all of them).
        assert kolmogorov_smirnov(sample, lambda x: 1.3 * log_density(x)) < 1e-3


@both
def test_two_particles_against_quadrature(algorithm, seeds, p_values):
    J12, beta = 0.8, 0.9
    glass = Glass(np.array([[0.0, J12], [J12, 0.0]]), np.array([1.0, -0.5]), 1.0, 0.8, field=0.1)
    x = np.linspace(-9, 9, 1501)
    v1, v2 = np.meshgrid(x, x, indexing="ij")
    U = -J12 * v1 * v2 - 0.1 * (v1 + v2) + ((v1**2 - 0.5 * v2**2) / 2 + (v1**4 + v2**4) / 24) / 0.8
    weight = np.exp(-beta * (U - U.min()))
    exact = (v1 * v2 * weight).sum() / weight.sum()
    for seed in seeds:
        sample = final_states(glass, beta, algorithm, seed)
        for site in range(2):
            marginal = np.log(integrate.simpson(weight, x=x, axis=1 - site))
            p_values.append(kolmogorov_smirnov(sample[site], lambda y, m=marginal: np.interp(y, x, m)))
        # The correlation, with the standard error of independent states.
        product = sample[0] * sample[1]
        error = product.std() / np.sqrt(REPLICAS)
        p_values.append(2 * stats.norm.sf(abs(product.mean() - exact) / error))
        assert exact > 10 * error  # so that uncoupled particles would fail
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


@both
def test_gaussian_limit_covariance(algorithm, seeds, p_values):
    """a4 = 0: <v_i v_j> = T (M^{-1})_ij; the whole state is tested through its Mahalanobis distance.

    Two temperatures at once, one for each half of the columns, and a last block that is not full.
    """
    n = BLOCK + 3
    temperature = np.where(np.arange(REPLICAS) < REPLICAS // 2, 0.7, 2.1)
    glass = Glass.draw(Model(gamma=0.3, a4=0.0), seed=2, n=n, sample=0)
    precision = glass.hessian(np.zeros(n))
    for seed in seeds:
        sample = final_states(glass, 1 / temperature, algorithm, seed) / np.sqrt(temperature)
        distance = np.einsum("ir,ij,jr->r", sample, precision, sample)
        for half in (distance[: REPLICAS // 2], distance[REPLICAS // 2 :]):
            p_values.append(stats.kstest(half, stats.chi2(n).cdf).pvalue)
        # Negative controls: without the couplings the covariance is another one, and a temperature 3% off is seen.
        uncoupled = np.einsum("ir,i,ir->r", sample, glass.a2 / glass.gamma, sample)
        for wrong in (uncoupled, 1.03 * distance) if len(seeds) == 1 else (uncoupled,):
            assert stats.kstest(wrong, stats.chi2(n).cdf).pvalue < 1e-3
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


def plain_metropolis(glass, v, streams, step, beta, sweeps):
    """Site by site, replica by replica, with the local field computed afresh: the chain as textbooks write it."""
    v = v.copy()
    for r, stream in enumerate(streams):
        for _ in range(sweeps):
            numbers = stream.random((glass.n, 2))
            for i in range(glass.n):
                trial = v[:, r].copy()
                trial[i] += step * (2 * numbers[i, 0] - 1)
                rise = glass.energy(trial) - glass.energy(v[:, r])
                if numbers[i, 1] < np.exp(-beta * rise):
                    v[:, r] = trial
    return v


def test_delayed_updates_are_the_plain_chain():
    n = 2 * BLOCK + 5
    glass = Glass.draw(Model(gamma=2.0, j0=0.5, field=0.1), seed=1, n=n, sample=0)
    start = np.random.default_rng(0).standard_normal((n, 3))
    chain = MetropolisChain(glass, start, [np.random.default_rng(r) for r in range(3)], step=0.8)
    for _ in range(6):
        chain.sweep(1.3)
    plain = plain_metropolis(glass, start, [np.random.default_rng(r) for r in range(3)], 0.8, 1.3, 6)
    np.testing.assert_allclose(chain.v, plain, atol=1e-11)
    np.testing.assert_allclose(chain.energy(), glass.energy(plain), rtol=1e-11)


@both
def test_a_replica_does_not_depend_on_its_company(algorithm):
    glass = Glass.draw(Model(gamma=2.0), seed=1, n=20, sample=0)
    start = np.random.default_rng(0).standard_normal((20, 3))

    def run(columns):
        chain = CHAINS[algorithm](glass, start[:, columns], [np.random.default_rng(r) for r in columns])
        for _ in range(200):  # more than a page of the heat bath
            chain.sweep(1.0)
        return chain.v

    np.testing.assert_allclose(run([1])[:, 0], run([0, 1, 2])[:, 1], atol=1e-11)


def test_how_many_numbers_are_drawn_ahead_does_not_matter(monkeypatch):
    glass = Glass.draw(Model(gamma=2.0), seed=1, n=20, sample=0)

    def run():
        chain = MetropolisChain(glass, np.zeros((20, 3)), [np.random.default_rng(r) for r in range(3)], step=0.8)
        for _ in range(9):
            chain.sweep(1.0)
        return chain.v

    ahead = run()
    monkeypatch.setattr("nsim.dynamics.monte_carlo.CHUNK", 1)
    np.testing.assert_array_equal(run(), ahead)


@both
def test_couplings_in_single_precision(algorithm):
    """J is rounded, the chain is not."""
    single = Glass.draw(Model(gamma=4.0), seed=1, n=BLOCK + 5, sample=0, dtype=np.float32)
    rounded = Glass(single.J.astype(float), single.a2, single.a4, single.gamma)
    start = np.random.default_rng(0).standard_normal((BLOCK + 5, 2))
    chains = [
        CHAINS[algorithm](glass, start, [np.random.default_rng(r) for r in range(2)]) for glass in (single, rounded)
    ]
    for chain in chains:
        for _ in range(20):
            chain.sweep(0.1)
    np.testing.assert_allclose(chains[0].v, chains[1].v, atol=1e-11)


def largest_drift(sweeps):
    """Largest error of a field [E0/v0] and of an energy [E0] before any refresh, gamma = 4, T = 20, N = 32."""
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=32, sample=0)
    chain = MetropolisChain(glass, np.zeros((32, 2)), [np.random.default_rng(r) for r in range(2)], step=5.0)
    field = energy = 0.0
    for sweep in range(1, sweeps + 1):
        chain.sweep(1 / 20)
        if sweep % REFRESH == 0:  # the refresh comes at the beginning of the next sweep
            field = max(field, np.abs(chain._field - glass.local_field(chain.v)).max())
            energy = max(energy, np.abs(chain.energy() - glass.energy(chain.v)).max())
    return field, energy


def test_fields_do_not_drift(monkeypatch):
    """Fields are near 10 and one rounding of them is 2e-15; between two refreshes few of them add up."""
    field, energy = largest_drift(100_000)
    assert field < 2e-13
    assert energy < 5e-12  # field error times sum |v|, about 100
    # Negative control: without the refresh roundings add up like a random walk, thirty times longer.
    monkeypatch.setattr("nsim.dynamics.monte_carlo.REFRESH", 10**9)
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=32, sample=0)
    chain = MetropolisChain(glass, np.zeros((32, 2)), [np.random.default_rng(r) for r in range(2)], step=5.0)
    for _ in range(100_000):
        chain.sweep(1 / 20)
    drifted = np.abs(chain._field - glass.local_field(chain.v)).max()
    assert 3 * field < drifted < 1e-11


def second_moment_without_glass(temperature, gamma):
    """<v^2> of the ergodic phase for N -> infinity: RS with q = 0, C = beta <v^2> at h = 0, by iteration."""

    def second_moment(C):
        def weight(v):
            return np.exp(-(-C * v**2 / 2 + (v**2 / 2 + v**4 / 24) / gamma) / temperature)

        return (
            integrate.quad(lambda v: v**2 * weight(v), 0, 60, epsabs=0)[0] / integrate.quad(weight, 0, 60, epsabs=0)[0]
        )

    C = 0.3
    for _ in range(100):
        C = second_moment(C) / temperature
    return C * temperature


@both
def test_ergodic_phase_joins_mean_field(algorithm):
    """T = 60 > T_g = 21.55 at gamma = 4: <v^2>, extrapolated in 1/N, is that of the RS theory."""
    temperature, gamma = 60.0, 4.0
    sizes, samples = np.array([16, 32, 64]), 24
    means, errors = [], []
    for n in sizes:
        values = []
        for sample in range(samples):
            glass = Glass.draw(Model(gamma=gamma), seed=4, n=n, sample=sample)
            streams = [np.random.default_rng([sample, r]) for r in range(16)]
            chain = CHAINS[algorithm](glass, np.zeros((n, 16)), streams)
            if isinstance(chain, MetropolisChain):
                chain.step[:] = 9.0
            moments = []
            for sweep in range(250):
                chain.sweep(1 / temperature)
                if sweep >= 50:
                    moments.append((chain.v**2).mean())
            values.append(np.mean(moments))
        means.append(np.mean(values))
        errors.append(np.std(values, ddof=1) / np.sqrt(samples))
    # Weighted least squares for mean = limit + slope/N.
    design = np.stack([np.ones(3), 1 / sizes], axis=1) / np.array(errors)[:, None]
    covariance = np.linalg.inv(design.T @ design)
    limit, _ = covariance @ design.T @ (np.array(means) / errors)
    error = np.sqrt(covariance[0, 0])
    exact = second_moment_without_glass(temperature, gamma)
    assert abs(limit - exact) < 3.5 * error
    assert error < 0.01 * exact
    # Negative control: 5% off in temperature is excluded.
    assert abs(limit - second_moment_without_glass(1.05 * temperature, gamma)) > 3.5 * error
