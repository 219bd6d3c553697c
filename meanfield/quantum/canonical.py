"""Canonical averages of single sites: sums over levels at low temperature, the series in hbar^2 at high temperature."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meanfield.quantum.levels import reduced_levels, wells_of
from meanfield.quantum.sinc_grid import states_below
from meanfield.quantum.tunnel_splitting import ground_gaps
from meanfield.quantum.wigner_kirkwood import high_temperature, series

Array = NDArray[np.float64]

# Where this many levels do not exhaust the partition function, T is above the level spacing and the series converges.
MOST_LEVELS = 60
SIZES = (4, 8, 16, 32, MOST_LEVELS)
EXHAUSTED = 32.0  # exp(-32) = 1e-14

# Columns of the averages, per site; energies in units of the temperature.
COLUMNS = ("specific_heat", "entropy", "thermal_energy", "tunnelling_specific_heat", "tunnelling_entropy", "error")


@njit(cache=True)
def two_level(gap: float) -> tuple[float, float]:
    """Specific heat and entropy of two levels, ``gap`` in units of T."""
    if gap > 700.0:
        return 0.0, 0.0
    excited = np.exp(-gap) / (1.0 + np.exp(-gap))
    return gap * gap * excited * (1.0 - excited), np.log1p(np.exp(-gap)) + gap * excited


def tunnelling_gaps(excitations: Array, wells: Array) -> Array:
    """Splitting of the two-level system in each double well, (m,); minus one for single wells.

    It is E_1 - E_0, unless the well above lies so high that E_1 is an excitation of the lower one: then the
    difference of the two ground states, zero-point energies included.
    """
    curvature = np.sqrt(wells[:, 4:6])
    apart = wells[:, 3] + 0.5 * (curvature[:, 1] - curvature[:, 0])
    gap = np.where(apart > curvature[:, 0], np.maximum(excitations[:, 1], apart), excitations[:, 1])
    return np.where(wells[:, 1] > -np.inf, gap, -1.0)


@njit(cache=True)
def level_sum(excitations: Array, t: float) -> tuple[float, float, float, float]:
    """Specific heat, entropy, <E> - E_0 over t, and the relative weight of what lies above the last level."""
    # Far below the gap everything is exponentially small: the ground state's weight is kept apart.
    excited, first, second = 0.0, 0.0, 0.0
    enough = 45.0 + (excitations[1] / t if excitations.size > 1 else 0.0)
    rest = True
    for n in range(1, excitations.size):
        e = excitations[n] / t
        if e > enough or e > 700.0:
            rest = False
            break
        weight = np.exp(-e)
        excited += weight
        first += weight * e
        second += weight * e * e
    Z = 1.0 + excited
    mean = first / Z
    specific_heat, entropy = second / Z - mean * mean, np.log1p(excited) + mean
    if not rest:
        return specific_heat, entropy, mean, 0.0
    top = excitations[-1] / t
    return specific_heat, entropy, mean, 3.0 * np.exp(-top) * (1.0 + top * top)


@njit(cache=True)
def site_averages(
    excitations: Array,
    ground: Array,
    gaps: Array,
    wells: Array,
    temperatures: Array,
    coefficient: Array,
    exponent: NDArray[np.int64],
    out: Array,
) -> None:
    """Averages ``out`` (m, T, 6), see `COLUMNS`, of m sites at their reduced ``temperatures`` (m, T)."""
    series_out = np.empty(3)
    for i in range(ground.size):
        for j in range(temperatures.shape[1]):
            t = temperatures[i, j]
            row = out[i, j]
            row[:] = 0.0
            if t <= 0.0:
                continue
            row[0], row[1], row[2], row[5] = level_sum(excitations[i], t)
            if row[5] > 1e-11:
                error = high_temperature(t, wells[i], coefficient, exponent, series_out)
                if error < row[5]:
                    row[0], row[5] = series_out[2], error
                    row[2] = (series_out[1] - ground[i]) / t
                    row[1] = series_out[0] + series_out[1] / t
            if gaps[i] >= 0.0:
                row[3], row[4] = two_level(gaps[i] / t)


@njit(cache=True)
def _level_numbers(energies: Array, wells: Array) -> Array:
    result = np.empty(energies.size)
    for i in range(energies.size):
        result[i] = states_below(energies[i], wells[i])
    return result


def excitations_of(k: Array, f: Array, n: int) -> tuple[Array, Array]:
    """Levels above the ground state (m, n), the gap with a small relative error, and the ground state's height (m,)."""
    heights = reduced_levels(k, f, n)
    excitations = heights - heights[:, :1]
    excitations[:, 1] = ground_gaps(k, f, heights)
    return excitations, heights[:, 0]


def averages(k: Array, f: Array, temperatures: Array) -> Array:
    """Canonical averages (m, T, 6), see `COLUMNS`, of sites ``k``, ``f`` (m,) at reduced temperatures (m, T)."""
    wells = wells_of(k, f)
    # Zero-point energy included: half the spacing of the deepest well, or of the quartic well.
    top = EXHAUSTED * temperatures.max(axis=1) + 0.5 * np.sqrt(wells[:, 4]) + 1.0
    needed = np.array(SIZES)[np.minimum(np.searchsorted(SIZES, _level_numbers(top, wells) + 2.0), len(SIZES) - 1)]
    out = np.empty((k.size, temperatures.shape[1], len(COLUMNS)))
    coefficient, exponent = series()
    for n in np.unique(needed):
        which = np.flatnonzero(needed == n)
        excitations, ground = excitations_of(k[which], f[which], int(n))
        part = np.empty((which.size, *out.shape[1:]))
        gaps = tunnelling_gaps(excitations, wells[which])
        site_averages(excitations, ground, gaps, wells[which], temperatures[which], coefficient, exponent, part)
        out[which] = part
    return out
