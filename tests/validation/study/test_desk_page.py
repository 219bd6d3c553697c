"""The page on the desk study, and what README says of it, have the numbers of the report that is kept beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from validation.report.words import with_error, z_text

ROOT = Path(__file__).parents[3]
REPORT = json.loads((ROOT / "docs" / "desk" / "report.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "desk_study.md").read_text(encoding="utf-8")
LINES = PAGE.splitlines()


def test_headline_and_statements() -> None:
    assert REPORT["headline"] in PAGE
    for claim in REPORT["claims"]:
        assert claim["statement"].replace("->", "→") in PAGE, claim["title"]
        assert claim["verdict"] != "not evaluated"
    assert not REPORT["provenance"]["git_revision"].endswith("-dirty")
    for value in REPORT["provenance"].values():
        assert f"`{value}`" in PAGE


@pytest.mark.parametrize("row", REPORT["checks"], ids=lambda row: row["observable"])
def test_every_judged_row_stands_in_a_table(row: dict) -> None:
    if row["verdict"] == "not tested" and row["claim"] == 7:
        return  # of the equilibrium claim only what was judged
    if row["prediction"]["rs"] is None and row["prediction"]["frsb"] is None:
        return  # trends without a theory are told in the statement
    name = row["observable"].replace("_", " ")
    value = with_error(row["simulation"], row["stderr"])
    scores = [z_text(z) for z in row["z"].values() if z is not None]
    found = [line for line in LINES if f" {name}" in line and value in line and all(z in line for z in scores)]
    assert found, (name, value, scores)
    if not row["negative_control"]:
        assert any(line.rstrip(" |").endswith(row["verdict"]) for line in found)


def test_readme_has_its_main_numbers() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    energy = next(row for row in REPORT["checks"] if row["observable"] == "energy")
    assert f"e = {with_error(energy['simulation'], energy['stderr'])}" in readme


def test_pictures_are_there_and_light() -> None:
    folder = ROOT / "docs" / "desk"
    files = list(folder.iterdir())
    for path in files:
        if path.suffix == ".png":
            assert f"desk/{path.name}" in PAGE
    assert sum(path.stat().st_size for path in files) < 1_000_000
