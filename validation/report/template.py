"""What the pages of a report and of a study are filled in by."""

from __future__ import annotations

import jinja2

from validation.report.typesetting import typeset
from validation.report.words import z_text


def environment() -> jinja2.Environment:
    """The environment of the templates: nothing undefined passes, and numbers, z and formulas are set alike."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("validation.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["number"] = lambda value: "–" if value is None else f"{value:.5g}"
    made.filters["z"] = z_text
    made.filters["typeset"] = typeset
    return made
