r"""Cooling: Monte Carlo sweeps along a temperature schedule, the step width following the temperature.

The cooling rate (t_start - t_end)/sweeps is a physical parameter of a study: slower cooling reaches deeper minima.
The step width is adapted after every sweep towards a fixed acceptance; this bends detailed balance slightly, which
is harmless here, where the chain only has to follow a falling temperature, and must not be used for sampling.
"""

from __future__ import annotations

import numpy as np

from nsim.glass import Glass
from nsim.monte_carlo import MetropolisChain

TARGET_ACCEPTANCE = 0.4
ADAPTATION = 0.5  # change of ln(step) per sweep and unit of excess acceptance


def temperatures(schedule: str, t_start: float, t_end: float, sweeps: int) -> np.ndarray:
    """Temperature of every sweep, from t_start to t_end, shape (sweeps,) [E0].

    ``linear``: equal differences. ``exponential``: equal ratios.
    """
    if sweeps == 1:
        return np.array([t_end])
    if schedule == "linear":
        return np.linspace(t_start, t_end, sweeps)
    if schedule == "exponential":
        return np.geomspace(t_start, t_end, sweeps)
    raise ValueError(f"unknown schedule {schedule!r}")


def anneal(glass: Glass, v: np.ndarray, streams: list[np.random.Generator], schedule: np.ndarray) -> np.ndarray:
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

    Returns
    -------
    ndarray, shape (N, R)
        Thermal states at the last temperature; relax them to reach their inherent structures.
    """
    first_step = np.sqrt(schedule[0]) if len(schedule) else 1.0
    chain = MetropolisChain(glass, v, streams, step=first_step)
    for temperature in schedule:
        acceptance = chain.sweep(1 / temperature)
        chain.step *= np.exp(ADAPTATION * (acceptance - TARGET_ACCEPTANCE))
    return chain.v
