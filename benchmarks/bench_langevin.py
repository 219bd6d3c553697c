"""Langevin steps of a batch, against plain numpy BAOAB one replica at a time and against the bare matrix product.

The bound is the one product of J with all replicas that a step needs, in the same layout.
"""

import time
from collections.abc import Callable

import numpy as np

from nsim.dynamics.langevin import LangevinDynamics
from nsim.run_sections import Model
from nsim.sample.glass import Glass
from nsim.streams import Purpose, generator

SIZES, REPLICAS = (256, 500, 1000, 2000, 4000), 32
TEMPERATURE, TIME_STEP = 20.0, 0.1
STEPS = 10  # timed together, so that the noise drawn ahead has its share


def plain_steps(glass: Glass, v: np.ndarray, p: np.ndarray, stream: np.random.Generator) -> Callable[[], None]:
    """A step of one replica as one writes it down."""
    keep = np.exp(-TIME_STEP)
    width = np.sqrt((1 - keep**2) * TEMPERATURE)
    force = -glass.gradient(v)

    def step() -> None:
        p[:] += TIME_STEP / 2 * force
        v[:] += TIME_STEP / 2 * p
        p[:] = keep * p + width * stream.standard_normal(len(p))
        v[:] += TIME_STEP / 2 * p
        force[:] = -glass.gradient(v)
        p[:] += TIME_STEP / 2 * force

    return step


def best_time(function: Callable[[], object], n: int) -> float:
    """Shortest of many calls, in seconds: the others measure the machine's other guests."""
    times = []
    for _ in range(max(20, 100_000 // n)):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print milliseconds per replica step and the ratios."""
    print(
        f"{'N':>6} {'R':>4} {'nsim ms':>9} {'plain ms':>9} {'plain/nsim':>11} {'product ms':>11} {'nsim/product':>13}"
    )
    for n in SIZES:
        glass = Glass.draw(Model(gamma=4.0), 1, n, 0)
        streams = [generator(1, n, 0, Purpose.DYNAMICS, r) for r in range(REPLICAS)]
        motion = LangevinDynamics(glass, np.zeros((n, REPLICAS)), streams, TEMPERATURE, TIME_STEP)
        motion.run(20)
        ours = best_time(lambda motion=motion: motion.run(STEPS), STEPS * n) / STEPS / REPLICAS
        plain = best_time(plain_steps(glass, motion.v[:, 0].copy(), motion.p[:, 0].copy(), streams[0]), n)
        rows = motion.v.T
        product = best_time(lambda J=glass.J, rows=rows: rows @ J, n) / REPLICAS
        print(
            f"{n:6d} {REPLICAS:4d} {1e3 * ours:9.4f} {1e3 * plain:9.4f} {plain / ours:11.1f} "
            f"{1e3 * product:11.4f} {ours / product:13.2f}"
        )


if __name__ == "__main__":
    main()
