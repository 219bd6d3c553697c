"""The smoke study that ships runs to its report: RS found exact where it is, and a mistake of 5% found out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from validation.cli import main

STUDY = Path(__file__).parents[3] / "examples" / "studies" / "smoke.toml"


def report(study: Path, out: Path) -> dict:
    with pytest.raises(SystemExit) as ended:
        main(["study", str(study), "--out", str(out)])
    assert not ended.value.code
    assert (out / "report" / "report.html").stat().st_size < 5_000_000
    found: dict = json.loads((out / "report" / "report.json").read_text())
    return found


def fewer(text: str, share: int) -> str:
    """The same study with an n-th of the samples."""
    return re.sub(
        r"samples = \[([^]]*)\]",
        lambda found: f"samples = {[int(number) // share for number in found[1].split(',')]}",
        text,
    )


def test_a_third_of_the_smoke_study(tmp_path: Path) -> None:
    study = tmp_path / "smoke.toml"
    study.write_text(fewer(STUDY.read_text(), 3))
    data = report(study, tmp_path / "out")
    assert all(run["complete"] for run in data["runs"])
    assert [claim["kind"] for claim in data["claims"]] == ["rs-exact", "rs-exact", "ground-states"]
    assert all(claim["verdict"] != "not evaluated" for claim in data["claims"])
    assert data["verdict"] != "fail", data["headline"]
    rows = {(row["claim"], row["observable"]): row for row in data["checks"] if row["negative_control"]}
    assert rows[0, "energy"]["verdict"] == "pass"
    own = next(row for row in data["checks"] if row["claim"] == 0 and row["observable"] == "energy")
    assert own["verdict"] == "pass"
    assert abs(own["z"]["rs"]) < 3
    assert own["stderr"] * 3 < 0.01 * abs(own["prediction"]["rs"])


@pytest.mark.slow
def test_the_whole_smoke_study(tmp_path: Path) -> None:
    data = report(STUDY, tmp_path / "out")
    assert data["verdict"] == "pass", data["headline"]
    rejected = {row["claim"] for row in data["checks"] if row["negative_control"] and row["verdict"] == "pass"}
    assert rejected == {0, 1, 2}
