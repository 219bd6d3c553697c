"""Look of the figures: one palette for every plot, told apart by colour-blind readers and in print, and SVG that
follows the page into a dark theme.

Colours are placeholders: `svg` replaces each by a variable of the page's style sheet.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from nsim import figure_style
from nsim.figure_style import BLUE, GREEN, GREY, INK, RED, figure

__all__ = [
    "INK",
    "LINE",
    "SETTINGS",
    "SHADE",
    "THEORY_COLOURS",
    "THEORY_DASHES",
    "draw_size",
    "figure",
    "legend",
    "style",
    "svg",
]

# Okabe and Ito's palette for the theories; the page has brighter ones for a dark background.
LINE = "#c9cbd1"
THEORY_COLOURS = {"rs": RED, "1rsb": BLUE, "frsb": GREEN}
THEORY_DASHES: dict[str, Any] = {"rs": (0, (5, 2)), "1rsb": "solid", "frsb": (0, (1, 1))}
SHADE = GREY
VARIABLES = {
    INK: "var(--ink)",
    LINE: "var(--line)",
    SHADE: "var(--shade)",
    THEORY_COLOURS["rs"]: "var(--rs)",
    THEORY_COLOURS["1rsb"]: "var(--one-step)",
    THEORY_COLOURS["frsb"]: "var(--full)",
}

SETTINGS: dict[Any, Any] = figure_style.SETTINGS | {
    "grid.color": LINE,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
}


@contextmanager
def style() -> Iterator[None]:
    """The settings of every figure, for the time of drawing it."""
    with mpl.rc_context(SETTINGS):
        yield


def draw_size(axes: Any, x: Any, mean: Any, error: Any, shade: float, label: str) -> None:
    """One size against a temperature or a rate: larger sizes have darker shades."""
    look: dict[str, Any] = {"markersize": 3, "linewidth": 0.8, "capsize": 2}
    axes.errorbar(x, mean, error, fmt="o-", color=INK, alpha=shade, label=label, **look)


def legend(drawn: Figure, axes: Any, columns: int = 4) -> None:
    """A legend above the panels, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper left", ncols=columns, columnspacing=1.2, handlelength=1.8)


def svg(drawn: Figure, name: str) -> str:
    """The figure as an <svg> element for an HTML page: no fixed size, no outside references, themed colours."""
    buffer = io.StringIO()
    # Ids are hashed from the salt: figures on one page must not share them, and a rerun must not change them.
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)  # would leak into the page
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    shape = f'style="max-width: {6.9 * drawn.get_figwidth():.0f}rem"'
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', rf"\1 {shape}", text, count=1)
    # Glyphs have the same ids in every figure.
    text = re.sub(r'(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return text
