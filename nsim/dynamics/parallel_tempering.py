r"""Parallel tempering: ladders of temperatures over one sample, every rung of every ladder a column of a batch.

Each ladder is an independent set of replicas, one at each temperature T_0 > T_1 > ...; Monte Carlo sweeps move all
of them as matrix products, then neighbouring rungs of a ladder may exchange their temperatures [Hukushima, Nemoto, J.
Phys. Soc. Jpn. 65, 1604 (1996)]. The exchange of rungs a, b with energies U_a, U_b is accepted with probability

    min(1, exp[(beta_a - beta_b)(U_a - U_b)])

which leaves the product of the Boltzmann distributions invariant. Even and odd pairs take turns. Temperatures move,
configurations stay: ``column[l, m]`` is the column at rung m of ladder l.

The columns are cut into blocks of a width set by the run file. Blocks may lie on several ranks: after the sweeps all
energies are gathered, and every rank takes the same decisions from the sample's stream of swaps, so that the
results are the same bit for bit on any number of ranks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from nsim.dynamics.monte_carlo import MetropolisChain
from nsim.parallel.checkpoint import Report, State
from nsim.parallel.rank_group import ALONE, Group
from nsim.sample.glass import Glass

ROWS = 6  # numbers of every column that all ranks need: its moments, and its accepted moves
STATE = (  # what changes, beside the blocks and the stream of swaps
    "column",
    "_rung",
    "_origin",
    "_age",
    "_swaps",
    "acceptance",
    "sweeps",
    "swapped",
    "offered",
    "round_trips",
)
NOWHERE, FROM_HOT, FROM_COLD = range(3)  # where a column comes from: the end of its ladder it saw last


@dataclass(frozen=True)
class Rungs:
    """A ladder of temperatures: (M,) temperatures, hottest first [E0], and half-widths of the proposals there [v0]."""

    temperatures: np.ndarray
    steps: np.ndarray

    @cached_property
    def betas(self) -> np.ndarray:
        """Inverse temperatures, (M,) [1/E0]."""
        return 1 / self.temperatures


@dataclass(frozen=True)
class Moments:
    """Sums over the sites of every replica, each of shape (ladders, M)."""

    on_site: np.ndarray  # sum_i G_i(v_i)/gamma [E0]
    field_work: np.ndarray  # sum_i l_i v_i [E0]
    first: np.ndarray  # sum_i v_i
    second: np.ndarray  # sum_i v_i^2
    fourth: np.ndarray  # sum_i v_i^4

    def energy(self, field: float) -> np.ndarray:
        """Total energy U [E0], with F the uniform field."""
        return self.on_site - 0.5 * (self.field_work + field * self.first)


class ParallelTempering:
    """Ladders of one sample in thermal motion.

    Parameters
    ----------
    glass
        The sample.
    rungs, ladders
        The temperatures, and how many independent ladders of them.
    start
        ``start(columns)``: starting states of a range of columns, shape (N, len(columns)), and a generator for each. At
        first ladder 0 has the columns 0 to M-1 from hot to cold, ladder 1 those from M to 2M-1, ...
    swap_stream
        Generator of the sample's swaps.
    width
        Columns of a block.
    group
        The ranks that share the blocks.
    """

    def __init__(
        self,
        glass: Glass,
        rungs: Rungs,
        ladders: int,
        start: Callable[[range], tuple[np.ndarray, list[np.random.Generator]]],
        swap_stream: np.random.Generator,
        width: int,
        group: Group = ALONE,
    ) -> None:
        count = len(rungs.temperatures)
        self.glass, self.rungs, self._swap_stream, self._group = glass, rungs, swap_stream, group
        self.column = np.arange(ladders * count).reshape(ladders, count)
        self._rung = np.tile(np.arange(count), ladders)  # of each column
        self._origin = np.full(self.column.size, NOWHERE)
        self._width, self._blocks = width, own_blocks(self.column.size, width, group)
        self._chains = [MetropolisChain(glass, *start(block), rungs.steps[self._rung[block]]) for block in self._blocks]
        self._accepted = [np.zeros(len(block)) for block in self._blocks]  # since the last count
        self._age = self._swaps = 0
        self.reset_counts()

    def reset_counts(self) -> None:
        """Count acceptances, swaps and round trips from now on."""
        for accepted in self._accepted:
            accepted[:] = 0
        ladders, rungs = self.column.shape
        self.acceptance, self.sweeps = np.zeros(rungs), 0
        self.swapped, self.offered = np.zeros(rungs - 1), np.zeros(rungs - 1)
        self.round_trips = np.zeros(ladders, dtype=np.int64)

    def state(self) -> State:
        """All that the future of the ladders depends on, beside sample and temperatures; copied.

        Called by all ranks of the group; the chains of all blocks are in what its first rank gets.
        """
        own = [
            {"chain": chain.state(), "accepted": accepted.copy()}
            for chain, accepted in zip(self._chains, self._accepted, strict=True)
        ]
        return {
            "blocks": [block for blocks in self._group.gather(own) for block in blocks],
            "swap_stream": self._swap_stream.bit_generator.state,
            **{name: copy.deepcopy(getattr(self, name)) for name in STATE},
        }

    def restore(self, state: State) -> None:
        """Go on from a state of all blocks, bit for bit as the ladders it was taken from, on any number of ranks."""
        for block, chain, accepted in zip(self._blocks, self._chains, self._accepted, strict=True):
            held = state["blocks"][block.start // self._width]
            chain.restore(held["chain"])
            accepted[:] = held["accepted"]
        self._swap_stream.bit_generator.state = state["swap_stream"]
        for name in STATE:
            setattr(self, name, copy.deepcopy(state[name]))

    def run(self, sweeps: int, swap_every: int) -> None:
        """Sweeps with swaps in between, after every ``swap_every``-th sweep since the start."""
        for _ in range(sweeps):
            self.sweep()
            self._age += 1
            if self._age % swap_every == 0:
                self.swap()

    def sweep(self) -> None:
        """One Monte Carlo sweep of every column at its temperature."""
        betas = self.rungs.betas
        for block, chain, accepted in zip(self._blocks, self._chains, self._accepted, strict=True):
            rung = self._rung[block]
            chain.step[:] = self.rungs.steps[rung]
            accepted += chain.sweep(betas[rung])
        self.sweeps += 1

    def moments(self) -> Moments:
        """Sums over the sites of every replica, by rung; brings the count of acceptances up to date."""
        glass = self.glass
        own = np.empty((ROWS, sum(map(len, self._blocks))))
        first = 0
        for chain, accepted in zip(self._chains, self._accepted, strict=True):
            part = own[:, first : first + len(accepted)]
            column_sums(chain.v, chain.field, glass.a2, glass.a4, glass.gamma, part)
            part[-1] = accepted
            accepted[:] = 0
            first += len(accepted)
        by_rung = self._gather(own)[:, self.column]
        self.acceptance += by_rung[-1].sum(axis=0)
        return Moments(*by_rung[:-1])

    def states(self) -> np.ndarray:
        """All states by rung, shape (N, ladders, M)."""
        own = np.concatenate([np.empty((self.glass.n, 0)), *(chain.v for chain in self._chains)], axis=1)
        return self._gather(own)[:, self.column]

    def report(self) -> Report:
        """How well its moves and swaps are accepted, of those counted so far."""
        tried, offered = self.sweeps * len(self.column), self.offered > 0
        rates = {"acceptance": float(self.acceptance.mean() / tried)} if tried else {}
        if offered.any():
            rates["swap_rate"] = float((self.swapped[offered] / self.offered[offered]).min())
        return rates

    def _gather(self, own: np.ndarray) -> np.ndarray:
        """What belongs to this rank's columns, shape (rows, columns), joined for all columns on every rank."""
        return own if self._group.size == 1 else self._group.all_gather(own.T).T

    def swap(self) -> None:
        """Offer every second pair of neighbouring rungs of every ladder to exchange their temperatures."""
        energy = self.moments().energy(self.glass.field)
        if self.column.shape[1] == 1:
            return
        logarithm = log_acceptance(self.rungs.betas, energy)
        # Numbers for all pairs: which of them take turns changes no number.
        accepted = self._swap_stream.random(logarithm.shape) < np.exp(np.minimum(logarithm, 0))
        first = self._swaps % 2
        exchange(accepted, first, self.column, self._rung, self._origin, self.swapped, self.round_trips)
        self.offered[first::2] += len(self.column)
        self._swaps += 1


