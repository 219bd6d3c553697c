r"""The temperatures of parallel tempering, spaced for even acceptance of swaps, with the step widths there.

Between neighbouring temperatures with mean energies U_m the mean of ln(acceptance ratio) is -Lambda_m^2,

    Lambda_m^2 = (beta_{m+1} - beta_m)(U_m - U_{m+1}),   about   N c (ln T_m/T_{m+1})^2

and for Gaussian energies swaps are accepted with probability erfc(Lambda_m/2) [Kofke, J. Chem. Phys. 117, 6911
(2002)]. Lambda adds up along the ladder (it is a length), so a ladder of even acceptance has rungs at equal
distances of it. It is measured in a short run of one pilot sample, which belongs to no ensemble: its disorder has
its own key. Lengths grow as sqrt(N), so one pilot serves all sizes. All samples of all sizes share one ladder, a
function of the run file alone: the one that the largest size needs. Step widths are those with which the pilot accepted
`TARGET_ACCEPTANCE` of its moves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.special import erfc, erfcinv

from nsim import run_file
from nsim.dynamics.annealing import ADAPTATION, TARGET_ACCEPTANCE
from nsim.dynamics.parallel_tempering import ParallelTempering, Rungs
from nsim.errors import InputError
from nsim.run_file import RunFile
from nsim.sample import couplings
from nsim.sample.glass import Glass
from nsim.streams import Purpose, generator

SWAP_RATE = 0.3  # aimed at; near the optimum for round trips, which is broad
SPARSE = 0.05  # swap rates below it are warned of
LARGEST_LADDER = 2**12  # rungs; part of the keys of random streams

PILOT_N = 128
PILOT_SAMPLE = 2**32 - 1  # no sample of an ensemble has this number
PILOT_STEP = 1.2  # Lambda between the pilot's rungs, for a specific heat of 1/2
ADAPTING, MEASURING = 400, 1000  # sweeps of the pilot


@dataclass(frozen=True)
class Ladder:
    """Temperatures for one size, with the swap rate expected between each and the next, shape (M-1,)."""

    rungs: Rungs
    swap_rates: np.ndarray


@dataclass(frozen=True)
class Pilot:
    """What the pilot found: at descending temperatures the mean energies per site and the step widths, all (M,)."""

    temperatures: np.ndarray
    energies: np.ndarray
    steps: np.ndarray

    def length(self, n: int) -> np.ndarray:
        """Lambda from the hottest temperature to each, for n particles, (M,)."""
        betas = 1 / self.temperatures
        squares = n * np.diff(betas) * -np.diff(self.energies)
        # Noise can make two energies change places; a tenth of the harmonic specific heat 1/2 is a safe lower bound.
        least = 0.1 * n / 2 * np.diff(np.log(self.temperatures)) ** 2
        return np.concatenate([[0.0], np.cumsum(np.sqrt(np.maximum(squares, least)))])


def ladder(run: RunFile, n: int) -> Ladder:
    """The ladder of a run for size n; raises `InputError` if it would be longer than `LARGEST_LADDER`."""
    pilot, temperatures = pilot_of(run, n), temperatures_of(run)
    log_t, length = -np.log(pilot.temperatures), pilot.length(n)
    at = np.interp(-np.log(temperatures), log_t, length)
    steps = np.exp(np.interp(-np.log(temperatures), log_t, np.log(pilot.steps)))
    return Ladder(Rungs(temperatures, steps), erfc(np.diff(at) / 2))


def temperatures_of(run: RunFile) -> np.ndarray:
    """The temperatures of a run, the same for all its sizes, so that these can be compared; (M,), hottest first.

    They are spaced for the largest size, for which they must be closest.
    """
    given = run.recipe.temperatures
    if isinstance(given, list):
        return np.array(given)
    n = max(run.ensemble.samples_of)
    pilot = pilot_of(run, n)
    log_t, length = -np.log(pilot.temperatures), pilot.length(n)
    total = length[-1]
    count = int(np.ceil(total / (2 * erfcinv(SWAP_RATE)))) + 1 if given is None else given
    if count > LARGEST_LADDER:
        raise InputError(
            f"n = {n}: even swap rates from t_start to t_end need {count} temperatures, at most {LARGEST_LADDER} "
            "are possible; raise protocol.t_end or give protocol.temperatures"
        )
    temperatures = np.exp(-np.interp(np.linspace(0, total, count), length, log_t))
    temperatures[0], temperatures[-1] = pilot.temperatures[0], pilot.temperatures[-1]
    return temperatures


def warnings(run: RunFile) -> list[str]:
    """A line for every size whose ladder is too sparse to climb."""
    found = []
    for n in run.ensemble.samples_of:
        spaced = ladder(run, n)
        low = spaced.swap_rates < SPARSE
        if low.any():
            at = spaced.rungs.temperatures[:-1][low]
            found.append(
                f"protocol.temperatures: n = {n}: fewer than {SPARSE:.0%} of the swaps are expected to succeed below "
                f"T = {', '.join(f'{t:.3g}' for t in at[:4])}{', ...' if len(at) > 4 else ''}: the ladder is too sparse"
            )
    return found


def pilot_of(run: RunFile, n: int) -> Pilot:
    """The pilot of a run; that of size n where it cannot be shared. The same on every rank, computed once."""
    # Energies are bounded for the samples of the run, not for any: with a4 = 0 only these are known to be stable.
    own = run.couplings_path is not None or run.model.a4 == 0
    identity = run.identity()
    identity.pop("merged", None)  # of other seeds: their temperatures are given
    return _pilot(json.dumps(identity), str(run.folder), n if own else None)


@lru_cache(maxsize=16)
def _pilot(identity: str, folder: str, n: int | None) -> Pilot:
    run = run_file.parse(json.loads(identity), Path(folder))
    if n is None:
        glass, sample = Glass.draw(run.model, run.seed, PILOT_N, PILOT_SAMPLE, dtype=run.couplings.dtype), PILOT_SAMPLE
    else:
        J = None if run.couplings_path is None else couplings.load(run.couplings_path, n, run.couplings.dtype)
        glass, sample = Glass.draw(run.model, run.seed, n, 0, J, run.couplings.dtype), 0
    return measure(glass, run, sample)


def measure(glass: Glass, run: RunFile, sample: int) -> Pilot:
    """Run the pilot on a sample: one ladder of geometric spacing, steps adapted in its first part."""
    recipe = run.recipe
    length = np.sqrt(glass.n / 2) * np.log(recipe.t_start / recipe.t_end)
    count = 1 if length == 0 else max(4, int(np.ceil(length / PILOT_STEP)) + 1)
    temperatures = np.geomspace(recipe.t_start, recipe.t_end, count)

    def start(columns: range) -> tuple[np.ndarray, list[np.random.Generator]]:
        starts, chains = (
            [generator(run.seed, glass.n, sample, purpose, column) for column in columns]
            for purpose in (Purpose.START, Purpose.MONTE_CARLO)
        )
        return recipe.start_std * np.stack([stream.standard_normal(glass.n) for stream in starts], axis=1), chains

    rungs = Rungs(temperatures, np.sqrt(temperatures))
    swap_stream = generator(run.seed, glass.n, sample, Purpose.SWAPS)
    tempering = ParallelTempering(glass, rungs, 1, start, swap_stream, run.ensemble.batch)
    log_steps, energies = np.zeros(count), np.zeros(count)
    for sweep in range(ADAPTING):
        tempering.reset_counts()
        tempering.sweep()
        tempering.swap()
        rate = ADAPTATION * min(1.0, 40 / (sweep + 1))  # falling, so that small samples settle
        rungs.steps[:] *= np.exp(rate * (tempering.acceptance - TARGET_ACCEPTANCE))
        if sweep >= ADAPTING // 2:
            log_steps += np.log(rungs.steps)
    rungs.steps[:] = np.exp(log_steps / (ADAPTING - ADAPTING // 2))
    for _ in range(MEASURING):
        tempering.sweep()
        tempering.swap()
        energies += tempering.moments().energy(glass.field)[0] / glass.n
    return Pilot(temperatures, energies / MEASURING, rungs.steps)
