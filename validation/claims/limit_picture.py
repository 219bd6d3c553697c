"""How an observable is drawn on its way to N -> infinity: sizes, averaged line with its band, limit, theories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from validation.plot_style import INK, SHADE, THEORY_COLOURS, THEORY_DASHES
from validation.predictions import THEORIES
from validation.statistics.finite_size import Limit

LINE = 160  # points of the averaged line


def draw_sizes(
    axes: Any,
    rows: Sequence[tuple[int, float, float]],
    limit: Limit | None,
    power: float,
    *,
    label: str = "",
    line_label: str = "",
    tilt: float = 0.0,
    alpha: float = 1.0,
    band: float = 0.3,
    reach: float = 1.06,
) -> float:
    """Means of all sizes against N^-power, the average of the fits with its band; returns the right end of the line.

    Parameters
    ----------
    rows
        N, mean and standard error.
    limit
        Its curve is drawn from N = infinity on to ``reach`` times the abscissa of the smallest size; None: none.
    tilt
        tilt N^-power is taken off everything, so that small differences are seen.
    alpha, band
        Opacity of symbols and line, and of the band.
    """
    n, mean, error = np.array(rows, float).T
    x = n**-power
    right = float(reach * x.max())
    if limit is not None:
        line = np.linspace(0.0, right, LINE)
        with np.errstate(divide="ignore"):
            curve, width = limit.curve(line ** (-1 / power))
        curve = curve - tilt * line
        axes.plot(line, curve, color=INK, alpha=alpha, linewidth=1, label=line_label or None)
        axes.fill_between(line, curve - width, curve + width, color=SHADE, alpha=band, linewidth=0)
    axes.errorbar(
        x, mean - tilt * x, error, fmt="o", color=INK, alpha=alpha, markersize=4, capsize=2, label=label or None
    )
    return right


def draw_limit(axes: Any, at: float, value: float, stderr: float) -> None:
    """The open symbol of a limit: N = infinity, or whatever ``at`` stands for."""
    axes.errorbar([at], [value], [stderr], fmt="s", color=INK, mfc="none", capsize=3)


def look(theory: str) -> dict[str, Any]:
    """Colour and dashes of a theory's lines."""
    return {"color": THEORY_COLOURS[theory], "linestyle": THEORY_DASHES[theory]}


def draw_theories(
    axes: Any, values: Mapping[str, float], names: Collection[str] = tuple(THEORIES), labelled: bool = True
) -> None:
    """What every theory says of N = infinity, as a line across."""
    for name in names:
        axes.axhline(values[name], label=THEORIES[name] if labelled else None, **look(name))
