"""The page on the desk study, and what README says of it, have the numbers of the report that is kept beside them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from validation.report.words import with_error

ROOT = Path(__file__).parents[3]
REPORT = json.loads((ROOT / "docs" / "desk" / "report.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "desk_study.md").read_text(encoding="utf-8")
LINES = PAGE.splitlines()


def test_page_is_that_of_the_report() -> None:
    spec = importlib.util.spec_from_file_location("desk_page", ROOT / "docs" / "desk_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == PAGE, "run python docs/desk_page.py"


def test_everything_of_the_report_is_told() -> None:
    """Whatever the words around the numbers: no claim, no judged row and no failure is left out."""
    assert REPORT["headline"] in PAGE
    for claim in REPORT["claims"]:
        assert claim["statement"].replace("->", "→") in PAGE, claim["title"]
        assert claim["verdict"] != "not evaluated"
    for row in REPORT["checks"]:
        if row["verdict"] != "not tested" and any(value is not None for value in row["prediction"].values()):
            value, name = with_error(row["simulation"], row["stderr"]), row["observable"].replace("_", " ")
            assert any(f"| {name}" in line and value in line for line in LINES), (name, value)
    assert not REPORT["provenance"]["git_revision"].endswith("-dirty")
    for value in REPORT["provenance"].values():
        assert f"`{value}`" in PAGE


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
