"""Parallel tempering: its cost over the bare sweeps of its replicas, and how fast a tuned ladder carries them round."""

import time

import numpy as np

from nsim import run_file
from nsim.dynamics.monte_carlo import MetropolisChain
from nsim.dynamics.parallel_tempering import ParallelTempering, Rungs
from nsim.dynamics.temperature_ladder import Ladder, ladder
from nsim.dynamics.thermal_observables import ThermalAverages
from nsim.sample.glass import Glass

CASES = ((64, 400), (256, 100), (1000, 20))  # N and sweeps timed
MEASURE_EVERY = 5
LADDERS, WIDTH = 2, 32
TRIPS = ((64, 40_000), (128, 20_000))  # N and sweeps in which round trips are counted


def a_run(n: int) -> run_file.RunFile:
    """A glass from twice its transition temperature down to a tenth of it."""
    return run_file.parse(
        {
            "seed": 1,
            "model": {"gamma": 4.0},
            "ensemble": {"n": n},
            "protocol": {"kind": "tempering", "t_start": 40.0, "t_end": 2.0},
        }
    )


def tempering(glass: Glass, rungs: Rungs) -> ParallelTempering:
    """Ladders from a random start."""

    def start(columns: range) -> tuple[np.ndarray, list[np.random.Generator]]:
        streams = [np.random.Generator(np.random.SFC64([1, c])) for c in columns]
        return np.stack([5 * stream.standard_normal(glass.n) for stream in streams], axis=1), streams

    return ParallelTempering(glass, rungs, LADDERS, start, np.random.default_rng(1), WIDTH)


def seconds(work, times: int) -> float:
    """Mean time of a call."""
    work()
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def cost() -> None:
    """A sweep of all replicas, and what swaps after each and a measurement after every fifth add to it."""
    print(f"{'N':>6} {'columns':>8} {'bare ms':>9} {'swaps':>7} {'measured':>9} {'all over bare':>14}")
    for n, sweeps in CASES:
        glass = Glass.draw(run_file.Model(gamma=4.0), 1, n, 0)
        rungs = ladder(a_run(n), n).rungs
        ladders = tempering(glass, rungs)
        chains, averages = [], ThermalAverages(ladders, MEASURE_EVERY)
        columns = ladders.column.size
        for first in range(0, columns, WIDTH):
            own = np.arange(first, min(first + WIDTH, columns)) % len(rungs.temperatures)
            streams = [np.random.Generator(np.random.SFC64(c)) for c in own]
            start = 5 * np.random.default_rng(0).standard_normal((n, len(own)))
            chains.append((MetropolisChain(glass, start, streams, rungs.steps[own]), rungs.betas[own]))

        def bare(chains=chains) -> None:
            for chain, betas in chains:
                chain.sweep(betas)

        sweep = seconds(bare, sweeps)
        swap, add = seconds(ladders.swap, sweeps), seconds(averages.add, sweeps) / MEASURE_EVERY
        whole = sweep + swap + add
        print(f"{n:6d} {columns:8d} {1e3 * sweep:9.3f} {swap / whole:7.1%} {add / whole:9.1%} {whole / sweep:14.2f}")


def round_trips() -> None:
    """Ladders with the same number of rungs between the same temperatures."""
    print(f"\n{'N':>6} {'rungs':>6} {'ladder':>10} {'lowest swap rate':>17} {'round trips per 1000 sweeps':>28}")
    for n, sweeps in TRIPS:
        tuned: Ladder = ladder(a_run(n), n)
        t = tuned.rungs.temperatures
        kinds = {
            "tuned": t,
            "geometric": np.geomspace(t[0], t[-1], len(t)),
            "linear": np.linspace(t[0], t[-1], len(t)),
        }
        for name, temperatures in kinds.items():
            steps = np.interp(-np.log(temperatures), -np.log(t), tuned.rungs.steps)
            trips, lowest = 0, 1.0
            for sample in range(3):
                ladders = tempering(Glass.draw(run_file.Model(gamma=4.0), 1, n, sample), Rungs(temperatures, steps))
                ladders.run(sweeps // 10, 1)
                ladders.reset_counts()
                ladders.run(sweeps // 3, 1)
                trips += ladders.round_trips.sum()
                lowest = min(lowest, float((ladders.swapped / ladders.offered).min()))
            rate = 1000 * trips / (3 * (sweeps // 3) * LADDERS)
            print(f"{n:6d} {len(t):6d} {name:>10} {lowest:17.2f} {rate:28.1f}")


def main() -> None:
    """Print both tables."""
    cost()
    round_trips()


if __name__ == "__main__":
    main()
