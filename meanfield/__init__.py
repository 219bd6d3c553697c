"""Replica mean-field theory of the Kuehn-Horstmann glass model. It never imports ``nsim``.

    from meanfield import Model, solve
    solution = solve(Model(gamma=4.0), "1rsb")

Names are imported on first use, so that the command line starts without numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meanfield.model import LocalStiffness, Model, ParameterError
    from meanfield.phases.glass_temperature import glass_temperature
    from meanfield.replicas.solution import Solution
    from meanfield.replicas.solver import solve
    from meanfield.sites.local_potentials import LocalPotentials

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
    "LocalPotentials": "sites.local_potentials",
    "LocalStiffness": "model",
    "Model": "model",
    "ParameterError": "model",
    "Solution": "replicas.solution",
    "glass_temperature": "phases.glass_temperature",
    "solve": "replicas.solver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
