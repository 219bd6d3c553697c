"""Relaxation of a batch to minima, against scipy's L-BFGS-B one replica at a time, and against FIRE in JAX and torch.

All reach max |gradient| < 1e-10 from the same random starts, in double precision, on one thread; the peers in JAX and
torch move the whole batch, as ours does (`pip install .[bench]`, and `.[bench-torch]`, whose wheel for
Linux brings gigabytes of GPU libraries). The limit is the matrix product: the last column is the share of the
time that the products J D would take alone, at the rate measured here.
"""

import importlib.util
import time

import numpy as np
from scipy import optimize

from benchmarks import fire_jax, fire_torch
from nsim.descent.newton_finish import SINGLE_FROM
from nsim.descent.relaxation import DESCENTS, relax
from nsim.run_sections import Model
from nsim.sample.glass import Glass

CASES = ((256, 32), (1000, 32), (2000, 32), (1000, 1), (2000, 1))
BY_NAME = (500, 32)  # size and replicas at which descents and peers of the whole batch are compared
PEER_REPLICAS = 4  # L-BFGS-B is timed on a few replicas, and quoted per minimum
MODEL = Model(gamma=4.0)


def seconds(work) -> float:
    """Wall time of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def lbfgsb(glass: Glass, start: np.ndarray) -> np.ndarray:
    """One minimum by scipy, energy and gradient from one numpy product."""
    J = glass.J

    def energy_and_gradient(v: np.ndarray) -> tuple[float, np.ndarray]:
        Jv = J @ v
        return float((glass.on_site(v) - 0.5 * Jv * v).sum()), glass.on_site_slope(v) - Jv

    return optimize.minimize(
        energy_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-10, "ftol": 0, "maxiter": 100_000, "maxfun": 100_000},
    ).x


def product_seconds(glass: Glass, start: np.ndarray) -> float:
    """One product J D with all columns, in the precision most of them are made in."""
    J = glass.couplings.rough() if glass.n >= SINGLE_FROM else glass.couplings
    repeats = max(3, int(2e9 / (2 * glass.n * start.size)))
    return seconds(lambda: [J @ start for _ in range(repeats)]) / repeats


def against_scipy() -> None:
    """Milliseconds per minimum, ratio, share of the bound."""
    print(
        f"{'N':>6} {'R':>4} {'nsim ms/min':>12} {'L-BFGS-B ms/min':>16} {'ratio':>6} {'steps':>6} {'in products':>12}"
    )
    for n, replicas in CASES:
        glass = Glass.draw(MODEL, 1, n, 0)
        start = MODEL.length * np.random.default_rng(0).standard_normal((n, replicas))
        began = time.perf_counter()
        relaxed = relax(glass, start)
        ours = (time.perf_counter() - began) / replicas
        assert relaxed.converged.all()
        columns = start.T[:PEER_REPLICAS]
        peer = seconds(lambda glass=glass, columns=columns: [lbfgsb(glass, v) for v in columns]) / len(columns)
        share = relaxed.iterations.mean() * product_seconds(glass, start) / replicas / ours
        print(
            f"{n:6d} {replicas:4d} {1e3 * ours:12.2f} {1e3 * peer:16.2f} {peer / ours:6.1f} "
            f"{relaxed.iterations.mean():6.0f} {share:12.0%}"
        )


def by_name() -> None:
    """Our descents, and FIRE written in JAX and torch, on the same batch."""
    n, replicas = BY_NAME
    glass = Glass.draw(MODEL, 1, n, 0)
    start = MODEL.length * np.random.default_rng(0).standard_normal((n, replicas))
    relax(glass, start[:, :2])
    default = seconds(lambda: relax(glass, start)) / replicas
    print(f"\nN = {n}, R = {replicas} {'ms/min':>28} {'over default':>13} {'energy/N':>9}")

    def line(name: str, time_per_minimum: float, v: np.ndarray) -> None:
        largest = np.abs(glass.gradient(v)).max()
        assert largest < 1e-9, f"{name} stopped at {largest:g}"
        energy = glass.energy(v).mean() / n
        print(f"{name:40s} {1e3 * time_per_minimum:9.2f} {time_per_minimum / default:13.1f} {energy:9.3f}")

    for method in DESCENTS:
        began = time.perf_counter()
        v = relax(glass, start, method=method).v
        line(f"nsim {method}", (time.perf_counter() - began) / replicas, v)
    for name, library, peer in (("JAX", "jax", fire_jax), ("torch", "torch", fire_torch)):
        if importlib.util.find_spec(library) is None:
            print(f"FIRE in {name}: not installed")
            continue
        time_taken, v = peer.relax(glass, start, 1e-10)
        line(f"FIRE in {name}", time_taken / replicas, v)


def main() -> None:
    """Print both tables."""
    warm = Glass.draw(MODEL, 0, 16, 0)
    for method in DESCENTS:
        relax(warm, np.ones((16, 2)), method=method)
    against_scipy()
    by_name()


if __name__ == "__main__":
    main()
