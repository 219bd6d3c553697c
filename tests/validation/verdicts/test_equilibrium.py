"""Thermal averages against theory: exact above T_g, found out if the couplings are wrong, never judged near T_g."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import meanfield
from meanfield import Model
from nsim.sample import couplings
from tests.validation.conftest import simulate
from validation.report.page import write
from validation.simulation import Simulation
from validation.verdicts.checks import Check
from validation.verdicts.comparison import Comparison, compare_run
from validation.verdicts.equilibrium import NEAR, THERMAL, compare_equilibrium, expectations, solve_at

T_G = 2.7416795  # at gamma = 1; asserted below
HOT, WARM, CRITICAL = 8.0, 5.5, 3.0
RUN = {
    "seed": 81,
    "model": {"gamma": 1.0},
    "ensemble": {"n": [32, 64, 96], "samples": [160, 90, 60], "replicas": 2},
    "protocol": {"kind": "tempering", "temperatures": [HOT, WARM, CRITICAL], "sweeps": 200, "burn_in": 100},
    "output": {"sites": False},
}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare_run(Simulation.open(simulate(RUN, tmp_path_factory.mktemp("warm") / "run")))


def extrapolated(comparison: Comparison, temperature: float) -> dict[str, Check]:
    at = next(at for at in comparison.equilibrium if at.temperature == temperature)
    return {check.observable: check for check in at.checks if check.n is None}


def test_above_the_transition_rs_is_exact(warm: Comparison) -> None:
    assert meanfield.glass_temperature(Model(gamma=1.0)) == pytest.approx(T_G, abs=1e-6)
    for temperature in (HOT, WARM):
        checks = extrapolated(warm, temperature)
        assert set(checks) == {"energy", "q", "specific_heat", "spin_glass_susceptibility"}
        assert {check.verdict for check in checks.values()} <= {"pass", "not tested"}, checks
        for name in ("energy", "q"):
            assert checks[name].verdict == "pass", checks[name]
            assert checks[name].temperature == temperature


def test_close_to_the_transition_nothing_is_judged(warm: Comparison) -> None:
    checks = extrapolated(warm, CRITICAL)
    assert {check.verdict for check in checks.values()} == {"not tested"}
    assert all(NEAR in check.reason for check in checks.values())


def test_the_report_tells_it(warm: Comparison, tmp_path: Path) -> None:
    data = write(warm, tmp_path, "test")
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(data))
    assert [at["temperature"] for at in data["equilibrium"]] == [HOT, WARM, CRITICAL]
    assert {row["temperature"] for row in data["checks"]} == {0.0, HOT, WARM, CRITICAL}
    assert f"tested comparisons pass (T = {HOT:g}, {WARM:g})" in data["headline"]
    page = (tmp_path / "report.html").read_text()
    assert "In thermal equilibrium, T &gt; 0" in page
    assert "Overlap and response in equilibrium" in page


@pytest.mark.parametrize("model", [{"gamma": 4.0, "field": 0.5}, {"gamma": 1.0, "j0": 3.0}])
def test_a_report_with_a_field_or_a_polarised_phase(model: dict[str, float], tmp_path: Path) -> None:
    """There p is compared, and overlaps have a limit; what has none, chi_SG, is left out."""
    record = {
        **RUN,
        "model": model,
        "ensemble": {"n": [8, 16], "samples": 12, "replicas": 2},
        "protocol": {"kind": "tempering", "temperatures": [43.0, 30.0, 3.0], "sweeps": 60, "burn_in": 20},
    }
    comparison = compare_run(Simulation.open(simulate(record, tmp_path / "run")))
    data = write(comparison, tmp_path / "report", "test")
    assert all(check.simulation is not None for check in comparison.thermal_checks)
    cold = {row["observable"] for row in data["checks"] if row["temperature"] == 3.0}
    assert {"p", "overlap_squared", "local_susceptibility"} <= cold
    assert "spin_glass_susceptibility" not in cold
    assert all(row["prediction"]["rs"] is not None for row in data["checks"] if row["observable"] == "p")


def test_what_is_not_in_equilibrium_is_not_judged(tmp_path: Path) -> None:
    short = {
        **RUN,
        "ensemble": {"n": [32, 64], "samples": 15, "replicas": 2},
        "protocol": {"kind": "tempering", "temperatures": [HOT, WARM], "sweeps": 10, "burn_in": 0},
    }
    checks = [
        check
        for at in compare_equilibrium(Simulation.open(simulate(short, tmp_path / "run")))
        for check in at.checks
        if check.n is None
    ]
    assert checks
    assert {check.verdict for check in checks} == {"not tested"}
    assert all("not in equilibrium" in check.reason for check in checks)


def test_spin_glass_susceptibility_with_local_disorder() -> None:
    """chi_SG from its definition, by quadrature over v and a2: E[<v^2>^2]/(1 - beta^2 E[<v^2>^2]), not q_hat^2."""
    temperature, std = 60.0, 5.0
    model = Model(gamma=1.0, a2=meanfield.LocalStiffness.gaussian(1.0, std))
    solution = meanfield.solve(model, "rs", temperature=temperature)
    x, weight = np.polynomial.hermite_e.hermegauss(80)
    v = np.linspace(-25, 25, 8001)[:, None]
    exponent = -((1 + std * x - solution.C) * v**2 / 2 + v**4 / 24) / temperature
    boltzmann = np.exp(exponent - exponent.max(axis=0))
    square = (v**2 * boltzmann).sum(axis=0) / boltzmann.sum(axis=0)
    second, fourth = (float(weight @ square**k / weight.sum()) for k in (1, 2))
    assert solution.q_diag == pytest.approx(second, rel=1e-5)
    expected = fourth / (1 - fourth / temperature**2)
    assert THERMAL["spin_glass_susceptibility"].prediction(solution) == pytest.approx(expected, rel=1e-5)
    assert expected > 1.5 * second**2 / (1 - fourth / temperature**2)


def test_other_runs_have_no_thermal_rows(quenched: Path) -> None:
    assert compare_equilibrium(Simulation.open(quenched)) == []


def test_wrong_couplings_are_found_out(warm: Comparison, tmp_path: Path) -> None:
    """Couplings of variance 1.05/N."""
    draw: Callable[..., np.ndarray] = couplings.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(couplings, "draw", lambda *key, **options: np.sqrt(1.05) * draw(*key, **options))
        wrong = compare_run(Simulation.open(simulate(RUN, tmp_path / "run")))
    assert wrong.verdict == "fail"
    failed = {check.observable for check in wrong.thermal_checks if check.verdict == "fail"}
    assert {"energy", "q"} & failed
    assert [size.samples for size in wrong.simulation.sizes] == [size.samples for size in warm.simulation.sizes]


def test_below_the_transition_full_rsb_is_expected() -> None:
    theories, rs_exact = solve_at(Model(gamma=1.0), 0.5 * T_G)
    assert not rs_exact
    full = theories["frsb"]
    # Exact: the response within one half of the states is 1 throughout the glass.
    assert abs(full.values["local_susceptibility"] - 1) < 3 * full.errors["local_susceptibility"] < 1e-3
    assert theories["rs"].values["local_susceptibility"] == theories["rs"].solution.C  # type: ignore[union-attr]
    expected = expectations("q", theories, rs_exact, problem="")
    assert [expected[name].kind for name in ("rs", "1rsb", "frsb")] == ["differ", "differ", "agree"]
    assert expected["rs"].gap == pytest.approx(abs(theories["rs"].values["q"] - full.values["q"]))
    silent = expectations("q", theories, rs_exact, problem="not in equilibrium")
    assert all(one.kind is None for one in silent.values())


def test_squared_overlap_is_that_of_the_distribution() -> None:
    """<q^2> from the weights of P(q), one by one."""
    solution = meanfield.solve(Model(gamma=1.0), "krsb", temperature=0.5 * T_G, steps=3)
    m = np.concatenate([[0.0], solution.temperature * solution.mu, [1.0]])
    assert np.all(np.diff(m) > 0)
    assert THERMAL["overlap_squared"].prediction(solution) == pytest.approx(float(np.diff(m) @ solution.q**2))
