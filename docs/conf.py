"""Sphinx configuration of the user's guide; `make docs` builds it with warnings as errors."""

import importlib.metadata

project = "solvable-glass"
copyright = "2026, the solvable-glass authors"  # noqa: A001 - Sphinx's name
release = importlib.metadata.version("solvable-glass")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath"]
html_theme = "furo"
html_title = "solvable-glass"
exclude_patterns = ["_build"]
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


def setup(app):
    """Register the hook."""
    app.connect("autodoc-process-docstring", readable_formulas, priority=900)
