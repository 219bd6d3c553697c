"""Replica mean-field theory of the Kuehn-Horstmann glass model. It never imports ``nsim``.

    from meanfield import Model, solve
    solution = solve(Model(gamma=4.0), "1rsb")

Names are imported on first use, so that the command line starts without numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meanfield.glass_temperature import glass_temperature
    from meanfield.local_potentials import LocalPotentials
    from meanfield.model import LocalStiffness, Model, ParameterError
    from meanfield.solution import Solution
    from meanfield.solver import solve

__all__ = [
    "LocalPotentials",
    "LocalStiffness",
    "Model",
    "ParameterError",
    "Solution",
    "glass_temperature",
    "solve",
]

_HOME = {
    "LocalPotentials": "local_potentials",
    "LocalStiffness": "model",
    "Model": "model",
    "ParameterError": "model",
    "Solution": "solution",
    "glass_temperature": "glass_temperature",
    "solve": "solver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    # Also where a module has the name of its function (glass_temperature).
    globals()[name] = value
    return value
