r"""The product J v, wherever J lives: whole in the memory of this rank or node, or in row blocks over a group of ranks.

What relaxes or measures a state asks for ``J @ v`` and does not know where J is. Displacements come as one vector (N,)
or as columns (N, R). Three facts of the memory bus and of rounding shape the products:

- One vector is bound by reading J. J is symmetric, so LAPACK's ``symv`` reads half of it, in half the time of ``gemv``,
  and is still ahead for a few columns; from there on a matrix product is bound by arithmetic.
- J in single precision is a model of its own: J rounded once. Its products are accumulated in double precision, so that
  a minimum of it is found to the same tolerance.
- `rough` products round everything to single precision: good far from a minimum, where a step need not be exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numba
import numpy as np
from scipy.linalg import blas

from nsim.parallel.rank_group import Group

SYMMETRIC_COLUMNS = 4  # columns up to which reading half of J for each is faster than one matrix product
PANEL = 256  # rows of J brought to double precision at a time


class CouplingMatrix(Protocol):
    """J of one sample, shape (N, N), symmetric, zero diagonal."""

    n: int

    @property
    def whole(self) -> np.ndarray | None:
        """The matrix, if this rank has it whole."""

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        """J v in double precision, shape of v."""

    def rough(self) -> CouplingMatrix:
        """The same matrix with products in single precision."""


class WholeMatrix:
    """J whole in the memory of this rank, in double or single precision."""

    def __init__(self, J: np.ndarray) -> None:
        self.n = len(J)
        self._J = J

    @property
    def whole(self) -> np.ndarray:
        """See `CouplingMatrix`."""
        return self._J

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        """See `CouplingMatrix`."""
        if self._J.dtype == np.float32:
            return _mixed_product(self._J, v)
        if v.dtype == np.float64 and v.size <= SYMMETRIC_COLUMNS * self.n:
            return _symmetric_product(blas.dsymv, self._J, v)
        return self._J @ v

    def rough(self) -> CouplingMatrix:
        """See `CouplingMatrix`; holds a copy unless J is in single precision already."""
        return _RoughMatrix(np.ascontiguousarray(self._J, dtype=np.float32))


class _RoughMatrix:
    """J in single precision with products in single precision."""

    def __init__(self, J: np.ndarray) -> None:
        self.n = len(J)
        self.whole = J

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        v = v.astype(np.float32)
        if v.size <= SYMMETRIC_COLUMNS * self.n:
            return _symmetric_product(blas.ssymv, self.whole, v).astype(np.float64)
        return (self.whole @ v).astype(np.float64)

    def rough(self) -> CouplingMatrix:
        return self


class RowBlocks:
    """J spread over a group: each rank holds the rows of a contiguous range of sites.

    Parameters
    ----------
    rows
        The rows of this rank, shape (own, N), double or single precision; ranges follow the order of ranks.
    group
        The ranks; every product is a collective call of all of them, with the same v.
    """

    whole = None

    def __init__(self, rows: np.ndarray, group: Group) -> None:
        self.n = rows.shape[1]
        self._rows, self._group = rows, group

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        """See `CouplingMatrix`."""
        own = _mixed_product(self._rows, v) if self._rows.dtype == np.float32 else self._rows @ v
        return self._group.all_gather(own)

    def rough(self) -> CouplingMatrix:
        """See `CouplingMatrix`."""
        return _RoughRowBlocks(np.ascontiguousarray(self._rows, dtype=np.float32), self._group)


class _RoughRowBlocks(RowBlocks):
    """Row blocks with products in single precision."""

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        return self._group.all_gather(self._rows @ v.astype(np.float32)).astype(np.float64)

    def rough(self) -> CouplingMatrix:
        return self


def row_range(n: int, part: int, parts: int) -> slice:
    """Sites whose rows the rank number ``part`` of ``parts`` holds."""
    return slice(n * part // parts, n * (part + 1) // parts)


def _symmetric_product(symv: Callable[..., np.ndarray], J: np.ndarray, v: np.ndarray) -> np.ndarray:
    """J v column by column, reading one triangle; v has the dtype of J."""
    # The transpose of the symmetric J is J in Fortran order, without a copy.
    if v.ndim == 1:
        return symv(1.0, J.T, v, lower=1)
    product = np.empty_like(v)
    for r in range(v.shape[1]):
        product[:, r] = symv(1.0, J.T, v[:, r], lower=1)
    return product


def _mixed_product(J: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rows of a single-precision J, shape (M, N), times v, accumulated in double precision."""
    if v.size == J.shape[1] and v.dtype == np.float64:
        return _mixed_vector_product(J, np.ravel(v)).reshape(-1, *v.shape[1:])
    product = np.empty((len(J), *v.shape[1:]), v.dtype)
    for begin in range(0, len(J), PANEL):
        product[begin : begin + PANEL] = J[begin : begin + PANEL].astype(np.float64) @ v
    return product


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _mixed_vector_product(J: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The same for one vector, four rows at a time: reads J once, at half the traffic of double precision."""
    rows, n = J.shape
    product = np.empty(rows)
    whole = rows - rows % 4
    for i in range(0, whole, 4):
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for k in range(n):
            x = v[k]
            s0 += J[i, k] * x
            s1 += J[i + 1, k] * x
            s2 += J[i + 2, k] * x
            s3 += J[i + 3, k] * x
        product[i], product[i + 1], product[i + 2], product[i + 3] = s0, s1, s2, s3
    for i in range(whole, rows):
        s0 = 0.0
        for k in range(n):
            s0 += J[i, k] * v[k]
        product[i] = s0
    return product
