"""Specific heat and entropy of an ensemble of local potentials.

Per site C(T) = beta^2 (<E^2> - <E>^2), averaged over the ensemble (KH98 Sec. 4); k_B = 1. Small ensembles are
diagonalised one by one; large ones through `meanfield.quantum.level_table`, whose error is then measured on some of
them.

The share of tunnelling is that of the two lowest levels of every site with two wells, taken alone (KH98's two-level
approximation, with the exact gap); what is left is due to excitations within the wells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError, require_positive
from meanfield.quantum.canonical import COLUMNS, EXHAUSTED, MOST_LEVELS, averages, level_sum, tunnelling_gaps, two_level
from meanfield.quantum.level_table import Grid, LevelTable, covered
from meanfield.quantum.levels import wells_of
from meanfield.quantum.reduced_potential import ReducedPotentials
from meanfield.sites.local_potentials import LocalPotentials

Array = NDArray[np.float64]

# Ensembles with fewer different potentials are diagonalised one by one.
FEW = 3000
# Potentials on which the interpolation is compared with diagonalisation.
SAMPLE = 48
# At high temperatures a coarser grid does.
COARSER = 2.5
BLOCK = 8192
# A two-level system contributes at T up to this asymmetry, and asymmetries this far apart resolve T; in units of T.
REACH, WIDEST = 8.0, 4.0


@dataclass(frozen=True)
class Thermodynamics:
    """Averages per site at ``temperature`` (n,); all arrays have its shape.

    Attributes
    ----------
    temperature : in units of the model's energy, k_B = 1
    specific_heat : beta^2 (<E^2> - <E>^2)
    entropy
    thermal_energy : <E> - E_0
    tunnelling_specific_heat, tunnelling_entropy : of the two lowest levels of sites with two wells
    error : estimated error of the specific heat, from the truncated level sums and series, and from interpolation
    double_well_fraction : weight of the sites with two wells
    """

    temperature: Array
    specific_heat: Array
    entropy: Array
    thermal_energy: Array
    tunnelling_specific_heat: Array
    tunnelling_entropy: Array
    error: Array
    double_well_fraction: float

    @property
    def intra_well_specific_heat(self) -> Array:
        """What the two-level approximation leaves out: excitations within the wells."""
        return self.specific_heat - self.tunnelling_specific_heat

    def exponent(self, low: float, high: float) -> float:
        """Exponent of a power law fitted to C(T) for low <= T <= high by least squares in the logarithms."""
        inside = (self.temperature >= low) & (self.temperature <= high) & (self.specific_heat > 0)
        if inside.sum() < 2:
            raise ParameterError(f"no two temperatures between {low:g} and {high:g}")
        return float(np.polyfit(np.log(self.temperature[inside]), np.log(self.specific_heat[inside]), 1)[0])


def read_temperatures(temperatures: ArrayLike) -> Array:
    """Temperatures as an array (n,); all >= 0."""
    T = np.atleast_1d(np.asarray(temperatures, float))
    if T.ndim != 1 or T.size == 0:
        raise ParameterError("temperatures must be a list of at least one number")
    if not np.all(np.isfinite(T)) or np.any(T < 0):
        raise ParameterError("temperatures must be finite and not negative")
    return T


def coarseness(ensemble: LocalPotentials) -> float:
    """Temperature below which the fields of ``ensemble`` are too far apart near h = 0; zero without double wells.

    C varies with the asymmetry 2 |h| v0 of a double well on the scale of T: below `REACH` T no two neighbours may be
    more than `WIDEST` T apart.
    """
    wells = ensemble.double_wells()
    some = wells.exists & (ensemble.weight > 0.0)
    if not np.any(some):
        return 0.0
    # Mirror images are one field.
    asymmetry = np.unique(np.abs(ensemble.h[some])) * float(wells.distance[some].max())
    start, gap = np.append(0.0, asymmetry[:-1]), np.diff(asymmetry, prepend=0.0)
    return float(np.max(gap[start / REACH < gap / WIDEST], initial=0.0) / WIDEST)


def thermodynamics(
    ensemble: LocalPotentials,
    hbar2_over_m: float,
    temperatures: ArrayLike,
    method: Literal["auto", "direct", "table"] = "auto",
) -> Thermodynamics:
    """Specific heat, entropy and their parts.

    Parameters
    ----------
    ensemble : LocalPotentials
        From a solution (`meanfield.quantum.thermal_ensemble`), a file, or a simulated state.
    hbar2_over_m : float
    temperatures : array_like (n,)
        At T = 0 specific heat and entropy vanish.
    method : {"auto", "direct", "table"}
        Diagonalise every potential, or interpolate; "auto" interpolates where there are many.
    """
    T = read_temperatures(temperatures)
    total = _averages_by_group(ensemble, hbar2_over_m, T, np.zeros(len(ensemble), np.int64), 1, method)
    return _thermodynamics(total[0], T, ensemble.double_well_fraction())


def thermodynamics_by_group(
    ensemble: LocalPotentials, hbar2_over_m: float, temperatures: ArrayLike, group: NDArray[np.int64]
) -> list[Thermodynamics]:
    """The same for each part of an ensemble, such as the disorder samples that its sites come from.

    ``group`` (m,) numbers the part of each potential from 0 on; every part is averaged for itself. Levels are
    computed once for all of them.
    """
    T = read_temperatures(temperatures)
    group = np.asarray(group, np.int64)
    if group.shape != ensemble.h.shape or group.min() < 0:
        raise ParameterError("groups must be numbered from 0 on, one number for every local potential")
    count = int(group.max()) + 1
    share = np.bincount(group, weights=ensemble.weight, minlength=count)
    if np.any(share <= 0):
        raise ParameterError("every group needs at least one local potential of positive weight")
    total = _averages_by_group(ensemble, hbar2_over_m, T, group, count, "auto")
    wells = np.bincount(group, weights=ensemble.weight * ensemble.double_wells().exists, minlength=count)
    return [_thermodynamics(total[g] / share[g], T, float(wells[g] / share[g])) for g in range(count)]


def _thermodynamics(averages: Array, T: Array, fraction: float) -> Thermodynamics:
    values = dict(zip(COLUMNS, averages.T, strict=True))
    values["thermal_energy"] = values["thermal_energy"] * T
    return Thermodynamics(temperature=T, double_well_fraction=fraction, **values)


def _averages_by_group(
    ensemble: LocalPotentials, hbar2_over_m: float, T: Array, group: NDArray[np.int64], groups: int, method: str
) -> Array:
    """Weighted sums over the potentials of every group, (groups, T, columns)."""
    require_positive("hbar2_over_m", hbar2_over_m)
    potentials = ReducedPotentials.build(ensemble.h, ensemble.C, ensemble.a2, ensemble.a4, ensemble.gamma, hbar2_over_m)
    # Mirror images, and zero weights, cost nothing.
    keys, inverse = np.unique(
        np.stack([group, potentials.k, potentials.f, potentials.energy]), axis=1, return_inverse=True
    )
    weight = np.bincount(np.ravel(inverse), weights=ensemble.weight, minlength=keys.shape[1]).astype(float)
    keys, weight = keys[:, weight > 0], weight[weight > 0]
    part, k, f, energy = keys
    sites = _Sites(k, f, weight, part.astype(np.int64), groups)
    if method == "auto":
        method = "table" if k.size > FEW else "direct"
    return _direct(sites, energy, T) if method == "direct" else _interpolated(sites, energy, T)


@dataclass(frozen=True)
class _Sites:
    """Reduced potentials ``k``, ``f`` with their weights and groups, (m,) each."""

    k: Array
    f: Array
    weight: Array
    group: NDArray[np.int64]
    groups: int

    def __getitem__(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> _Sites:
        return _Sites(self.k[which], self.f[which], self.weight[which], self.group[which], self.groups)

    def sums(self, values: Array) -> Array:
        """Weighted sums over the sites of each group of ``values`` (m, T, columns)."""
        total = np.zeros((self.groups, *values.shape[1:]))
        for g in np.unique(self.group):
            own = self.group == g
            total[g] = np.tensordot(self.weight[own], values[own], axes=1)
        return total

    @property
    def shares(self) -> Array:
        """Weight of each group, (groups,)."""
        return np.bincount(self.group, weights=self.weight, minlength=self.groups).astype(float)


def _direct(sites: _Sites, energy: Array, T: Array) -> Array:
    total = np.zeros((sites.groups, T.size, len(COLUMNS)))
    for start in range(0, energy.size, BLOCK // 4):
        block = slice(start, start + BLOCK // 4)
        total += sites[block].sums(averages(sites.k[block], sites.f[block], T / energy[block, None]))
    return total


def _interpolated(sites: _Sites, energy: Array, T: Array) -> Array:
    inside = covered(sites.k, sites.f)
    total = np.zeros((sites.groups, T.size, len(COLUMNS)))
    # A table is in units of one energy; ensembles with a few different quartic coefficients have a few tables.
    units, unit = np.unique(energy, return_inverse=True)
    sizes = np.bincount(unit[inside], minlength=units.size)
    for i in np.flatnonzero(sizes > 0):
        which = np.flatnonzero(inside & (unit == i))
        if which.size < SAMPLE:
            inside[which] = False
            continue
        total += _from_table(sites[which], T / units[i])
    rest = ~inside
    if np.any(rest):
        total += _direct(sites[rest], energy[rest], T)
    return total


def _from_table(sites: _Sites, t: Array) -> Array:
    k, f, weight = sites.k, sites.f, sites.weight
    total = np.zeros((sites.groups, t.size, len(COLUMNS)))
    wells = wells_of(k, f)
    double = wells[:, 1] > -np.inf
    # Averages vary with the field on the scale t/sqrt(k). Where that is too fine for a grid the levels are
    # interpolated; above, the averages themselves.
    scale = np.sqrt(max(float(k.max()), 0.5))
    low, high = np.flatnonzero(t <= 0.4 * scale), np.flatnonzero(t > 0.4 * scale)
    number = int(np.clip(4.0 + 1.5 * EXHAUSTED * t[low].max(initial=0.0) / scale, 8, MOST_LEVELS))
    table = LevelTable.build(Grid.build(k, f), number)
    partial, share = np.zeros((sites.groups, low.size, 5)), np.zeros((sites.groups, high.size, 5))
    for start in range(0, k.size, BLOCK):
        block = slice(start, start + BLOCK)
        excitations = table.excitations(f[block], block)
        gaps = tunnelling_gaps(excitations, wells[block])
        _accumulate(excitations, gaps, weight[block], sites.group[block], t[low], partial)
        # The two-level share ends abruptly at h_c: no smooth function of the field.
        _accumulate(excitations[:, :2], gaps, weight[block], sites.group[block], t[high], share)
    total[:, low, :5] = partial

    def from_levels(some: NDArray[np.intp]) -> Array:
        result = np.zeros((some.size, low.size, 5))
        excitations = table.excitations(f[some], some)
        _accumulate(excitations, np.full(some.size, -1.0), np.ones(some.size), np.arange(some.size), t[low], result)
        return result[..., 0]

    shares = sites.shares / weight.sum()
    total[:, low, 5] = np.outer(shares, _interpolation_error(from_levels, k, f, weight, double, t[low]))
    if high.size:
        grid = Grid.build(k, f, coarser=COARSER)
        at_nodes = averages(grid.k, grid.f, np.broadcast_to(t[high], (grid.k.size, high.size)))

        def from_nodes(some: NDArray[np.intp]) -> Array:
            nodes, weights = grid.stencil(some)
            return np.einsum("ia,iat->it", weights, at_nodes[nodes, :, 0])

        deviation = _interpolation_error(from_nodes, k, f, weight, double, t[high])
        for g in np.unique(sites.group):
            node_weights = grid.node_weights(weight, np.flatnonzero(sites.group == g))
            total[g, high] = np.tensordot(node_weights, at_nodes, axes=1)
            total[g, high, 5] = np.tensordot(np.abs(node_weights), at_nodes[..., 5], axes=1) + shares[g] * deviation
        total[:, high, 3:5] = share[..., 3:5]
    return total


def _interpolation_error(
    specific_heat: Callable[[NDArray[np.intp]], Array],
    k: Array,
    f: Array,
    weight: Array,
    double: NDArray[np.bool_],
    t: Array,
) -> Array:
    """Mean deviation of an interpolated specific heat from that of diagonalised potentials, (T,).

    A few of the potentials with two wells and a few of the others are compared, evenly over the weight.
    """
    error = np.zeros(t.size)
    if t.size == 0:
        return error
    for group in (np.flatnonzero(double), np.flatnonzero(~double)):
        if group.size:
            mass = np.cumsum(weight[group])
            some = group[np.unique(np.searchsorted(mass, (np.arange(SAMPLE) + 0.5) / SAMPLE * mass[-1]))]
            exact = averages(k[some], f[some], np.broadcast_to(t, (some.size, t.size)))[..., 0]
            error += mass[-1] * np.abs(specific_heat(some) - exact).mean(axis=0)
    return error


@njit(cache=True)
def _accumulate(
    excitations: Array, gaps: Array, weight: Array, group: NDArray[np.int64], t: Array, total: Array
) -> None:
    """Add the weighted averages of sites, from their levels alone, to ``total`` (groups, T, 5)."""
    for i in range(weight.size):
        for j in range(t.size):
            if t[j] <= 0.0:
                continue
            row = total[group[i], j]
            c, s, u, _ = level_sum(excitations[i], t[j])
            row[0] += weight[i] * c
            row[1] += weight[i] * s
            row[2] += weight[i] * u
            if gaps[i] >= 0.0:
                c, s = two_level(gaps[i] / t[j])
                row[3] += weight[i] * c
                row[4] += weight[i] * s
