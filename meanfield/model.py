"""Parameters of the Kuehn-Horstmann model as its mean-field theory sees them.

    U(v) = -1/2 sum_{i != j} J_ij v_i v_j + (1/gamma) sum_i G_i(v_i) - F sum_i v_i,
    G_i(v) = a2_i v^2/2 + a4 v^4/24                                        [KH98 (2), (3)]

with symmetric Gaussian couplings of mean J0/N and variance 1/N. The coupling variance sets the
units of energy and displacement, and k_B = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meanfield.sites.quadrature import gauss_legendre_panels

Array = NDArray[np.float64]
Potential = Literal["quartic", "ising"]

# Beyond 8.5 standard deviations a Gaussian holds 2e-17 of its weight, less than a rounding error.
GAUSSIAN_RANGE = 8.5
# Nodes per panel for the average over a2: the first for results (1e-10), the second to get near them.
STIFFNESS_NODES = 12
COARSE_STIFFNESS_NODES = 4
# Short panels where double wells begin (at T > 0 that is smoothed over T^(1/4) in t), in units of
# the step that resolves the distribution.
NEAR_PANELS = np.array([0.0, 0.02, 0.25])


LARGEST = 1e12  # of any parameter; beyond it powers of displacements leave the range of floating point


class ParameterError(ValueError):
    """A parameter outside the model's domain; the message is one line meant for the user."""


