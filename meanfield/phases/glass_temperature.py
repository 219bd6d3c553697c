"""The glass temperature: where replica symmetry breaks as T falls.

At J0 = F = 0 the ergodic state p = q = 0 loses stability where

    E_a2[(<v^2>/T)^2] = 1,   <v^2> at h = 0 and C = E_a2[<v^2>]/T,

without local disorder C = 1, <v^2> = T. A ferromagnetic J0 may polarise the ergodic state at a
higher temperature, where J0 C = 1; a field does so always. There the glass temperature is that of
the de Almeida-Thouless line: replicon 1 - E[(phi'')^2] = 0 on the physical RS solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from meanfield.model import Model
from meanfield.replicas import replica_symmetric
from meanfield.replicas.replica_symmetric import ergodic_averages

# The search in temperature goes down by this factor, and ends at this fraction of its start.
STEP = 1.5
LOWEST = 1e-6
RELATIVE_TOLERANCE = 1e-13


def glass_temperature(model: Model) -> float | None:
    """Glass temperature of ``model``, or None where there is no glass.

    The highest temperature at which the physical RS solution is marginal. Found by bracketing and
    root finding to a relative 1e-12; along the de Almeida-Thouless line temperatures below 1e-6 of
    the high-temperature scale are not searched, although rare double wells (any continuous
    distribution of effective fields reaching h = 0) may keep T_g exponentially small but not zero.
    """
    model = replace(model, field=abs(model.field))
    hot = ergodic_temperature(model)
    if model.field == 0.0:
        onset = _ergodic_glass_temperature(model, hot)
        if model.j0 <= 0.0:
            return onset
        if onset is not None:
            ergodic = ergodic_averages(model, onset)
            if ergodic is not None and model.j0 * ergodic.C <= 1.0:
                return onset
    return _almeida_thouless_temperature(model, hot)


def ergodic_temperature(model: Model) -> float:
    """A temperature at which the state of zero field is ergodic, stable and unpolarised."""
    # <v^2>/T falls like T^(-1/2) at high T, so doubling from the natural scale ends soon.
    temperature = 1.0 if model.potential == "ising" else 1.0 / model.quartic
    for _ in range(200):
        ergodic = ergodic_averages(model, temperature)
        if ergodic is not None and ergodic.replicon_sum < 0.5 and abs(model.j0) * ergodic.C < 0.5:
            return temperature
        temperature *= 2.0
    raise RuntimeError("no ergodic state found at any temperature")


def _ergodic_replicon(model: Model, temperature: float) -> float:
    """1 - E_a2[(<v^2>/T)^2]; minus one where the ergodic state has ceased to exist."""
    ergodic = ergodic_averages(model, temperature)
    return -1.0 if ergodic is None else 1.0 - ergodic.replicon_sum


def _ergodic_glass_temperature(model: Model, hot: float) -> float | None:
    if _ergodic_replicon(model, 0.0) >= 0.0:
        # Stable at T = 0 (only for a2/gamma > 2 at every site, or nearly): heating stiffens quartic
        # potentials and cannot undo that.
        return None
    return _highest_root(lambda T: _ergodic_replicon(model, T), hot, LOWEST * hot)


def _almeida_thouless_temperature(model: Model, hot: float) -> float | None:
    def replicon(temperature: float) -> float:
        return replica_symmetric.solve(model, temperature).replicon

    return _highest_root(replicon, hot, LOWEST * hot)


def _highest_root(stability: Callable[[float], float], hot: float, cold: float) -> float | None:
    """Highest temperature at which ``stability`` changes sign, going down from ``hot``."""
    from scipy.optimize import brentq

    above = hot
    while above > cold:
        below = above / STEP
        if stability(below) <= 0.0:
            return float(brentq(stability, below, above, xtol=1e-300, rtol=RELATIVE_TOLERANCE))
        above = below
    return None
