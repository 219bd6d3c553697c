"""Limits of averages by size: what has no error, or is zero everywhere, is left out and never divides by nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.validation.conftest import simulate
from validation.report.page import write
from validation.simulation import Average, Simulation, limit_of_averages
from validation.verdicts.comparison import compare_run
from validation.verdicts.forms import BY_SYMMETRY, GLASSY_ENERGY, NOT_FIXED, SOFT_MODE


def averages(*stderrs: float | None) -> dict[int, Average]:
    return {2 ** (4 + at): Average(1.0 + 0.1 * at, error, 30) for at, error in enumerate(stderrs)}


def test_sizes_without_an_error_are_left_out() -> None:
    found = limit_of_averages(averages(0.1, None, 0.1, 0.0, 0.1), NOT_FIXED)
    assert found is not None
    assert found.sizes == (16, 64, 256)


@pytest.mark.parametrize("stderrs", [(), (0.1,), (None, None), (0.0, 0.0, 0.0), (0.1, None)])
def test_fewer_than_two_sizes_have_no_limit(stderrs: tuple[float | None, ...]) -> None:
    for forms in (BY_SYMMETRY, GLASSY_ENERGY, NOT_FIXED, SOFT_MODE):
        assert limit_of_averages(averages(*stderrs), forms) is None


def test_equal_means_have_their_mean_as_limit() -> None:
    """No slope from which a next order takes its size: exact zeros with an error are still fitted."""
    for sizes in (2, 3, 4):
        rows = {2 ** (4 + at): Average(0.0, 0.1, 30) for at in range(sizes)}
        found = limit_of_averages(rows, GLASSY_ENERGY)
        assert found is not None
        assert found.value == pytest.approx(0, abs=1e-12)
        assert 0.1 / sizes**0.5 < found.stderr < 5


def test_rows_of_two_sizes(tmp_path: Path) -> None:
    """A quenched glass: rows for both sizes and their limit, which allows for a next order; p is zero by symmetry."""
    record = {
        "seed": 9,
        "model": {"gamma": 4.0},
        "ensemble": {"n": [12, 24], "samples": 30, "replicas": 2},
        "protocol": {"kind": "quench"},
    }
    comparison = compare_run(Simulation.open(simulate(record, tmp_path / "run")))
    data = write(comparison, tmp_path / "report", "test")
    limits = {check["observable"]: check for check in data["checks"] if check["n"] is None}
    assert {check["n"] for check in data["checks"]} == {None, 12, 24}
    assert data["verdict"] in ("pass", "not tested")
    assert {"energy", "p", "q", "C", "lambda_min"} <= limits.keys() == data["extrapolations"].keys()
    assert limits["p"]["verdict"] == "pass"
    assert {fit["form"] for fit in data["extrapolations"]["p"]["fits"]} == {"constant"}
    energy = data["extrapolations"]["energy"]
    assert all(len(fit["exponents"]) == 2 for fit in energy["fits"])
    assert energy["stderr"] > max(c["stderr"] for c in data["checks"] if c["observable"] == "energy" and c["n"])
