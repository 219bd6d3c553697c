"""The picture of the vibrations of a run: densities, participation, the softest modes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def plot_vibrations(path: Path, answer: dict[str, Any]) -> None:
    """Draw what `nsim.analysis.vibrations.vibrations` found to a file."""
    from matplotlib.figure import Figure  # no pyplot: it would keep figures alive and look for a display

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    spectrum, frequencies, participation, softest = figure.subplots(2, 2).flat
    for number, group in enumerate(answer["groups"]):
        colour, label = f"C{number}", f"N = {group['n']}"
        for axes, name in ((spectrum, "eigenvalues"), (frequencies, "frequencies"), (participation, "participation")):
            _curve(axes, group[name], colour, label)
        values = np.array(group["lambda_min"]["values"])
        softest.step(values, np.arange(1, len(values) + 1) / len(values), where="post", color=colour, label=label)
    spectrum.set(xlabel="eigenvalue of the Hessian [E0/v0²]", ylabel="density", ylim=(0, None))
    frequencies.set(xlabel="frequency ω [√(E0/m)/v0]", ylabel="g(ω)", xscale="log", yscale="log")
    _guides(frequencies, answer["groups"])
    participation.set(xlabel="frequency ω [√(E0/m)/v0]", ylabel="participation p/N", ylim=(0, 0.45))
    participation.axhline(1 / 3, color="0.6", linewidth=1, linestyle="--", label="random vectors")
    softest.set(xlabel="lowest eigenvalue [E0/v0²]", ylabel="share of states below", ylim=(0, 1), xscale="log")
    _plain_ticks(frequencies)
    _plain_ticks(softest)
    for axes in figure.axes:
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _curve(axes: Any, curve: dict[str, Any], colour: str, label: str) -> None:
    """Means of bins with their errors, where there is anything."""
    x = _middles(curve)
    mean, error = (np.array(curve[key], dtype=float) for key in ("mean", "stderr"))
    there = mean > 0
    style = {"color": colour, "label": label, "marker": "o", "markersize": 3, "linewidth": 1}
    axes.errorbar(x[there], mean[there], np.nan_to_num(error[there]), **style)


def _guides(axes: Any, groups: list[dict[str, Any]]) -> None:
    """Powers to compare the edge with, through a low bin of the largest system."""
    curve = max(groups, key=lambda group: group["n"])["frequencies"]
    x, mean = _middles(curve), np.array(curve["mean"], dtype=float)
    there = np.flatnonzero(mean > 0)
    anchor = there[len(there) // 4]
    span = np.array([x[there[0]], x[anchor]])
    for power, exponent, style in ((2, "²", "--"), (4, "⁴", ":")):
        axes.plot(span, mean[anchor] * (span / x[anchor]) ** power, color="0.3", linestyle=style, label=f"ω{exponent}")


def _middles(curve: dict[str, Any]) -> np.ndarray:
    edges = np.array(curve["edges"])
    return (edges[1:] + edges[:-1]) / 2


def _plain_ticks(axes: Any) -> None:
    """1, 2 and 5 on a logarithmic axis: the range is often little more than a decade."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, ScalarFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
