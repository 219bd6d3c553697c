"""Claims judged on a small simulated glass: what they tell, and that their own numbers are right."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from validation.claims import ground_states
from validation.claims.finding import Evidence, Finding
from validation.claims.kinds import KINDS
from validation.claims.spectrum import resolvent_of_law
from validation.lowest_states import LowestStates, lowest_states
from validation.simulation import Simulation
from validation.statistics.coupling_controls import controlled
from validation.verdicts.forms import GLASSY_ENERGY

# Ground-state energies of the desk study: other seeds, a hundred times as many samples (docs/desk_study.md).
MANY_SAMPLES = {16: (-8.481, 0.003), 32: (-9.777, 0.004), 64: (-10.631, 0.006), 128: (-11.168, 0.009)}


def judged(kind: str, path: Path, cache: Path, **options: Any) -> Finding:
    claim = KINDS[kind].model_validate({"kind": kind, "runs": ["run"], **options})
    evidence = Evidence(claim, [Simulation.open(path)], [{}], cache)
    finding: Finding = import_module(f"validation.claims.{kind.replace('-', '_')}").judge(evidence)
    json.dumps(finding.numbers, allow_nan=False)
    assert finding.statement
    return finding


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("controls")


def test_ground_states(glass: Path, cache: Path) -> None:
    finding = judged("ground-states", glass, cache, control_work=0.05)
    rows = {(one.check.observable, one.control): one.check for one in finding.checks}
    energy = rows["energy", False]
    assert energy.expected == {"rs": "differ", "1rsb": "differ", "frsb": "agree"}
    assert energy.verdict in ("pass", "not tested")
    # The wrong theory lies 0.7 off, and is found that far off within four errors; these are small against it.
    wrong, right = (rows["energy", control].prediction["frsb"] for control in (True, False))
    assert wrong is not None
    assert right is not None
    assert rows["energy", True].z["frsb"] == pytest.approx((right - wrong) / energy.stderr, abs=4)
    assert energy.stderr < (right - wrong) / 1.5
    assert rows["q", False].verdict == "pass"
    sizes = finding.numbers["sizes"]
    # Energies are skewed, and the plain means of a hundred samples far off; with controls they are where thousands are.
    for row in sizes:
        value, error = MANY_SAMPLES[row["n"]]
        assert abs(row["energy"] - value) < 4 * np.hypot(row["stderr"], error), row
    assert sizes[0]["variance_reduction"] > 3
    assert list(cache.rglob("*.npy"))
    # Four replicas are too few to say what they miss.
    assert all(row["still_missed"] is None for row in sizes)
    assert finding.numbers["limits"]["energy"]["systematic"] == 0


def test_controls_are_kept_between_reports(glass: Path, cache: Path) -> None:
    judged("ground-states", glass, cache, control_work=0.05)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")}
    again = judged("ground-states", glass, cache, control_work=0.05)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")} == before
    assert again.checks


def test_small_fields_by_hand(glass: Path, cache: Path) -> None:
    finding = judged("small-fields", glass, cache)
    simulation = Simulation.open(glass)
    row = finding.numbers["sizes"][0]
    w = finding.numbers["window"]
    import h5py

    lowest = lowest_states(simulation, row["n"])
    with h5py.File(glass / "results.h5") as file:
        h = np.stack([file[f"n{row['n']}/cavity_field"][s, r] for s, r in enumerate(lowest.replica)])
    inner, outer = (np.mean((np.abs(h) >= a) & (np.abs(h) < b)) / w for a, b in ((0, w / 2), (w / 2, w)))
    assert row["density"][0] == pytest.approx((3 * inner - outer) / 2)
    assert row["slope"][0] == pytest.approx(2 * (outer - inner) / w)
    density = next(one.check for one in finding.checks if one.check.observable == "small_field_density")
    assert density.prediction["rs"] == pytest.approx(1 / np.sqrt(2 * np.pi * 32.81862), rel=2e-3)
    assert density.prediction["frsb"] is not None
    assert density.prediction["frsb"] < 0.01


def test_spectra_follow_the_law(glass: Path, cache: Path) -> None:
    finding = judged("spectrum", glass, cache)
    rows = {(one.check.observable, one.control): one.check for one in finding.checks}
    assert rows["resolvent_minus_law", False].verdict == "pass"
    assert rows["resolvent_minus_law", True].verdict == "pass"  # a semicircle 5% too wide is found out
    assert finding.arrays["eigenvalue"][0].min() > 0


def test_resolvent_of_a_pure_semicircle() -> None:
    """All d equal: g = (x + d - sqrt((x + d)^2 - 4))/2."""
    for x in (0.5, 1.0, 3.0):
        z = x + 2.5
        assert resolvent_of_law(np.full(3, 2.5), x=x) == pytest.approx((z - np.sqrt(z**2 - 4)) / 2, rel=1e-10)


def test_missed_states_lower_the_energy_and_widen_its_error() -> None:
    """Every size may lie 0.2 lower: the limit is 0.1 lower, and its error holds 0.1."""

    def row(n: int, missed: float) -> ground_states.SizeRow:
        energy = -1 + 1 / n ** (2 / 3) + 0.01 * np.random.default_rng(n).standard_normal(400)
        nothing = np.zeros(400)
        states = LowestStates(n, {"energy": energy}, nothing, nothing, nothing.astype(int), nothing, nothing, missed)
        return ground_states.SizeRow(states, None, controlled(energy, None))

    plain, lowered = (
        ground_states.limit_of([row(n, missed) for n in (16, 32, 64, 128)], "energy", GLASSY_ENERGY)
        for missed in (float("nan"), 0.2)
    )
    assert plain is not None
    assert lowered is not None
    assert lowered.value == pytest.approx(plain.value - 0.1)
    assert lowered.stderr == pytest.approx(np.hypot(plain.stderr, 0.1))


def test_without_a_field_there_is_no_response(glass: Path, cache: Path) -> None:
    finding = judged("field-response", glass, cache, control_work=0)
    assert finding.statement == "Nothing to tell."
    assert finding.checks == []
