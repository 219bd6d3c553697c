r"""Two-time correlations of the motion after a quench, and how it relaxes in time.

    C(t_w + t, t_w) = (1/N) sum_i v_i(t_w + t) v_i(t_w)                                             [v0^2]

In equilibrium C depends on the lag t alone. Below the glass temperature it also depends on the waiting time t_w since
the quench: the system ages. Lags and times are counted in steps and spaced evenly on a logarithmic scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nsim.dynamics.langevin import LangevinDynamics
from nsim.parallel.checkpoint import NEVER, Checkpoint, Report, State
from nsim.run_file import RunFile
from nsim.variables import Coordinate, Variable

PER_DECADE = 8  # lags and times
PIECE = 10  # steps between two pauses, at most
IN_TIME = ("sample", "replica", "time")
VARIABLES = {
    "correlation": Variable(
        ("sample", "replica", "waiting", "lag"), "v0^2", "two-time correlation (1/N) sum v_i(t_w + t) v_i(t_w)"
    ),
    "energy_in_time": Variable(IN_TIME, "E0", "potential energy per site U/N during the motion"),
    "q_in_time": Variable(IN_TIME, "v0^2", "mean squared displacement (1/N) sum v_i^2 during the motion"),
    "kinetic_temperature": Variable(IN_TIME, "E0", "(1/N) sum p_i^2/m during the motion"),
}


def logarithmic_steps(longest: int) -> np.ndarray:
    """0, 1, ... up to ``longest``, dense at first, later `PER_DECADE` to a decade; int64."""
    count = 1 + int(np.ceil(PER_DECADE * np.log10(longest))) if longest > 1 else 1
    return np.unique(np.append(np.rint(np.geomspace(1, longest, count)).astype(np.int64), 0))


def waiting_steps(run: RunFile) -> np.ndarray:
    """Waiting times in whole steps, shape (W,)."""
    return np.rint(np.array(run.recipe.waiting_times) / run.recipe.time_step).astype(np.int64)


def all_steps(run: RunFile) -> int:
    """Steps of the whole motion."""
    return round(run.recipe.duration / run.recipe.time_step)


def coordinates(run: RunFile, n: int) -> dict[str, Coordinate]:
    """Waiting times, lags and times of a run, of every size."""
    waiting, last, unit = waiting_steps(run), all_steps(run), run.recipe.time_step
    lags = logarithmic_steps(last - int(waiting[0]))
    return {
        "waiting": Coordinate(waiting * unit, "v0 sqrt(m/E0)", "waiting time t_w since the start"),
        "lag": Coordinate(lags * unit, "v0 sqrt(m/E0)", "lag t"),
        "time": Coordinate(logarithmic_steps(last) * unit, "v0 sqrt(m/E0)", "time since the start"),
    }


def follow(motion: LangevinDynamics, run: RunFile, checkpoint: Checkpoint = NEVER) -> dict[str, np.ndarray]:
    """Move to the end and measure all `VARIABLES` on the way; arrays begin with the axis ``replica``."""
    waiting, last = waiting_steps(run), all_steps(run)
    two_time = TwoTimeCorrelation(waiting, logarithmic_steps(last - int(waiting[0])), last)
    times = logarithmic_steps(last)
    schedule = np.union1d(two_time.schedule, times)
    n, in_time = motion.glass.n, np.empty((0, 3, motion.v.shape[1]))
    if (held := checkpoint.load()) is not None:
        motion.restore(held["motion"])
        two_time.restore(held["two_time"])
        in_time = held["in_time"]
        schedule = schedule[schedule > motion.steps]

    def state() -> State:
        return {"motion": motion.state(), "two_time": two_time.state(), "in_time": in_time}

    def report() -> Report:
        return {"share": motion.steps / last}

    for step in map(int, schedule):
        while motion.steps + PIECE < step:
            motion.run(PIECE)
            checkpoint.pause(state, report)
        motion.run(step - motion.steps)
        two_time.observe(step, motion.v)
        if step in times:
            kinetic = 2 * motion.kinetic_energy() / n
            now = motion.potential_energy() / n, (motion.v**2).mean(axis=0), kinetic
            in_time = np.concatenate([in_time, [now]])
        checkpoint.pause(state, report)
    energy, q, kinetic_temperature = np.moveaxis(in_time, 0, -1)
    return {
        "correlation": two_time.values,
        "energy_in_time": energy,
        "q_in_time": q,
        "kinetic_temperature": kinetic_temperature,
    }


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

    def __init__(self, waiting: Sequence[int] | np.ndarray, lags: np.ndarray, last: int) -> None:
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

    def state(self) -> State:
        """Everything observed so far; copied."""
        return {
            "then": {str(step): v.copy() for step, v in self._then.items()},
            "values": None if self._values is None else self._values.copy(),
        }

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self._then = {int(step): v for step, v in state["then"].items()}
        self._values = state["values"]

    @property
    def values(self) -> np.ndarray:
        """C by replica, waiting time and lag, shape (R, W, L) [v0^2]; NaN beyond the end of the motion."""
        if self._values is None:
            raise ValueError("nothing has been observed")
        return self._values
