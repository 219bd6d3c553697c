r"""Cooling: Monte Carlo sweeps along a temperature schedule, the step width following the temperature.

The cooling rate (t_start - t_end)/sweeps is a physical parameter of a study: slower cooling reaches deeper minima.
The step width is adapted after every sweep towards a fixed acceptance; this bends detailed balance slightly, which
is harmless here, where the chain only has to follow a falling temperature, and must not be used for sampling.
"""

from __future__ import annotations

import numpy as np

from nsim.dynamics.heat_bath import HeatBathChain
from nsim.dynamics.monte_carlo import Chain, MetropolisChain
from nsim.parallel.checkpoint import NEVER, Checkpoint, Report, State
from nsim.run_sections import SHORTEST_ADAPTIVE
from nsim.sample.glass import Glass

TARGET_ACCEPTANCE = 0.4
ADAPTATION = 0.5  # change of ln(step) per sweep and unit of excess acceptance

PILOT_STAGES = 16  # temperatures of the pilot of an adaptive schedule, evenly spaced in ln T
FLOOR = 0.02  # share of the sweeps spread evenly in ln T, so that no temperature is left out


def temperatures(schedule: str, t_start: float, t_end: float, sweeps: int) -> np.ndarray:
    """Temperature of every sweep, from t_start to t_end, shape (sweeps,) [E0].

    ``linear``: equal differences. ``exponential``: equal ratios. (``adaptive``: see `adaptive_temperatures`.)
    """
    if sweeps == 1:
        return np.array([t_end])
    if schedule == "linear":
        return np.linspace(t_start, t_end, sweeps)
    if schedule == "exponential":
        return np.geomspace(t_start, t_end, sweeps)
    raise ValueError(f"unknown schedule {schedule!r}")


