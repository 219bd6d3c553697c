r"""The random couplings J, drawn tile by tile from a counter-based generator, or given from outside.

J is symmetric with zero diagonal; each pair i < j is drawn once, J_ij ~ Normal(J0/N, 1/N) [KH98 after (2)].
The matrix is cut into square tiles. Tile (a, b) with a <= b fills its own stretch of the sample's Philox stream,
found by setting the upper half of the counter to (a, b), so any rank draws any block without the rest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nsim.errors import InputError
from nsim.rank_group import Group
from nsim.streams import Purpose, philox_key

TILE = 256  # part of the definition of the disorder, like the generator: changing it changes every J


def draw_block(seed: int, n: int, sample: int, rows: slice, columns: slice, j0: float = 0.0) -> np.ndarray:
    """Block J[rows, columns] of a sample.

    Parameters
    ----------
    seed, n, sample
        Which disorder.
    rows, columns
        Contiguous ranges of sites (slices with step 1).
    j0
        Mean of the couplings is j0/n [coupling unit].

    Returns
    -------
    ndarray, shape (len(rows), len(columns)), equal bit for bit to that part of the whole matrix.
    """
    i0, i1, _ = rows.indices(n)
    k0, k1, _ = columns.indices(n)
    block = np.empty((max(i1 - i0, 0), max(k1 - k0, 0)))
    key = philox_key(seed, n, sample, Purpose.COUPLINGS)
    for a in range(i0 // TILE, -(-i1 // TILE)):
        for b in range(k0 // TILE, -(-k1 // TILE)):
            tile = _tile(key, n, a, b) if a <= b else _tile(key, n, b, a).T
            # The part of the tile inside the block, in the tile's own coordinates and in the block's.
            ti, tk = slice(max(i0 - a * TILE, 0), i1 - a * TILE), slice(max(k0 - b * TILE, 0), k1 - b * TILE)
            part = tile[ti, tk]
            bi, bk = max(a * TILE - i0, 0), max(b * TILE - k0, 0)
            block[bi : bi + part.shape[0], bk : bk + part.shape[1]] = part
    block *= 1 / np.sqrt(n)
    block += j0 / n
    diagonal = np.arange(max(i0, k0), min(i1, k1))
    block[diagonal - i0, diagonal - k0] = 0.0
    return block


def draw(seed: int, n: int, sample: int, j0: float = 0.0) -> np.ndarray:
    """Whole matrix J of a sample, shape (n, n)."""
    return draw_block(seed, n, sample, slice(0, n), slice(0, n), j0)


def draw_shared(group: Group, seed: int, n: int, sample: int, j0: float = 0.0) -> np.ndarray:
    """Whole matrix J of a sample, shape (n, n), one copy per node of the group, each rank drawing a share of its rows.

    Called by all ranks of a group inside `Group.together`, which releases it.
    """
    J = group.shared((n, n))
    bounds = n * np.arange(group.node_size + 1) // group.node_size
    rows = slice(bounds[group.node_rank], bounds[group.node_rank + 1])
    J[rows] = draw_block(seed, n, sample, rows, slice(0, n), j0)
    group.barrier()
    return J


def _tile(key: np.ndarray, n: int, a: int, b: int) -> np.ndarray:
    """Standard normal tile (a <= b); a diagonal tile is symmetric, its diagonal meaningless."""
    stream = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, a, b]))
    shape = (min(TILE, n - a * TILE), min(TILE, n - b * TILE))
    tile = stream.standard_normal(shape)
    return np.triu(tile, 1) + np.triu(tile, 1).T if a == b else tile


def load(path: Path, n: int | None = None) -> np.ndarray:
    """Read couplings from a ``.npy`` file and check them: square, finite, symmetric, zero diagonal, of size n."""
    try:
        J = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"couplings file {path}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise InputError(f"couplings file {path}: not a numpy array: {error}") from None
    if not isinstance(J, np.ndarray) or J.ndim != 2 or J.shape[0] != J.shape[1] or J.shape[0] == 0:
        shape = getattr(J, "shape", "several arrays")
        raise InputError(f"couplings file {path}: a square matrix is needed, found {shape}")
    if not np.issubdtype(J.dtype, np.floating) and not np.issubdtype(J.dtype, np.integer):
        raise InputError(f"couplings file {path}: real numbers are needed, found {J.dtype}")
    J = np.ascontiguousarray(J, dtype=float)
    if not np.isfinite(J).all():
        raise InputError(f"couplings file {path}: has entries that are not finite")
    if np.diagonal(J).any():
        raise InputError(f"couplings file {path}: the diagonal must be zero")
    if not np.array_equal(J, J.T):
        i, k = np.unravel_index(np.argmax(abs(J - J.T)), J.shape)
        raise InputError(f"couplings file {path}: not symmetric: J[{i},{k}] = {J[i, k]:g}, J[{k},{i}] = {J[k, i]:g}")
    if n is not None and len(J) != n:
        raise InputError(f"couplings file {path}: is {len(J)} x {len(J)} where ensemble.n = {n}")
    return J
