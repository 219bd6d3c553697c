"""KH98 Fig. 3: levels of a site against its field, and the density of states of excitations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meanfield.quantum.levels import levels
from meanfield.quantum.tunnel_splitting import tunnel_splitting
from meanfield.sites.single_site import critical_field, effective_potential, stationary_points
from validation.figures.drawing import SERIES, Columns, Drawn, columns, draw_points, draw_theory, theory_line
from validation.figures.theory import GAMMA, THEORIES, Theories
from validation.plot_style import INK, SHADE, figure
from validation.site_ensembles import SiteEnsemble

Array = NDArray[np.float64]

LEVELS, FIELD_POINTS = 8, 401
VISIBLE = 10.0  # times hbar^2/m, for crossings that are seen to be avoided
SHOWN = 1500  # simulated sites
BINS, LOWEST, HIGHEST = 400, 1e-3, 15.0
SIMULATED_BINS = 24


def levels_in_a_field(theories: Theories, glasses: list[tuple[str, SiteEnsemble]]) -> Drawn:
    """Fig. 3a: E_n(h) with the RS reaction coefficient, and the first excitation in every theory and simulation."""
    X = theories.hbar2_over_m
    drawn, (left, right) = figure(2, width=9.4, height=4.2)
    C, heavy = theories.solution("rs").C, VISIBLE * X
    parameters = (C, 1.0, 1.0, GAMMA)
    h_c = float(critical_field(*parameters))
    h = np.linspace(-1.15 * h_c, 1.15 * h_c, FIELD_POINTS)
    E = levels(h, C, gamma=GAMMA, hbar2_over_m=heavy, n=LEVELS).absolute
    data: dict[str, Columns] = {"levels, rs": columns("h", h, energy=E)}
    for n in range(LEVELS):
        left.plot(h, E[:, n], color=INK, lw=1.1, label="levels" if n == 0 else None)
    wells = stationary_points(h, *parameters)
    for v, label in ((wells[0], "minima of $U_{eff}$"), (wells[2], None)):
        left.plot(h, effective_potential(v, h, *parameters), color=SHADE, ls=(0, (4, 2)), lw=1.2, label=label)
    left.set(
        xlabel="effective field $h$  [$E_0/v_0$]",
        ylabel="$E_n(h)$  [$E_0$]",
        title=rf"RS, $C$ = {C:.4f}, $\hbar^2/m$ = {heavy:g}",
    )
    left.legend(loc="lower center", fontsize=8)
    right.set(xscale="log", yscale="log")
    reach = np.geomspace(1e-3, 20.0, 241)
    lowest = []
    for ansatz in THEORIES:
        C = theories.solution(ansatz).C
        heights = levels(reach, C, gamma=GAMMA, hbar2_over_m=X, n=2).heights
        gap = heights[:, 1] - heights[:, 0]
        lowest.append(float(np.exp(tunnel_splitting(np.array([C]), 1.0, 1.0, GAMMA, X)[0])))
        # Below the splitting at h = 0 there is nothing.
        gap = np.maximum(gap, lowest[-1])
        right.plot(reach, gap, **theory_line(ansatz))
        data[f"first excitation, {ansatz}"] = columns("h", reach, gap=gap) | {
            "C": C,
            "splitting_at_zero_field": lowest[-1],
        }
    for index, (name, ensemble) in enumerate(glasses):
        some = np.unique(np.linspace(0, len(ensemble.potentials) - 1, SHOWN).astype(int))
        gap = ensemble.excitations(X, 2)[some, 0]
        field = np.abs(ensemble.potentials.h[some])
        colour, marker, face = SERIES[index % len(SERIES)]
        right.plot(field, gap, marker, ms=2.2, mec=colour, mfc=face, mew=0.5, alpha=0.6, label=name, zorder=1)
        data[f"first excitation, {name}"] = columns("h", field, gap=gap, C=ensemble.potentials.C[some])
    right.set(
        xlabel="$|h|$  [$E_0/v_0$]",
        ylabel="$E_1 - E_0$  [$E_0$]",
        title=rf"$\hbar^2/m$ = {X:g}",
        xlim=(1e-3, 25),
        ylim=(1e-4, 10),
    )
    right.legend(fontsize=8, markerscale=2, loc="lower right")
    coefficients = ", ".join(f"{THEORIES[a]} {theories.solution(a).C:.4f}" for a in THEORIES)
    splittings = ", ".join(f"{THEORIES[a]} {value:.2g}" for a, value in zip(THEORIES, lowest, strict=True))
    steps = theories.solution("frsb").mu.size
    caption = (
        f"Levels of p^2/2m + U_eff(v; h) at gamma = 4, J0 = 0. Left: E_n(h), n = 0 to {LEVELS - 1}, absolute, with the "
        f"reaction coefficient of RS and hbar^2/m = {heavy:g}, ten times that of the other figures, so that crossings "
        "of the levels of the two wells are seen to be avoided; dashed: the minima of the potential. Right: the first "
        f"excitation E_1 - E_0 at hbar^2/m = {X:g}, for the reaction coefficients C of the theories ({coefficients}; "
        f"full RSB: that of {steps} steps). It ends at the tunnel splitting at h = 0: {splittings}. Levels "
        "are accurate to "
        "1e-12. "
    )
    if glasses:
        caption += "Symbols: simulated sites, each with its own C_i (" + _counts(glasses, f"{SHOWN} sites shown") + ")."
    return Drawn("3a", "Levels in a field", caption, drawn, data, {"C": coefficients, "splitting": splittings})


def density_of_excitations(theories: Theories, glasses: list[tuple[str, SiteEnsemble]]) -> Drawn:
    """Fig. 3b: the density of E_n - E_0 per site."""
    X = theories.hbar2_over_m
    drawn, axes = figure(width=6.8, height=4.4)
    axes.set(xscale="log", yscale="log")
    edges = np.concatenate([[0.0], np.geomspace(LOWEST, HIGHEST, BINS + 1)])
    data: dict[str, Columns] = {}
    for ansatz in THEORIES:
        energy, total = theories.density_of_states(ansatz, edges, LEVELS)
        draw_theory(axes, ansatz, energy, total.value, np.zeros_like(total.value))
        if np.any(total.error > 0):
            reach = [np.maximum(energy - total.error, LOWEST), energy + total.error]
            axes.fill_betweenx(total.value, *reach, color=theory_line(ansatz)["color"], alpha=0.18, linewidth=0)
        data[ansatz] = columns("energy", energy, density=total.value, energy_error=total.error)
    coarse = np.geomspace(LOWEST, HIGHEST, SIMULATED_BINS + 1)
    middle = np.sqrt(coarse[1:] * coarse[:-1])
    for index, (name, ensemble) in enumerate(glasses):
        *_, found = ensemble.density_of_states(X, coarse, LEVELS)
        draw_points(axes, middle, found, index, name)
        data[name] = columns("energy", middle, density=found.mean, error=found.error)
    axes.set(xlabel="excitation energy $E$  [$E_0$]", ylabel="density of excitations per site", xlim=(LOWEST, HIGHEST))
    axes.set_ylim(1e-6, 10)
    axes.legend(fontsize=8, loc="upper left")
    caption = (
        f"Density of excitations E_n - E_0, n = 1 to {LEVELS - 1}, per site and energy, at gamma = 4, J0 = 0, "
        f"hbar^2/m = {X:g}. RS and "
        "1RSB: a plateau of tunnelling states that ends, with a divergence, at the tunnel splitting of symmetric "
        "wells, and a rise at the first excitation "
        "within the wells. Full RSB (limit of many steps with its error): fields near zero are rare and barriers low, "
        "and there is no plateau. The curves "
        "are integrals over the distribution of fields, not histograms. "
    )
    if glasses:
        caption += (
            "Symbols: simulated sites in bins of energy, errors over disorder samples (" + _counts(glasses) + ")."
        )
    return Drawn("3b", "Density of states", caption, drawn, data)


def _counts(glasses: list[tuple[str, SiteEnsemble]], more: str = "") -> str:
    parts = [f"{name}: N = {one.n}, {one.samples} samples, {one.states} states" for name, one in glasses]
    return "; ".join(parts + ([more] if more else []))