def require_finite(name: str, value: float) -> float:
    """Return ``value`` as a float, or raise `ParameterError` where it is not a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ParameterError(f"{name} must be a finite number, got {number}")
    if abs(number) > LARGEST:
        raise ParameterError(f"{name} must be below {LARGEST:g} in size, got {number:g}")
    return number


def require_positive(name: str, value: float) -> float:
    """Return ``value`` as a float, or raise `ParameterError` where it is not finite and > 0."""
    number = require_finite(name, value)
    if number <= 0:
        raise ParameterError(f"{name} must be positive, got {number:g}")
    if number * LARGEST < 1:
        raise ParameterError(f"{name} must be at least {1 / LARGEST:g}, got {number:g}")
    return number


@dataclass(frozen=True)
class LocalStiffness:
    """Distribution of the local harmonic coefficients a2_i, drawn independently per site.

    Use the constructors `fixed`, `gaussian`, `uniform` and `discrete`. Averages over a2 are the
    outermost ones of the theory, whatever the ansatz.
    """

    kind: Literal["discrete", "gaussian", "uniform"]
    values: tuple[float, ...]
    weights: tuple[float, ...] = ()

    @classmethod
    def fixed(cls, value: float) -> LocalStiffness:
        """Every site has the same a2: no local disorder."""
        return cls.discrete((value,), (1.0,))

    @classmethod
    def gaussian(cls, mean: float, std: float) -> LocalStiffness:
        """Normal distribution; KH98 Fig. 4b uses mean 1. ``std`` is the standard deviation."""
        mean, std = require_finite("a2 mean", mean), require_finite("a2 std", std)
        if std < 0:
            raise ParameterError(f"a2 std must not be negative, got {std:g}")
        return cls("gaussian", (mean, std)) if std > 0 else cls.fixed(mean)

    @classmethod
    def uniform(cls, low: float, high: float) -> LocalStiffness:
        """Uniform distribution on [low, high]."""
        low, high = require_finite("a2 low", low), require_finite("a2 high", high)
        if high < low:
            raise ParameterError(f"a2 low must not exceed a2 high, got {low:g} > {high:g}")
        return cls("uniform", (low, high)) if high > low else cls.fixed(low)

    @classmethod
    def discrete(cls, values: tuple[float, ...], weights: tuple[float, ...]) -> LocalStiffness:
        """Any finite set of values with weights: also the way in for a user's quadrature rule.

        Weights are positive and are normalised to sum to one.
        """
        if not values or len(values) != len(weights):
            raise ParameterError("a2 values and weights must be two non-empty lists of one length")
        nodes = tuple(require_finite("a2", value) for value in values)
        mass = [require_positive("a2 weight", weight) for weight in weights]
        return cls("discrete", nodes, tuple(weight / math.fsum(mass) for weight in mass))

    @property
    def mean(self) -> float:
        """Average of a2."""
        if self.kind == "gaussian":
            return self.values[0]
        if self.kind == "uniform":
            return 0.5 * sum(self.values)
        return math.fsum(w * a for w, a in zip(self.weights, self.values, strict=True))

    @property
    def std(self) -> float:
        """Standard deviation of a2."""
        if self.kind == "gaussian":
            return self.values[1]
        if self.kind == "uniform":
            return (self.values[1] - self.values[0]) / math.sqrt(12)
        mean = self.mean
        variance = math.fsum(w * (a - mean) ** 2 for w, a in zip(self.weights, self.values, strict=True))
        return math.sqrt(variance)

    @property
    def continuous(self) -> bool:
        """Whether averages need a quadrature rule of their own."""
        return self.kind != "discrete"

    @property
    def low(self) -> float:
        """Lower end of the support (minus infinity for a Gaussian)."""
        return -math.inf if self.kind == "gaussian" else min(self.values)

    def rule(self, split: float, nodes_per_panel: int) -> tuple[Array, Array]:
        """Quadrature nodes and weights, shape (n,), for averages over a2.

        Single-site averages are functions of kappa = C - a2/gamma with half-integer powers of
        |kappa| at kappa = 0, where double wells begin. A continuous distribution is therefore cut
        at ``split`` = gamma C and each side is parametrised by t = sqrt|a2 - split|, in which
        those averages are smooth.
        """
        if self.kind == "discrete":
            return np.array(self.values), np.array(self.weights)
        if self.kind == "gaussian":
            mean, std = self.values
            low, high = mean - GAUSSIAN_RANGE * std, mean + GAUSSIAN_RANGE * std
        else:
            low, high = self.values
        split = min(max(split, low), high)
        nodes, weights = [], []
        for sign, length in ((-1.0, split - low), (1.0, high - split)):
            if length <= 0:
                continue
            step = 3.0 * self.values[1] if self.kind == "gaussian" else 0.7 * length
            distance = np.concatenate([NEAR_PANELS * step, np.arange(step, length, step)])
            distance = np.append(distance[distance < 0.95 * length], length)
            t, dt = gauss_legendre_panels(np.sqrt(distance), nodes_per_panel)
            nodes.append(split + sign * t**2)
            weights.append(2.0 * t * dt)
        a2, weight = np.concatenate(nodes), np.concatenate(weights)
        if self.kind == "gaussian":
            weight *= np.exp(-0.5 * ((a2 - mean) / std) ** 2)
        keep = weight > 1e-18 * weight.max()
        return a2[keep], weight[keep] / weight[keep].sum()


@dataclass(frozen=True)
class Model:
    """The model at fixed parameters, temperature apart.

    Parameters
    ----------
    gamma : float
        Strength of the couplings relative to the local potentials, > 0.
    j0 : float
        Mean coupling J0 (times N).
    a2 : float or LocalStiffness
        Harmonic coefficient of the local potential, or its distribution over the sites.
    a4 : float
        Quartic coefficient, > 0.
    field : float
        Uniform field F.
    potential : {"quartic", "ising"}
        "ising" replaces the local potential by v = +-1, the Sherrington-Kirkpatrick model: gamma,
        a2 and a4 then have no meaning. It is the limit a2 = -k, a4 = 6k, gamma = 1 for k -> infinity.
    """

    gamma: float = 1.0
    j0: float = 0.0
    a2: LocalStiffness = field(default_factory=lambda: LocalStiffness.fixed(1.0))
    a4: float = 1.0
    field: float = 0.0
    potential: Potential = "quartic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", require_positive("gamma", self.gamma))
        object.__setattr__(self, "a4", require_positive("a4", self.a4))
        object.__setattr__(self, "j0", require_finite("j0", self.j0))
        object.__setattr__(self, "field", require_finite("field", self.field))
        if not isinstance(self.a2, LocalStiffness):
            object.__setattr__(self, "a2", LocalStiffness.fixed(require_finite("a2", self.a2)))
        if self.potential not in ("quartic", "ising"):
            raise ParameterError(f"potential must be 'quartic' or 'ising', got {self.potential!r}")
        if self.potential == "ising":
            object.__setattr__(self, "a2", LocalStiffness.fixed(1.0))

    @property
    def quartic(self) -> float:
        """The coefficient u = a4/(6 gamma) of v^3 in U_eff'(v) = u v^3 - kappa v - h."""
        return self.a4 / (6.0 * self.gamma)

    def stiffness_rule(self, C: float, nodes_per_panel: int = STIFFNESS_NODES) -> tuple[Array, Array]:
        """Nodes and weights (n,) for the average over a2, adapted to the reaction coefficient C."""
        return self.a2.rule(self.gamma * C, nodes_per_panel)
