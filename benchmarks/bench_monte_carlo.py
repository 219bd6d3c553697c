"""Monte Carlo sweeps of a batch, against a plain compiled single-replica loop and against the bare matrix products.

The peer updates all fields on every accepted move, which is bound by the memory that J is read from. The bound is one
product of J with all replicas, N^2 R multiply-adds, in the faster of the two memory layouts. The last line of a size
gives the heat bath, which costs more per sweep and forgets faster.
"""

import time
from collections.abc import Callable

import numba
import numpy as np

from nsim.glass import Glass
from nsim.monte_carlo import MetropolisChain
from nsim.run_file import Model
from nsim.streams import Purpose, generator

SIZES, REPLICAS = (256, 500, 1000, 2000, 4000), 32
BETA, STEP = 0.05, 5.0  # T = 20, near the glass temperature 21.55 of gamma = 4; acceptance about 0.4


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


def median_time(function: Callable[[], object], n: int) -> float:
    """Median seconds of a call, over about a second."""
    times = []
    for _ in range(max(15, 100_000 // n)):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    """Print milliseconds per replica sweep and the ratios."""
    print(
        f"{'N':>6} {'R':>4} {'nsim ms':>9} {'plain ms':>9} {'plain/nsim':>11} {'acceptance':>11} "
        f"{'product ms':>11} {'GFLOP/s':>8} {'nsim/product':>13}"
    )
    for n in SIZES:
        glass = Glass.draw(Model(gamma=4.0), 1, n, 0)
        streams = [generator(1, n, 0, Purpose.MONTE_CARLO, r) for r in range(REPLICAS)]
        chain = MetropolisChain(glass, np.zeros((n, REPLICAS)), streams, STEP)
        for _ in range(20):
            acceptance = chain.sweep(BETA).mean()
        ours = median_time(lambda chain=chain: chain.sweep(BETA), n) / REPLICAS

        v, field = chain.v[:, 0].copy(), glass.local_field(chain.v[:, 0])
        args = (glass.J, glass.a2, glass.a4, glass.gamma, BETA, STEP)
        plain = median_time(
            lambda n=n, v=v, field=field, args=args: plain_sweep(v, field, *args, streams[0].random((n, 2))), n
        )

        rows = np.ascontiguousarray(chain.v.T)
        product = min(
            median_time(lambda J=glass.J, v=chain.v: J @ v, n),
            median_time(lambda J=glass.J, rows=rows: rows @ J, n),
        )
        product /= REPLICAS
        print(
            f"{n:6d} {REPLICAS:4d} {1e3 * ours:9.4f} {1e3 * plain:9.4f} {plain / ours:11.1f} {acceptance:11.2f} "
            f"{1e3 * product:11.4f} {2e-9 * n * n / product:8.1f} {ours / product:13.2f}"
        )


if __name__ == "__main__":
    main()
