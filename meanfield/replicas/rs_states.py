"""The replica-symmetric states on their own branches, and what becomes critical in them.

A branch is one of "ergodic" (p = q = 0), "glass" (p = 0, q > 0) and "polarised" (p != 0, which includes
every state in a field). Its equations, KH98 (9), are written for unknowns that stay regular where lines of
a phase diagram end: with J0 p/m instead of J0 p, the mean field m may vanish.

A line of the phase diagram is a branch with one more equation:

    marginal   E[(phi'')^2] = 1                  the replicon vanishes (de Almeida-Thouless)
    onset      J0 C = 1                          the unpolarised state turns unstable to a polarisation
    wells      C = a2/gamma at the softest site  U_eff begins to have two wells
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meanfield.model import Model, ParameterError
from meanfield.replicas.replica_symmetric import averages
from meanfield.sites.thermal import thermal_site

Array = NDArray[np.float64]
Branch = Literal["ergodic", "glass", "polarised"]
Condition = Literal["marginal", "onset", "wells"]
STATE_SIZE: dict[Branch, int] = {"ergodic": 1, "glass": 2, "polarised": 3}


@dataclass(frozen=True)
class State:
    """Order parameters on a branch, where the equations need not be satisfied yet.

    Attributes
    ----------
    residual : array
        Relative errors of the equations of the branch.
    p, m, q, C, free_energy : float
    replicon_sum : float
        E[(phi'')^2], without jumps at T = 0.
    """

    model: Model
    temperature: float
    branch: Branch
    residual: Array
    p: float
    m: float
    q: float
    C: float
    replicon_sum: float
    free_energy: float

    @property
    def softest(self) -> float:
        """kappa/C = 1 - a2/(gamma C) at the softest site: positive where some U_eff has two wells."""
        return 1.0 - self.model.a2.low / (self.model.gamma * self.C)

    @property
    def onset(self) -> float:
        """J0 C - 1."""
        return self.model.j0 * self.C - 1.0

    @property
    def marginality(self) -> float:
        """E[(phi'')^2] - 1."""
        return self.replicon_sum - 1.0

    def excess(self, condition: Condition) -> float:
        """What vanishes on the line of ``condition``."""
        if condition == "wells":
            # Bounded for stiffnesses of either sign.
            gap = self.model.gamma * self.C - self.model.a2.low
            return gap / (self.model.gamma * self.C + abs(self.model.a2.low))
        return self.onset if condition == "onset" else self.marginality


def evaluate(branch: Branch, model: Model, temperature: float, x: Array) -> State:
    """The state of ``branch`` at unknowns x = (ln C), (ln q, ln C) or (ln q, ln C, ln m)."""
    logs = np.clip(x, -200.0, 60.0)
    if branch == "ergodic":
        return _ergodic(model, temperature, float(np.exp(logs[0])))
    q, C = float(np.exp(logs[0])), float(np.exp(logs[1]))
    m = float(np.exp(logs[2])) if branch == "polarised" else 0.0
    a = averages(model, temperature, m, q, C)
    p = a.p if branch == "polarised" else 0.0
    residual = [a.q / q - 1.0, a.C / C - 1.0]
    if branch == "polarised":
        residual.append((model.j0 * p + model.field) / m - 1.0)
    f = 0.5 * model.j0 * p**2 + 0.5 * C * q + 0.25 * temperature * C**2 - a.phi
    return State(model, temperature, branch, np.array(residual), p, m, q, C, a.replicon_sum, f)


def _ergodic(model: Model, temperature: float, C: float) -> State:
    a2, weight = model.stiffness_rule(C)
    if model.potential == "ising":
        if temperature == 0.0:
            raise ParameterError("Ising spins have no ergodic state at temperature 0")
        chi, phi = np.full_like(a2, 1.0 / temperature), np.full_like(a2, 0.5 * C + temperature * np.log(2.0))
    elif temperature > 0.0:
        site = thermal_site(model, temperature, C, a2, np.zeros_like(a2))
        chi, phi = site.v2 / temperature, site.phi
    else:
        stiffness = a2 / model.gamma - C
        if np.any(stiffness <= 0.0):
            raise ParameterError("no ergodic state")
        chi, phi = 1.0 / stiffness, np.zeros_like(a2)
    residual = np.array([float(weight @ chi) / C - 1.0])
    f = 0.25 * temperature * C**2 - float(weight @ phi)
    return State(model, temperature, "ergodic", residual, 0.0, 0.0, 0.0, C, float(weight @ chi**2), f)
