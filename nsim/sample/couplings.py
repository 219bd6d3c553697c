r"""The random couplings J, drawn tile by tile from a counter-based generator, or given from outside.

J is symmetric with zero diagonal; each pair i < j is drawn once, J_ij ~ Normal(J0/N, 1/N) [KH98 after (2)].
The matrix is cut into square tiles. Tile (a, b) with a <= b fills its own stretch of the sample's Philox stream,
found by setting the upper half of the counter to (a, b), so any rank draws any block without the rest. Nothing larger
than a tile is held beside the matrix itself. In single precision J is what is drawn in double precision, rounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nsim.errors import InputError
from nsim.parallel.rank_group import Group
from nsim.sample.coupling_matrix import RowBlocks, WholeMatrix, row_range
from nsim.sample.couplings_file import Stored, opened
from nsim.streams import Purpose, philox_key

TILE = 256  # part of the definition of the disorder, like the generator: changing it changes every J
PANEL = 256  # rows of given couplings that are looked at together


def draw_block(
    seed: int, n: int, sample: int, rows: slice, columns: slice, j0: float = 0.0, dtype: type = np.float64
) -> np.ndarray:
    """Block J[rows, columns] of a sample.

    Parameters
    ----------
    seed, n, sample
        Which disorder.
    rows, columns
        Contiguous ranges of sites (slices with step 1).
    j0
        Mean of the couplings is j0/n [coupling unit].
    dtype
        Precision of the block.

    Returns
    -------
    ndarray, shape (len(rows), len(columns)), equal bit for bit to that part of the whole matrix.
    """
    i0, i1, _ = rows.indices(n)
    k0, k1, _ = columns.indices(n)
    block: np.ndarray = np.empty((max(i1 - i0, 0), max(k1 - k0, 0)), dtype)
    key = philox_key(seed, n, sample, Purpose.COUPLINGS)
    for a in range(i0 // TILE, -(-i1 // TILE)):
        for b in range(k0 // TILE, -(-k1 // TILE)):
            tile = _tile(key, n, a, b, j0) if a <= b else _tile(key, n, b, a, j0).T
            # The part of the tile inside the block, in the tile's own coordinates and in the block's.
            ti, tk = slice(max(i0 - a * TILE, 0), i1 - a * TILE), slice(max(k0 - b * TILE, 0), k1 - b * TILE)
            part = tile[ti, tk]
            bi, bk = max(a * TILE - i0, 0), max(b * TILE - k0, 0)
            block[bi : bi + part.shape[0], bk : bk + part.shape[1]] = part
    return block


def draw(seed: int, n: int, sample: int, j0: float = 0.0, dtype: type = np.float64) -> np.ndarray:
    """Whole matrix J of a sample, shape (n, n)."""
    J: np.ndarray = np.empty((n, n), dtype)
    _fill(J, seed, sample, j0)
    return J


def draw_shared(group: Group, seed: int, n: int, sample: int, j0: float = 0.0, dtype: type = np.float64) -> WholeMatrix:
    """J of a sample with one copy per node of the group, each rank drawing a share of its tiles.

    Called by all ranks of a group inside `Group.together`, which releases it.
    """
    J = group.shared((n, n), dtype)
    _fill(J, seed, sample, j0, group.node_rank, group.node_size)
    group.barrier()
    return WholeMatrix(J)


def draw_rows(group: Group, seed: int, n: int, sample: int, j0: float = 0.0, dtype: type = np.float64) -> RowBlocks:
    """J of a sample spread over a group, each rank drawing its rows."""
    rows = row_range(n, group.rank, group.size)
    return RowBlocks(draw_block(seed, n, sample, rows, slice(0, n), j0, dtype), group)


def _fill(J: np.ndarray, seed: int, sample: int, j0: float, part: int = 0, parts: int = 1) -> None:
    """Draw a share of the tiles of J, each pair of mirror tiles once."""
    n = len(J)
    key = philox_key(seed, n, sample, Purpose.COUPLINGS)
    tiles = -(-n // TILE)
    pairs = [(a, b) for a in range(tiles) for b in range(a, tiles)]
    for a, b in pairs[part::parts]:
        rows, columns = slice(a * TILE, (a + 1) * TILE), slice(b * TILE, (b + 1) * TILE)
        J[rows, columns] = tile = _tile(key, n, a, b, j0)
        J[columns, rows] = tile.T


def _tile(key: np.ndarray, n: int, a: int, b: int, j0: float) -> np.ndarray:
    """Tile (a, b) of J, a <= b."""
    stream = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, a, b]))
    shape = (min(TILE, n - a * TILE), min(TILE, n - b * TILE))
    tile = stream.standard_normal(shape)
    tile *= 1 / np.sqrt(n)
    tile += j0 / n
    return np.triu(tile, 1) + np.triu(tile, 1).T if a == b else tile


def load(path: Path, n: int | None = None, dtype: type = np.float64) -> np.ndarray:
    """Read couplings from a ``.npy`` or HDF5 file (`nsim.sample.couplings_file`) and check them.

    They must be square, finite, symmetric, with zero diagonal, and of size ``n`` if that is given; `InputError` else.
    """
    with opened(path) as J:
        if J.ndim != 2 or J.shape[0] != J.shape[1] or J.shape[0] == 0:
            raise InputError(f"couplings file {path}: a square matrix is needed, found {J.shape}")
        if not np.issubdtype(J.dtype, np.floating) and not np.issubdtype(J.dtype, np.integer):
            raise InputError(f"couplings file {path}: real numbers are needed, found {J.dtype}")
        if n is not None and J.shape[0] != n:
            raise InputError(f"couplings file {path}: is {J.shape[0]} x {J.shape[0]} where ensemble.n = {n}")
        for begin, panel in _panels(J):
            if not np.isfinite(panel).all():
                raise InputError(f"couplings file {path}: has entries that are not finite")
            if np.diagonal(panel, begin).any():
                raise InputError(f"couplings file {path}: the diagonal must be zero")
            mirror = J[:, begin : begin + len(panel)].T
            if not np.array_equal(panel, mirror):
                i, k = np.unravel_index(np.argmax(panel != mirror), panel.shape)
                i += begin
                raise InputError(
                    f"couplings file {path}: not symmetric: J[{i},{k}] = {J[i, k]:g}, J[{k},{i}] = {J[k, i]:g}"
                )
        return np.array(J, dtype=dtype, order="C")


def digest(path: Path) -> str:
    """SHA-256 of given couplings in double precision."""
    content = hashlib.sha256()
    for _, panel in _panels(load(path)):
        content.update(np.ascontiguousarray(panel, dtype=np.float64).tobytes())
    return content.hexdigest()


def _panels(J: Stored) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of J, some at a time: nothing of the size of J is made on the way."""
    for begin in range(0, len(J), PANEL):
        yield begin, J[begin : begin + PANEL]
