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
