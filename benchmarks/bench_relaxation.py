"""Relaxation of a batch to minima, against scipy's L-BFGS-B one replica at a time.

Both reach max |gradient| < 1e-10 from the same random starts. The limit is the matrix product: the last column is the
share of the time that the products J D would take alone, with all columns, at the rate measured here.
"""

import time

import numpy as np
from scipy import optimize

from nsim.glass import Glass
from nsim.newton_finish import SINGLE_FROM
from nsim.relaxation import relax
from nsim.run_file import Model

CASES = ((256, 32), (1000, 32), (2000, 32), (1000, 1), (2000, 1))
PEER_REPLICAS = 4  # L-BFGS-B is timed on a few replicas, and quoted per minimum


def main() -> None:
    """Print milliseconds per minimum, ratio and share of the bound."""
    model = Model(gamma=4.0)
    warm = Glass.draw(model, 0, 16, 0)
    relax(warm, np.ones((16, 2)))
    print(
        f"{'N':>6} {'R':>4} {'nsim ms/min':>12} {'L-BFGS-B ms/min':>16} {'ratio':>6} {'steps':>6} {'in products':>12}"
    )
    for n, replicas in CASES:
        glass = Glass.draw(model, 1, n, 0)
        start = model.length * np.random.default_rng(0).standard_normal((n, replicas))
        began = time.perf_counter()
        relaxed = relax(glass, start)
        ours = (time.perf_counter() - began) / replicas
        assert relaxed.converged.all()

        peers = min(replicas, PEER_REPLICAS)
        began = time.perf_counter()
        for r in range(peers):
            optimize.minimize(
                lambda v, glass=glass: (float(glass.energy(v)), glass.gradient(v)),
                start[:, r],
                jac=True,
                method="L-BFGS-B",
                options={"gtol": 1e-10, "ftol": 0, "maxiter": 100_000, "maxfun": 100_000},
            )
        peer = (time.perf_counter() - began) / peers

        repeats = max(3, int(2e9 / (2 * n * n * replicas)))
        precision = np.float32 if n >= SINGLE_FROM else np.float64
        J, columns = glass.J.astype(precision), start.astype(precision)
        began = time.perf_counter()
        for _ in range(repeats):
            J @ columns
        product = (time.perf_counter() - began) / repeats / replicas
        share = relaxed.iterations.mean() * product / ours
        print(
            f"{n:6d} {replicas:4d} {1e3 * ours:12.2f} {1e3 * peer:16.2f} {peer / ours:6.1f} "
            f"{relaxed.iterations.mean():6.0f} {share:12.0%}"
        )


if __name__ == "__main__":
    main()
