"""Langevin and molecular dynamics: order, conservation, exact oscillators, and the same averages as Monte Carlo."""

import numpy as np
import pytest
from scipy import stats

from nsim.dynamics.heat_bath import HeatBathChain
from nsim.dynamics.langevin import LangevinDynamics
from nsim.run_sections import Model
from nsim.sample.glass import Glass


def streams(count, key=0):
    return [np.random.default_rng([key, r]) for r in range(count)]


def glass_of(n=32, **model):
    return Glass.draw(Model(gamma=4.0, **model), seed=4, n=n, sample=0)


def energy_errors(time_step, duration=40.0):
    """Largest error of the conserved energy in the first and in the second half of a motion without friction."""
    glass = glass_of(field=0.3)
    start = HeatBathChain(glass, np.zeros((32, 16)), streams(16))
    for _ in range(50):
        start.sweep(1 / 25)
    motion = LangevinDynamics(glass, start.v, streams(16, 1), 25.0, time_step, friction=0.0, mass=2.0)
    energy = []
    for _ in range(int(duration / time_step)):
        energy.append(motion.potential_energy() + motion.kinetic_energy())
        motion.run(1)
    errors = np.abs(np.array(energy) - energy[0]).mean(axis=1)
    half = len(errors) // 2
    return errors[:half].max(), errors[half:].max()


def test_energy_is_conserved_to_second_order():
    coarse, fine = energy_errors(0.05), energy_errors(0.025)
    assert coarse[0] / fine[0] == pytest.approx(4, rel=0.15)
    assert max(coarse[1] / coarse[0], fine[1] / fine[0]) < 1.3  # bounded, not growing
    # With E - U about 400 (N T/2), the coarse step already keeps the energy to a part in a hundred.
    assert coarse[0] < 4


def test_molecular_dynamics_is_reversible():
    glass = glass_of()
    start = 5 * np.random.default_rng(0).standard_normal((32, 3))
    motion = LangevinDynamics(glass, start, streams(3), 25.0, 0.1, friction=0.0)
    motion.run(50)
    assert np.abs(motion.v - start).max() > 1
    motion.p[:] *= -1
    motion.run(50)
    np.testing.assert_allclose(motion.v, start, atol=1e-9)


