"""From simulated minima to what experiments see: the sites of a run as an ensemble of local potentials.

Every site of every usable state has the weight 1/N, whatever ansatz would describe it, and the code of `meanfield` that
takes ensembles apart does the rest. States of one disorder sample are not independent: everything is averaged over the
states of a sample first, and errors are the scatter between samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meanfield import LocalPotentials
from meanfield.quantum.density_of_states import excitation_energies
from meanfield.quantum.normal_modes import harmonic_thermodynamics
from meanfield.quantum.thermodynamics import thermodynamics_by_group
from meanfield.quantum.well_statistics import WellStatistics, well_statistics
from nsim.errors import InputError
from nsim.sample import couplings
from nsim.sample.glass import Glass
from nsim.sample.hessian import spectrum
from validation.simulation import Simulation, Sites

Array = NDArray[np.float64]

MOST_SITES = 2**20  # of one ensemble: 100 MB while it is diagonalised
PARTS = ("specific_heat", "entropy", "tunnelling_specific_heat", "tunnelling_entropy", "intra_well_specific_heat")


@dataclass(frozen=True)
class Sampled:
    """Mean over disorder samples with its standard error, arrays of one shape; NaN error: a single sample."""

    mean: Array
    error: Array


def over_samples(values: ArrayLike) -> Sampled:
    """Mean and standard error of one row per sample, (samples, ...)."""
    rows = np.asarray(values, float)
    mean = rows.mean(axis=0)
    if len(rows) < 2:
        return Sampled(mean, np.full(mean.shape, np.nan))
    return Sampled(mean, rows.std(axis=0, ddof=1) / np.sqrt(len(rows)))


@dataclass(frozen=True)
class SiteEnsemble:
    """The local potentials of one size of a run.

    Attributes
    ----------
    potentials : LocalPotentials
        (states x N,)
    sample : array of int (states x N,)
        Number of the disorder sample of each site, from 0 on.
    sites : Sites
    simulation : Simulation
    """

    potentials: LocalPotentials
    sample: NDArray[np.int64]
    sites: Sites
    simulation: Simulation

    @classmethod
    def of(cls, simulation: Simulation, n: int | None = None) -> SiteEnsemble:
        """The sites of the usable states of size ``n``, by default the largest, of as many samples as memory allows."""
        if not simulation.has_sites:
            raise InputError(f"{simulation.path}: the run kept no cavity fields (output.response = false)")
        if simulation.run.model.a4 == 0:
            raise InputError(f"{simulation.path}: without a quartic term (a4 = 0) there are no local double wells")
        sizes = [size.n for size in simulation.sizes]
        if n is not None and n not in sizes:
            raise InputError(f"{simulation.path}: no size N = {n}; there are {', '.join(map(str, sizes))}")
        sites = simulation.sites(max(sizes) if n is None else n, folded=False, limit=MOST_SITES)
        model = simulation.run.model
        _, number = np.unique(sites.sample, return_inverse=True)
        return cls(sites.local_potentials(model.a4, model.gamma), np.repeat(number, sites.n), sites, simulation)

    @property
    def n(self) -> int:
        """Particles."""
        return self.sites.n

    @property
    def samples(self) -> int:
        """Disorder samples."""
        return int(self.sample[-1]) + 1

    @property
    def states(self) -> int:
        """States of all samples together."""
        return len(self.sites.sample)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Sites of each sample, (samples,)."""
        return np.bincount(self.sample, minlength=self.samples)

    def thermodynamics(self, hbar2_over_m: float, temperatures: ArrayLike) -> dict[str, Sampled]:
        """Specific heat and entropy per site with their parts, by name; errors over samples."""
        weighted = replace(self.potentials, weight=self._sample_weights)
        rows = thermodynamics_by_group(weighted, hbar2_over_m, temperatures, self.sample)
        return {name: over_samples([getattr(row, name) for row in rows]) for name in PARTS}

    @property
    def _sample_weights(self) -> Array:
        """Every sample counts the same, however many of its states converged."""
        return 1.0 / (self.samples * self.counts[self.sample])

    def histogram(self, values: Array, edges: ArrayLike) -> Sampled:
        """Density per site of a site variable, (bins,); NaN counts as outside all bins."""
        edges = np.asarray(edges, float)
        return over_samples(self._densities(values, edges))

    def excitations(self, hbar2_over_m: float, n: int) -> Array:
        """E_1 - E_0, ..., E_{n-1} - E_0 of every site [energy], (sites, n - 1)."""
        return excitation_energies(self.potentials, hbar2_over_m, n)[:, 1:]

    def density_of_states(self, hbar2_over_m: float, edges: ArrayLike, n: int = 8) -> list[Sampled]:
        """Density of each of the first n - 1 excitations, then of their sum, per site and energy."""
        found = self.excitations(hbar2_over_m, n)
        edges = np.asarray(edges, float)
        rows = [self._densities(found[:, level], edges) for level in range(n - 1)]
        # The sum has an error of its own: levels of one site are correlated.
        return [*(over_samples(row) for row in rows), over_samples(np.sum(rows, axis=0))]

    def _densities(self, values: Array, edges: Array) -> Array:
        """Density per site of each sample, (samples, bins)."""
        bins = np.digitize(np.where(np.isfinite(values), values, -np.inf), edges) - 1
        inside = (bins >= 0) & (bins < edges.size - 1)
        flat = self.sample[inside] * (edges.size - 1) + bins[inside]
        counts = np.bincount(flat, minlength=self.samples * (edges.size - 1)).reshape(self.samples, -1)
        return counts / self.counts[:, None] / np.diff(edges)

    def double_well_fraction(self) -> Sampled:
        """Fraction of sites with two wells."""
        exists = self.potentials.double_wells().exists
        return over_samples(np.bincount(self.sample, weights=exists, minlength=self.samples) / self.counts)

    def wells(self, hbar2_over_m: float) -> WellStatistics:
        """Statistics of the double wells of all sites together."""
        return well_statistics(self.potentials, hbar2_over_m)

    def minima(self, most: int) -> Iterator[tuple[Glass, Array]]:
        """Up to ``most`` minima, the first states of as many samples, with their glass: its couplings drawn again."""
        sites = self.sites
        _, first = np.unique(sites.sample, return_index=True)
        run = self.simulation.run
        given = None
        if run.couplings_path is not None:
            given = couplings.load(run.couplings_path, self.n, run.couplings.dtype)
        for row in first[:most]:
            seed, number = run.origin(self.n, int(sites.sample[row]))
            glass = Glass.draw(run.model, seed, self.n, number, given, run.couplings.dtype)
            yield glass, sites.v[row]

    def normal_modes(self, hbar2_over_m: float, temperatures: ArrayLike, most: int) -> tuple[Sampled, Sampled]:
        """Specific heat and entropy per site of all N modes of up to ``most`` minima of different samples."""
        found = [
            harmonic_thermodynamics(spectrum(glass, v), hbar2_over_m, temperatures) for glass, v in self.minima(most)
        ]
        return over_samples([one[0] for one in found]), over_samples([one[1] for one in found])

    def site_oscillators(self, hbar2_over_m: float, temperatures: ArrayLike) -> tuple[Sampled, Sampled]:
        """Specific heat and entropy per site of harmonic sites with the curvature 1/Gr_ii of U_eff at the state."""
        e = self.potentials
        curvature = (e.a2 + 0.5 * e.a4 * self.sites.v.ravel() ** 2) / e.gamma - e.C
        found = [
            harmonic_thermodynamics(curvature[self.sample == number], hbar2_over_m, temperatures)
            for number in range(self.samples)
        ]
        return over_samples([one[0] for one in found]), over_samples([one[1] for one in found])

    def some(self, most: int) -> SiteEnsemble:
        """The first ``most`` samples, with their first state only: those of `minima`."""
        sites = self.sites
        _, first = np.unique(sites.sample, return_index=True)
        rows = first[:most]
        kept = Sites(sites.n, sites.h[rows], sites.C[rows], sites.a2[rows], sites.v[rows], sites.sample[rows])
        model = self.simulation.run.model
        number = np.repeat(np.arange(len(rows)), sites.n)
        return SiteEnsemble(kept.local_potentials(model.a4, model.gamma), number, kept, self.simulation)

    def describe(self) -> dict[str, Any]:
        """What it is, for captions and files."""
        run = self.simulation.run
        protocol: str = run.protocol.kind
        if protocol == "anneal":
            protocol += f", {run.protocol.sweeps} sweeps"
        return {"protocol": protocol, "N": self.n, "samples": self.samples, "states": self.states}
