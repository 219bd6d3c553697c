r"""Monte Carlo sweeps at inverse temperature beta, all replicas of one sample at once, with delayed field updates.

A sweep visits the sites in order, a block of them at a time. Inside a block only the local fields of the block are
kept up to date, with its small square of J; then one matrix product J[:, block] dV brings all fields of all replicas
up to date. The Markov chain is exactly the plain sequential one. Changing v_i by dv costs

    dU = -l_i dv + [G_i(v_i + dv) - G_i(v_i)]/gamma,    l_i = F + sum_j J_ij v_j    (J_ii = 0)

What a site does when it is visited is the business of a chain: `MetropolisChain` here, or
`nsim.dynamics.heat_bath.HeatBathChain`. Each replica takes its random numbers from its own stream.

Limit: N^2 R multiply-adds per sweep in the products. The fields lie in memory replica by replica, where OpenBLAS
multiplies a tall J with few columns nearly twice as fast as site by site; within a block everything lies site by site,
so that the replicas of a site fill vector registers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numba
import numpy as np
from scipy.linalg import blas

from nsim.parallel.checkpoint import State
from nsim.sample.glass import Glass

BLOCK = 64  # sites per delayed update: its square of J (32 kB) stays close, and the product is wide enough for BLAS
CHUNK = 2**18  # random numbers drawn ahead per batch (2 MB)
REFRESH = 100  # sweeps between two exact products J V


class Chain(ABC):
    """R replicas of one sample in thermal motion.

    Parameters
    ----------
    glass
        The sample.
    v
        Starting states, shape (N, R).
    streams
        One generator per replica.
    """

    def __init__(self, glass: Glass, v: np.ndarray, streams: list[np.random.Generator]) -> None:
        self.glass = glass
        self.v = np.array(v, dtype=float, order="C")
        self.streams = streams
        self.sweeps = 0
        self._field = np.asfortranarray(glass.local_field(self.v))
        self._moved = np.empty((min(BLOCK, glass.n), self.v.shape[1]))

    def sweep(self, beta: float | np.ndarray) -> np.ndarray:
        """One sweep at inverse temperature ``beta`` [1/E0], a number or shape (R,); returns acceptance rates, (R,)."""
        glass = self.glass
        beta = np.broadcast_to(np.asarray(beta, dtype=float), (self.v.shape[1],)).copy()
        if self.sweeps and self.sweeps % REFRESH == 0:
            self._field[:] = glass.local_field(self.v)
        self._begin_sweep()
        accepted = np.zeros(self.v.shape[1], dtype=np.int64)
        for start in range(0, glass.n, BLOCK):
            block = slice(start, min(start + BLOCK, glass.n))
            moved = self._moved[: block.stop - start]
            self._visit(block, self._field[block].copy(), beta, accepted, moved)
            # J is symmetric: its rows, contiguous in memory, serve as columns. BLAS adds to the fields in place.
            self._field = blas.dgemm(
                1.0, glass.J[block].T, moved.T, beta=1.0, c=self._field, trans_b=True, overwrite_c=True
            )
        self.sweeps += 1
        return accepted / glass.n

    @property
    def field(self) -> np.ndarray:
        """Local fields l_i of the present states, kept up to date, shape (N, R) [E0/v0]; not to be changed."""
        return self._field

    def energy(self) -> np.ndarray:
        """Total energies U of the present states from the fields at hand, without a product; shape (R,) [E0]."""
        return (self.glass.on_site(self.v) - 0.5 * (self._field + self.glass.field) * self.v).sum(axis=0)

    def state(self) -> State:
        """All that the future of the chain depends on, beside the sample; copied."""
        return {
            "v": self.v.copy(),
            "field": self._field.copy(order="F"),
            "sweeps": self.sweeps,
            "streams": [stream.bit_generator.state for stream in self.streams],
        }

    def restore(self, state: State) -> None:
        """Go on from a state, bit for bit as the chain it was taken from."""
        self.v[:], self.sweeps = state["v"], state["sweeps"]
        self._field = state["field"].copy(order="F")
        for stream, at in zip(self.streams, state["streams"], strict=True):
            stream.bit_generator.state = at

    @abstractmethod
    def _begin_sweep(self) -> None:
        """Make ready what a sweep needs, random numbers above all."""

    @abstractmethod
    def _visit(
        self, block: slice, field: np.ndarray, beta: np.ndarray, accepted: np.ndarray, moved: np.ndarray
    ) -> None:
        """Visit the sites of a block in order.

        Changes v[block], adds to ``accepted`` (R,), writes dV into ``moved`` (B, R); ``field`` (B, R) is a copy,
        brought up to date only for the sites still to be visited.
        """


class MetropolisChain(Chain):
    """Metropolis: v_i + step (2 x - 1) is accepted with probability min(1, exp(-beta dU)).

    Random numbers are uniform, in the order (sweep, site, proposal | acceptance).

    Parameters
    ----------
    glass, v, streams
        As in `Chain`.
    step
        Half-width of the uniform proposals, shape (R,) or a number [v0].
    """

    def __init__(
        self, glass: Glass, v: np.ndarray, streams: list[np.random.Generator], step: float | np.ndarray
    ) -> None:
        super().__init__(glass, v, streams)
        self.step = np.broadcast_to(np.asarray(step, dtype=float), (self.v.shape[1],)).copy()
        sweeps_ahead, (sites, replicas) = max(1, CHUNK // (2 * self.v.size)), self.v.shape
        self._numbers = np.empty((replicas, sweeps_ahead, sites, 2))  # as they are drawn
        self._proposal = np.empty((sweeps_ahead, sites, replicas))  # as they are used
        self._threshold = np.empty((sweeps_ahead, sites, replicas))
        self._used = sweeps_ahead

    def state(self) -> State:
        """See `Chain`."""
        ahead = {"proposal": self._proposal[self._used :].copy(), "threshold": self._threshold[self._used :].copy()}
        return super().state() | {"step": self.step.copy(), **ahead}

    def restore(self, state: State) -> None:
        """See `Chain`."""
        super().restore(state)
        self.step[:] = state["step"]
        self._used = len(self._proposal) - len(state["proposal"])
        self._proposal[self._used :], self._threshold[self._used :] = state["proposal"], state["threshold"]

    def _begin_sweep(self) -> None:
        """Numbers of the next sweeps, where they have run out. How many are drawn ahead does not change them."""
        if self._used == len(self._proposal):
            for stream, numbers in zip(self.streams, self._numbers, strict=True):
                stream.random(out=numbers)
            by_site = np.moveaxis(self._numbers, 0, -1)
            self._proposal[:] = by_site[:, :, 0]
            self._threshold[:] = by_site[:, :, 1]
            # x < exp(-beta dU) becomes beta dU < -ln x: the logarithms of all numbers in one go.
            with np.errstate(divide="ignore"):  # -ln 0: accepts whatever is proposed
                np.log(self._threshold, out=self._threshold)
            np.negative(self._threshold, out=self._threshold)
            self._used = 0
        self._used += 1

    def _visit(
        self, block: slice, field: np.ndarray, beta: np.ndarray, accepted: np.ndarray, moved: np.ndarray
    ) -> None:
        glass, now = self.glass, self._used - 1
        _visit_block(
            self.v[block],
            field,
            glass.J,
            block.start,
            glass.a2[block],
            glass.a4,
            glass.gamma,
            beta,
            self.step,
            self._proposal[now, block],
            self._threshold[now, block],
            accepted,
            moved,
        )


@numba.njit(cache=True, error_model="numpy")
def _visit_block(
    v: np.ndarray,
    field: np.ndarray,
    J: np.ndarray,
    first: int,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    beta: np.ndarray,
    step: np.ndarray,
    proposal: np.ndarray,
    threshold: np.ndarray,
    accepted: np.ndarray,
    moved: np.ndarray,
) -> None:
    """Metropolis visit; arrays (B, R) but J (N, N), a2 (B,), beta, step and accepted (R,). No branch on acceptance."""
    sites, replicas = v.shape
    quartic = a4 / (24 * gamma)
    for i in range(sites):
        harmonic = a2[i] / (2 * gamma)
        for r in range(replicas):
            old = v[i, r]
            change = step[r] * (2.0 * proposal[i, r] - 1.0)
            new = old + change
            rise = (harmonic + quartic * new * new) * new * new - (harmonic + quartic * old * old) * old * old
            rise -= field[i, r] * change
            accept = beta[r] * rise < threshold[i, r]
            v[i, r] = new if accept else old
            moved[i, r] = new - old if accept else 0.0
            accepted[r] += accept
        spread(i, J, first, moved, field)


@numba.njit(cache=True, error_model="numpy")
def spread(i: int, J: np.ndarray, first: int, moved: np.ndarray, field: np.ndarray) -> None:
    """Bring the fields of the sites of a block behind site first + i up to date with its move."""
    for j in range(i + 1, len(moved)):
        coupling = J[first + i, first + j]
        for r in range(moved.shape[1]):
            field[j, r] += coupling * moved[i, r]
