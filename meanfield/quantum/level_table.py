"""Levels of very many potentials by interpolation in the two parameters of the reduced problem.

The levels themselves are no smooth functions of the field: the two lowest cross at f = 0, avoided by the tunnel
splitting Delta_0(k), which may be 1e-50. Smooth are

    ln Delta_0(k),   (gap^2 - Delta_0^2)/f^2,   E_n - (E_0 + E_1)/2 for n > 1 as f -> 0 from above,

each interpolated with polynomials of degree five on a grid that is even in asinh(f) and asinh(k/3). What kinks
remain, where an excited level of one well crosses the ground state of the other, have vanishing sums over the two
levels. Only nodes that some potential uses are computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meanfield.quantum.canonical import excitations_of
from meanfield.quantum.tunnel_splitting import reduced_splittings

Array = NDArray[np.float64]

BLOCK = 16_384  # potentials whose stencils are held at once
STEP_F, STEP_K, SCALE_K = 0.04, 0.08, 3.0
POINTS = 6
# Beyond, potentials are not interpolated: wells so deep that absolute energies lose digits.
LARGEST_K, LARGEST_F = 3e3, 1e6


def covered(k: Array, f: Array) -> NDArray[np.bool_]:
    """Which potentials the table may interpolate."""
    return (np.abs(k) < LARGEST_K) & (f < LARGEST_F)


@njit(cache=True)
def _weights(position: float, out: Array) -> None:
    """Lagrange weights of the nodes 0..5 at ``position``."""
    for a in range(POINTS):
        product = 1.0
        for b in range(POINTS):
            if b != a:
                product *= (position - b) / (a - b)
        out[a] = product


@njit(cache=True)
def _stencils(
    k: Array,
    f: Array,
    step_k: float,
    step_f: float,
    first_k: int,
    first: NDArray[np.int64],
    weights: Array,
    needed: NDArray[np.bool_],
) -> None:
    """First nodes (m, 2), weights (m, 2, 6) and which nodes are needed at all."""
    for i in range(k.size):
        x = np.arcsinh(k[i] / SCALE_K) / step_k
        y = np.arcsinh(f[i]) / step_f - 0.5
        a, b = int(np.floor(x)) - POINTS // 2 + 1, max(int(np.floor(y)) - POINTS // 2 + 1, 0)
        _weights(x - a, weights[i, 0])
        _weights(y - b, weights[i, 1])
        first[i, 0], first[i, 1] = a - first_k, b
        needed[a - first_k : a - first_k + POINTS, b : b + POINTS] = True


@njit(cache=True)
def _interpolate(
    f: Array,
    first: NDArray[np.int64],
    weights: Array,
    number: NDArray[np.int64],
    splitting: Array,
    values: Array,
    out: Array,
) -> None:
    """Excitations (m, n) from what `LevelTable` holds."""
    columns = values.shape[1]
    for i in range(f.size):
        a, b = first[i]
        out[i, :] = 0.0
        log_splitting = 0.0
        for p in range(POINTS):
            log_splitting += weights[i, 0, p] * splitting[a + p]
            for q in range(POINTS):
                weight = weights[i, 0, p] * weights[i, 1, q]
                node = values[number[a + p, b + q]]
                for n in range(columns):
                    out[i, n + 1] += weight * node[n]
        gap = np.sqrt(np.exp(2.0 * log_splitting) + max(out[i, 1], 0.0) * f[i] * f[i])
        out[i, 1] = gap
        for n in range(2, columns + 1):
            out[i, n] = max(out[i, n] + 0.5 * gap, gap)


@dataclass(frozen=True)
class Grid:
    """The nodes that given potentials need, and their stencils.

    Attributes
    ----------
    k, f : arrays (nodes,)
    row : row of the grid, that is value of k, of each node
    k_rows : array (rows,)
        Values of k.
    number : array of int (rows, columns)
        Node at a place of the grid.
    first, weights : arrays (m, 2) and (m, 2, 6)
        Stencils of the m potentials.
    """

    k: Array
    f: Array
    row: NDArray[np.intp]
    k_rows: Array
    number: NDArray[np.int64]
    first: NDArray[np.int64]
    weights: Array

    @classmethod
    def build(cls, k: Array, f: Array, coarser: float = 1.0) -> Grid:
        """Grid for potentials ``k``, ``f`` (m,), its steps ``coarser`` than the table's."""
        step_k, step_f = STEP_K * coarser, STEP_F * coarser
        x = np.arcsinh(np.array([k.min(), k.max()]) / SCALE_K) / step_k
        first_k, last_k = int(np.floor(x[0])) - POINTS, int(np.floor(x[1])) + POINTS
        columns = int(np.arcsinh(f.max()) / step_f) + 2 * POINTS
        needed = np.zeros((last_k - first_k + 1, columns), dtype=bool)
        first, weights = np.empty((k.size, 2), dtype=np.int64), np.empty((k.size, 2, POINTS))
        _stencils(k, f, step_k, step_f, first_k, first, weights, needed)
        number = np.cumsum(needed).reshape(needed.shape) - 1
        row, column = np.nonzero(needed)
        k_rows = SCALE_K * np.sinh(step_k * (first_k + np.arange(needed.shape[0])))
        return cls(k_rows[row], np.sinh(step_f * (column + 0.5)), row, k_rows, number, first, weights)

    def stencil(self, which: slice | NDArray[np.intp]) -> tuple[NDArray[np.int64], Array]:
        """Nodes and weights (m, 36) that interpolate at the potentials ``which``."""
        first, weights = self.first[which], self.weights[which]
        a = first[:, 0, None, None] + np.arange(POINTS)[:, None]
        b = first[:, 1, None, None] + np.arange(POINTS)
        product = weights[:, 0, :, None] * weights[:, 1, None, :]
        return self.number[a, b].reshape(len(first), -1), product.reshape(len(first), -1)

    def node_weights(self, weight: Array, which: NDArray[np.intp]) -> Array:
        """What each node contributes to the sum of a function that is smooth on the grid, (nodes,).

        The sum is over the potentials ``which`` (n,), with their ``weight`` out of (m,).
        """
        result = np.zeros(self.k.size)
        for start in range(0, which.size, BLOCK):
            some = which[start : start + BLOCK]
            nodes, weights = self.stencil(some)
            product = weight[some, None] * weights
            result += np.bincount(nodes.ravel(), weights=product.ravel(), minlength=self.k.size)
        return result


