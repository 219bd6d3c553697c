"""`solve`: from a model and an ansatz to the physical solution and its rivals."""

from __future__ import annotations

from dataclasses import replace

from meanfield import one_step_rsb, replica_symmetric
from meanfield.model import Model, ParameterError, require_finite
from meanfield.solution import Solution


def solve(model: Model, ansatz: str = "rs", temperature: float = 0.0) -> Solution:
    """Solve the mean-field equations.

    Parameters
    ----------
    model : Model
    ansatz : {"rs", "1rsb"}
        Replica-symmetric at any T >= 0, or one step of symmetry breaking at T = 0.
    temperature : float
        In units of the coupling standard deviation times displacement squared, k_B = 1.

    Returns
    -------
    Solution
        The physical solution: q > 0 wherever the ergodic state is unstable, the lowest free energy
        over p, and p >= 0 at zero field. The others are in ``solutions``. Check ``converged``.
    """
    temperature = require_finite("temperature", temperature)
    if temperature < 0:
        raise ParameterError(f"temperature must not be negative, got {temperature:g}")
    if ansatz not in ("rs", "1rsb"):
        raise ParameterError(f"ansatz must be 'rs' or '1rsb', got {ansatz!r}")
    if ansatz == "1rsb" and temperature > 0:
        raise ParameterError("ansatz '1rsb' is solved at temperature 0 only")
    # v -> -v maps a field F to -F: everything below may assume F >= 0.
    positive = replace(model, field=abs(model.field))
    solution = replica_symmetric.solve(positive, temperature) if ansatz == "rs" else one_step_rsb.solve(positive)
    return solution.mirrored() if model.field < 0 else solution
