r"""Several forms of the approach to N = infinity compared, averaged, and their spread made part of the error.

Forms are x_N = x_inf + sum_j a_j N^{-w_j} with given exponents (the leading one fixed by theory where theory fixes it,
with or without a term of next order), or x_inf + a N^{-w} with w fitted. Each is fitted by weighted least squares to
all sizes and to those left when the smallest are dropped in turn. Of all these fits the answer is the average with the
weights of the Akaike criterion for data cuts,

    weight ~ exp(-[chi^2 + 2 k + 2 d]/2),      k parameters, d sizes dropped,

its variance the average of the fits' variances plus their scatter [Jay and Neil, Phys. Rev. D 103, 114502 (2021)].
The scatter over *forms* is told apart from the statistical error. Fits without degrees of freedom count only where some
form has no others. Two or three sizes do not hold a term of next order beside the leading one, and it must be allowed
for: its coefficient is then given a natural size, b = 0 +- |a| [constrained fits: Lepage et al., Nucl. Phys. B Proc.
Suppl. 106, 12 (2002)], which widens the error. Where even the heaviest fit is rejected by the data (probability below
1%) the statistical error is widened by its sqrt(chi^2/dof) (Birge).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import chi2 as chi2_distribution

Array = NDArray[np.float64]

FREE = (0.2, 2.0)  # range of a fitted exponent
LEAST_DOF = 1  # degrees of freedom a fit must have to be averaged, where every form has such fits
FEW = 3  # sizes that do not hold a term of next order
REJECTED = 0.01  # probability of a larger chi^2 below which a form counts as rejected by the data


@dataclass(frozen=True)
class Form:
    """A form of the finite-size correction.

    Attributes
    ----------
    exponents : tuple of float
        w_j > 0; empty: a constant.
    free : bool
        One exponent, fitted.
    reason : str
        Why this form.
    """

    exponents: tuple[float, ...]
    reason: str = ""
    free: bool = False

    @property
    def label(self) -> str:
        """In words."""
        if self.free:
            return "a N^-w, w fitted"
        return (
            " + ".join(f"{name} N^-{_fraction(w)}" for name, w in zip("abc", self.exponents, strict=False))
            or "constant"
        )


@dataclass(frozen=True)
class FormFit:
    """One form fitted to the sizes from ``smallest`` on.

    ``coefficients`` are x_inf, then the a_j; ``exponents`` those used (the fitted one too).
    """

    form: Form
    exponents: tuple[float, ...]
    smallest: int
    dropped: int
    coefficients: Array
    covariance: Array
    chi2: float
    dof: int
    weight: float

    @property
    def value(self) -> float:
        """x_inf."""
        return float(self.coefficients[0])

    @property
    def stderr(self) -> float:
        """Its statistical error."""
        return math.sqrt(float(self.covariance[0, 0]))

    @property
    def probability(self) -> float | None:
        """Probability of a larger chi^2 if the form holds; None without degrees of freedom."""
        return float(chi2_distribution.sf(self.chi2, self.dof)) if self.dof > 0 else None

    @property
    def widening(self) -> float:
        """Factor on the error: sqrt(chi^2/dof) where the data reject the form, else 1."""
        rejected = self.probability is not None and self.probability < REJECTED
        return math.sqrt(self.chi2 / self.dof) if rejected else 1.0

    def curve(self, n: Array) -> tuple[Array, Array]:
        """The fitted line and its statistical error at sizes ``n`` (infinite allowed)."""
        A = _design(np.asarray(n, float), self.exponents)
        variance = np.einsum("ij,jk,ik->i", A, self.covariance[: A.shape[1], : A.shape[1]], A)
        return A @ self.coefficients[: A.shape[1]], np.sqrt(variance)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {
            "form": self.form.label,
            "exponents": list(self.exponents),
            "fitted_exponent": self.form.free,
            "smallest_n": self.smallest,
            "value": self.value,
            "stderr": self.stderr,
            "coefficients": [float(one) for one in self.coefficients[1:]],
            "chi2": self.chi2,
            "dof": self.dof,
            "probability": self.probability,
            "weight": self.weight,
        }


@dataclass(frozen=True)
class Limit:
    """x_inf averaged over forms and cuts.

    Attributes
    ----------
    value, stderr : float
        x_inf and its whole error.
    statistical, spread : float
        Its two parts: sqrt(average variance), and the scatter of the fits.
    fits : tuple of FormFit
        All fits, the heaviest first.
    sizes : tuple of int
    systematic : float
        A third part of the error: half the range in which the data leave the limit (`between`).
    """

    value: float
    stderr: float
    statistical: float
    spread: float
    fits: tuple[FormFit, ...]
    sizes: tuple[int, ...]
    systematic: float = 0.0

    @property
    def best(self) -> FormFit:
        """The fit of the largest weight."""
        return self.fits[0]

    def curve(self, n: Array) -> tuple[Array, Array]:
        """The averaged line, with its statistical error and the scatter of the fits, at sizes ``n``.

        At each size only those fits are averaged that were made to it: sizes they dropped they do not describe. Below
        all sizes those made to the smallest are.
        """
        n = np.asarray(n, float)
        lines, errors = (np.array(part) for part in zip(*(fit.curve(n) for fit in self.fits), strict=True))
        smallest = np.array([fit.smallest for fit in self.fits])[:, None]
        made_to_it = smallest <= np.maximum(n, smallest.min()) * (1 + 1e-9)
        # Weights that vanish in floating point: a size that only such fits reach is still drawn.
        weight = np.maximum([fit.weight for fit in self.fits], np.finfo(float).tiny)[:, None] * made_to_it
        weight /= weight.sum(axis=0)
        mean = (weight * lines).sum(axis=0)
        variance = (weight * ((self.best.widening * errors) ** 2 + (lines - mean) ** 2)).sum(axis=0)
        return mean, np.sqrt(variance)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {
            "value": self.value,
            "stderr": self.stderr,
            "statistical": self.statistical,
            "spread_over_fits": self.spread,
            "systematic": self.systematic,
            "sizes": list(self.sizes),
            "fits": [fit.to_dict() for fit in self.fits],
        }


def limit(
    sizes: Sequence[int], values: Sequence[float], stderrs: Sequence[float], forms: Sequence[Form]
) -> Limit | None:
    """x_inf of independent values x_N; None with fewer than two sizes, or where no form can be fitted.

    Parameters
    ----------
    sizes, values, stderrs
        N, x_N and its standard error.
    forms
        The forms that are as good as each other before the data are seen.
    """
    order = np.argsort(sizes)
    n, x, error = (np.asarray(data, float)[order] for data in (sizes, values, stderrs))
    if len(n) < 2:
        return None
    if len(n) <= FEW:  # the leading term alone is part of a form that has one of next order of natural size
        longer = {form.exponents[:1] for form in forms if len(form.exponents) > 1}
        forms = [form for form in forms if len(form.exponents) != 1 or form.exponents not in longer]
    of_forms = [fits for form in forms if (fits := _with_cuts(n, x, error, form))]
    tested = [[fit for fit in fits if fit.dof >= LEAST_DOF] for fits in of_forms]
    fits = [fit for fits in (tested if all(tested) else of_forms) for fit in fits]
    if not fits:
        return None
    # A constrained term of next order is no free parameter: k + d is the number of sizes less the degrees of freedom.
    criterion = np.array([fit.chi2 + 2 * (len(n) - fit.dof) for fit in fits])
    weight = np.exp(-(criterion - criterion.min()) / 2)
    weight /= weight.sum()
    value = np.array([fit.value for fit in fits])
    mean = float(weight @ value)
    widening = fits[int(weight.argmax())].widening
    statistical = widening * float(np.sqrt(weight @ np.array([fit.stderr**2 for fit in fits])))
    spread = float(np.sqrt(weight @ (value - mean) ** 2))
    weighted = [_weighing(fit, float(own)) for fit, own in zip(fits, weight, strict=True)]
    weighted.sort(key=lambda fit: -fit.weight)
    return Limit(
        mean, math.hypot(statistical, spread), statistical, spread, tuple(weighted), tuple(n.astype(int).tolist())
    )


def between(first: Limit, second: Limit) -> Limit:
    """The limit of values that lie somewhere between two sets: the middle, half the distance part of the error."""
    half = abs(first.value - second.value) / 2
    value, stderr = (first.value + second.value) / 2, math.hypot(first.stderr, half)
    return replace(first, value=value, stderr=stderr, systematic=half)


def _with_cuts(n: Array, x: Array, error: Array, form: Form) -> list[FormFit]:
    """One form fitted to all sizes, then without the smallest, the two smallest, ... while it can be fitted."""
    parameters = 3 if form.free else 1 + len(form.exponents)
    if len(n) <= FEW and len(form.exponents) == 2:
        return [_with_natural_next_order(n, x, error, form)]
    return [
        fit
        for dropped in range(len(n) - parameters + 1)
        if (fit := _fit(n[dropped:], x[dropped:], error[dropped:], form, dropped)) is not None
    ]


def _fit(n: Array, x: Array, error: Array, form: Form, dropped: int) -> FormFit | None:
    exponents = form.exponents
    if form.free:
        if len(n) < 3:
            return None
        found = minimize_scalar(lambda w: _linear(n, x, error, (w,))[2], bounds=FREE, method="bounded")
        if min(abs(found.x - end) for end in FREE) < 1e-3:
            return None  # the data do not hold an exponent
        exponents = (float(found.x),)
    coefficients, covariance, chi2 = _linear(n, x, error, exponents)
    if form.free:
        # The exponent is a third parameter: its column of the design is dx/dw.
        A = np.column_stack([_design(n, exponents), -coefficients[1] * n ** -exponents[0] * np.log(n)]) / error[:, None]
        normal = A.T @ A
        if np.linalg.cond(normal) > 1e14:
            return None
        covariance = np.asarray(np.linalg.inv(normal), np.float64)
        coefficients = np.append(coefficients, exponents[0])
    return FormFit(
        form, exponents, int(n[0]), dropped, coefficients, covariance, chi2, len(n) - len(coefficients), weight=0.0
    )


def _with_natural_next_order(n: Array, x: Array, error: Array, form: Form) -> FormFit:
    """Two terms from few sizes: b = 0 +- |a|, a from the leading term alone, is one more datum."""
    leading = _linear(n, x, error, form.exponents[:1])[0]
    natural = max(abs(float(leading[1])), np.finfo(float).tiny ** 0.25)
    A = np.vstack([_design(n, form.exponents) / error[:, None], [0.0, 0.0, 1 / natural]])
    coefficients, covariance, chi2 = _least_squares(A, np.append(x / error, 0.0))
    return FormFit(form, form.exponents, int(n[0]), 0, coefficients, covariance, chi2, len(n) - 2, weight=0.0)


def _weighing(fit: FormFit, weight: float) -> FormFit:
    return FormFit(**{**fit.__dict__, "weight": weight})


def _linear(n: Array, x: Array, error: Array, exponents: tuple[float, ...]) -> tuple[Array, Array, float]:
    return _least_squares(_design(n, exponents) / error[:, None], x / error)


def _least_squares(A: Array, y: Array) -> tuple[Array, Array, float]:
    """Coefficients, their covariance and chi^2 of data y = A c in units of their errors."""
    Q, R = np.linalg.qr(A)
    inverse = np.linalg.inv(R)
    coefficients: Array = inverse @ (Q.T @ y)
    residual = A @ coefficients - y
    return coefficients, inverse @ inverse.T, float(residual @ residual)


def _design(n: Array, exponents: tuple[float, ...]) -> Array:
    return np.stack([np.ones_like(n), *(n**-w for w in exponents)], axis=1)


def _fraction(w: float) -> str:
    for denominator in (1, 2, 3, 5):
        if abs(w * denominator - round(w * denominator)) < 1e-9:
            return f"{round(w * denominator)}" if denominator == 1 else f"{round(w * denominator)}/{denominator}"
    return f"{w:.3g}"
