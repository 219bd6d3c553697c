r"""Metropolis sweeps at inverse temperature beta, all replicas of one sample at once, with delayed field updates.

A sweep visits the sites in order, a block of them at a time. Inside a block only the local fields of the block are
kept up to date, with its small square of J; then one matrix product J[:, block] dV brings all fields of all replicas
up to date. The Markov chain is exactly the plain sequential one. Changing v_i by dv costs

    dU = -l_i dv + [G_i(v_i + dv) - G_i(v_i)]/gamma,    l_i = F + sum_j J_ij v_j    (J_ii = 0)

Random numbers are drawn outside, each replica from its own stream, in the order (sweep, site, proposal | acceptance).
"""

from __future__ import annotations

import numba
import numpy as np

from nsim.glass import Glass

BLOCK = 64  # sites per delayed update: its square of J (32 kB) stays close, and the product is wide enough for BLAS
CHUNK = 2**18  # random numbers drawn ahead per batch (2 MB)
REFRESH = 100  # sweeps between two exact products J V


class MetropolisChain:
    """R replicas of one sample in thermal motion.

    Parameters
    ----------
    glass
        The sample.
    v
        Starting states, shape (N, R).
    streams
        One generator per replica.
    step
        Half-width of the uniform proposals, shape (R,) or a number [v0].
    """

    def __init__(
        self, glass: Glass, v: np.ndarray, streams: list[np.random.Generator], step: float | np.ndarray
    ) -> None:
        self.glass = glass
        self.v = np.array(v, dtype=float, order="C")
        self.streams = streams
        self.step = np.broadcast_to(np.asarray(step, dtype=float), (self.v.shape[1],)).copy()
        self.sweeps = 0
        self._field = glass.local_field(self.v)
        sweeps_ahead = max(1, CHUNK // (2 * self.v.size))
        self._ahead = np.empty((self.v.shape[1], sweeps_ahead, self.v.shape[0], 2))
        self._used = sweeps_ahead

    def sweep(self, beta: float | np.ndarray) -> np.ndarray:
        """One sweep at inverse temperature ``beta`` [1/E0], a number or shape (R,); returns acceptance rates, (R,)."""
        glass, v, field = self.glass, self.v, self._field
        beta = np.broadcast_to(np.asarray(beta, dtype=float), (v.shape[1],)).copy()
        if self.sweeps and self.sweeps % REFRESH == 0:
            field[:] = glass.local_field(v)
        numbers = self._next_numbers()
        accepted = np.zeros(v.shape[1], dtype=np.int64)
        for start in range(0, glass.n, BLOCK):
            block = slice(start, min(start + BLOCK, glass.n))
            moved = _visit_block(
                v[block],
                field[block].copy(),
                np.ascontiguousarray(glass.J[block, block]),
                glass.a2[block],
                glass.a4,
                glass.gamma,
                beta,
                self.step,
                numbers[:, block],
                accepted,
            )
            # J is symmetric: its rows, contiguous in memory, serve as columns.
            field += glass.J[block].T @ moved
        self.sweeps += 1
        return accepted / glass.n

    def _next_numbers(self) -> np.ndarray:
        """Uniform numbers of the next sweep, shape (R, N, 2). How many are drawn ahead does not change them."""
        if self._used == self._ahead.shape[1]:
            for stream, numbers in zip(self.streams, self._ahead, strict=True):
                stream.random(out=numbers)
            self._used = 0
        self._used += 1
        return self._ahead[:, self._used - 1]


@numba.njit(cache=True, error_model="numpy")
def _visit_block(
    v: np.ndarray,
    field: np.ndarray,
    J: np.ndarray,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    beta: np.ndarray,
    step: np.ndarray,
    numbers: np.ndarray,
    accepted: np.ndarray,
) -> np.ndarray:
    """Visit the sites of one block in order; changes v, field (both (B, R)) and accepted (R,); returns dV (B, R).

    ``field`` is brought up to date only for the sites still to be visited.
    """
    sites, replicas = v.shape
    moved = np.zeros((sites, replicas))
    quartic = a4 / (24 * gamma)
    for i in range(sites):
        harmonic = a2[i] / (2 * gamma)
        for r in range(replicas):
            old, change = v[i, r], step[r] * (2.0 * numbers[r, i, 0] - 1.0)
            new = old + change
            rise = (harmonic + quartic * new * new) * new * new - (harmonic + quartic * old * old) * old * old
            rise -= field[i, r] * change
            if rise <= 0.0 or numbers[r, i, 1] < np.exp(-beta[r] * rise):
                v[i, r] = new
                moved[i, r] = new - old
                accepted[r] += 1
        for j in range(i + 1, sites):
            coupling = J[i, j]
            for r in range(replicas):
                field[j, r] += coupling * moved[i, r]
    return moved