@dataclass(frozen=True)
class LevelTable:
    """Excitations at the nodes of a grid.

    Attributes
    ----------
    grid : Grid
    values : array (nodes, n - 1)
        (gap^2 - Delta_0^2)/f^2, then E_n - (E_0 + E_1)/2.
    splitting : array (rows,)
        ln Delta_0.
    """

    grid: Grid
    values: Array
    splitting: Array

    @classmethod
    def build(cls, grid: Grid, n: int) -> LevelTable:
        """Diagonalise the nodes of ``grid`` for their ``n`` lowest levels."""
        splitting = np.zeros(grid.k_rows.size)
        used = np.unique(grid.row)
        splitting[used] = reduced_splittings(grid.k_rows[used])
        excitations, _ = excitations_of(grid.k, grid.f, n)
        gap = excitations[:, 1]
        values = excitations[:, 1:] - 0.5 * gap[:, None]
        zero = np.exp(splitting[grid.row])
        values[:, 0] = (gap - zero) * (gap + zero) / grid.f**2
        return cls(grid, values, splitting)

    def excitations(self, f: Array, which: slice | NDArray[np.intp]) -> Array:
        """Levels (m, n) above the ground state of the potentials ``which`` of the grid's, at their fields ``f``."""
        grid = self.grid
        out = np.empty((f.size, self.values.shape[1] + 1))
        _interpolate(f, grid.first[which], grid.weights[which], grid.number, self.splitting, self.values, out)
        return out
