"""`solve`: from a model and an ansatz to the physical solution and its rivals."""

from __future__ import annotations

from dataclasses import replace

from meanfield.model import Model, ParameterError, require_finite
from meanfield.replicas import one_step_rsb, replica_symmetric
from meanfield.replicas.solution import Solution

# Beyond, positions of the steps are determined less well than rounding errors move them.
MOST_STEPS = 16


def solve(
    model: Model,
    ansatz: str = "rs",
    temperature: float = 0.0,
    steps: int | None = None,
    previous: Solution | None = None,
) -> Solution:
    """Solve the mean-field equations.

    Parameters
    ----------
    model : Model
    ansatz : {"rs", "1rsb", "krsb", "frsb"}
        Replica-symmetric, one step or ``steps`` steps of symmetry breaking, or their limit, full RSB.
    temperature : float
        In units of the coupling standard deviation times displacement squared, k_B = 1.
    steps : int, optional
        K >= 1 for "krsb"; for "frsb" the largest K from which the limit is taken.

    previous : Solution, optional
        The solution at nearby parameters, where RS, and 1RSB at T = 0, begin their iteration.

    Returns
    -------
    Solution
        The physical solution: q > 0 wherever the ergodic state is unstable, the lowest free energy
        over p, and p >= 0 at zero field. The others are in ``solutions``. Check ``converged``.
    """
    temperature = require_finite("temperature", temperature)
    if temperature < 0:
        raise ParameterError(f"temperature must not be negative, got {temperature:g}")
    if ansatz not in ("rs", "1rsb", "krsb", "frsb"):
        raise ParameterError(f"ansatz must be 'rs', '1rsb', 'krsb' or 'frsb', got {ansatz!r}")
    if ansatz in ("rs", "1rsb") and steps is not None:
        raise ParameterError(f"ansatz {ansatz!r} takes no number of steps")
    # v -> -v maps a field F to -F: everything below may assume F >= 0.
    positive = replace(model, field=abs(model.field))
    if ansatz == "rs":
        solution = replica_symmetric.solve(positive, temperature, previous)
    elif ansatz == "1rsb" and temperature == 0:
        solution = one_step_rsb.solve(positive, previous)
    else:
        if steps is None and ansatz == "krsb":
            raise ParameterError("ansatz 'krsb' needs the number of steps K (steps, --steps)")
        if steps is not None and not (steps == int(steps) and 1 <= steps <= MOST_STEPS):
            raise ParameterError(f"steps must be an integer from 1 to {MOST_STEPS}, got {steps}")
        # Compiled code, which takes a moment to load.
        from meanfield.replicas import full_rsb, k_step_states

        if ansatz == "1rsb":
            solution = k_step_states.one_step(positive, temperature)
        elif ansatz == "krsb":
            solution = k_step_states.solve(positive, steps or 1, temperature)
        else:
            solution = full_rsb.solve(positive, steps, temperature)
    return solution.mirrored() if model.field < 0 else solution
