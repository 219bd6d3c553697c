"""Metropolis sweeps of a batch, against a plain compiled single-replica loop and against the bare matrix products."""

import time

import numba
import numpy as np

from nsim.glass import Glass
from nsim.monte_carlo import MetropolisChain
from nsim.run_file import Model

CASES = ((256, 32), (1000, 32), (2000, 32))
SWEEPS = 20


@numba.njit(cache=True)
def plain_sweep(v, field, J, a2, a4, gamma, beta, step, numbers):
    """Every accepted move updates all fields at once: bound by the memory that J is read from."""
    for i in range(len(v)):
        old = v[i]
        new = old + step * (2 * numbers[i, 0] - 1)
        rise = ((a2[i] / 2 + a4 / 24 * new**2) * new**2 - (a2[i] / 2 + a4 / 24 * old**2) * old**2) / gamma
        rise -= field[i] * (new - old)
        if numbers[i, 1] < np.exp(-beta * rise):
            v[i] = new
            for j in range(len(v)):
                field[j] += J[i, j] * (new - old)


def main() -> None:
    """Print milliseconds per replica sweep and the two ratios."""
    model, beta = Model(gamma=4.0), 0.1
    print(f"{'N':>6} {'R':>4} {'nsim ms':>9} {'plain ms':>9} {'ratio':>6} {'over bare product':>18}")
    for n, replicas in CASES:
        glass = Glass.draw(model, 1, n, 0)
        streams = [np.random.default_rng(r) for r in range(replicas)]
        chain = MetropolisChain(glass, np.zeros((n, replicas)), streams, step=4.0)
        chain.sweep(beta)
        began = time.perf_counter()
        for _ in range(SWEEPS):
            chain.sweep(beta)
        ours = (time.perf_counter() - began) / SWEEPS / replicas

        v, field = np.zeros(n), np.zeros(n)
        plain_sweep(v, field, glass.J, glass.a2, glass.a4, glass.gamma, beta, 4.0, streams[0].random((n, 2)))
        began = time.perf_counter()
        for _ in range(SWEEPS):
            numbers = streams[0].random((n, 2))
            plain_sweep(v, field, glass.J, glass.a2, glass.a4, glass.gamma, beta, 4.0, numbers)
        plain = (time.perf_counter() - began) / SWEEPS

        began = time.perf_counter()
        for _ in range(SWEEPS):
            glass.J @ chain.v
        product = (time.perf_counter() - began) / SWEEPS / replicas
        print(f"{n:6d} {replicas:4d} {1e3 * ours:9.3f} {1e3 * plain:9.3f} {plain / ours:6.1f} {ours / product:18.2f}")


if __name__ == "__main__":
    main()