def adaptive_temperatures(
    glass: Glass,
    v: np.ndarray,
    streams: list[np.random.Generator],
    t_start: float,
    t_end: float,
    sweeps: int,
    algorithm: str = "metropolis",
    checkpoint: Checkpoint = NEVER,
) -> np.ndarray:
    r"""A schedule that dwells where this sample relaxes on the time scale of its annealing.

    A pilot cools a few replicas in stages, evenly spaced in ln T, with a tenth of the sweeps in all. The overlap of the
    states at the beginning and at the end of a stage, taken of the fluctuations about the mean over replicas,

        rho(T) = sum dv_i dv_i' / sqrt(sum dv_i^2 sum dv_i'^2),    dv_i = v_i - mean over replicas of v_i,

    is 0 where the system forgets within a stage and could be cooled at once, and 1 where it is frozen and slower
    cooling gains nothing. The other sweeps are spread over ln T with density rho (1 - rho), and a small even share.

    Parameters
    ----------
    glass
        The sample.
    v, streams
        Starting states of the pilot, shape (N, P) with P > 1, and a generator for each.
    t_start, t_end
        Ends of the schedule [E0].
    sweeps
        Sweeps of pilot and schedule together, at least `SHORTEST_ADAPTIVE`.
    algorithm, checkpoint
        As in `anneal`.

    Returns
    -------
    ndarray, shape (sweeps - those of the pilot,)
        Temperatures, falling from t_start to t_end.
    """
    stage = sweeps // SHORTEST_ADAPTIVE
    stages = np.geomspace(t_start, t_end, PILOT_STAGES)
    chain = _chain(algorithm, glass, v, streams, t_start)
    overlap, before = np.empty(0), np.empty(0)
    if (held := checkpoint.load()) is not None:
        chain.restore(held["chain"])
        overlap, before = held["overlap"], held["before"]

    def state() -> State:
        return {"chain": chain.state(), "overlap": overlap, "before": before}

    while chain.sweeps < stage * PILOT_STAGES:
        if chain.sweeps % stage == 0:
            before = chain.v - chain.v.mean(axis=1, keepdims=True)
        _sweep(chain, stages[chain.sweeps // stage])
        if chain.sweeps % stage == 0:
            after = chain.v - chain.v.mean(axis=1, keepdims=True)
            norm = np.sqrt((before**2).sum() * (after**2).sum())
            # Equal starts have nothing to forget.
            overlap = np.append(overlap, (before * after).sum() / norm if norm > 0 else 0.0)
        checkpoint.pause(state)
    return spread_sweeps(overlap, t_start, t_end, sweeps - stage * PILOT_STAGES)


def spread_sweeps(overlap: np.ndarray, t_start: float, t_end: float, sweeps: int) -> np.ndarray:
    """Temperatures, shape (sweeps,), with density rho (1 - rho) in ln T; ``overlap`` is rho in equal bins of ln T."""
    rho = np.clip(overlap, 0.0, 1.0)
    density = rho * (1 - rho)
    bins = len(rho)
    share = (1 - FLOOR) * density / density.sum() + FLOOR / bins if density.any() else np.full(bins, 1 / bins)
    edges = np.linspace(np.log(t_start), np.log(t_end), bins + 1)
    spent = np.append(0.0, np.cumsum(share))
    schedule = np.exp(np.interp(np.linspace(0.0, spent[-1], sweeps), spent, edges))
    schedule[[0, -1]] = t_start, t_end  # without rounding
    return schedule


def anneal(
    glass: Glass,
    v: np.ndarray,
    streams: list[np.random.Generator],
    schedule: np.ndarray,
    algorithm: str = "metropolis",
    checkpoint: Checkpoint = NEVER,
) -> np.ndarray:
    """Cool the columns of ``v`` through the temperatures of ``schedule``, one sweep each.

    Parameters
    ----------
    glass
        The sample.
    v
        Starting states, shape (N, R).
    streams
        One generator per replica.
    schedule
        Temperatures, shape (sweeps,) [E0].
    algorithm
        ``metropolis`` or ``heat-bath``.
    checkpoint
        Where the state is kept meanwhile.

    Returns
    -------
    ndarray, shape (N, R)
        Thermal states at the last temperature; relax them to reach their inherent structures.
    """
    cooling = Cooling(glass, v, streams, schedule, algorithm)
    if (held := checkpoint.load()) is not None:
        cooling.restore(held)
    while cooling.sweep():
        checkpoint.pause(cooling.state, cooling.report)
    return cooling.v


class Cooling:
    """Replicas of one sample on their way down a schedule; parameters as of `anneal`."""

    def __init__(
        self,
        glass: Glass,
        v: np.ndarray,
        streams: list[np.random.Generator],
        schedule: np.ndarray,
        algorithm: str = "metropolis",
    ) -> None:
        self._schedule = schedule
        self._chain = _chain(algorithm, glass, v, streams, schedule[0] if len(schedule) else 1.0)
        self._acceptance = 1.0

    def sweep(self) -> bool:
        """The next sweep; False: the end has been reached before."""
        if self._chain.sweeps == len(self._schedule):
            return False
        self._acceptance = float(_sweep(self._chain, self._schedule[self._chain.sweeps]).mean())
        return True

    @property
    def v(self) -> np.ndarray:
        """The states, shape (N, R)."""
        return self._chain.v

    def state(self) -> State:
        """All that the future depends on, beside sample and schedule; copied."""
        return self._chain.state()

    def restore(self, state: State) -> None:
        """Go on from a state."""
        self._chain.restore(state)

    def report(self) -> Report:
        """How far it is."""
        return {"share": self._chain.sweeps / len(self._schedule), "acceptance": self._acceptance}


def _chain(
    algorithm: str, glass: Glass, v: np.ndarray, streams: list[np.random.Generator], temperature: float
) -> Chain:
    if algorithm == "heat-bath":
        return HeatBathChain(glass, v, streams)
    return MetropolisChain(glass, v, streams, step=np.sqrt(temperature))


def _sweep(chain: Chain, temperature: float) -> np.ndarray:
    """One sweep; the step width of a Metropolis chain follows its acceptance rates, (R,), which are returned."""
    acceptance = chain.sweep(1 / temperature)
    if isinstance(chain, MetropolisChain):
        chain.step *= np.exp(ADAPTATION * (acceptance - TARGET_ACCEPTANCE))
    return acceptance
