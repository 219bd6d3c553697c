"""Monte Carlo sweeps of a batch, against a plain compiled single-replica loop and against the bare matrix products.

The peer updates all fields on every accepted move, which is bound by the memory that J is read from. The bound is one
product of J with all replicas, N^2 R multiply-adds, in the faster of the two memory layouts. The second
table weighs the heat bath, which costs more per sweep and forgets faster, against Metropolis chains of several steps.
"""

import time
from collections.abc import Callable

import numba
import numpy as np

from nsim.dynamics.heat_bath import HeatBathChain
from nsim.dynamics.monte_carlo import Chain, MetropolisChain
from nsim.run_sections import Model
from nsim.sample.glass import Glass
from nsim.streams import Purpose, generator

SIZES, REPLICAS = (256, 500, 1000, 2000, 4000), 32
BETA, STEP = 0.05, 9.0  # T = 20, near the glass temperature 21.55 of gamma = 4; acceptance about 0.5
BETA_ERGODIC = 0.04  # T = 25, where the system forgets


@numba.njit(cache=True)
def plain_sweep(v, field, J, a2, a4, gamma, beta, step, numbers):
    """Every accepted move updates all fields at once."""
    for i in range(len(v)):
        old = v[i]
        new = old + step * (2 * numbers[i, 0] - 1)
        rise = ((a2[i] / 2 + a4 / 24 * new**2) * new**2 - (a2[i] / 2 + a4 / 24 * old**2) * old**2) / gamma
        rise -= field[i] * (new - old)
        if numbers[i, 1] < np.exp(-beta * rise):
            v[i] = new
            for j in range(len(v)):
                field[j] += J[i, j] * (new - old)


def best_time(function: Callable[[], object], n: int) -> float:
    """Shortest of many calls, in seconds: the others measure the machine's other guests."""
    times = []
    for _ in range(max(20, 100_000 // n)):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def plain_time(glass: Glass, v: np.ndarray, stream: np.random.Generator) -> float:
    """Seconds of a plain sweep of one replica from state ``v``."""
    v, field = v.copy(), glass.local_field(v)
    args = (glass.J, glass.a2, glass.a4, glass.gamma, BETA, STEP)
    return best_time(lambda: plain_sweep(v, field, *args, stream.random((glass.n, 2))), glass.n)


def product_time(glass: Glass, v: np.ndarray) -> float:
    """Seconds of one product of J with all columns of ``v``, in the faster layout."""
    rows = np.ascontiguousarray(v.T)
    return min(best_time(lambda: glass.J @ v, glass.n), best_time(lambda: rows @ glass.J, glass.n))


def sweeps_to_forget(chain: Chain) -> int:
    """Sweeps until the correlation of displacements with those of a thermal start has fallen to 1/e."""
    for _ in range(200):
        chain.sweep(BETA_ERGODIC)
    start = chain.v.copy()
    sweeps = 0
    while (start * chain.v).mean() > (start**2).mean() / np.e:
        chain.sweep(BETA_ERGODIC)
        sweeps += 1
    return sweeps


def main() -> None:
    """Print milliseconds per replica sweep and the ratios; then heat bath and Metropolis side by side."""
    print(
        f"{'N':>6} {'R':>4} {'nsim ms':>9} {'plain ms':>9} {'plain/nsim':>11} {'acceptance':>11} "
        f"{'product ms':>11} {'GFLOP/s':>8} {'nsim/product':>13}"
    )
    for n in SIZES:
        glass, streams = Glass.draw(Model(gamma=4.0), 1, n, 0), streams_of(n)
        chain = MetropolisChain(glass, np.zeros((n, REPLICAS)), streams, STEP)
        for _ in range(20):
            acceptance = chain.sweep(BETA).mean()
        ours = best_time(lambda chain=chain: chain.sweep(BETA), n) / REPLICAS
        plain = plain_time(glass, chain.v[:, 0], streams[0])
        product = product_time(glass, chain.v) / REPLICAS
        print(
            f"{n:6d} {REPLICAS:4d} {1e3 * ours:9.4f} {1e3 * plain:9.4f} {plain / ours:11.1f} {acceptance:11.2f} "
            f"{1e3 * product:11.4f} {2e-9 * n * n / product:8.1f} {ours / product:13.2f}"
        )
    print(
        f"\n{'N':>6} {'T':>4} {'chain':>12} {'acceptance':>11} {'ms/sweep':>9} {'sweeps to forget':>17} "
        f"{'ms to forget':>13}"
    )
    for n in (256, 2000):
        glass, start = Glass.draw(Model(gamma=4.0), 1, n, 0), np.zeros((n, REPLICAS))
        chains = {
            f"step {step:g}": MetropolisChain(glass, start, streams_of(n), step) for step in (5.0, 8.0, 12.0, 16.0)
        }
        for name, chain in (chains | {"heat bath": HeatBathChain(glass, start, streams_of(n))}).items():
            forgets = sweeps_to_forget(chain)
            cost = best_time(lambda chain=chain: chain.sweep(BETA_ERGODIC), n) / REPLICAS
            row = f"{n:6d} {1 / BETA_ERGODIC:4.0f} {name:>12} {chain.sweep(BETA_ERGODIC).mean():11.2f}"
            print(f"{row} {1e3 * cost:9.4f} {forgets:17d} {1e3 * cost * forgets:13.3f}")


def streams_of(n: int) -> list[np.random.Generator]:
    """One stream per replica."""
    return [generator(1, n, 0, Purpose.MONTE_CARLO, r) for r in range(REPLICAS)]


if __name__ == "__main__":
    main()
