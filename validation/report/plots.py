"""The figures of a report, each one claim: what was simulated beside what the theories say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from nsim.errors import InputError
from nsim.sample.glass import Glass
from nsim.sample.hessian import spectrum
from validation import hessian_law
from validation.plot_style import INK, SHADE, THEORY_COLOURS, THEORY_DASHES, draw_size, figure, legend, style
from validation.predictions import THEORIES, Theory
from validation.simulation import Sites
from validation.verdicts.comparison import Comparison
from validation.verdicts.equilibrium import THERMAL

Array = NDArray[np.float64]

LARGEST_SPECTRUM = 2048  # sites; a full diagonalisation grows as N^3
CHI_LOCAL = r"$\beta\,(\hat q - [\langle |q_{ab}|\rangle])$  [$v_0^2/E_0$]"
CURVE_POINTS = 25  # of a theory's P(h) on either side of h = 0, joined by a spline


@dataclass(frozen=True)
class Plot:
    """A figure with what a reader must know to read it."""

    name: str
    title: str
    caption: str
    figure: Figure


def plots(comparison: Comparison) -> list[Plot]:
    """All figures that the data allow."""
    makers: list[Callable[[Comparison, Sites], Plot | None]] = [
        fields,
        asymmetries,
        reaction_coefficients,
        hessian_spectrum,
    ]
    with style():
        found: list[Plot | None] = [energies(comparison)]
        if comparison.simulation.has_sites:
            largest = max(size.n for size in comparison.simulation.sizes)
            sites = comparison.simulation.sites(largest, comparison.regime.folded)
            found += [maker(comparison, sites) for maker in makers]
        if len(comparison.equilibrium) > 1:
            found.append(equilibrium(comparison))
    return [plot for plot in found if plot is not None]


def energies(comparison: Comparison) -> Plot:
    """Energy per site against N^-omega with its extrapolation and the theories' values."""
    drawn, axes = figure()
    leading = comparison.forms["energy"][0]
    omega = leading.exponents[0]
    sizes = np.array([size.n for size in comparison.simulation.sizes], float)
    replicas = comparison.simulation.run.ensemble.replicas
    series = [("energy", "o", INK, "mean over states")]
    if replicas > 1:
        series.append(("lowest_energy", "s", SHADE, f"lowest of {replicas} states"))
    right = 1.08 * sizes.min() ** -omega
    for name, marker, colour, label in series:
        averages = [comparison.averages[int(n)][name] for n in sizes]
        axes.errorbar(
            sizes**-omega,
            [found.mean for found in averages],
            [found.stderr or 0.0 for found in averages],
            fmt=marker,
            color=colour,
            markersize=4.5,
            capsize=2,
            label=f"simulation, {label}",
        )
        limit = comparison.limits.get(name)
        if limit is not None:
            x = np.linspace(0.0, right, 60)
            with np.errstate(divide="ignore"):
                line, error = limit.curve(x ** (-1 / omega))
            axes.plot(x, line, color=colour, linewidth=1)
            axes.fill_between(x, line - error, line + error, color=colour, alpha=0.18, linewidth=0)
            axes.errorbar([0.0], [limit.value], [limit.stderr], fmt=marker, color=colour, mfc="none", capsize=3)
    for theory in _solved(comparison):
        axes.axhline(theory.values["energy"], label=theory.label, **_line(theory))
    axes.set_xlim(-0.03 * right, right)
    power = "1/N" if omega == 1 else rf"N^{{-{_fraction(omega)}}}"
    axes.set_xlabel(f"${power}$")
    axes.set_ylabel("energy per site $e$  [$E_0$]")
    legend(drawn, axes, columns=3)
    caption = (
        f"Energy per site against its leading finite-size correction: {leading.reason}. Points: means over "
        "disorder samples with standard errors; line and band: average over fits with and without terms of next "
        f"order, open symbol: its value for N → ∞. {_ensemble(comparison)}"
    )
    return Plot("energy", "Energy per site, extrapolated", caption, drawn)


