"""What mean-field theory predicts for the observables of a run: RS, one-step and full RSB at T = 0.

Relaxed states are compared with the theory at zero temperature. Like is compared with like: the inverse Hessian of
a simulated state gives the response without jumps, so its mean stands against C_reg = E[1/U_eff''], not against C.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import meanfield
from meanfield import LocalPotentials, LocalStiffness, Model, ParameterError, Solution
from nsim.run_file import RunFile
from nsim.run_sections import GaussianStiffness, UniformStiffness
from validation.hessian_law import lower_edge
from validation.quantities import WINDOW

THEORIES = {"rs": "RS", "1rsb": "1RSB", "frsb": "full RSB"}

WINDOW_NODES = 12
GIVEN = "the couplings were given, not drawn from the ensemble that the theory averages over"
NODES = 60  # per panel of the field axis
NODES_WITH_LOCAL_DISORDER = 8  # each of a hundred stiffnesses has its own


@dataclass(frozen=True)
class Theory:
    """One ansatz.

    Attributes
    ----------
    name : {"rs", "1rsb", "frsb"}
    solution : Solution or None
        None where there is none that converged.
    values, errors : dict
        Prediction by observable, for N -> infinity, and its error; names as in `validation.quantities`.
    sites : LocalPotentials or None
        Its ensemble of local potentials.
    problem : str
        Why there is no solution; else empty.
    """

    name: str
    solution: Solution | None
    values: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    sites: LocalPotentials | None = None
    problem: str = ""
    failed: bool = False  # the equations were solved, and the iteration did not converge

    @property
    def label(self) -> str:
        """Name for people."""
        return THEORIES[self.name]

    def error(self, observable: str) -> float:
        """Error of a prediction: the solver's relative residual, and in full RSB that of the limit of many steps."""
        if self.solution is None:
            return self.errors.get(observable, 0.0)
        return abs(self.values[observable]) * self.solution.residual + self.errors.get(observable, 0.0)


@dataclass(frozen=True)
class MeanField:
    """What mean-field theory says about a run.

    Attributes
    ----------
    theories : dict
        By name of the ansatz.
    window : float or None
        h0, half the width of the window of small fields [E0/v0].
    """

    theories: dict[str, Theory]
    window: float | None


def mean_field_model(run: RunFile) -> Model:
    """The model of a run as mean-field theory sees it; raises `ParameterError` outside the theory's domain."""
    match run.model.a2:
        case GaussianStiffness(mean=mean, std=std):
            a2 = LocalStiffness.gaussian(mean, std)
        case UniformStiffness(low=low, high=high):
            a2 = LocalStiffness.uniform(low, high)
        case number:
            a2 = LocalStiffness.fixed(float(number))
    return Model(gamma=run.model.gamma, j0=run.model.j0, a2=a2, a4=run.model.a4, field=run.model.field)


def predict(run: RunFile) -> MeanField:
    """Solve every ansatz at T = 0 for the model of a run; nothing for given couplings, which no ensemble describes."""
    if run.couplings.file is not None:
        return _nothing(GIVEN)
    try:
        model = mean_field_model(run)
    except ParameterError as error:
        return _nothing(f"outside the domain of the theory: {error}")
    with np.errstate(all="ignore"):  # trial points of the iteration may overflow; convergence is checked
        solutions = {name: meanfield.solve(model, name, temperature=0.0) for name in ("rs", "1rsb")}
        window = small_field_window(solutions["rs"])
        theories = {name: _theory(name, solution, window) for name, solution in solutions.items()}
        theories["frsb"] = _full_rsb(model, solutions["rs"], window)
    return MeanField(theories, window)


def _nothing(problem: str) -> MeanField:
    return MeanField({name: Theory(name, None, problem=problem) for name in THEORIES}, None)


def rs_is_exact(rs: Solution) -> bool:
    """RS is stable: replicon positive and no double wells, whose jump at h = 0 makes the replicon diverge at T = 0."""
    return rs.replicon > 0 and not rs.double_well_fraction > 0


def _full_rsb(model: Model, rs: Solution, window: float | None) -> Theory:
    if rs.converged and rs_is_exact(rs):
        coinciding = replace(rs, ansatz="frsb", solutions=(), note="RS is stable: full RSB coincides with it")
        return _theory("frsb", coinciding, window)
    if model.a2.std > 0:
        return Theory("frsb", None, problem="full RSB with local disorder takes minutes and is not solved for a report")
    return _theory("frsb", meanfield.solve(model, "frsb", temperature=0.0), window)


def small_field_window(rs: Solution) -> float | None:
    """h0, a fixed fraction of the width of the RS field distribution [E0/v0]; None where fields do not scatter."""
    if not rs.converged or rs.q[-1] == 0:
        return None
    return WINDOW * float(np.sqrt(rs.q[-1]))


def _theory(name_of_theory: str, solution: Solution, window: float | None) -> Theory:
    if not solution.converged:
        problem = f"the iteration did not converge (residual {solution.residual:.1e})"
        return Theory(name_of_theory, None, problem=problem, failed=True)
    nodes = NODES_WITH_LOCAL_DISORDER if solution.model.a2.std > 0 else NODES
    with_window = window is not None and solution.q[-1] > 0

    def values(one: Solution, sites: LocalPotentials) -> dict[str, float]:
        found = _predict(one, sites)
        return found | ({"small_field_weight": _small_field_weight(one, window)} if with_window and window else {})

    sites = solution.local_potentials(nodes)
    predicted = values(solution, sites)
    errors: dict[str, float] = {}
    if solution.ladder:
        names = list(predicted)
        limit = solution.limit(lambda one: list(values(one, one.local_potentials(nodes)).values()))
        predicted, errors = (dict(zip(names, array.tolist(), strict=True)) for array in (limit.value, limit.error))
        for name in ("energy", "lowest_energy"):  # extrapolated by their own law
            predicted[name], errors[name] = solution.internal_energy, solution.error
    return Theory(name_of_theory, solution, predicted, errors, sites)


def _predict(solution: Solution, sites: LocalPotentials) -> dict[str, float]:
    mean_h = sites.average(sites.h)
    d = sites.a2 / sites.gamma + sites.a4 * sites.minima() ** 2 / (2 * sites.gamma)
    return {
        "energy": solution.internal_energy,
        "lowest_energy": solution.internal_energy,
        "p": solution.p,
        "q": solution.q_diag,
        "displacement_variance": solution.q_diag - solution.p**2,
        "field_variance": sites.average((sites.h - mean_h) ** 2),
        "C": solution.C_reg,
        "replicon_sum": solution.replicon_sum,
        "lambda_min": lower_edge(d, sites.weight),
        "double_well_fraction": solution.double_well_fraction,
    }


def _small_field_weight(solution: Solution, window: float) -> float:
    """Weight of |h| < window: the density integrated over just the window in which simulated sites are counted."""
    t, weight = np.polynomial.legendre.leggauss(WINDOW_NODES)
    # Each side of h = 0 for itself: the density has a kink there.
    h = np.concatenate([-window * (1 + t) / 2, window * (1 + t) / 2])
    return float(np.tile(weight, 2) @ solution.field_density(h) * window / 2)


def describe(theory: Theory) -> dict[str, Any]:
    """A theory for JSON."""
    solution = None if theory.solution is None else theory.solution.to_dict()
    return {"solution": solution, "predictions": theory.values, "problem": theory.problem or None}