def test_force_is_the_gradient():
    """One small step from rest: v(dt) = v - dt^2/2m dU/dv."""
    glass = Glass.draw(Model(gamma=2.0, j0=0.5, field=0.7, a2={"mean": 1.0, "std": 2.0}), seed=1, n=20, sample=0)
    start = np.random.default_rng(0).standard_normal((20, 2))
    motion = LangevinDynamics(glass, start, streams(2), 0.0, 1e-3, friction=0.0, mass=3.0)
    motion.run(1)
    np.testing.assert_allclose((motion.v - start) / (0.5e-6 / 3.0), -glass.gradient(start), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(motion.potential_energy(), glass.energy(motion.v), rtol=1e-12)


def test_couplings_in_single_precision():
    """J is rounded, the motion is not: the force is the gradient of a glass with the rounded J in double precision."""
    single = Glass.draw(Model(gamma=4.0), seed=1, n=20, sample=0, dtype=np.float32)
    rounded = Glass(single.J.astype(float), single.a2, single.a4, single.gamma)
    start = np.random.default_rng(0).standard_normal((20, 2))
    for n_steps in (1, 20):
        motions = [LangevinDynamics(glass, start, streams(2), 10.0, 0.1) for glass in (single, rounded)]
        for motion in motions:
            motion.run(n_steps)
        np.testing.assert_allclose(motions[0].v, motions[1].v, rtol=1e-11)


def test_gaussian_limit_is_exact_for_any_time_step(seeds, p_values):
    """a4 = 0: BAOAB samples displacements without error in dt; momenta have <p^2> = m T (1 - (omega dt/2)^2)."""
    temperature, time_step, replicas, n = 0.7, 0.5, 3000, 6
    glass = Glass.draw(Model(gamma=0.3, a4=0.0), seed=2, n=n, sample=0)
    precision = glass.hessian(np.zeros(n)) / temperature
    shadow = 1.5 * temperature * (np.eye(n) - time_step**2 / 4 * glass.hessian(np.zeros(n)) / 1.5)
    for seed in seeds:
        noise = streams(replicas, seed)
        motion = LangevinDynamics(glass, np.zeros((n, replicas)), noise, temperature, time_step, 1.0, mass=1.5)
        motion.run(200)
        distance = np.einsum("ir,ij,jr->r", motion.v, precision, motion.v)
        p_values.append(stats.kstest(distance, stats.chi2(n).cdf).pvalue)
        # Negative control: a temperature that is off is seen.
        assert stats.kstest(1.1 * distance, stats.chi2(n).cdf).pvalue < 1e-3
        distance = np.einsum("ir,ij,jr->r", motion.p, np.linalg.inv(shadow), motion.p)
        p_values.append(stats.kstest(distance, stats.chi2(n).cdf).pvalue)
    if len(seeds) == 1:
        assert min(p_values) > 1e-3


@pytest.mark.parametrize("friction", [0.5, 3.0, 8.0])
def test_oscillator_forgets_as_it_should(friction, seeds, p_values):
    """N = 1, a4 = 0: <v(t) v(0)> = (T/k) e^{-Gt/2} (cos wt + (G/2w) sin wt), w^2 = k/m - G^2/4, G the friction."""
    k, mass, temperature, replicas = 4.0, 2.0, 1.5, 4000
    glass = Glass(np.zeros((1, 1)), np.array([k]), 0.0, 1.0)
    omega = np.sqrt(complex(k / mass - friction**2 / 4))
    for seed in seeds:
        start = np.sqrt(temperature / k) * np.random.default_rng([seed, replicas]).standard_normal((1, replicas))
        motion = LangevinDynamics(glass, start, streams(replicas, seed), temperature, 0.02, friction, mass)
        for _ in range(8):
            motion.run(10)
            t = 0.02 * motion.steps
            oscillation = np.cos(omega * t) + friction / (2 * omega) * np.sin(omega * t)
            exact = temperature / k * np.exp(-friction * t / 2) * oscillation.real
            product = start[0] * motion.v[0]
            z = (product.mean() - exact) / (product.std() / np.sqrt(replicas))
            assert len(seeds) > 1 or abs(z) < 4
        p_values.append(2 * stats.norm.sf(abs(z)))  # of the last time: they are correlated


def mean_and_error(values):
    """Mean and standard error of a list of (R,) arrays, over replicas."""
    of_replica = np.mean(values, axis=0)
    return of_replica.mean(), of_replica.std(ddof=1) / np.sqrt(len(of_replica))


def test_same_averages_as_monte_carlo():
    temperature, replicas = 25.0, 48
    glass = glass_of(a2=-1.0)
    chain = HeatBathChain(glass, np.zeros((32, replicas)), streams(replicas))
    q, u = [], []
    for sweep in range(1000):
        chain.sweep(1 / temperature)
        if sweep >= 100:
            q.append((chain.v**2).mean(axis=0))
            u.append(chain.energy() / glass.n)
    motion = LangevinDynamics(glass, chain.v, streams(replicas, 1), temperature, 0.1, friction=0.7)
    dynamic_q, dynamic_u, kinetic, virial = [], [], [], []
    for _ in range(2500):
        motion.run(3)
        dynamic_q.append((motion.v**2).mean(axis=0))
        dynamic_u.append(motion.potential_energy() / glass.n)
        kinetic.append(2 * motion.kinetic_energy() / glass.n)
        virial.append((motion.v * glass.gradient(motion.v)).mean(axis=0))
    for monte_carlo, dynamic in ((q, dynamic_q), (u, dynamic_u)):
        (a, error_a), (b, error_b) = mean_and_error(monte_carlo), mean_and_error(dynamic)
        assert abs(a - b) < 4 * np.hypot(error_a, error_b)
    # Equipartition: <v dU/dv> = T for the displacements, and <p^2>/m = T up to (omega dt)^2/4 for the momenta.
    mean, error = mean_and_error(virial)
    assert abs(mean - temperature) < 4 * error + 1e-3 * temperature
    mean, error = mean_and_error(kinetic)
    assert abs(mean - temperature) < 4 * error + 0.01 * temperature
    assert error < 0.01 * temperature


def test_a_replica_depends_neither_on_its_company_nor_on_the_noise_drawn_ahead(monkeypatch):
    glass = glass_of(20)
    start = np.random.default_rng(0).standard_normal((20, 3))

    def run(columns):
        sources = [np.random.default_rng(r) for r in columns]
        motion = LangevinDynamics(glass, start[:, columns], sources, 10.0, 0.1)
        motion.run(30)
        return motion.v.copy()

    together = run([0, 1, 2])
    np.testing.assert_allclose(run([1])[:, 0], together[:, 1], atol=1e-10)
    monkeypatch.setattr("nsim.dynamics.langevin.CHUNK", 1)
    np.testing.assert_array_equal(run([0, 1, 2]), together)