def equilibrium(comparison: Comparison) -> Plot:
    """Mean squared overlap and local susceptibility against temperature, for every size and theory."""
    drawn, panels = figure(2, width=8.6)
    quantities = {"overlap_squared": r"$[\langle q_{ab}^2\rangle]$  [$v_0^4$]", "local_susceptibility": CHI_LOCAL}
    for axes, (name, text) in zip(panels, quantities.items(), strict=True):
        variable = THERMAL[name].variable
        for size, shade in zip(comparison.simulation.sizes, _shades(len(comparison.simulation.sizes)), strict=True):
            thermal = comparison.simulation.thermal(size.n, [variable])
            if thermal is None:
                continue
            found = [thermal.average(variable, float(t)) for t in thermal.temperatures]
            mean, error = [one.mean for one in found], [one.stderr or 0.0 for one in found]
            draw_size(axes, thermal.temperatures, mean, error, shade, f"N = {size.n}")
        for theory in THEORIES:
            points = [(at.temperature, at.theories[theory]) for at in comparison.equilibrium]
            there = [(t, one.solution) for t, one in points if one.solution is not None]
            if there:
                line = [float(one.limit(THERMAL[name].prediction).value) for _, one in there]
                axes.plot([t for t, _ in there], line, label=THEORIES[theory], **_line(points[0][1]))
        axes.set_xlabel("temperature $T$  [$E_0$]")
        axes.set_ylabel(text)
    legend(drawn, panels[0], columns=3)
    caption = (
        "Thermal averages of independent replicas: mean squared overlap, and beta (q_hat - |q_ab|), the response of a "
        "site within one half of the states. Points: means over samples with standard errors, joined to guide the eye; "
        "lines: theory at the compared temperatures. In full RSB the response is 1 throughout the glass if J0 = F = 0. "
        f"{_ensemble(comparison)}"
    )
    return Plot("equilibrium", "Overlap and response in equilibrium", caption, drawn)


def _shades(count: int) -> Array:
    """From pale for the smallest size to full for the largest."""
    return np.linspace(0.35, 1.0, count) if count > 1 else np.ones(1)


def fields(comparison: Comparison, sites: Sites) -> Plot | None:
    """P(h) of the cavity fields, and its behaviour near h = 0 where sites are found there."""
    mean, std = float(sites.h.mean()), float(sites.h.std())
    if std < 1e-9:
        return None  # ergodic state: every field is zero
    window = comparison.mean_field.window
    zoom = window is not None and abs(mean) < 3 * std
    drawn, panels = figure(2 if zoom else 1, width=8.6 if zoom else 6.4)
    axes = panels[0] if zoom else panels
    symmetric = comparison.regime.p_fixed_by_symmetry
    reach = 6 * (window or 0.0)
    low, high = min(mean - 4 * std, -reach), max(mean + 4 * std, reach)
    near = np.linspace(0.0 if symmetric else -reach, reach, 81)
    _histogram(axes, sites, sites.h, np.linspace(low, high, 61))
    curve = np.linspace(low, high, 241)
    for theory in _scattering(comparison):
        density = _field_density(theory, low, high)
        axes.plot(curve, density(curve), label=theory.label, **_line(theory))
        if zoom:
            panels[1].plot(near, density(near), **_line(theory))
    axes.set_xlabel("cavity field $h$  [$E_0/v_0$]")
    axes.set_ylabel("$P(h)$")
    axes.set_ylim(bottom=0)
    legend(drawn, axes)
    if zoom and window is not None:
        edges = np.linspace(0.0 if symmetric else -reach, reach, 13 if symmetric else 25)
        values = np.abs(sites.h) if symmetric else sites.h
        share = 0.5 if symmetric else 1.0  # |h| collects both signs
        _histogram(panels[1], sites, values, edges, share)
        panels[1].axvspan(0.0 if symmetric else -window, window, color=SHADE, alpha=0.2, linewidth=0)
        panels[1].set_xlabel(f"{'$|h|$' if symmetric else '$h$'}, near zero  [$E_0/v_0$]")
        panels[1].set_xlim(edges[0], reach)
        panels[1].set_ylim(bottom=0)
    caption = (
        f"Distribution of the cavity fields h_i = l_i - C_i v_i of {_sites(sites)}, and of the theories' effective "
        f"fields."
    )
    if zoom:
        caption += (
            f" Right: near h = 0; shaded: the window |h| < h0 = {window:.3g} whose weight is compared in the table."
        )
    return Plot("fields", "Distribution of cavity fields", caption, drawn)


