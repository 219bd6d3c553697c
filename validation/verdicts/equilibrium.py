r"""Thermal averages of a tempering run against the theory at the same temperatures.

Where the RS replicon lambda is positive RS is exact for N -> infinity, and simulation has to agree with it; below, full
RSB is believed to be exact, and RS and 1RSB must miss by what they differ from it. Two of the compared numbers know
the whole distribution of overlaps P(q) = sum_k (m_{k+1} - m_k) delta(q - q_k), m_k = T mu_k:

    [<q_ab^2>] = q_K^2 - sum_k m_k (q_k^2 - q_{k-1}^2)
    local susceptibility beta (q_hat - [<|q_ab|>]) = C + sum_k mu_k (q_k - q_{k-1})

The second is 1 throughout the glass in full RSB at J0 = F = 0, and C in RS. In the ergodic phase overlaps are noise of
variance 1/N times the spin-glass susceptibility

    chi_SG = N [<q_ab^2>] = E[<v^2>^2]/lambda,   lambda = 1 - beta^2 E[<v^2>^2],

E over local disorder in a2 (without it E[<v^2>^2] = q_hat^2), which diverges at the glass temperature. Near it
corrections are powers not of 1/N but of 1/(N lambda^3) above and of 1/(N tau^3), tau = 1 - T/T_g, below: sizes for
which these are not small are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import meanfield
from meanfield import Model, ParameterError, Solution
from validation.predictions import THEORIES, Theory, mean_field_model
from validation.quantities import Quantity
from validation.simulation import Average, Simulation, Thermal, limit_of_averages
from validation.statistics.coupling_controls import Controls
from validation.statistics.finite_size import Limit
from validation.verdicts.checks import Check, compare
from validation.verdicts.expectations import EXACT, FINITE_N, NOT_SOLVED, Expectation
from validation.verdicts.forms import thermal_forms

Array = NDArray[np.float64]

MOST = 8  # temperatures compared; of a longer ladder they are chosen evenly
OUT_OF_EQUILIBRIUM = 0.05  # share of samples beyond which nothing is judged
DERIVATIVE = 1e-3  # relative step in T of du/dT
FAR_ABOVE = 10.0  # N lambda^3 from which 1/N is the leading correction
FAR_BELOW = 1.0  # N tau^3 from which N^(-2/3) is

FULL_RSB_EXACT = "full RSB is believed exact in equilibrium below the transition"
TOO_FEW_STEPS = "RS is unstable here, and the true solution, full RSB, lies elsewhere"
NEAR = "too close to the transition for these sizes: corrections are not powers of 1/N"
NOT_PREDICTED = "du/dT is taken from RS only, where it is exact"
ONE_STEP = "one step of symmetry breaking is not enough below this transition, which is continuous"


def _overlap_squared(solution: Solution) -> float:
    q2 = solution.q**2
    breaking = solution.temperature * float(solution.mu @ np.diff(q2)) if solution.broken else 0.0
    return float(q2[-1]) - breaking


def _spin_glass_susceptibility(solution: Solution) -> float:
    """chi_SG = T^2 (1 - lambda)/lambda in the ergodic phase; elsewhere N q_ab^2 has no limit."""
    if solution.phase != "ergodic":
        return float("nan")
    return solution.temperature**2 * (1 - solution.replicon) / solution.replicon


def _specific_heat(solution: Solution) -> float:
    """du/dT in RS."""
    step = DERIVATIVE * solution.temperature
    colder, hotter = (
        meanfield.solve(solution.model, "rs", temperature=solution.temperature + sign * step).internal_energy
        for sign in (-1, 1)
    )
    return (hotter - colder) / (2 * step)


@dataclass(frozen=True)
class ThermalQuantity(Quantity):
    """A thermal average that is compared: where it stands in the result file, and what theory says.

    ``in_rs_only`` marks what is predicted only where RS is exact.
    """

    variable: str = ""
    prediction: Callable[[Solution], float] = lambda solution: float("nan")
    in_rs_only: bool = False


THERMAL: dict[str, ThermalQuantity] = {
    "energy": ThermalQuantity(
        "u", "E0", "internal energy per site", variable="thermal_energy", prediction=lambda s: s.internal_energy
    ),
    "q": ThermalQuantity(
        "q_hat", "v0^2", "mean squared displacement", variable="thermal_q", prediction=lambda s: s.q_diag
    ),
    "p": ThermalQuantity("p", "v0", "mean displacement", variable="thermal_p", prediction=lambda s: s.p),
    "specific_heat": ThermalQuantity(
        "c", "1", "specific heat per site", variable="specific_heat", prediction=_specific_heat, in_rs_only=True
    ),
    "overlap_squared": ThermalQuantity(
        "q_ab^2", "v0^4", "mean squared overlap", variable="overlap_squared", prediction=_overlap_squared
    ),
    "spin_glass_susceptibility": ThermalQuantity(
        "chi_SG",
        "v0^4",
        "N times the mean squared overlap, T^2 (1 - lambda)/lambda in the ergodic phase, lambda the replicon",
        variable="overlap_squared",
        prediction=_spin_glass_susceptibility,
        in_rs_only=True,
    ),
    "local_susceptibility": ThermalQuantity(
        "chi_loc",
        "v0^2/E0",
        "beta (q_hat - |q_ab|), the response of a site within one half of the states",
        variable="local_susceptibility",
        prediction=lambda s: s.susceptibility,
    ),
}


@dataclass(frozen=True)
class AtTemperature:
    """One temperature of the comparison.

    Attributes
    ----------
    temperature : float
    rs_exact : bool
    theories : dict
        By name of the ansatz.
    averages : dict
        By size, then by observable.
    limits : dict
        N -> infinity, by observable; empty unless two sizes share the temperature.
    checks : list of Check
        Extrapolated values first, then by size.
    """

    temperature: float
    rs_exact: bool
    theories: dict[str, Theory]
    averages: dict[int, dict[str, Average]]
    limits: dict[str, Limit]
    checks: list[Check]


def compare_equilibrium(simulation: Simulation, controls: Mapping[int, Controls] | None = None) -> list[AtTemperature]:
    """Compare every temperature (at most `MOST`) of a tempering run, hottest first; nothing for other runs.

    ``controls`` are numbers of the couplings, by size, whose influence is taken out of the averages.
    """
    variables = [row.variable for row in THERMAL.values()]
    found = {size.n: simulation.thermal(size.n, variables) for size in simulation.sizes}
    ladders = {n: thermal for n, thermal in found.items() if thermal is not None}
    temperatures = sorted({float(t) for thermal in ladders.values() for t in thermal.temperatures}, reverse=True)
    shared = [t for t in temperatures if all(t in thermal.temperatures for thermal in ladders.values())]
    chosen = _evenly(shared or temperatures)
    if simulation.run.couplings.file is not None:
        return []  # no theory is about them, as the comparison at T = 0 says
    try:
        model = mean_field_model(simulation.run)
    except ParameterError:
        return []  # outside the domain of the theory, as the comparison at T = 0 says
    return [
        _at(t, model, {n: thermal for n, thermal in ladders.items() if t in thermal.temperatures}, controls or {})
        for t in chosen
    ]


def _evenly(temperatures: list[float]) -> list[float]:
    if len(temperatures) <= MOST:
        return temperatures
    return [temperatures[i] for i in np.linspace(0, len(temperatures) - 1, MOST).round().astype(int)]


def _at(
    temperature: float, model: Model, ladders: dict[int, Thermal], controls: Mapping[int, Controls]
) -> AtTemperature:
    theories, rs_exact = solve_at(model, temperature)
    rs = theories["rs"].solution
    moments = model.field != 0.0 or (rs is not None and rs.p != 0.0)
    ergodic = rs is not None and rs.phase == "ergodic"
    names, folded = _names(moments, ergodic), moments and model.field == 0.0
    averages = {
        n: {name: _average(thermal, name, temperature, n, folded, controls.get(n)) for name in names}
        for n, thermal in ladders.items()
    }
    far = _far_from_the_transition(model, temperature, rs, rs_exact, list(ladders))
    problem = _out_of_equilibrium(temperature, ladders) or ("" if len(far) > 1 else NEAR)
    limits, checks = {}, []
    for name in names:
        by_size = {n: row[name] for n, row in averages.items() if row[name].stderr and (n in far or len(far) < 2)}
        limit = limit_of_averages(by_size, thermal_forms(name, rs_exact))
        if limit is not None:
            limits[name] = limit
            expected = expectations(name, theories, rs_exact, problem)
            fewest = min(row.samples for row in by_size.values())
            checks.append(
                compare(name, None, limit.value, limit.stderr, theories, expected, fewest, temperature=temperature)
            )
    at_n = dict.fromkeys(THEORIES, Expectation(None, FINITE_N))
    for n, found in averages.items():
        for name, row in found.items():
            checks.append(compare(name, n, row.mean, row.stderr, theories, at_n, row.samples, row.problem, temperature))
    return AtTemperature(temperature, rs_exact, theories, averages, limits, checks)


def _names(moments: bool, ergodic: bool) -> list[str]:
    """What has a limit here that is not zero by symmetry.

    In the ergodic phase |q_ab| is noise, which leaves only q_hat in the local susceptibility: nothing new.
    """
    left_out = (set() if moments else {"p"}) | (
        {"overlap_squared", "local_susceptibility"} if ergodic else {"spin_glass_susceptibility"}
    )
    return [name for name in THERMAL if name not in left_out]


def _far_from_the_transition(
    model: Model, temperature: float, rs: Solution | None, rs_exact: bool, sizes: list[int]
) -> list[int]:
    """The sizes at which the leading correction is the one that is fitted."""
    if rs is None:
        return []
    if rs_exact:
        return [n for n in sizes if n * rs.replicon**3 >= FAR_ABOVE]
    transition = meanfield.glass_temperature(model)
    if transition is None or transition <= temperature:
        return []
    return [n for n in sizes if n * (1 - temperature / transition) ** 3 >= FAR_BELOW]


def solve_at(model: Model, temperature: float) -> tuple[dict[str, Theory], bool]:
    """Every ansatz at one temperature, and whether RS is stable there, where all coincide with it."""
    with np.errstate(all="ignore"):  # trial points of the iteration may overflow; convergence is checked
        rs = meanfield.solve(model, "rs", temperature=temperature)
        if rs.converged and rs.stable:
            coinciding = {name: replace(rs, ansatz=name, solutions=()) for name in THEORIES}
            return {name: _theory(name, solution) for name, solution in coinciding.items()}, True
        theories = {"rs": _theory("rs", rs)}
        theories["1rsb"] = _theory("1rsb", meanfield.solve(model, "1rsb", temperature=temperature))
        if model.a2.std > 0:
            theories["frsb"] = Theory("frsb", None, problem="full RSB with local disorder is not solved for a report")
        else:
            theories["frsb"] = _theory("frsb", meanfield.solve(model, "frsb", temperature=temperature))
    return theories, False


def _theory(name_of_theory: str, solution: Solution) -> Theory:
    if not solution.converged:
        problem = f"the iteration did not converge (residual {solution.residual:.1e})"
        return Theory(name_of_theory, None, problem=problem, failed=True)
    names = [name for name, row in THERMAL.items() if not row.in_rs_only or (solution.stable and not solution.broken)]
    limit = solution.limit(lambda one: [THERMAL[name].prediction(one) for name in names])
    values = dict(zip(names, limit.value.tolist(), strict=True))
    errors = dict(zip(names, limit.error.tolist(), strict=True))
    values["energy"] = solution.internal_energy  # extrapolated by its own law
    errors["energy"] = solution.error if np.isfinite(solution.error) else 0.0
    finite = {name: value for name, value in values.items() if np.isfinite(value)}  # what has a limit in this phase
    return Theory(name_of_theory, solution, finite, errors)


def expectations(
    observable: str, theories: Mapping[str, Theory], rs_exact: bool, problem: str
) -> dict[str, Expectation]:
    """What must come out of the comparison of an extrapolated thermal average."""
    found = {}
    true = theories["frsb"].values.get(observable)
    for name, theory in theories.items():
        own = theory.values.get(observable)
        if theory.solution is None:
            found[name] = Expectation(None, theory.problem or NOT_SOLVED)
        elif own is None:
            found[name] = Expectation(None, NOT_PREDICTED)
        elif problem:
            found[name] = Expectation(None, problem)
        elif rs_exact:
            found[name] = Expectation("agree", EXACT)
        elif name == "frsb":
            found[name] = Expectation("agree", FULL_RSB_EXACT)
        elif true is None:
            found[name] = Expectation(None, "how far it is off is not known without full RSB")
        else:
            reason = TOO_FEW_STEPS if name == "rs" else ONE_STEP
            found[name] = Expectation("differ", reason, gap=abs(own - true))
    return found


def _average(
    thermal: Thermal, name: str, temperature: float, n: int, folded: bool, control: Controls | None
) -> Average:
    variable = "thermal_abs_p" if name == "p" and folded else THERMAL[name].variable
    found = thermal.average(variable, temperature, control)
    if name == "spin_glass_susceptibility":
        return replace(found, mean=n * found.mean, stderr=None if found.stderr is None else n * found.stderr)
    return found


def _out_of_equilibrium(temperature: float, ladders: Mapping[int, Thermal]) -> str:
    """Why nothing can be judged, or empty."""
    for n, thermal in ladders.items():
        open_samples, samples = thermal.not_equilibrated(temperature)
        if open_samples > OUT_OF_EQUILIBRIUM * samples:
            return f"{open_samples} of {samples} samples of N = {n} are not in equilibrium"
    return ""
