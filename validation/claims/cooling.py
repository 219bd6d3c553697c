"""Slower cooling of the same samples: how P(0), double wells and the linear specific heat fall.

No theory has numbers for this: what must come out is a trend. Every protocol cools the same disorder samples, so that
differences are taken sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import h5py
import numpy as np
from numpy.typing import NDArray

from meanfield.quantum.thermodynamics import thermodynamics
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck
from validation.claims.small_fields import WINDOW, line
from validation.claims.solved import solved
from validation.plot_style import INK, SHADE, figure, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.simulation import Simulation, Sites
from validation.verdicts.checks import THRESHOLD, Check, Verdict

Array = NDArray[np.float64]

HBAR2_OVER_M = 0.1  # the value of the paper's specific heats [E0 v0^2]
COLD = 0.02  # temperature at which c/T is taken [E0]
GROUPS = 12  # of samples, for the error of the specific heat

QUANTITIES = {
    "energy": "energy per site",
    "small_field_density": "P(h = 0)",
    "double_well_fraction": "fraction of sites with a double well",
    "linear_specific_heat": f"c/T at T = {COLD:g}, hbar^2/m = {HBAR2_OVER_M:g}",
}


@dataclass(frozen=True)
class Cooled:
    """One protocol: Monte Carlo sweeps (0: quench) and every quantity per sample or per group of samples."""

    sweeps: int
    values: dict[str, Array]

    def mean(self, name: str) -> tuple[float, float]:
        """Mean and standard error over samples."""
        values = self.values[name]
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def judge(evidence: Evidence) -> Finding:
    """Does everything that double wells make fall with slower cooling?"""
    model = mean_field_model(evidence.simulations[0].run)
    w = WINDOW * float(np.sqrt(solved(model, "rs").q[-1]))
    cooled = sorted((_cooled(one, w) for one in evidence.simulations), key=lambda one: one.sweeps)
    n = max(size.n for size in evidence.simulations[0].sizes)
    where = f"N = {n}, gamma = {model.gamma:g}, {cooled[0].sweeps} to {cooled[-1].sweeps} sweeps, the same samples"
    checks = [_trend(name, title, where, n, cooled) for name, title in QUANTITIES.items()]
    rows = [
        [str(one.sweeps) if one.sweeps else "quench", *(with_error(*one.mean(name)) for name in QUANTITIES)]
        for one in cooled
    ]
    return Finding(
        claim=evidence.claim,
        title=evidence.claim.title or "Quench against anneal",
        statement=_statement(cooled),
        checks=checks,
        pictures=[_picture(cooled)],
        numbers={
            "window": w,
            "protocols": [
                {"sweeps": one.sweeps, **{name: list(one.mean(name)) for name in QUANTITIES}} for one in cooled
            ],
        },
        tables=[(f"Means over samples of N = {n}", ["sweeps", *QUANTITIES.values()], rows)],
    )


def _cooled(simulation: Simulation, w: float) -> Cooled:
    n = max(size.n for size in simulation.sizes)
    sites = simulation.sites(n, folded=False, limit=2**24)
    run = simulation.run
    h = np.abs(sites.h)
    densities = [((h >= low) & (h < high)).mean(axis=1) / w for low, high in ((0.0, w / 2), (w / 2, w))]
    density, _ = line(densities[0], densities[1], w)
    ensemble = sites.local_potentials(run.model.a4, run.model.gamma)
    wells = ensemble.double_wells().exists.reshape(h.shape).mean(axis=1)
    with h5py.File(simulation.path / "results.h5", "r", locking=False) as file:
        group = file[f"n{n}"]
        used = (group["finished"][()] == 1) & (group["converged"][()] == 1)
        energy = group["energy"][()][used]
    numbers = sites.sample
    return Cooled(
        run.recipe.sweeps if run.protocol.kind == "anneal" else 0,
        {
            "energy": _by_sample(energy, numbers),
            "small_field_density": _by_sample(np.asarray(density), numbers),
            "double_well_fraction": _by_sample(wells, numbers),
            "linear_specific_heat": _specific_heats(sites, run.model.a4, run.model.gamma),
        },
    )


def _by_sample(values: Array, sample: NDArray[np.int64]) -> Array:
    """Mean over the states of each sample, in the order of the samples."""
    return np.array([values[sample == number].mean() for number in np.unique(sample)])


def _specific_heats(sites: Sites, a4: float, gamma: float) -> Array:
    """c/T of the local potentials of groups of samples, shape (groups,)."""
    numbers = np.unique(sites.sample)
    found = []
    for part in np.array_split(numbers, min(GROUPS, len(numbers))):
        chosen = np.isin(sites.sample, part)
        some = replace(sites, h=sites.h[chosen], C=sites.C[chosen], a2=sites.a2[chosen], v=sites.v[chosen], sample=part)
        heat = thermodynamics(some.local_potentials(a4, gamma), HBAR2_OVER_M, [COLD])
        found.append(float(heat.specific_heat[0]) / COLD)
    return np.array(found)


def _difference(name: str, fast: Cooled, slow: Cooled) -> tuple[float, float]:
    """Mean of slow less fast over the same samples, and its error."""
    change = slow.values[name] - fast.values[name]
    return float(change.mean()), float(change.std(ddof=1) / np.sqrt(len(change)))


def _trend(name: str, title: str, where: str, n: int, cooled: list[Cooled]) -> StudyCheck:
    """From the fastest to the slowest protocol a quantity must fall, beyond three errors."""
    change, error = _difference(name, cooled[0], cooled[-1])
    z = change / error if error > 0 else 0.0
    verdict: Verdict = "pass" if z < -THRESHOLD else ("fail" if z > THRESHOLD else "not tested")
    told = f"slowest less fastest: {change:.3g} ± {error:.2g}, z = {z:+.1f}"
    reason = f"slower cooling leads to deeper states; {told}"
    nothing = dict.fromkeys(THEORIES)
    value, stderr = cooled[-1].mean(name)
    made = Check(name, n, 0.0, value, stderr, dict(nothing), dict(nothing), dict(nothing), verdict, reason)
    return StudyCheck(made, where, f"{title}, falls with slower cooling")


def _statement(cooled: list[Cooled]) -> str:
    parts = []
    for name, title in QUANTITIES.items():
        first, last = cooled[0].mean(name), cooled[-1].mean(name)
        parts.append(f"{title}: {with_error(*first)} to {with_error(*last)}")
    return f"From {cooled[0].sweeps or 'a quench'} to {cooled[-1].sweeps} sweeps: " + "; ".join(parts) + "."


def _picture(cooled: list[Cooled]) -> Picture:
    with style():
        drawn, panels = figure(len(QUANTITIES), width=11.5, height=3.2)
        x = np.array([max(one.sweeps, 1) for one in cooled], float)
        for axes, (name, title) in zip(panels, QUANTITIES.items(), strict=True):
            mean, error = np.array([one.mean(name) for one in cooled]).T
            axes.errorbar(x, mean, error, fmt="o-", color=INK, markersize=4, capsize=2, linewidth=0.9)
            axes.set_xscale("log")
            axes.set_xlabel("sweeps (quench: 1)")
            axes.set_title(title, fontsize=9)
            if name != "energy":
                axes.set_ylim(bottom=0)
                axes.axhline(0, color=SHADE, linewidth=0.6)
    caption = (
        "Means over the same samples against the length of the annealing: energy, density of cavity fields at h = 0, "
        "share of sites with a double well, and the specific heat of their tunnelling at low temperature."
    )
    return Picture("cooling", "Quench against anneal", caption, drawn)