def asymmetries(comparison: Comparison, sites: Sites) -> Plot | None:
    """P(Delta) of the double wells of the local potentials."""
    model = comparison.simulation.run.model
    if model.a4 == 0:
        return None  # harmonic sites have no double wells
    ensembles = {"simulation": sites.local_potentials(model.a4, model.gamma)}
    ensembles |= {theory.name: theory.sites for theory in _solved(comparison) if theory.sites is not None}
    wells = {name: ensemble.double_wells() for name, ensemble in ensembles.items()}
    if not any(found.exists.any() for found in wells.values()):
        return None
    drawn, axes = figure()
    ends = {name: found.asymmetry[found.exists] for name, found in wells.items() if found.exists.any()}
    simulated = ends.pop("simulation", np.zeros(1))
    # The theories' wells end at a sharp Delta; a few simulated sites with a large C_i lie far beyond.
    reach = max([1.4 * float(end.max()) for end in ends.values()] or [float(simulated.max())])
    beyond = int((simulated > reach).sum())
    edges = np.linspace(0.0, reach, 29)
    for theory in _solved(comparison):
        if wells[theory.name].exists.any():
            density = _asymmetry_density(wells[theory.name].asymmetry, ensembles[theory.name].weight, edges)
            axes.stairs(_or_nan(density), edges, label=theory.label, **_line(theory))
    _histogram(axes, sites, wells["simulation"].asymmetry.reshape(sites.h.shape), edges)
    axes.set_yscale("log")
    # The axis ends at half a site per bin: below, the error bar of a single site reaches to zero.
    axes.set_ylim(bottom=0.5 / (sites.h.size * edges[1]))
    axes.set_xlim(0, reach)
    axes.set_xlabel(r"asymmetry $\Delta$  [$E_0$]")
    axes.set_ylabel(r"$P(\Delta)$ per site")
    legend(drawn, axes)
    caption = (
        f"Asymmetry of the double wells of U_eff, normalised per site: the area is the fraction of sites with a double "
        f"well. Simulation: {_sites(sites)}, {int(wells['simulation'].exists.sum())} of them with a double well"
        + (f", {beyond} of these beyond the right end." if beyond else ".")
    )
    return Plot("asymmetry", "Double wells", caption, drawn)


def reaction_coefficients(comparison: Comparison, sites: Sites) -> Plot | None:
    """Distribution of the reaction coefficients C_i, which the theory takes as equal."""
    low, high = np.quantile(sites.C, [0.002, 0.998])
    solved = _solved(comparison)
    ends = [low, high, *(theory.solution.C for theory in solved if theory.solution)]
    ends += [theory.values["C"] for theory in solved]
    margin = 0.05 * (max(ends) - min(ends))
    if margin < 1e-9:
        return None
    drawn, axes = figure()
    _histogram(axes, sites, sites.C, np.linspace(min(ends) - margin, max(ends) + margin, 71))
    for theory in solved:
        assert theory.solution is not None
        axes.axvline(theory.values["C"], label=rf"{theory.label}, $C_\mathrm{{reg}}$", **_line(theory))
        if theory.solution.C - theory.values["C"] > 1e-9:
            axes.axvline(
                theory.solution.C,
                label=f"{theory.label}, $C$ with jumps",
                color=THEORY_COLOURS[theory.name],
                linestyle=":",
            )
    axes.set_xlabel("reaction coefficient $C_i$  [$E_0/v_0^2$]")
    axes.set_ylabel("density")
    legend(drawn, axes, columns=3)
    caption = (
        f"Reaction coefficients C_i = G''(v_i)/gamma - 1/Gr_ii of {_sites(sites)}. For N → ∞ theory has the same C at "
        f"every site. A minimum answers linearly, without jumps, so the C_i belong to C_reg."
    )
    return Plot("reaction", "Reaction coefficients", caption, drawn)


def hessian_spectrum(comparison: Comparison, sites: Sites) -> Plot | None:
    """Eigenvalues of the Hessian of one state with the law for N -> infinity."""
    simulation = comparison.simulation
    run = simulation.run
    small_enough = [size.n for size in simulation.sizes if size.n <= LARGEST_SPECTRUM]
    if not small_enough or run.couplings_path is not None:
        return None
    n = max(small_enough)
    sample, v = simulation.typical_state(n)
    try:
        seed, number = run.origin(n, sample)
        glass = Glass.draw(run.model, seed, n, number, dtype=run.couplings.dtype)
    except InputError:
        return None
    if np.abs(glass.gradient(v)).max() > 1e-6:
        return None  # drawn by another version of the couplings: this J is not the state's
    eigenvalues, d = spectrum(glass, v), glass.on_site_curvature(v)
    drawn, axes = figure()
    low, high = float(eigenvalues.min()), float(eigenvalues.max())
    bins = int(np.clip(np.sqrt(n) * 2, 10, 60))
    axes.hist(eigenvalues, np.linspace(min(low, 0), high, bins + 1), density=True, color=SHADE, alpha=0.5)
    axes.plot(*hessian_law.density(d), color=INK, label=r"law for $N\to\infty$ with these $d_i$")
    axes.plot(eigenvalues, np.zeros(n), "|", color=INK, markersize=8, alpha=0.6, label="eigenvalues")
    axes.set_xlabel(r"eigenvalue $\lambda$ of the Hessian  [$E_0/v_0^2$]")
    axes.set_ylabel("density")
    axes.set_ylim(bottom=0)
    legend(drawn, axes)
    replicon = float(np.mean(np.diagonal(np.linalg.inv(glass.hessian(v))) ** 2))
    caption = (
        f"Spectrum of the Hessian diag(G''(v_i))/gamma - J of one state (N = {n}, sample {sample}, the one whose "
        f"lowest energy is the median; lowest eigenvalue {low:.3g}, replicon sum {replicon:.3g}), with the density "
        f"Im g/pi from g(z) = E_d[1/(d - z - g(z))] for the measured d_i = G''(v_i)/gamma."
    )
    return Plot("spectrum", "Hessian spectrum of one state", caption, drawn)


