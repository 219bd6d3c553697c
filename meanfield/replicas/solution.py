"""A solution of the mean-field equations: order parameters, energies, stability and local potentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import Model
from meanfield.replicas import field_distribution, limits
from meanfield.replicas.limits import Limit
from meanfield.replicas.regular_parts import jumps, regular_limit

if TYPE_CHECKING:
    from meanfield.sites.local_potentials import LocalPotentials

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """One stationary point of the replica free energy; energies per site, k_B = 1.

    Attributes
    ----------
    ansatz : {"rs", "1rsb", "krsb", "frsb"}
    model : Model
    temperature : float
    free_energy, internal_energy, entropy : float
        entropy is NaN at T = 0, where that of classical displacements diverges.
    p : float
        Mean displacement.
    m : float
        Mean J0 p + F of the effective fields.
    C : float
        Response beta (q_diag - q_K), the reaction coefficient of U_eff; includes jumps at T = 0.
    q : array (K + 1,)
        Overlaps q_0 <= ... <= q_K.
    q_diag : float
        Self-overlap E<v^2>; equals q_K at T = 0.
    mu : array (K,)
        beta m_k; NaN where the breaking vanishes and mu has no meaning.
    C_reg : float
        E[1/U_eff''(v*)] over P_K, the response without jumps; C at T > 0.
    replicon_sum : float
        E[(phi_K'')^2], without jumps at T = 0.
    replicons : array (K + 1,)
        lambda_k = 1 - E[(phi_k'')^2] for k = 0..K; the last one without jumps at T = 0. The delta
        function it leaves out makes it minus infinity at T = 0 wherever double wells exist.
    converged : bool
    residual : float
        Largest relative error of the stationarity conditions.
    iterations : int
    note : str
        What the user has to know about this solution, or empty.
    error : float
        Estimated error of the energies from the limit K -> infinity (full RSB); else NaN.
    pseudogap_slope : float
        Slope of P(h) at h = 0 in full RSB, from a scaling argument; NaN where it is not defined.
    solutions : tuple of Solution
        The other coexisting solutions of the same ansatz.
    ladder : tuple of Solution
        Full RSB: the solutions with K = 1, 2, ... steps whose limit this is; see `limit`. The energies are
        extrapolated, while order parameters, and all that is computed from them, are those of the largest K.
    """

    ansatz: str
    model: Model
    temperature: float
    free_energy: float
    internal_energy: float
    entropy: float
    p: float
    m: float
    C: float
    q: Array
    q_diag: float
    mu: Array
    C_reg: float
    replicon_sum: float
    replicons: Array
    converged: bool
    residual: float
    iterations: int
    note: str = ""
    error: float = math.nan
    pseudogap_slope: float = math.nan
    solutions: tuple[Solution, ...] = field(default=(), repr=False)
    ladder: tuple[Solution, ...] = field(default=(), repr=False)

    @property
    def replicon(self) -> float:
        """1 - E[(phi_K'')^2], at T = 0 with the regular part of phi_K'' only."""
        return 1.0 - self.replicon_sum

    @property
    def phase(self) -> str:
        """Name of the phase: "ergodic" (p = q = 0), "glassy" (p = 0, q > 0) or "polarised" (p != 0).

        "in a field" where there is one: p then follows it in every phase.
        """
        if self.model.field != 0.0:
            return "in a field"
        if self.q[-1] == 0.0:
            return "ergodic"
        return "glassy" if self.p == 0.0 else "polarised"

    @property
    def broken(self) -> bool:
        """Whether the overlaps really differ: K >= 1 and not collapsed onto RS."""
        return self.q.size > 1 and bool(self.q[0] < self.q[-1])

    @property
    def has_jump(self) -> bool:
        """Whether v* jumps at h = 0 for some sites: at T = 0 with double wells, or with Ising spins in a glass."""
        if self.temperature > 0 or self.q[-1] == 0.0:
            return False
        return self.model.potential == "ising" or self.double_well_fraction > 0

    @property
    def stable(self) -> bool:
        """Stable against further symmetry breaking: every replicon positive, and no jump, which none survives."""
        return bool(np.all(self.replicons > 0)) and not self.has_jump

    @property
    def susceptibility(self) -> float:
        """Response to a uniform field at fixed p, C + sum_k mu_k (q_k - q_{k-1})."""
        return self.C + (float(self.mu @ np.diff(self.q)) if self.broken else 0.0)

    def limit(self, quantity: Callable[[Solution], ArrayLike], power: float | None = None) -> Limit:
        """``quantity`` (a number, or an array of fixed shape) of this solution with its error.

        In full RSB it is extrapolated over the last steps of the ladder (`meanfield.replicas.limits`); elsewhere it is
        evaluated and has no error beyond that of the equations' solution. Curves, such as P(h), converge with the
        ``power`` 2. Parts without jumps need `regular_limit` at T = 0.
        """
        if not self.ladder:
            value = np.asarray(quantity(self), float)
            return Limit(value, np.zeros_like(value))
        members = self.ladder[-limits.MEMBERS :]
        return limits.limit(np.array([quantity(one) for one in members]), members[-1].mu.size, power)

    def regular_limit(
        self, quantity: Callable[[Solution], ArrayLike], smooth: Callable[[Solution], ArrayLike] | float
    ) -> Limit:
        """As `limit`, of a part without jumps, which in full RSB without double wells equals ``smooth``."""
        return regular_limit(self, quantity, smooth)

    @cached_property
    def double_well_fraction(self) -> float:
        """Fraction of sites whose U_eff has two wells."""
        return field_distribution.double_well_fraction(self)

    def field_density(self, h: Array) -> Array:
        """P_K(h), the density of effective fields averaged over a2, at fields ``h`` (n,)."""
        return field_distribution.density(self, np.asarray(h, float))

    def local_potentials(self, n: int = 12) -> LocalPotentials:
        """Quadrature ensemble of local potentials with ``n`` nodes per panel of the field axis."""
        return field_distribution.local_potentials(self, n)

    def mirrored(self) -> Solution:
        """The image under v -> -v, which solves the model with the opposite field."""
        return replace(
            self,
            model=replace(self.model, field=-self.model.field),
            p=-self.p,
            m=-self.m,
            solutions=tuple(other.mirrored() for other in self.solutions),
            ladder=tuple(other.mirrored() for other in self.ladder),
        )

    def _limits(self) -> dict[str, Limit]:
        """What is extrapolated beside the energies: full RSB only."""
        if not self.ladder:
            return {}
        names = ["q_diag", "C", "susceptibility"]
        names += ["p"] if self.p != 0.0 else []
        names += ["entropy"] if self.temperature > 0.0 or self.model.potential == "ising" else []
        # The slope belongs to jumps and is infinite at their onset.
        names += ["pseudogap_slope"] if np.isfinite(self.pseudogap_slope) and jumps(self) else []
        found = {"q_0": self.limit(lambda s: s.q[0]), "q_K": self.limit(lambda s: s.q[-1])}
        found |= {name: self.limit(attrgetter(name)) for name in names}
        found["C_reg"] = self.regular_limit(attrgetter("C_reg"), attrgetter("C"))
        found["replicon"] = self.regular_limit(attrgetter("replicon"), 0.0)
        if self.model.potential == "quartic":
            found["double_well_fraction"] = self.regular_limit(attrgetter("double_well_fraction"), 0.0)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; what is undefined or infinite is None."""
        return {
            "ansatz": self.ansatz,
            "phase": self.phase,
            "gamma": self.model.gamma,
            "temperature": self.temperature,
            "j0": self.model.j0,
            "field": self.model.field,
            "free_energy": _number(self.free_energy),
            "internal_energy": _number(self.internal_energy),
            "entropy": _number(self.entropy),
            "p": _number(self.p),
            "C": _number(self.C),
            "q": [_number(q) for q in self.q],
            "q_diag": _number(self.q_diag),
            "mu": [_number(mu) for mu in self.mu],
            "C_reg": _number(self.C_reg),
            "susceptibility": _number(self.susceptibility),
            "replicon": _number(self.replicon),
            # The jump makes the innermost one minus infinity; its regular part is ``replicon``.
            "replicons": [_number(v) for v in self.replicons[:-1]]
            + [None if self.has_jump else _number(self.replicon)],
            # Full RSB is marginally stable; what its finite K lacks of that is no instability.
            "stable": None if self.ansatz == "frsb" and self.broken else self.stable,
            "double_well_fraction": _number(self.double_well_fraction),
            "error": _number(self.error),
            "pseudogap_slope": _number(self.pseudogap_slope),
            "limits": {name: found.to_dict() for name, found in self._limits().items()},
            "converged": self.converged,
            "residual": _number(self.residual),
            "iterations": self.iterations,
            "note": self.note,
            "solutions": [other.to_dict() for other in self.solutions],
        }


def physical(solutions: list[Solution]) -> Solution:
    """The physical state on top, the others in its ``solutions``.

    At p = 0 that is the glassy state where there is one (the ergodic one is unstable then); against
    polarised states the lowest f wins.
    """
    unpolarised = [s for s in solutions if s.p == 0.0]
    unpolarised.sort(key=lambda s: s.phase != "glassy" and len(unpolarised) > 1)
    candidates = unpolarised[:1] + [s for s in solutions if s.p != 0.0]
    best = min(candidates, key=lambda s: s.free_energy)
    return replace(best, solutions=tuple(s for s in solutions if s is not best))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
