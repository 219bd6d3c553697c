r"""From finite sizes to the thermodynamic limit: x_N = x_inf + a N^{-omega} at a given exponent.

Weighted least squares over the sizes. The error on x_inf is statistical, widened where the data reject the form,
plus what leaving out the smallest size changes beyond the scatter it must cause (a term of higher order in 1/N
shows there first), plus the largest change over an interval of exponents where theory does not fix one. The
exponents and their intervals are in `validation.verdicts.exponents`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_distribution

Array = NDArray[np.float64]

EXPONENTS = 9  # of an interval that are tried

REJECTED = 0.01  # probability of a larger chi^2 below which the form counts as rejected by the data


@dataclass(frozen=True)
class Fit:
    """One weighted least-squares fit.

    Attributes
    ----------
    coefficients : array (2,) or (1,)
        x_inf and the slope a; x_inf alone for a constant.
    covariance : array (2, 2) or (1, 1)
        Of the coefficients, from the errors of the data.
    chi2 : float
    dof : int
    """

    coefficients: Array
    covariance: Array
    chi2: float
    dof: int

    @property
    def probability(self) -> float:
        """Probability of a chi^2 at least as large if the form holds; 1 without degrees of freedom."""
        return float(chi2_distribution.sf(self.chi2, self.dof)) if self.dof > 0 else 1.0

    @property
    def widening(self) -> float:
        """Factor on the errors: sqrt(chi^2/dof) where the data reject the form (Birge), else 1."""
        return math.sqrt(self.chi2 / self.dof) if self.probability < REJECTED else 1.0


@dataclass(frozen=True)
class Extrapolation:
    """An extrapolated value with its error.

    Attributes
    ----------
    value, stderr : float
        x_inf and its whole error, sqrt(statistical^2 + spread^2 + exponent_spread^2).
    statistical, spread, exponent_spread : float
        The parts of the error: scatter between samples, dependence on the smallest size, and the largest change of
        x_inf over the interval of exponents (0 where theory fixes the exponent).
    omega : float or None
        Exponent; None for a constant.
    interval : (float, float) or None
        Plausible exponents where theory fixes none.
    at_ends : (float, float) or None
        x_inf with the exponents at the ends of the interval.
    sizes : tuple of int
        The N used, ascending.
    fit : Fit
        Through all of them.
    without_smallest : float or None
        x_inf without the smallest size; None where fewer than two sizes would be left.
    """

    value: float
    stderr: float
    statistical: float
    spread: float
    exponent_spread: float
    omega: float | None
    interval: tuple[float, float] | None
    at_ends: tuple[float, float] | None
    sizes: tuple[int, ...]
    fit: Fit = field(repr=False)
    without_smallest: float | None

    def curve(self, n: Array) -> tuple[Array, Array]:
        """The fitted line and its standard error at sizes ``n`` (infinite allowed), shapes of n."""
        A = _design(np.asarray(n, float), self.omega)
        line = A @ self.fit.coefficients
        variance = np.einsum("ij,jk,ik->i", A, self.fit.covariance, A) * self.fit.widening**2
        return line, np.sqrt(variance + self.spread**2 + self.exponent_spread**2)

    def to_dict(self) -> dict[str, float | int | list[int] | list[float] | None]:
        """Plain numbers for JSON."""
        slope = float(self.fit.coefficients[1]) if self.omega is not None else None
        return {
            "value": self.value,
            "stderr": self.stderr,
            "statistical": self.statistical,
            "spread": self.spread,
            "exponent_spread": self.exponent_spread,
            "slope": slope,
            "omega": self.omega,
            "omega_interval": None if self.interval is None else list(self.interval),
            "at_interval_ends": None if self.at_ends is None else list(self.at_ends),
            "sizes": list(self.sizes),
            "chi2": self.fit.chi2 if self.fit.dof > 0 else None,
            "dof": self.fit.dof,
            "probability": self.fit.probability if self.fit.dof > 0 else None,
            "without_smallest": self.without_smallest,
        }


def extrapolate(
    sizes: Sequence[int],
    values: Sequence[float],
    stderrs: Sequence[float],
    omega: float | None,
    interval: tuple[float, float] | None = None,
) -> Extrapolation | None:
    """Extrapolate to N = infinity.

    Parameters
    ----------
    sizes, values, stderrs
        N, x_N and its standard error, which must be positive; the values are independent.
    omega
        Exponent of the correction, x_N = x_inf + a N^{-omega}; None: x does not depend on N (fixed by symmetry).
    interval
        Other plausible exponents, where theory does not fix omega: lowest and highest.

    Returns
    -------
    Extrapolation, or None with fewer than two sizes, which tell nothing about the limit.
    """
    order = np.argsort(sizes)
    n, x, error = (np.asarray(data, float)[order] for data in (sizes, values, stderrs))
    if len(n) < 2:
        return None
    fit = _least_squares(n, x, error, omega)
    statistical = math.sqrt(fit.covariance[0, 0]) * fit.widening
    without, spread = None, 0.0
    if len(n) > 2:
        rest = _least_squares(n[1:], x[1:], error[1:], omega)
        without = float(rest.coefficients[0])
        # Of nested fits the difference has the difference of the variances: only the excess is systematic.
        scatter = rest.covariance[0, 0] - fit.covariance[0, 0]
        spread = math.sqrt(max((without - fit.coefficients[0]) ** 2 - scatter, 0.0))
    at_ends, exponent_spread = None, 0.0
    if interval is not None:
        limits = [_least_squares(n, x, error, tried).coefficients[0] for tried in np.linspace(*interval, EXPONENTS)]
        at_ends = float(limits[0]), float(limits[-1])
        exponent_spread = float(np.abs(np.array(limits) - fit.coefficients[0]).max())
    return Extrapolation(
        value=float(fit.coefficients[0]),
        stderr=math.hypot(statistical, spread, exponent_spread),
        statistical=statistical,
        spread=spread,
        exponent_spread=exponent_spread,
        omega=omega,
        interval=interval,
        at_ends=at_ends,
        sizes=tuple(int(size) for size in n),
        fit=fit,
        without_smallest=without,
    )


def _design(n: Array, omega: float | None) -> Array:
    ones = np.ones_like(n)
    return ones[:, None] if omega is None else np.stack([ones, n**-omega], axis=1)


def _least_squares(n: Array, x: Array, error: Array, omega: float | None) -> Fit:
    A = _design(n, omega) / error[:, None]
    covariance = np.linalg.inv(A.T @ A).astype(np.float64)
    coefficients: Array = covariance @ (A.T @ (x / error))
    residual = A @ coefficients - x / error
    return Fit(coefficients, covariance, float(residual @ residual), len(n) - A.shape[1])