def _solved(comparison: Comparison) -> list[Theory]:
    return [theory for theory in comparison.mean_field.theories.values() if theory.solution is not None]


def _scattering(comparison: Comparison) -> Iterator[Theory]:
    """Theories whose fields have a density (not the ergodic state, where all are equal)."""
    return (theory for theory in _solved(comparison) if theory.solution and theory.solution.q[-1] > 0)


def _field_density(theory: Theory, low: float, high: float) -> Callable[[Array], Array]:
    """The theory's P(h) between two fields as splines: smooth on either side of h = 0, where it may have a kink."""
    assert theory.solution is not None
    sides = [(low, 0.0), (0.0, high)] if low < 0 < high else [(low, high)]
    nodes = [np.linspace(*side, CURVE_POINTS) for side in sides]
    splines = [CubicSpline(h, theory.solution.field_density(h)) for h in nodes]
    return lambda h: np.where(h < 0, splines[0](h), splines[-1](h))


def _asymmetry_density(asymmetry: Array, weight: Array, edges: Array) -> Array:
    """P(Delta) in bins from a quadrature ensemble, by its interpolated cumulative weight.

    A histogram of the nodes themselves would show their spacing.
    """
    there = np.isfinite(asymmetry)
    # Nodes at h and -h have the same Delta up to rounding: one step of the cumulative weight.
    delta, which = np.unique(np.round(asymmetry[there], 10), return_inverse=True)
    step = np.bincount(which, weight[there])
    at_edges = np.interp(edges, delta, np.cumsum(step) - 0.5 * step, left=0.0, right=float(step.sum()))
    return np.diff(at_edges) / np.diff(edges)


def _line(theory: Theory) -> dict[str, object]:
    # RS, dashed, above: where 1RSB coincides with it both are seen.
    return {
        "color": THEORY_COLOURS[theory.name],
        "linestyle": THEORY_DASHES[theory.name],
        "zorder": 3 if theory.name == "rs" else 2.5,
    }


def _histogram(axes: object, sites: Sites, values: Array, edges: Array, share: float = 1.0) -> None:
    """Simulated density as steps with the standard error over samples in the middle of each."""
    density, error = sites.histogram(values, edges)
    density, error = share * density, share * error
    centres = (edges[1:] + edges[:-1]) / 2
    axes.stairs(_or_nan(density), edges, baseline=None, color=INK, linewidth=1.2, label=f"simulation, N = {sites.n}")  # type: ignore[attr-defined]
    seen = density > 0
    axes.errorbar(centres[seen], density[seen], error[seen], fmt="none", ecolor=INK, elinewidth=0.8)  # type: ignore[attr-defined]


def _or_nan(density: Array) -> Array:
    """Empty bins are left out: a logarithmic axis has no zero."""
    return np.where(density > 0, density, np.nan)


def _sites(sites: Sites) -> str:
    return f"{sites.h.size} sites ({sites.samples} samples of N = {sites.n}, {len(sites.h)} states)"


def _ensemble(comparison: Comparison) -> str:
    sizes = comparison.simulation.sizes
    counts = ", ".join(f"{size.samples} of N = {size.n}" for size in sizes)
    return f"Samples: {counts}; {sum(size.states for size in sizes)} states."


def _fraction(omega: float) -> str:
    for denominator in (1, 2, 3, 5):
        if abs(omega * denominator - round(omega * denominator)) < 1e-9:
            return f"{round(omega * denominator)}/{denominator}"
    return f"{omega:.3g}"
