"""`validation finite-size`: runs of one model put together, limits that are known, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.validation.conftest import simulate
from validation.cli import main
from validation.finite_size import power_law
from validation.statistics.resampling import width

RECORD = {
    "seed": 31,
    "model": {"gamma": 1.0, "j0": 3.0},
    "ensemble": {"n": [12, 16, 24], "samples": [90, 80, 70]},
    "protocol": {"kind": "quench", "start": "uniform", "start_value": 3.5},
    "output": {"sites": False},
}
RS_ENERGY = -6.905141  # gamma = 1, J0 = 3, T = 0, where RS is exact


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same samples in one run and in two; another model."""
    folder = tmp_path_factory.mktemp("sizes")
    records = {
        "whole": RECORD,
        "small": {**RECORD, "ensemble": {"n": [12, 16], "samples": [90, 80]}},
        "large": {**RECORD, "ensemble": {"n": 24, "samples": 70}},
        "other": {**RECORD, "model": {"gamma": 1.0, "j0": 2.5}, "ensemble": {"n": 8, "samples": 4}},
    }
    return {name: simulate(record, folder / name) for name, record in records.items()}


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["finite-size", *(str(argument) for argument in arguments)])
    return int(ended.value.code or 0)


def test_a_known_limit(polarised: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status(polarised, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    energy = found["observables"]["energy"]
    assert [row["n"] for row in energy["sizes"]] == [32, 64, 128, 256]
    assert all(row["variance_reduction"] > 10 for row in energy["sizes"])  # p^2/2 times the sum of J_ij is taken out
    limit = energy["limit"]
    assert abs(limit["value"] - RS_ENERGY) < 4 * limit["stderr"] < 0.06
    # The largest size alone is far off: it is the extrapolation that brings it there.
    assert abs(energy["sizes"][-1]["mean"] - RS_ENERGY) > 3 * limit["stderr"]
    assert limit["stderr"] == pytest.approx(np.hypot(limit["statistical"], limit["spread_over_fits"]))
    assert sum(fit["weight"] for fit in limit["fits"]) == pytest.approx(1)
    assert {tuple(fit["exponents"]) for fit in limit["fits"]} == {(1.0,), (1.0, 2.0)}


def test_sizes_in_several_runs_are_those_of_one(runs: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    """Disorder is keyed by seed, N and sample: in one run or in two, in any order, the same numbers to the last bit."""
    told = []
    for directories in (["whole"], ["small", "large"], ["large", "small"]):
        assert status(*(runs[name] for name in directories), "--json") == 0
        told.append(json.loads(capfd.readouterr().out))
    assert told[0] == told[1] == told[2]
    assert told[0]["width"]["n"] == [12, 16, 24]


def test_one_size_has_no_limit(runs: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    assert status(runs["large"], "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["observables"]["energy"]["limit"] is None
    assert found["width"] is None
    assert status(runs["large"]) == 0
    assert "fewer than two" in capfd.readouterr().out


def test_tables_for_people(runs: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    assert status(runs["whole"], "--fits") == 0
    text = capfd.readouterr().out
    assert "a N^-1 + b N^-2, N ≥ 12" in text
    assert "weight" in text
    assert "width of the lowest energy between samples" in text


def test_what_is_refused(runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for directories, message in (
        ([runs["whole"], runs["other"]], "is a run of another model"),
        ([runs["whole"], runs["large"]], "N = 24 stands in another of these runs"),
        ([tmp_path], str(tmp_path)),
        ([tmp_path / "nowhere"], "nowhere"),
        ([], "DIR"),
    ):
        assert status(*directories) == 2
        told = capfd.readouterr()
        assert message in told.err
        assert told.out == ""
        assert "Traceback" not in told.err


def test_power_laws() -> None:
    n = np.array([16.0, 32.0, 64.0, 128.0])
    found = power_law(n, 3 * n**-0.8, 0.01 * n**-0.8)
    assert found["exponent"] == pytest.approx(0.8, abs=1e-12)
    assert found["chi2"] == pytest.approx(0, abs=1e-12)
    stream = np.random.default_rng(6)
    z = []
    for _ in range(200):
        pairs = np.array([width(size**-0.75 * stream.standard_normal(400)) for size in n])
        fit = power_law(n, pairs[:, 0], pairs[:, 1])
        z.append((fit["exponent"] - 0.75) / fit["exponent_stderr"])
    assert abs(np.mean(z)) < 4 / np.sqrt(len(z))
    assert np.std(z) == pytest.approx(1, abs=0.25)
