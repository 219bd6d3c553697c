"""Sphinx configuration of the user's guide; `make docs` builds it with warnings as errors."""

import importlib.metadata

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

project = "solvable-glass"
copyright = "2026, the solvable-glass authors"  # noqa: A001 - Sphinx's name
release = importlib.metadata.version("solvable-glass")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_math_renderer = "mathml"  # no script from elsewhere: the guide reads offline, too
myst_enable_extensions = ["dollarmath", "amsmath"]
html_theme = "furo"
html_title = "solvable-glass"
exclude_patterns = ["_build"]
suppress_warnings = ["ref.python"]  # shapes such as (n,) are no references to whatever is called n
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = True
napoleon_use_rtype = False
default_role = "code"


def readable_formulas(app, what, name, obj, options, lines):
    """Show the indented formulas of module docstrings as they stand, and keep |x| an absolute value."""
    shown: list[str] = []
    for line in lines:
        begins = what == "module" and line.startswith("    ") and shown and not shown[-1].strip()
        if begins and not next((before for before in reversed(shown) if before.strip()), "").startswith("    "):
            shown += ["::", ""]
        literal = what == "module" and line.startswith("    ")
        shown.append(line if literal else line.replace("|", r"\|"))
    lines[:] = shown


def show_inline(self, node):
    """A formula in running text, as MathML."""
    self.body.append(convert(node.astext()))
    raise SkipNode


def show_display(self, node):
    """A formula on lines of its own, as MathML."""
    self.body.append(f'<div style="overflow-x: auto; padding: 0.6em 0">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


def setup(app):
    """Register the hooks."""
    app.connect("autodoc-process-docstring", readable_formulas, priority=900)
    app.add_html_math_renderer("mathml", (show_inline, None), (show_display, None))
