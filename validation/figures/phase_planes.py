"""KH98 Fig. 1: the phase diagrams, (a) J0 and 1/gamma at T = 0, (b) T against gamma at J0 = 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from meanfield import Model
from meanfield.phases.phase_diagram import PhaseDiagram, phase_diagram
from meanfield.phases.phase_line import Line
from validation.figures.drawing import Columns, Drawn
from validation.figures.own_runs import Runs, crossing_temperature, phase_of
from validation.plot_style import INK, THEORY_COLOURS, THEORY_DASHES, figure
from validation.predictions import THEORIES

ANSATZE = ("rs", "1rsb", "frsb")
J0, INVERSE_GAMMA, GAMMAS = (0.0, 2.5), (0.1, 3.0), (0.3, 8.0)
MARKERS = {"ergodic": ("o", "white"), "glassy": ("^", "#8a8f99"), "polarised": ("s", INK)}
NAMES = {"ergodic": (0.55, 2.5), "glass": (0.42, 1.25), "polarised": (2.05, 1.25), "mixed": (1.4, 0.42)}


def plane_at_zero_temperature(runs: Runs, points: int = 40) -> Drawn:
    """Fig. 1a."""
    gamma = (1.0 / INVERSE_GAMMA[1], 1.0 / INVERSE_GAMMA[0])
    diagram = phase_diagram(Model(), "j0-gamma", 0.0, ANSATZE, {"j0": J0, "gamma": gamma}, points)
    drawn, axes = figure(width=6.8, height=4.4)
    data: dict[str, Columns] = {}
    for line in diagram.lines:
        x, y = line.points["j0"], 1.0 / line.points["gamma"]
        axes.plot(x, y, **_look(line))
        error = line.points["error"]
        shown = np.nan_to_num(error)
        if line.error_of == "gamma" and np.any(shown > 0):
            g = line.points["gamma"]
            axes.fill_between(x, 1 / (g + shown), 1 / (g - shown), color=THEORY_COLOURS[line.ansatz], alpha=0.18, lw=0)
        data[f"{line.name}, {line.ansatz}"] = _line_data(line, data)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in MARKERS}
    for simulation in runs.plane:
        model = simulation.run.model
        found[phase_of(simulation)].append((model.j0, 1.0 / model.gamma))
    for name, places in found.items():
        if places:
            x, y = np.array(places).T
            marker, face = MARKERS[name]
            axes.plot(x, y, marker, mfc=face, mec=INK, ms=5, ls="none", label=f"simulated: {name}")
            data[f"simulation, {name}"] = {"j0": x, "inverse_gamma": y}
    for name, at in NAMES.items():
        axes.text(*at, name, style="italic", ha="center", va="center", color="0.35")
    axes.set(xlim=J0, ylim=(0, INVERSE_GAMMA[1]), xlabel="$J_0$", ylabel=r"$1/\gamma$")
    _outside_legend(drawn, axes)
    caption = (
        "Phase diagram at T = 0 (a2 = a4 = 1, no field). Black: lines that are exact, the same in every ansatz. "
        "Solid, black "
        "or coloured: transitions, in RS, 1RSB and full RSB where they differ; dash-dotted: where replica symmetry "
        "breaks in "
        "the polarised phase; thin with dots: where double wells begin. In full RSB the glass becomes polarised at "
        "exactly "
        "J0 = 1, and double wells begin at gamma = "
        f"{_gamma_of_onset(diagram)}. "
    )
    if runs.plane:
        caption += (
            f"Symbols: relaxed states of simulated samples ({_counts(runs.plane)}), at rest (ergodic), aligned "
            "(polarised: mean p^2 above q/2) or frozen at random (glassy); at these sizes the border of polarised and "
            "glassy states is not sharp, and mixed states are not told from polarised ones."
        )
    else:
        caption += "No simulated states."
    numbers = {
        "lines": len(diagram.lines),
        "converged": diagram.converged,
        "simulated": {k: len(v) for k, v in found.items()},
    }
    return Drawn("1a", "Phase diagram at T = 0", caption, drawn, data, numbers)


def glass_temperature_line(runs: Runs, points: int = 40) -> Drawn:
    """Fig. 1b."""
    diagram = phase_diagram(Model(), "gamma-temperature", 0.0, ("rs",), {"gamma": GAMMAS}, points)
    drawn, axes = figure(width=6.8, height=4.0)
    data: dict[str, Columns] = {}
    for line in diagram.lines:
        axes.plot(line.points["gamma"], line.points["temperature"], **_look(line))
        data[f"{line.name}, {line.ansatz}"] = _line_data(line, data)
    rows = []
    for simulation in runs.ladders:
        crossed = crossing_temperature(simulation)
        if crossed is not None:
            rows.append((simulation.run.model.gamma, *crossed))
    if rows:
        gamma, n, T, error = np.array(sorted(rows)).T
        axes.errorbar(
            gamma,
            T,
            error,
            fmt="o",
            color=INK,
            mfc="white",
            ms=5,
            capsize=2,
            label=r"simulated: $[\langle v^2\rangle]=T$",
        )
        data["simulation"] = {"gamma": gamma, "n": n, "temperature": T, "error": error}
    axes.set(xlim=(0, GAMMAS[1]), xlabel=r"$\gamma$", ylabel="$T$  [$E_0$]")
    axes.set_ylim(0, 1.2 * float(diagram.line("ergodic-glass").points["temperature"].max()))
    axes.text(1.3, 0.72 * axes.get_ylim()[1], "ergodic", style="italic", ha="center", color="0.35")
    axes.text(6.3, 0.2 * axes.get_ylim()[1], "glass", style="italic", ha="center", color="0.35")
    _outside_legend(drawn, axes)
    caption = (
        "Glass transition at J0 = 0 (a2 = a4 = 1, no field): the ergodic state is marginal, E[(beta <v^2>)^2] = 1, "
        "the same in "
        "every ansatz. Thin with dots: where double wells begin in replica symmetry, inside and outside the glass. "
    )
    if rows:
        caption += (
            "Points: parallel tempering "
            f"({_counts(runs.ladders)}), the temperature at which <v^2>/T, averaged over samples, is one; errors over "
            "samples. "
            "In the ergodic phase it is the response C, which is one at the transition for N -> infinity; corrections "
            "of "
            "finite N move the crossing."
        )
    else:
        caption += "No simulated temperatures."
    numbers = {
        "converged": diagram.converged,
        "simulated": [dict(zip(("gamma", "n", "T", "error"), row, strict=True)) for row in rows],
    }
    return Drawn("1b", "Glass temperature", caption, drawn, data, numbers)


def _look(line: Line) -> dict[str, Any]:
    colour = INK if line.exact else THEORY_COLOURS[line.ansatz]
    words = {"almeida-thouless": "replica symmetry breaks", "double-wells": "double wells begin"}
    text = words.get(line.name, line.name.replace("-", " to "))
    named = text if line.exact else f"{text}, {THEORIES[line.ansatz]}"
    look: dict[str, Any] = {"color": colour, "label": named, "lw": 1.8}
    if line.name == "almeida-thouless":
        look |= {"ls": "dashdot"}
    elif line.name == "double-wells":
        look |= {"ls": THEORY_DASHES[line.ansatz], "lw": 1.0, "marker": ".", "markevery": 0.12, "ms": 5}
    elif not line.exact:
        look |= {"ls": THEORY_DASHES[line.ansatz]}
    return look


def _line_data(line: Line, others: dict[str, Columns]) -> Columns:
    """Columns of a line; a second line of one name, the other side of a corner, is told by its number."""
    del others
    return {name: line.points[name] for name in ("j0", "gamma", "temperature", "p", "q", "C", "error")} | {
        "exact": line.exact
    }


def _gamma_of_onset(diagram: PhaseDiagram) -> str:
    line = diagram.line("double-wells", "frsb")
    i = int(np.argmin(line.points["j0"]))
    return f"{line.points['gamma'][i]:.2f} +- {np.nan_to_num(line.points['error'])[i]:.2f}"


def _counts(simulations: list[Any]) -> str:
    sizes = sorted({size.n for one in simulations for size in one.sizes})
    samples = sorted({size.samples for one in simulations for size in one.sizes})
    states = "N = " + ", ".join(map(str, sizes))
    return f"{states}; {' or '.join(map(str, samples))} samples at each of {len(simulations)} points"


def _outside_legend(drawn: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    drawn.legend(unique.values(), unique.keys(), loc="outside right upper", fontsize=8)
