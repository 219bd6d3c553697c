"""Statistics of the double wells of an ensemble, beside what the standard tunnelling model assumes (KH98 Fig. 2).

The standard tunnelling model (Anderson, Halperin & Varma; Phillips) takes asymmetry Delta and tunnelling parameter
lambda as independent, both evenly distributed. How far an ensemble is from that is measured by

    flatness:     sup_x |F(x) - (x - x_min)/(x_max - x_min)|, the Kolmogorov-Smirnov distance of each to even;
    dependence:   4 sup |F(Delta, lambda) - F(Delta) F(lambda)|, zero if independent, one if each determines the
    other; information:  mutual information [nat] of Delta and lambda in classes of equal weight.

Without local disorder Delta and lambda are both functions of |h| and determine each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield.model import ParameterError, require_positive
from meanfield.quantum.canonical import excitations_of, tunnelling_gaps
from meanfield.quantum.levels import wells_of
from meanfield.quantum.reduced_potential import ReducedPotentials
from meanfield.quantum.tunnel_splitting import reduced_splittings
from meanfield.sites.double_wells import BarrierFrom
from meanfield.sites.local_potentials import LocalPotentials

Array = NDArray[np.float64]

CLASSES = 32


@dataclass(frozen=True)
class WellStatistics:
    """Double wells of an ensemble; arrays of shape (n,), empty where there are none.

    Attributes
    ----------
    fraction : weight of the sites with two wells
    weight : of each double well, sum 1 (none: empty)
    asymmetry, barrier, distance : see `meanfield.sites.double_wells`; [energy], [energy], [displacement]
    tunnelling : lambda = (d/2) sqrt(2 m V/hbar^2) of KH98
    wkb : WKB exponent of the barrier at the energy of the upper minimum
    log_tunnel_energy : ln Delta_0, the exact splitting of the same well without its field
    splitting : exact splitting of the two-level system [energy]
    kh98_splitting : sqrt(Delta^2 + Delta_0^2) with KH98's Delta_0 = hbar omega_0 exp(-lambda)
    barrier_from : which minimum V is measured from
    """

    fraction: float
    weight: Array
    asymmetry: Array
    barrier: Array
    distance: Array
    tunnelling: Array
    wkb: Array
    log_tunnel_energy: Array
    splitting: Array
    kh98_splitting: Array
    barrier_from: BarrierFrom

    def density(self, name: str, edges: ArrayLike) -> Array:
        """Distribution of one of the arrays over double wells: weight per unit between ``edges`` (n + 1,)."""
        edges = np.asarray(edges, float)
        counts, _ = np.histogram(getattr(self, name), bins=edges, weights=self.weight)
        return counts / np.diff(edges)

    def joint_density(self, asymmetry_edges: ArrayLike, tunnelling_edges: ArrayLike) -> Array:
        """P(Delta, lambda): weight per unit area between the edges (a + 1,), (b + 1,); shape (a, b)."""
        edges = [np.asarray(asymmetry_edges, float), np.asarray(tunnelling_edges, float)]
        counts, _, _ = np.histogram2d(self.asymmetry, self.tunnelling, bins=edges, weights=self.weight)
        return counts / np.outer(np.diff(edges[0]), np.diff(edges[1]))

    def flatness(self, name: str) -> float:
        """Kolmogorov-Smirnov distance of an array's distribution from an even one over its own range."""
        values = self._some(name)
        order = np.argsort(values)
        x, mass = values[order], np.cumsum(self.weight[order])
        if x[-1] == x[0]:
            return 1.0
        even = (x - x[0]) / (x[-1] - x[0])
        below = np.concatenate([[0.0], mass[:-1]])
        return float(max(np.abs(mass - even).max(), np.abs(below - even).max()))

    def dependence(self) -> float:
        """4 sup |F(Delta, lambda) - F(Delta) F(lambda)| over classes of equal weight, between 0 and 1."""
        table = self._classes()
        joint = table.cumsum(axis=0).cumsum(axis=1)
        return float(4.0 * np.abs(joint - np.outer(joint[:, -1], joint[-1])).max())

    def information(self) -> float:
        """Mutual information of Delta and lambda [nat], in classes of equal weight; at most ln(32).

        From n sampled double wells it is too high by about 31^2/(2 n).
        """
        table = self._classes()
        product = np.outer(table.sum(axis=1), table.sum(axis=0))
        some = table > 0
        return float(np.sum(table[some] * np.log(table[some] / product[some])))

    def _classes(self) -> Array:
        index = []
        for name in ("asymmetry", "tunnelling"):
            values = self._some(name)
            order = np.argsort(values, kind="stable")
            middle = np.cumsum(self.weight[order]) - 0.5 * self.weight[order]
            rank = np.empty(values.size, dtype=int)
            rank[order] = np.minimum((CLASSES * middle).astype(int), CLASSES - 1)
            index.append(rank)
        flat = np.bincount(index[0] * CLASSES + index[1], weights=self.weight, minlength=CLASSES**2)
        return flat.reshape(CLASSES, CLASSES).astype(float)

    def _some(self, name: str) -> Array:
        values: Array = getattr(self, name)
        if values.size == 0:
            raise ParameterError("the ensemble has no double wells")
        return values


def well_statistics(
    ensemble: LocalPotentials, hbar2_over_m: float, barrier_from: BarrierFrom = "upper"
) -> WellStatistics:
    """Double wells of ``ensemble`` with their exact splittings."""
    require_positive("hbar2_over_m", hbar2_over_m)
    wells = ensemble.double_wells(barrier_from)
    there = wells.exists & (ensemble.weight > 0)
    fraction = float(ensemble.weight[there].sum())
    h, C, a2, a4, gamma = (getattr(ensemble, name)[there] for name in ("h", "C", "a2", "a4", "gamma"))
    reduced = ReducedPotentials.build(h, C, a2, a4, gamma, hbar2_over_m)
    gaps = logarithm = np.empty(0)
    if fraction > 0:
        excitations, _ = excitations_of(reduced.k, reduced.f, 2)
        gaps = reduced.energy * tunnelling_gaps(excitations, wells_of(reduced.k, reduced.f))
        distinct, inverse = np.unique(reduced.k, return_inverse=True)
        logarithm = reduced_splittings(distinct)[inverse] + np.log(reduced.energy)
    return WellStatistics(
        fraction=fraction,
        weight=ensemble.weight[there] / (fraction or 1.0),
        asymmetry=wells.asymmetry[there],
        barrier=wells.barrier[there],
        distance=wells.distance[there],
        tunnelling=wells.tunnelling(hbar2_over_m)[there],
        wkb=wells.wkb(hbar2_over_m)[there],
        log_tunnel_energy=logarithm,
        splitting=gaps,
        kh98_splitting=wells.splitting(hbar2_over_m)[there],
        barrier_from=barrier_from,
    )
