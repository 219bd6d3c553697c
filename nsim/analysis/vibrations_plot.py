"""The picture of the vibrations of a run: densities, participation, the softest modes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nsim.figure_style import COLOURS, GREY, INK, figure, plain_ticks, save, style


def plot_vibrations(path: Path, answer: dict[str, Any]) -> None:
    """Draw what `nsim.analysis.vibrations.vibrations` found to a file."""
    with style():
        made, panels = figure(columns=2, width=10, height=7.5, rows=2)
        spectrum, frequencies, participation, softest = panels.flat
        for number, group in enumerate(answer["groups"]):
            colour, label = COLOURS[number % len(COLOURS)], f"N = {group['n']}"
            for axes, name in (
                (spectrum, "eigenvalues"),
                (frequencies, "frequencies"),
                (participation, "participation"),
            ):
                _curve(axes, group[name], colour, label)
            values = np.array(group["lambda_min"]["values"])
            softest.step(values, np.arange(1, len(values) + 1) / len(values), where="post", color=colour, label=label)
        spectrum.set(xlabel="eigenvalue of the Hessian [E0/v0²]", ylabel="density", ylim=(0, None))
        frequencies.set(xlabel="frequency ω [√(E0/m)/v0]", ylabel="g(ω)", xscale="log", yscale="log")
        _guides(frequencies, answer["groups"])
        participation.set(xlabel="frequency ω [√(E0/m)/v0]", ylabel="participation p/N", ylim=(0, 0.45))
        participation.axhline(1 / 3, color=GREY, linewidth=1, linestyle="--", label="random vectors")
        softest.set(xlabel="lowest eigenvalue [E0/v0²]", ylabel="share of states below", ylim=(0, 1), xscale="log")
        plain_ticks(frequencies.xaxis)  # the range is often little more than a decade
        plain_ticks(softest.xaxis)
        for axes in made.axes:
            axes.legend()
        save(made, path)


def _curve(axes: Any, curve: dict[str, Any], colour: str, label: str) -> None:
    """Means of bins with their errors, where there is anything."""
    x = _middles(curve)
    mean, error = (np.array(curve[key], dtype=float) for key in ("mean", "stderr"))
    there = mean > 0
    look = {"color": colour, "label": label, "marker": "o", "markersize": 3, "linewidth": 1}
    axes.errorbar(x[there], mean[there], np.nan_to_num(error[there]), **look)


def _guides(axes: Any, groups: list[dict[str, Any]]) -> None:
    """Powers to compare the edge with, through a low bin of the largest system."""
    curve = max(groups, key=lambda group: group["n"])["frequencies"]
    x, mean = _middles(curve), np.array(curve["mean"], dtype=float)
    there = np.flatnonzero(mean > 0)
    anchor = there[len(there) // 4]
    span = np.array([x[there[0]], x[anchor]])
    for power, exponent, dash in ((2, "²", "--"), (4, "⁴", ":")):
        axes.plot(span, mean[anchor] * (span / x[anchor]) ** power, color=INK, linestyle=dash, label=f"ω{exponent}")


def _middles(curve: dict[str, Any]) -> np.ndarray:
    edges = np.array(curve["edges"])
    return (edges[1:] + edges[:-1]) / 2
