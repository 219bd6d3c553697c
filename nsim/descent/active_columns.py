"""The columns of a batch that are still being relaxed: finished ones leave, so that products cost only what is open."""

from __future__ import annotations

import numpy as np


class ActiveColumns:
    """Book of a descent.

    Parameters
    ----------
    v
        Starting states, shape (N, R).
    stop, budget
        Gradient below which a column is done [E0/v0], and steps after which it is given up; shape (R,).
    """

    def __init__(self, v: np.ndarray, stop: np.ndarray, budget: np.ndarray) -> None:
        self.result = np.array(v, order="C")  # (N, R), filled in as columns finish
        self.steps = np.zeros(v.shape[1], dtype=np.int64)  # (R,) steps each column took
        self._stop, self._budget = stop, budget
        self._columns = np.arange(v.shape[1])

    def __bool__(self) -> bool:
        return bool(len(self._columns))

    def keep(self, largest: np.ndarray, step: int, v: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
        """Take out the columns that are done after ``step`` steps; returns ``v`` and ``others`` without them.

        ``largest`` is max |gradient| of each column still open; columns are the last axis of all arrays.
        """
        open_ = (largest > self._stop) & (step < self._budget)
        if open_.all():
            return v, *others
        self.result[:, self._columns] = v
        self.steps[self._columns] = step
        self._columns, self._stop, self._budget = (x[open_] for x in (self._columns, self._stop, self._budget))
        return tuple(np.compress(open_, x, axis=-1) for x in (v, *others))
