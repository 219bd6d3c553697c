"""Monte Carlo samples exp(-beta U): tested on whole distributions, with negative controls."""

import numpy as np
import pytest
from scipy import integrate, stats

from nsim.glass import Glass
from nsim.monte_carlo import BLOCK, MetropolisChain
from nsim.run_file import Model

REPLICAS, SWEEPS = 3000, 150  # independent final states; far more sweeps than these tiny systems need to forget


def final_states(glass, beta, seed=0, sweeps=SWEEPS):
    """One state of each of many independent chains, shape (N, REPLICAS)."""
    streams = [np.random.default_rng([seed, r]) for r in range(REPLICAS)]
    start = 3 * np.random.default_rng(seed).standard_normal((glass.n, REPLICAS))
    chain = MetropolisChain(glass, start, streams, step=2.5)
    for _ in range(sweeps):
        chain.sweep(beta)
    return chain.v


def kolmogorov_smirnov(sample, log_density, reach=9.0):
    """p-value of ``sample`` against the density exp(log_density), normalised by quadrature on a fine grid."""
    x = np.linspace(-reach, reach, 20_001)
    density = np.exp(log_density(x) - log_density(x).max())
    cumulative = integrate.cumulative_simpson(density, x=x, initial=0)
    return stats.kstest(sample, lambda y: np.interp(y, x, cumulative / cumulative[-1])).pvalue


def test_one_particle_against_quadrature():
    glass = Glass(np.zeros((1, 1)), np.array([-1.5]), 1.0, 1.0, field=0.2)
    beta = 0.5  # a barrier of 1.7 T between the wells: crossed many times in 150 sweeps

    def log_density(x):
        return -beta * (-1.5 * x**2 / 2 + x**4 / 24 - 0.2 * x)

    sample = final_states(glass, beta)[0]
    assert kolmogorov_smirnov(sample, log_density) > 1e-3
    # Negative control: a temperature wrong by 20% fails the same bound.
    assert kolmogorov_smirnov(sample, lambda x: 1.2 * log_density(x)) < 1e-3


def test_two_particles_against_quadrature():
    J12, beta = 0.8, 0.9
    glass = Glass(np.array([[0.0, J12], [J12, 0.0]]), np.array([1.0, -0.5]), 1.0, 0.8, field=0.1)
    x = np.linspace(-9, 9, 1501)
    v1, v2 = np.meshgrid(x, x, indexing="ij")
    U = -J12 * v1 * v2 - 0.1 * (v1 + v2) + ((v1**2 - 0.5 * v2**2) / 2 + (v1**4 + v2**4) / 24) / 0.8
    weight = np.exp(-beta * (U - U.min()))
    sample = final_states(glass, beta)
    for site in range(2):
        marginal = np.log(integrate.simpson(weight, x=x, axis=1 - site))
        assert kolmogorov_smirnov(sample[site], lambda y, m=marginal: np.interp(y, x, m)) > 1e-3
    # The correlation, with the standard error of independent states.
    product = sample[0] * sample[1]
    exact = (v1 * v2 * weight).sum() / weight.sum()
    assert abs(product.mean() - exact) < 4 * product.std() / np.sqrt(REPLICAS)
    assert exact > 10 * product.std() / np.sqrt(REPLICAS)  # so that uncoupled particles would fail


def test_gaussian_limit_covariance():
    """a4 = 0: <v_i v_j> = T (M^{-1})_ij; the whole state is tested through its Mahalanobis distance."""
    temperature = 0.7
    glass = Glass.draw(Model(gamma=0.3, a4=0.0), seed=2, n=6, sample=0)
    precision = glass.hessian(np.zeros(6)) / temperature
    sample = final_states(glass, 1 / temperature)
    distance = np.einsum("ir,ij,jr->r", sample, precision, sample)
    assert stats.kstest(distance, stats.chi2(6).cdf).pvalue > 1e-3
    # Negative control: without the couplings the covariance is another one.
    uncoupled = np.diag(glass.a2 / glass.gamma) / temperature
    distance = np.einsum("ir,ij,jr->r", sample, uncoupled, sample)
    assert stats.kstest(distance, stats.chi2(6).cdf).pvalue < 1e-6


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


def test_a_replica_does_not_depend_on_its_company_or_on_the_numbers_drawn_ahead(monkeypatch):
    glass = Glass.draw(Model(gamma=2.0), seed=1, n=20, sample=0)
    start = np.random.default_rng(0).standard_normal((20, 3))

    def run(columns):
        chain = MetropolisChain(glass, start[:, columns], [np.random.default_rng(r) for r in columns], step=0.8)
        for _ in range(9):
            chain.sweep(1.0)
        return chain.v

    together = run([0, 1, 2])
    np.testing.assert_allclose(run([1])[:, 0], together[:, 1], atol=1e-12)
    monkeypatch.setattr("nsim.monte_carlo.CHUNK", 1)
    np.testing.assert_array_equal(run([0, 1, 2]), together)


def test_fields_do_not_drift():
    glass = Glass.draw(Model(gamma=4.0), seed=1, n=64, sample=0)
    chain = MetropolisChain(glass, np.zeros((64, 2)), [np.random.default_rng(r) for r in range(2)], step=3.0)
    for _ in range(1050):
        chain.sweep(0.1)
    assert np.abs(chain._field - glass.local_field(chain.v)).max() < 1e-11


def test_ergodic_phase_joins_mean_field():
    """T = 60 > T_g = 21.55 at gamma = 4: <v^2> of the RS theory, C = beta <v^2> at h = 0.

    The value is solved here from the single-site integral; 1/N corrections at N = 128 are below the tolerance.
    """
    temperature, gamma, n = 60.0, 4.0, 128

    def second_moment(C):
        def weight(v):
            return np.exp(-(-C * v**2 / 2 + (v**2 / 2 + v**4 / 24) / gamma) / temperature)

        return (
            integrate.quad(lambda v: v**2 * weight(v), 0, 60, epsabs=0)[0] / integrate.quad(weight, 0, 60, epsabs=0)[0]
        )

    C = 0.3
    for _ in range(100):
        C = second_moment(C) / temperature
    values = []
    for sample in range(6):
        glass = Glass.draw(Model(gamma=gamma), seed=4, n=n, sample=sample)
        streams = [np.random.default_rng([sample, r]) for r in range(8)]
        chain = MetropolisChain(glass, np.zeros((n, 8)), streams, step=9.0)
        moments = []
        for sweep in range(400):
            chain.sweep(1 / temperature)
            if sweep >= 100:
                moments.append((chain.v**2).mean())
        values.append(np.mean(moments))
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert np.mean(values) == pytest.approx(C * temperature, abs=4 * error + 2 * C * temperature / n)
    assert error < 0.02 * C * temperature
