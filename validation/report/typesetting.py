"""Formulas of plain text (terminal, JSON file) set for the page: gamma as a Greek letter, v0 with an index."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_LETTERS = {"gamma": "γ", "lambda": "λ", "omega": "ω", "Delta": "Δ", "infinity": "∞"}

_RULES: list[tuple[str, str]] = [
    (r"-&gt;", "→"),
    (r"&#39;&#39;|″", "″"),
    (r"\b(" + "|".join(_LETTERS) + r")(?![A-Za-z])", ""),  # by name, see below
    (r"\b([EJahv])([024])(?![A-Za-z0-9])", r"\1<sub>\2</sub>"),
    (r"\b([ClUhvd]|Gr)_(eff|reg|ii|i)(?![A-Za-z])", r"\1<sub>\2</sub>"),
    (r"\bq_([01])(?![A-Za-z0-9])", r"q<sub>\1</sub>"),
    (r"λ_min\b", "λ<sub>min</sub>"),
    (r"\bT_g(?![A-Za-z])", "T<sub>g</sub>"),
    (r"\bq_hat(?![A-Za-z])", "q̂"),
    (r"\bchi_(SG|loc)(?![A-Za-z])", r"χ<sub>\1</sub>"),
    (r"\be_low(?![A-Za-z])", "e<sub>low</sub>"),
    (r"\^\(?-([0-9/]+|w\b)\)?", r"<sup>−\1</sup>"),
    (r"\^([0-9]+)", r"<sup>\1</sup>"),
]


def typeset(text: str) -> Markup:
    """Text as HTML with Greek letters, indices and powers."""
    page = str(escape(text))
    for pattern, replacement in _RULES:
        page = re.sub(pattern, replacement or (lambda match: _LETTERS[match[1]]), page)
    return Markup(page)
