"""High temperatures: the partition function of a quartic well as a series in hbar^2, beyond the reach of level sums.

exp(-beta H) acting on a plane wave, exp(-beta (p^2/2 + V)) chi, obeys the Bloch equation

    d chi/d beta = (1/2) [chi'' - 2 beta V' chi' + (beta^2 V'^2 - beta V'') chi] + i p [chi' - beta V' chi],

which is solved order by order (Wigner, Phys. Rev. 40, 749 (1932); Kirkwood, Phys. Rev. 44, 31 (1933)): each
derivative brings one hbar. The average over p and integration by parts, int exp(-beta V) V' F = (1/beta) int
exp(-beta V) F', leave

    Z = (2 pi beta)^(-1/2) int dx exp(-beta V) P(beta, V'', V''', V''''),   P = 1 - beta^2 V''/24 + ...

Higher derivatives of a quartic vanish. The series is asymptotic; its last order tells the error.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meanfield.quantum.sinc_grid import height

Array = NDArray[np.float64]
# Exponents of beta, i p, V', V'', V''', V'''' and their coefficient.
Polynomial = dict[tuple[int, ...], Fraction]

ORDERS = 5  # powers of hbar^2


def _derivative(chi: Polynomial) -> Polynomial:
    result: Polynomial = defaultdict(Fraction)
    for powers, c in chi.items():
        for i in (2, 3, 4):
            if powers[i]:
                changed = list(powers)
                changed[i] -= 1
                changed[i + 1] += 1
                result[tuple(changed)] += c * powers[i]
        # The fifth derivative of a quartic is zero.
    return result


def _add(total: Polynomial, chi: Polynomial, factor: Fraction, shift: tuple[int, ...]) -> None:
    for powers, c in chi.items():
        total[tuple(a + b for a, b in zip(powers, shift, strict=True))] += factor * c


@cache
def series() -> tuple[Array, NDArray[np.int64]]:
    """Coefficients (n,) and exponents (n, 5) of P: order in hbar^2, power of beta, of V'', V''', V''''."""
    zero = (0,) * 6
    orders: list[Polynomial] = [{zero: Fraction(1)}]
    half, one = Fraction(1, 2), Fraction(1)
    for order in range(1, 2 * ORDERS + 1):
        rate: Polynomial = defaultdict(Fraction)
        last = orders[order - 1]
        _add(rate, _derivative(last), one, (0, 1, 0, 0, 0, 0))
        _add(rate, last, -one, (1, 1, 1, 0, 0, 0))
        if order > 1:
            before = orders[order - 2]
            slope = _derivative(before)
            _add(rate, _derivative(slope), half, zero)
            _add(rate, slope, -one, (1, 0, 1, 0, 0, 0))
            _add(rate, before, half, (2, 0, 2, 0, 0, 0))
            _add(rate, before, -half, (1, 0, 0, 1, 0, 0))
        orders.append({(p[0] + 1, *p[1:]): c / (p[0] + 1) for p, c in rate.items() if c})
    rows = []
    for order in range(ORDERS + 1):
        # <(i p)^2m> = (-1)^m (2m - 1)!! beta^-m; odd powers of p vanish.
        integrand: Polynomial = defaultdict(Fraction)
        for powers, c in orders[2 * order].items():
            m, odd = divmod(powers[1], 2)
            if not odd:
                moment = Fraction(int(np.prod(np.arange(1, 2 * m, 2, dtype=np.int64))))
                integrand[(powers[0] - m, 0, *powers[2:])] += c * (-1) ** m * moment
        while any(p[2] for p in integrand):
            parts: Polynomial = defaultdict(Fraction)
            for powers, c in integrand.items():
                if powers[2] == 0:
                    parts[powers] += c
                else:
                    rest = {(powers[0] - 1, 0, powers[2] - 1, *powers[3:]): c}
                    _add(parts, _derivative(rest), one, zero)
            integrand = parts
        rows += [(float(c), (order, p[0], *p[3:])) for p, c in integrand.items() if c]
    return np.array([c for c, _ in rows]), np.array([e for _, e in rows], dtype=np.int64)


@njit(cache=True)
def high_temperature(t: float, well: Array, coefficient: Array, exponent: NDArray[np.int64], out: Array) -> float:
    """Thermodynamics of one well (see `levels.wells_of`) at temperature ``t``, in reduced units.

    ``out`` (3,) receives ln Z, the mean height above the minimum, and the specific heat. Returns an estimate of the
    error of the specific heat: what the last order contributes to it.
    """
    beta = 1.0 / t
    right, top = well[0], well[1]
    # Ends where exp(-beta V) has fallen off, and a step that resolves it to rounding.
    cut = 45.0 * t
    step = min(0.3 * np.sqrt(t / (well[4] + 1e-300)), 0.2 * np.sqrt(np.sqrt(t)))
    upper = step
    while height(upper, well) < cut:
        upper += step
    lower = -step
    while height(lower, well) < cut or (top > -np.inf and lower > well[2]):
        lower -= step
    count = int((upper - lower) / step) + 1
    # Z, beta dZ/dbeta and so on, of all orders and of the last one alone.
    full = np.zeros(3)
    last = np.zeros(3)
    factor = np.empty(coefficient.size)
    for j in range(coefficient.size):
        factor[j] = coefficient[j] * beta ** exponent[j, 1] * 6.0 ** exponent[j, 4]
    power2, power3 = np.ones(ORDERS + 1), np.ones(ORDERS + 1)
    for i in range(count):
        y = lower + i * step
        V = height(y, well)
        boltzmann = np.exp(-beta * V)
        if boltzmann < 1e-20:
            continue
        x = right + y
        # V'' = V''(x_min) + 3 (x^2 - x_min^2) keeps its digits near a minimum far out.
        V2 = well[4] + 3.0 * y * (2.0 * right + y)
        V3 = 6.0 * x
        for n in range(1, ORDERS + 1):
            power2[n] = power2[n - 1] * V2
            power3[n] = power3[n - 1] * V3
        for j in range(coefficient.size):
            # beta d/dbeta of beta^(a - 1/2) exp(-beta V), and again.
            first = (exponent[j, 1] - 0.5) - beta * V
            term = factor[j] * power2[exponent[j, 2]] * power3[exponent[j, 3]] * boltzmann
            total = last if exponent[j, 0] == ORDERS else full
            total[0] += term
            total[1] += term * first
            total[2] += term * (first * first - beta * V)
    without = full.copy()
    full += last
    mean = full[1] / full[0]
    specific_heat = full[2] / full[0] - mean * mean - mean
    mean_without = without[1] / without[0]
    out[0] = np.log(full[0] * step / np.sqrt(2.0 * np.pi * beta))
    out[1] = -mean * t
    out[2] = specific_heat
    return abs(specific_heat - (without[2] / without[0] - mean_without * mean_without - mean_without))
