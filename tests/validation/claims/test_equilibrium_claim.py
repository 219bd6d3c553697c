"""The claim on thermal equilibrium: rows of every temperature, overlaps freed of controls, crossings told or not."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

import meanfield
from meanfield import Model
from tests.validation.conftest import simulate
from validation.claims import equilibrium
from validation.claims.finding import Evidence, Finding
from validation.claims.kinds import KINDS
from validation.simulation import Simulation
from validation.statistics.coupling_controls import controlled, exact_controls
from validation.verdicts.equilibrium import compare_equilibrium

RECORD = {
    "seed": 77,
    "model": {"gamma": 4.0},
    "ensemble": {"n": [12, 24], "samples": [200, 100]},
    "protocol": {"kind": "tempering", "temperatures": [60.0, 43.0, 26.0], "sweeps": 300, "burn_in": 100},
    "output": {"sites": False},
}


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return Simulation.open(simulate(RECORD, tmp_path_factory.mktemp("ladder") / "run"))


@pytest.fixture(scope="module")
def finding(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Finding:
    claim = KINDS["equilibrium"].model_validate({"kind": "equilibrium", "runs": ["run"]})
    return equilibrium.judge(Evidence(claim, [simulation], [{}], tmp_path_factory.mktemp("controls")))


def test_what_is_told(finding: Finding) -> None:
    json.dumps(finding.numbers, allow_nan=False)
    assert finding.numbers["glass_temperature"] == pytest.approx(21.551, abs=1e-3)
    assert set(finding.numbers["crossings"]) == {"binder_crossing", "overlap_crossing"}
    assert "T_g = 21.551" in finding.statement
    assert "Binder ratios" in finding.statement
    rows = {(one.check.observable, one.check.temperature) for one in finding.checks if not one.control}
    assert {("energy", 60.0), ("energy", 43.0), ("q", 60.0)} <= rows
    assert [picture.name for picture in finding.pictures] == ["equilibrium"]


def test_rs_is_found_exact_far_above_the_transition(finding: Finding) -> None:
    hot = [one.check for one in finding.checks if one.check.temperature == 60.0 and not one.control]
    assert hot
    for row in hot:
        assert row.z["rs"] is None or abs(row.z["rs"]) < 4, row
        assert row.verdict != "fail"
    assert all(one.check.verdict != "fail" for one in finding.checks if one.control)


def test_overlaps_are_freed_of_the_couplings(simulation: Simulation, finding: Finding) -> None:
    """The means are those with controls; near the transition, where samples differ most, they scatter much less."""
    n = 12
    control = exact_controls(simulation.run, n)
    with h5py.File(simulation.path / "results.h5") as file:
        squared = file[f"n{n}/overlap_squared"][()]
    found = finding.arrays[f"scaled_overlap_n{n}"][0]
    expected = [n ** (2 / 3) * controlled(column, control).mean for column in squared.T]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    reduction = [controlled(column, control).reduction for column in squared.T]
    assert reduction[-1] > 2, reduction


def test_the_negative_control_is_the_theory_of_wider_couplings(simulation: Simulation) -> None:
    """U of couplings of variance c/N: lambda = sqrt(c) times that of gamma -> lambda gamma at T/lambda."""
    scale = np.sqrt(1.05)
    at = compare_equilibrium(simulation, {})[0]
    judged = replace(at, checks=[replace(row, verdict="pass") for row in at.checks])  # with errors small enough
    control = equilibrium._control(judged, Model(gamma=4.0), "")
    assert control is not None
    mistaken = meanfield.solve(Model(gamma=4 * scale), temperature=at.temperature / scale)
    assert control.check.prediction["rs"] == pytest.approx(scale * mistaken.internal_energy, rel=1e-6)
    assert control.check.expected["rs"] == "differ"
