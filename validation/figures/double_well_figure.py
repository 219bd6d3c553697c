"""KH98 Fig. 2: asymmetries and tunnelling parameters of the double wells, and how they hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meanfield.quantum.well_statistics import WellStatistics, well_statistics
from validation.figures.drawing import SERIES, Columns, Drawn, columns, draw_points, draw_theory, theory_line
from validation.figures.theory import THEORIES, Theories, well_branch
from validation.plot_style import figure
from validation.site_ensembles import SiteEnsemble

Array = NDArray[np.float64]

BINS = 9
NODES = 60
FEWEST = 10  # double wells for a measure
MEASURES = ("flatness of Delta", "flatness of lambda", "dependence", "mutual information")


def double_wells(theories: Theories, glasses: list[tuple[str, SiteEnsemble]]) -> Drawn:
    """Fig. 2, with the joint distribution and its distance from that of the standard tunnelling model."""
    X = theories.hbar2_over_m
    drawn, (left, middle, right) = figure(3, width=10.2, height=3.9)
    for axes in (left, middle):
        axes.set_yscale("log")
    _, widest = well_branch(theories.solution("rs"))
    top = float(widest.asymmetry.max()), float(widest.tunnelling(X).max())
    data: dict[str, Columns] = {}
    measures: dict[str, dict[str, float | int]] = {}
    for ansatz in THEORIES:
        for axes, name, (x, P) in (
            (left, "asymmetry", theories.asymmetry_density(ansatz)),
            (middle, "lambda", theories.tunnelling_density(ansatz)),
        ):
            draw_theory(axes, ansatz, x, P.value, P.error)
            data[f"{name}, {ansatz}"] = columns(name, x, density=P.value, error=P.error)
        _, wells = well_branch(theories.solution(ansatz))
        right.plot(wells.asymmetry, wells.tunnelling(X), **theory_line(ansatz))
        measures[THEORIES[ansatz]] = measure(well_statistics(theories.solution(ansatz).local_potentials(NODES), X))
    words = []
    for index, (name, ensemble) in enumerate(glasses):
        wells = ensemble.potentials.double_wells()
        for axes, key, values, end in (
            (left, "asymmetry", wells.asymmetry, top[0]),
            (middle, "lambda", wells.tunnelling(X), top[1]),
        ):
            edges = np.linspace(0.0, end, BINS + 1)
            found, centres = ensemble.histogram(values, edges), 0.5 * (edges[1:] + edges[:-1])
            draw_points(axes, centres, found, index, name)
            data[f"{key}, {name}"] = columns(key, centres, density=found.mean, error=found.error)
        some, (colour, marker, face) = wells.exists, SERIES[index % len(SERIES)]
        right.plot(
            wells.asymmetry[some], wells.tunnelling(X)[some], marker, ms=2.5, mfc=face, mec=colour, mew=0.6, alpha=0.7
        )
        fraction = ensemble.double_well_fraction()
        text = f"{name}: {int(some.sum())} double wells among {some.size} sites"
        words.append(f"{text} ({fraction.mean[()]:.2%} +- {fraction.error[()]:.2%})")
        measures[name] = measure(ensemble.wells(X))
    left.set(xlabel=r"asymmetry $\Delta$  [$E_0$]", ylabel=r"$P(\Delta)$ per site", ylim=(1e-6, 0.3))
    middle.set(xlabel=r"tunnelling parameter $\lambda$", ylabel=r"$P(\lambda)$ per site", ylim=(1e-6, 0.3))
    right.set(xlabel=r"$\Delta$  [$E_0$]", ylabel=r"$\lambda$", xlim=(0, top[0]), ylim=(0, 1.05 * top[1]))
    handles, labels = left.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper left", ncols=6, fontsize=8, columnspacing=1.0)
    spreads = "; ".join(
        f"{name}: {found['flatness of Delta']:.2f}, {found['flatness of lambda']:.2f}, {found['dependence']:.2f}"
        for name, found in measures.items()
        if "dependence" in found
    )
    caption = (
        f"Double wells of the local potentials at gamma = 4, J0 = 0, T = 0, hbar^2/m = {X:g}. Left and middle: "
        "densities per "
        "site (their integral is the fraction of sites with two wells) of the asymmetry Delta and of KH98's lambda = "
        "(d/2) "
        "sqrt(2 m V/hbar^2), V above the upper minimum. Right: both together; without local disorder the theories put "
        f"every double well on a line. {THEORIES['frsb']}: limit of many steps with its error (left, middle), the "
        "largest number "
        "of steps (right). The standard tunnelling model assumes both even and independent. Distances from even (of "
        f"Delta, of lambda; Kolmogorov-Smirnov, 0 to 1) and dependence (0 to 1) are {spreads}. "
    )
    caption += (
        "Symbols: simulated, errors over disorder samples: " + "; ".join(words) + "." if words else "No simulation."
    )
    return Drawn("2", "Double wells", caption, drawn, data, {"standard_tunnelling_model": measures})


def measure(wells: WellStatistics) -> dict[str, float | int]:
    """How far the joint distribution is from an even and independent one; only the fraction if wells are few."""
    result: dict[str, float | int] = {"fraction": wells.fraction, "wells": int(wells.weight.size)}
    if wells.weight.size < FEWEST:
        return result
    values = (wells.flatness("asymmetry"), wells.flatness("tunnelling"), wells.dependence(), wells.information())
    return result | dict(zip(MEASURES, map(float, values), strict=True))
