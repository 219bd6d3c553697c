"""KH98 Fig. 4: specific heat; beside it its parts, entropy, and the collective modes of real minima."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from meanfield.quantum.thermal_ensemble import solution_thermodynamics
from validation.figures.drawing import Columns, Drawn, columns, draw_band, draw_theory, theory_line
from validation.figures.own_runs import SPREADS
from validation.figures.theory import THEORIES, Curve, Theories, disordered
from validation.plot_style import INK, SHADE, figure
from validation.site_ensembles import Sampled, SiteEnsemble

Array = NDArray[np.float64]

LOW, HIGH, COUNT = 1e-4, 30.0, 67
LINEAR_AT = 1e-2  # temperature at which the linear term is read off
FIT = (1e-4, 1e-2)  # below the rise of excitations within wells
PAPER_EXPONENT = 1.1
MODES = 24  # minima whose Hessian is diagonalised
Glasses = list[tuple[str, SiteEnsemble]]


def temperatures() -> Array:
    """More than five decades."""
    return np.geomspace(LOW, HIGH, COUNT)


def without_local_disorder(theories: Theories, glasses: Glasses) -> Drawn:
    """Fig. 4a: C(T), and C/T^3 with its bump."""
    X, T = theories.hbar2_over_m, temperatures()
    drawn, (left, right) = _heat_panels((LOW, HIGH), (5e-3, 3.0), height=4.3)
    data: dict[str, Columns] = {}
    linear: dict[str, tuple[float, float]] = {}
    at = int(np.argmin(np.abs(T - LINEAR_AT)))
    for ansatz in THEORIES:
        found = theories.thermodynamics(ansatz, T)
        C, two = found["specific_heat"], found["tunnelling_specific_heat"]
        draw_theory(left, ansatz, T, C.value, C.error)
        draw_theory(right, ansatz, T, C.value / T**3, C.error / T**3)
        if ansatz != "frsb":
            left.plot(T, np.where(two.value > 0, two.value, np.nan), color=theory_line(ansatz)["color"], lw=0.7)
        linear[THEORIES[ansatz]] = (float(C.value[at] / T[at]), float(C.error[at] / T[at]))
        data[ansatz] = columns(
            "temperature",
            T,
            **{name: one.value for name, one in found.items()},
            **{f"{name}_error": one.error for name, one in found.items()},
        )
    for index, (name, ensemble) in enumerate(glasses):
        sampled = ensemble.thermodynamics(X, T)
        heat = sampled["specific_heat"]
        _draw_heat(left, right, T, heat, index, name)
        linear[name] = (float(heat.mean[at] / T[at]), float(heat.error[at] / T[at]))
        data[name] = columns(
            "temperature",
            T,
            **{key: one.mean for key, one in sampled.items()},
            **{f"{key}_error": one.error for key, one in sampled.items()},
        )
    left.plot([], [], color=SHADE, lw=0.7, label="two-level approximation")
    left.legend(fontsize=8, loc="lower right")
    terms = "; ".join(
        f"{name} {value:.3g}" + (f" +- {error:.1g}" if error > 0 else "") for name, (value, error) in linear.items()
    )
    caption = (
        f"Specific heat per site at gamma = 4, J0 = 0 without local disorder, hbar^2/m = {X:g}, k_B = 1: quantum "
        "levels in the "
        "local potentials of the classical solutions at T = 0. Thin lines: the two lowest levels of sites with two "
        "wells alone. Right: "
        "C/T^3 with its bump. Full RSB: limit of many steps of ln C, with its error; it has no linear term. C/T at T = "
        f"{T[at]:.2g}: {terms}. "
    )
    if glasses:
        caption += (
            "Simulated minima: mean and standard error over disorder samples ("
            + _counts(glasses)
            + "), the faster cooled with more double wells; the values of C/T show what the cooling rate does."
        )
    return Drawn(
        "4a",
        "Specific heat without local disorder",
        caption,
        drawn,
        data,
        {"C_over_T": {"T": float(T[at])} | {k: list(v) for k, v in linear.items()}},
    )


def with_local_disorder(hbar2_over_m: float, glasses: dict[str, SiteEnsemble]) -> Drawn:
    """Fig. 4b: both readings of the spread of a2, with fitted exponents."""
    X, T = hbar2_over_m, temperatures()
    drawn, axes = figure(width=6.8, height=4.4)
    axes.set(xscale="log", yscale="log")
    data: dict[str, Columns] = {}
    exponents: dict[str, float] = {}
    looks = {"std": ("solid", "#d55e00"), "variance": ((0, (5, 2)), "#0072b2")}
    texts = {"std": "standard deviation 5", "variance": "variance 5"}
    converged = True
    for index, (reading, std) in enumerate(SPREADS.items()):
        solution = disordered(std)
        converged = converged and solution.converged
        found = solution_thermodynamics(solution, X, T)
        dashes, colour = looks[reading]
        exponents[f"RS, {texts[reading]}"] = found.exponent(*FIT)
        axes.plot(T, found.specific_heat, color=colour, ls=dashes, label=f"RS, {texts[reading]}")
        data[f"rs, {reading}"] = columns(
            "temperature",
            T,
            specific_heat=found.specific_heat,
            error=found.error,
            entropy=found.entropy,
            tunnelling_specific_heat=found.tunnelling_specific_heat,
        )
        if reading in glasses:
            sampled = glasses[reading].thermodynamics(X, T)
            draw_band(axes, T, sampled["specific_heat"], index, f"annealed, {texts[reading]}")
            data[f"annealed, {reading}"] = columns(
                "temperature",
                T,
                **{key: one.mean for key, one in sampled.items()},
                **{f"{key}_error": one.error for key, one in sampled.items()},
            )
    reference = np.array(FIT)
    axes.plot(
        reference,
        6e-5 * (reference / FIT[1]) ** PAPER_EXPONENT,
        color=INK,
        lw=1.0,
        ls=(0, (1, 1)),
        label=f"$T^{{{PAPER_EXPONENT}}}$, exponent of the paper",
    )
    axes.set(xlabel="$T$  [$E_0$]", ylabel="$C(T)$ per site", xlim=(LOW, HIGH), ylim=(1e-7, 3))
    axes.legend(fontsize=8, loc="lower right")
    fits = "; ".join(f"{name} {value:.2f}" for name, value in exponents.items())
    caption = (
        f"Specific heat per site with local disorder at gamma = 1, J0 = 0, hbar^2/m = {X:g}: a2 Gaussian of mean 1. "
        "The paper's 'variance sigma = 5' is drawn in both readings, standard deviation 5 and variance 5. "
        "Replica-symmetric theory (1RSB and full RSB with "
        f"Gaussian a2 take minutes and are not drawn). Exponents fitted for {FIT[0]:g} <= T <= {FIT[1]:g}: {fits}; "
        f"the paper gives {PAPER_EXPONENT}. "
    )
    if glasses:
        caption += "Simulated: mean and standard error over samples (" + _counts(list(glasses.items())) + ")."
    return Drawn(
        "4b",
        "Specific heat with local disorder",
        caption,
        drawn,
        data,
        {"exponents": exponents, "converged": converged},
    )


def contributions(theories: Theories, glasses: Glasses) -> Drawn:
    """Tunnelling and intra-well excitations apart, and the entropy."""
    X, T = theories.hbar2_over_m, temperatures()
    drawn, (left, right) = figure(2, width=9.4, height=4.2)
    left.set(xscale="log", yscale="log")
    right.set(xscale="log", yscale="log")
    data: dict[str, Columns] = {}

    def parts(name: str, found: dict[str, Curve], look: dict[str, object]) -> None:
        C, two = found["specific_heat"].value, found["tunnelling_specific_heat"].value
        rest = C - two
        left.plot(T, np.where(two > 0, two, np.nan), **{**look, "ls": "--"}, lw=1.2)
        left.plot(T, np.where(rest > 1e-12, rest, np.nan), **{**look, "ls": "-"}, lw=1.2, label=name)
        S = found["entropy"].value
        right.plot(T, np.where(S > 0, S, np.nan), **{**look, "ls": "-"}, label=name)
        data[name] = columns(
            "temperature",
            T,
            tunnelling=two,
            within_wells=rest,
            entropy=S,
            tunnelling_entropy=found["tunnelling_entropy"].value,
        )

    for ansatz in ("rs", "1rsb"):
        marker = {"rs": "v", "1rsb": None}[ansatz]
        look = {"color": theory_line(ansatz)["color"], "marker": marker, "markevery": 6, "ms": 4}
        parts(THEORIES[ansatz], theories.thermodynamics(ansatz, T), look)
    for name, ensemble in glasses[-1:]:
        sampled = ensemble.thermodynamics(X, T)
        parts(
            name,
            {key: Curve(one.mean, one.error) for key, one in sampled.items()},
            {"color": INK, "marker": "^", "markevery": 6, "ms": 4},
        )
    left.plot([], [], color=SHADE, ls="--", label="dashed: tunnelling")
    left.plot([], [], color=SHADE, ls="-", label="solid: within wells")
    left.set(xlabel="$T$  [$E_0$]", ylabel="parts of $C(T)$", xlim=(LOW, HIGH), ylim=(1e-8, 3))
    right.set(xlabel="$T$  [$E_0$]", ylabel="entropy per site", xlim=(LOW, HIGH), ylim=(1e-8, 10))
    left.legend(fontsize=8, loc="lower right")
    right.legend(fontsize=8, loc="lower right")
    caption = (
        f"Left: specific heat in parts at gamma = 4, J0 = 0, hbar^2/m = {X:g}: the two lowest levels of sites with "
        "two wells alone (dashed), "
        "and what this approximation leaves out, excitations within wells (solid). Right: entropy per site. "
    )
    if glasses:
        caption += f"Simulated: {_counts(glasses[-1:])}, means over samples."
    return Drawn("contributions", "Tunnelling and excitations within wells", caption, drawn, data)


def normal_modes(theories: Theories, glasses: Glasses) -> Drawn:
    """All N modes of simulated minima quantised exactly, beside the sites of the same minima."""
    X, T = theories.hbar2_over_m, np.geomspace(1e-2, HIGH, 45)
    drawn, (left, right) = _heat_panels((1e-2, HIGH), (1e-2, 3.0), height=4.2)
    data: dict[str, Columns] = {}
    caption = f"The harmonic reference at gamma = 4, J0 = 0, hbar^2/m = {X:g}. "
    name, ensemble = glasses[-1]
    few = ensemble.some(MODES)
    collective, _ = ensemble.normal_modes(X, T, MODES)
    single = few.thermodynamics(X, T)["specific_heat"]
    one_site, _ = few.site_oscillators(X, T)
    series = (
        (collective, 2, "all $N$ modes, harmonic"),
        (one_site, 1, "single sites, harmonic"),
        (single, 0, "single sites, all levels"),
    )
    for sampled, index, text in series:
        _draw_heat(left, right, T, sampled, index, text)
        data[text.replace("$", "")] = columns("temperature", T, specific_heat=sampled.mean, error=sampled.error)
    left.legend(fontsize=8, loc="lower right")
    caption += (
        f"The same {few.samples} minima ({name}, N = {few.n}, one of each sample) in three ways: the N normal modes of "
        "the Hessian quantised exactly; sites as oscillators of curvature 1/Gr_ii in their local potentials; sites "
        "with all their levels. The difference of the harmonic curves is what the decoupling of sites leaves out, soft "
        "collective modes; that of the single-site curves is anharmonicity and tunnelling. Bands: standard errors over "
        "samples."
    )
    return Drawn("normal-modes", "Collective modes and single sites", caption, drawn, data)


def _heat_panels(
    low_to_high: tuple[float, float], around_bump: tuple[float, float], height: float
) -> tuple[Figure, tuple[Axes, Axes]]:
    """Empty panels for C(T) on the left and C/T^3 on the right, each over its range of T."""
    drawn, (left, right) = figure(2, width=9.4, height=height)
    for axes, T in ((left, low_to_high), (right, around_bump)):
        axes.set(xscale="log", yscale="log", xlabel="$T$  [$E_0$]", xlim=T)
    left.set(ylabel="$C(T)$ per site", ylim=(1e-8, 3))
    right.set(ylabel="$C/T^3$", ylim=(1e-1, 1e3))
    return drawn, (left, right)


def _draw_heat(left: Axes, right: Axes, T: Array, heat: Sampled, index: int, name: str) -> None:
    """A simulated specific heat, with its band, in both panels."""
    draw_band(left, T, heat, index, name)
    draw_band(right, T, Sampled(heat.mean / T**3, heat.error / T**3), index, name)


def _counts(glasses: Glasses) -> str:
    return "; ".join(f"{name}: N = {one.n}, {one.samples} samples, {one.states} states" for name, one in glasses)
