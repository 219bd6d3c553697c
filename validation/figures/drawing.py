"""What a figure consists of, and how its curves look: told apart by colour, dashes and markers alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from validation.plot_style import INK, THEORY_COLOURS, THEORY_DASHES
from validation.predictions import THEORIES
from validation.site_ensembles import Sampled

Array = NDArray[np.float64]
Columns = dict[str, Any]

# Of simulated series, in the order from the fastest cooling to the slowest.
SERIES = (("#cc79a7", "o", "none"), ("#8a8f99", "s", "none"), (INK, "^", INK), ("#56b4e9", "D", "none"))
FAINTEST = 1e-300


@dataclass
class Drawn:
    """A figure with its caption and its data.

    Attributes
    ----------
    name : as the paper numbers it, or a word
    title, caption : text; the caption states parameters, ansatz, sample counts and errors
    figure : Figure
    data : dict
        Columns (arrays of one length) and attributes (anything else) of each curve, by the name of the curve.
    numbers : dict
        What the figure says in numbers, for JSON.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    data: dict[str, Columns] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


def theory_line(ansatz: str) -> dict[str, Any]:
    """Colour, dashes and name of a theory."""
    return {"color": THEORY_COLOURS[ansatz], "linestyle": THEORY_DASHES[ansatz], "label": THEORIES[ansatz]}


def draw_theory(axes: Axes, ansatz: str, x: Array, value: Array, error: Array) -> None:
    """A curve, with a band where it has an error; on logarithmic axes only where it is positive."""
    logarithmic = axes.get_yscale() == "log"
    shown = np.where(value > 0, value, np.nan) if logarithmic else value
    style = theory_line(ansatz)
    axes.plot(x, shown, **style)
    if np.any(error > 0):
        # An error of a factor: as far down as up.
        low = value * np.minimum(1.0, value / np.maximum(value + error, FAINTEST)) if logarithmic else value - error
        axes.fill_between(x, low, np.maximum(value + error, low), color=style["color"], alpha=0.18, linewidth=0)


def draw_points(axes: Axes, x: Array, sampled: Sampled, index: int, label: str, seen: bool = True) -> None:
    """Simulated points with errors over samples; where a band reaches zero on a logarithmic axis its lower end is cut.

    ``seen`` leaves out points at which nothing was found.
    """
    colour, marker, face = SERIES[index % len(SERIES)]
    mean, error = sampled.mean, np.nan_to_num(sampled.error)
    some = mean > 0 if seen else np.isfinite(mean)
    lower = np.minimum(error, 0.999 * mean) if axes.get_yscale() == "log" else error
    axes.errorbar(
        x[some],
        mean[some],
        [lower[some], error[some]],
        fmt=marker,
        color=colour,
        markerfacecolor=face if face != "none" else "white",
        markersize=4.0,
        markeredgewidth=1.0,
        elinewidth=0.9,
        capsize=0,
        label=label,
        zorder=3,
    )


def draw_band(axes: Axes, x: Array, sampled: Sampled, index: int, label: str, every: int = 4) -> None:
    """A simulated curve: line, band of one standard error, and markers at some points so that it shows in print."""
    colour, marker, face = SERIES[index % len(SERIES)]
    mean, error = sampled.mean, np.nan_to_num(sampled.error)
    shown = np.where(mean > 0, mean, np.nan)
    start = (index * every) // len(SERIES)
    axes.plot(
        x,
        shown,
        color=colour,
        linewidth=0.9,
        marker=marker,
        markersize=4.0,
        markerfacecolor=face if face != "none" else "white",
        markevery=(start, every),
        label=label,
    )
    low, high = np.maximum(mean - error, FAINTEST), np.maximum(mean + error, FAINTEST)
    axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)


def columns(x_name: str, x: Array, **values: Array) -> Columns:
    """The data of a curve."""
    return {x_name: np.asarray(x), **{name: np.asarray(value) for name, value in values.items()}}