def log_acceptance(betas: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Ln of the acceptance ratios of swaps between each rung and the next; energy (ladders, M), (ladders, M-1)."""
    return (betas[1:] - betas[:-1]) * (energy[:, 1:] - energy[:, :-1])


def own_blocks(columns: int, width: int, group: Group = ALONE) -> list[range]:
    """The columns cut into blocks, and of these the ones that fall to this rank: neighbours, in the order of ranks."""
    cut = [range(first, min(first + width, columns)) for first in range(0, columns, width)]
    return cut[len(cut) * group.rank // group.size : len(cut) * (group.rank + 1) // group.size]


@numba.njit(cache=True, error_model="numpy")
def column_sums(v: np.ndarray, field: np.ndarray, a2: np.ndarray, a4: float, gamma: float, sums: np.ndarray) -> None:
    """Fill the rows of `Moments`, (5 or more, R), for states v with local fields ``field``, both (N, R)."""
    sites, columns = v.shape
    sums[:5] = 0.0
    quartic = a4 / (24 * gamma)
    for i in range(sites):
        harmonic = a2[i] / (2 * gamma)
        for r in range(columns):
            x = v[i, r]
            square = x * x
            sums[0, r] += (harmonic + quartic * square) * square
            sums[1, r] += field[i, r] * x
            sums[2, r] += x
            sums[3, r] += square
            sums[4, r] += square * square


@numba.njit(cache=True)
def exchange(
    accepted: np.ndarray,
    first: int,
    column: np.ndarray,
    rung: np.ndarray,
    origin: np.ndarray,
    swapped: np.ndarray,
    round_trips: np.ndarray,
) -> None:
    """Carry out the accepted swaps of the pairs first, first + 2, ..., and see who has reached an end of its ladder.

    ``accepted`` is (ladders, M-1), ``column`` and the rung of each column are changed. A round trip goes from the hot
    end to the cold one and back.
    """
    ladders, rungs = column.shape
    for l in range(ladders):  # noqa: E741 - the ladder
        for m in range(first, rungs - 1, 2):
            if accepted[l, m]:
                hot, cold = column[l, m], column[l, m + 1]
                column[l, m], column[l, m + 1] = cold, hot
                rung[cold], rung[hot] = m, m + 1
                swapped[m] += 1
        hot, cold = column[l, 0], column[l, rungs - 1]
        if origin[hot] == FROM_COLD:
            round_trips[l] += 1
        origin[hot] = FROM_HOT
        if origin[cold] == FROM_HOT:
            origin[cold] = FROM_COLD
