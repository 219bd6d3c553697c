r"""Two-time correlations of the motion after a quench, and how it relaxes in time.

    C(t_w + t, t_w) = (1/N) sum_i v_i(t_w + t) v_i(t_w)                                             [v0^2]

In equilibrium C depends on the lag t alone. Below the glass temperature it also depends on the waiting time t_w since
the quench: the system ages. Lags and times are counted in steps and spaced evenly on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PER_DECADE = 8  # lags and times


def logarithmic_steps(longest: int) -> np.ndarray:
    """0, 1, ... up to ``longest``, dense at first, later `PER_DECADE` to a decade; int64."""
    count = 1 + int(np.ceil(PER_DECADE * np.log10(longest))) if longest > 1 else 1
    return np.unique(np.append(np.rint(np.geomspace(1, longest, count)).astype(np.int64), 0))


class TwoTimeCorrelation:
    """Collects C(t_w + t, t_w) of R replicas while they move.

    Parameters
    ----------
    waiting
        Waiting times, shape (W,) [steps].
    lags
        Lags, shape (L,) [steps].
    last
        Steps of the whole motion: lags that reach beyond it stay undefined.
    """

    def __init__(self, waiting: Sequence[int], lags: np.ndarray, last: int) -> None:
        self.waiting, self.lags = np.asarray(waiting, dtype=np.int64), lags
        self.at = self.waiting[:, None] + lags  # (W, L) steps at which each entry is measured
        self.schedule = np.unique(self.at[self.at <= last])
        self._then: dict[int, np.ndarray] = {}  # states at the waiting times
        self._values: np.ndarray | None = None

    def observe(self, step: int, v: np.ndarray) -> None:
        """Take what is due at ``step`` with displacements ``v``, shape (N, R); to be called at all of the schedule."""
        if self._values is None:
            self._values = np.full((v.shape[1], *self.at.shape), np.nan)
        if step in self.waiting:
            self._then[step] = v.copy()
        for w, l in zip(*np.nonzero(self.at == step), strict=True):  # noqa: E741
            self._values[:, w, l] = np.einsum("ir,ir->r", self._then[int(self.waiting[w])], v) / len(v)

    @property
    def values(self) -> np.ndarray:
        """C by replica, waiting time and lag, shape (R, W, L) [v0^2]; NaN beyond the end of the motion."""
        if self._values is None:
            raise ValueError("nothing has been observed")
        return self._values
