"""Averages over all levels of K-step replica-symmetry breaking, at T = 0 and T > 0.

Given q_0 < ... < q_K, C and mu_1..mu_K the innermost layer (`meanfield.replicas.tilted_layer`, at T > 0
`meanfield.replicas.thermal_layer`) gives phi_{K-1} on a grid of fields, the recursion of
`meanfield.replicas.field_recursion` the outer phi_k and then, from P_0 = Normal(m, q_0) inwards, the distributions P_k.
Averages over a2 are outermost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meanfield.model import STIFFNESS_NODES, Model, ParameterError
from meanfield.replicas.field_recursion import RANGE, FieldGrid, smooth
from meanfield.replicas.field_recursion import spread as spread_density
from meanfield.replicas.thermal_layer import thermal_layer
from meanfield.replicas.tilted_layer import INNER_NODES, TiltedLayer, tilted_layer
from meanfield.sites.ground_state import depth, displacement, jump, potential_at_zero_field
from meanfield.sites.quadrature import FIELD_RANGE, folded_normal
from meanfield.sites.thermal import thermal_site

Array = NDArray[np.float64]

# Step of the grid in asinh(h/a): averages to about 1e-11. Twice as wide gives 1e-8.
GRID_STEP = 0.05
# More points than these mean absurd order parameters, which an iteration may try on its way.
MOST_GRID_POINTS, MOST_POINTS = 3000, 300


@dataclass(frozen=True)
class Levels:
    """phi_k, phi_k', phi_k'', P_k on the grid for one stiffness; lists over k = 0..K-1 of arrays (n,).

    phi_k is measured from phi_K(0) at T = 0. ``gain[k]`` is <phi_{k+1}> - phi_k in the tilted average;
    ``even`` and ``odd`` are P_k(h) + P_k(-h) and P_k(h) - P_k(-h).
    """

    phi: list[Array]
    slope: list[Array]
    curvature: list[Array]
    gain: list[Array]
    even: list[Array]
    odd: list[Array]


@dataclass(frozen=True)
class KStepAverages:
    """Averages over a2 and all layers of fields: the right-hand sides of the stationarity conditions.

    Attributes
    ----------
    p : E[phi_0'] over P_0
    q : array (K + 1,), E[(phi_k')^2] over P_k
    C : E[phi_K''], with the jump
    phi0 : E[phi_0]
    gain : array (K,), E[<phi_k>_tilted - phi_{k-1}] over P_{k-1} for k = 1..K
    G : E[G]/gamma
    C_reg : E[1/U_eff'']
    replicon_sums : array (K + 1,), E[(phi_k'')^2] over P_k, without the jump for k = K
    norm_error : largest deviation of a norm of P_k from 1, a measure of the quadrature's error
    """

    p: float
    q: Array
    C: float
    phi0: float
    gain: Array
    G: float
    C_reg: float
    replicon_sums: Array
    norm_error: float


@dataclass(frozen=True)
class KStepFields:
    """Order parameters and the grid of fields that resolves them."""

    model: Model
    m: float
    q: Array
    C: float
    mu: Array
    a2: Array
    weight: Array
    grid: FieldGrid
    strength: float
    turn: float
    refine: float
    temperature: float = 0.0

    @classmethod
    def build(
        cls,
        model: Model,
        m: float,
        q: Array,
        C: float,
        mu: Array,
        stiffness: tuple[Array, Array] | None = None,
        refine: float = 1.0,
        temperature: float = 0.0,
    ) -> KStepFields:
        """Choose the grid. ``refine`` > 1 makes every step smaller: the change is the error.

        phi_{K-1} varies over sqrt(q_K - q_{K-1}), at T > 0 at least over T/v, or over 1/(mu_K v0), whichever
        is smaller: zeros of E exp(mu |h| v0) lie at the imaginary fields i pi/(2 mu v0).
        """
        delta = np.diff(q)
        if not (np.all(np.isfinite(q)) and np.all(np.isfinite(mu)) and np.all(delta > 0.0) and np.isfinite(C)):
            raise ParameterError("order parameters out of range")
        a2, weight = model.stiffness_rule(C, STIFFNESS_NODES) if stiffness is None else stiffness
        strength = max(float(np.max(jump(model, C, a2))), 0.5 * float(np.sqrt(q[-1])))
        turn = temperature / max(strength, float(np.sqrt(q[-1] + temperature * C)))
        finest = float(min(max(np.sqrt(delta[-1]), turn), 1.0 / (mu[-1] * strength), np.sqrt(q[-1])))
        # The tilt carries fields outwards by sum mu_k Delta_k phi_k'.
        largest = base = abs(m) + FIELD_RANGE * float(np.sqrt(q[-1]))
        for _ in range(2):
            largest = base + float(mu @ delta) * float(np.max(displacement(model, C, a2, np.array(largest))))
        step = GRID_STEP
        if m != 0.0:
            # P_k is a hump at h = m, where the grid is coarser than at h = 0.
            step = min(step, 0.3 * float(np.sqrt(q[0])) / abs(m))
        slope = float(np.max(displacement(model, C, a2, np.array(largest))))
        points = (RANGE * np.sqrt(delta) + mu * delta * slope) / np.minimum(
            np.minimum(np.sqrt(delta), np.sqrt(q[-1] - q[:-1])), np.minimum(1.0 / (mu * strength), np.sqrt(q[0]))
        )
        if not (np.arcsinh(largest / finest) / step < MOST_GRID_POINTS and np.max(points) < MOST_POINTS):
            raise ParameterError("order parameters out of range")
        grid = FieldGrid.graded(finest, largest, step / refine)
        return cls(model, m, q, C, mu, a2, weight, grid, strength, turn, refine, temperature)

    @property
    def steps(self) -> int:
        """K."""
        return self.mu.size

    def smoothing_step(self, k: int) -> float:
        """Distance of points for the average over the layer (q_{k-1}, q_k) of functions of level k."""
        own = 0.67 * np.sqrt(self.q[k] - self.q[k - 1])
        # Thermal fluctuations act as one more layer, of width q_diag - q_K = T C.
        rest = 0.42 * np.sqrt(self.q[-1] + self.temperature * self.C - self.q[k])
        return float(min(own, rest, 0.29 / (self.mu[k] * self.strength)) / self.refine)

    def spreading_step(self, k: int) -> float:
        """The same for functions of level k - 1, on the way inwards."""
        scale = min(
            0.53 * np.sqrt(self.q[k] - self.q[k - 1]),
            0.33 * np.sqrt(self.q[-1] - self.q[k - 1]),
            0.23 / (self.mu[k - 1] * self.strength),
            0.47 * np.sqrt(self.q[0]),
        )
        return float(scale / self.refine)

    def innermost(self, nodes: int = INNER_NODES) -> TiltedLayer:
        """Averages over the layer (q_{K-1}, q_K) at the fields of the grid, for all stiffnesses."""
        delta, mu = float(self.q[-1] - self.q[-2]), float(self.mu[-1])
        if self.temperature > 0.0:
            finest = self.turn / self.refine
            return thermal_layer(self.model, self.temperature, self.C, delta, mu, self.a2, self.grid.h, finest)
        return tilted_layer(self.model, self.C, delta, mu, self.a2, self.grid.h, nodes)

    def levels(self, inner: TiltedLayer, site: int) -> Levels:
        """All levels below the innermost for the stiffness ``a2[site]``."""
        K, grid, q, mu = self.steps, self.grid, self.q, self.mu
        inner_curvature = inner.chi[site] + mu[-1] * (inner.v2[site] - inner.v[site] ** 2)
        functions = [(inner.phi0[site], inner.v[site], inner_curvature)]
        gains = [inner.gain[site]]
        for k in range(K - 1, 0, -1):
            step = self.smoothing_step(k)
            *outer, gain = smooth(*functions[-1], grid.a, grid.dt, grid.h, q[k] - q[k - 1], mu[k - 1], step)
            functions.append(tuple(outer))
            gains.append(gain)
        phi, slope, curvature = (list(column) for column in zip(*functions[::-1], strict=True))
        even, odd = folded_normal(grid.h, self.m, float(q[0]))
        evens, odds = [even], [odd]
        for k in range(1, K):
            even, odd = self.spread(k, even, odd, phi[k - 1], phi[k], slope[k], grid.h)
            evens.append(even)
            odds.append(odd)
        return Levels(phi, slope, curvature, gains[::-1], evens, odds)

    def spread(
        self, k: int, even: Array, odd: Array, outer_phi: Array, phi: Array, slope: Array, h: Array
    ) -> tuple[Array, Array]:
        """P_k(h) +- P_k(-h) at fields ``h`` >= 0 from those of level k - 1 on the grid."""
        grid, delta = self.grid, self.q[k] - self.q[k - 1]
        step = self.spreading_step(k)
        return spread_density(even, odd, outer_phi, phi, slope, grid.a, grid.dt, h, delta, self.mu[k - 1], step)

    def averages(self) -> KStepAverages:
        """Evaluate all averages."""
        K, weight = self.steps, self.grid.weight
        inner = self.innermost()
        p = C = G = C_reg = norm_error = 0.0
        phi0 = 0.0
        if self.temperature == 0.0:
            phi0 = float(self.weight @ potential_at_zero_field(self.model, self.C, self.a2))
        q, gain, replicon_sums = np.zeros(K + 1), np.zeros(K), np.zeros(K + 1)
        for site, share in enumerate(self.weight):
            levels = self.levels(inner, site)
            p += share * float((weight * levels.odd[0]) @ levels.slope[0])
            phi0 += share * float((weight * levels.even[0]) @ levels.phi[0])
            for k in range(K):
                mass = share * weight * levels.even[k]
                q[k] += mass @ levels.slope[k] ** 2
                gain[k] += mass @ levels.gain[k]
                replicon_sums[k] += mass @ levels.curvature[k] ** 2
                norm_error = max(norm_error, abs(float(mass.sum()) - share))
            q[K] += mass @ inner.v2[site]
            replicon_sums[K] += mass @ inner.chi2[site]
            C += float(mass @ inner.chi[site])
            C_reg += float(mass @ inner.chi_reg[site])
            G += float(mass @ inner.G[site])
        return KStepAverages(p, q, C, phi0, gain, G, C_reg, replicon_sums, norm_error)

    def densities(self, h: Array) -> Array:
        """P_K(h) for every stiffness: ``h`` of shape (n_a2, n), result (n_a2, n)."""
        inner, K = self.innermost(), self.steps
        result = np.empty(h.shape)
        for site in range(self.a2.size):
            levels = self.levels(inner, site)
            size = np.ascontiguousarray(np.abs(h[site]))
            a2 = self.a2[site : site + 1]
            if self.temperature > 0.0:
                at = thermal_site(self.model, self.temperature, self.C, a2, size)
                phi, slope = at.phi, at.v
            else:
                phi, slope = depth(self.model, self.C, a2, size), displacement(self.model, self.C, a2, size)
            phi, slope = np.ascontiguousarray(phi), np.ascontiguousarray(slope)
            even, odd = self.spread(K, levels.even[-1], levels.odd[-1], levels.phi[-1], phi, slope, size)
            result[site] = 0.5 * (even + np.sign(h[site]) * odd)
        return np.maximum(result, 0.0)
