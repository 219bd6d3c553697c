"""Write docs/desk_study.md from its words, desk_study.md.j2, and its numbers, desk/report.json.

    python docs/desk_page.py

After `validation study examples/studies/desk.toml`, with its report.json and pictures copied to docs/desk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

from validation.report.words import with_error, z_text

HERE = Path(__file__).parent
PAGE = HERE / "desk_study.md"
THEORIES = {"rs": "RS", "1rsb": "1RSB", "frsb": "full RSB"}


def page() -> str:
    """The whole page."""
    report = json.loads((HERE / "desk" / "report.json").read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    told = {claim["title"]: _claim(report, number) for number, claim in enumerate(report["claims"])}
    return environment.get_template("desk_study.md.j2").render(
        report=report, claims=told, controls=_controls(report), with_error=with_error
    )


def _claim(report: dict[str, Any], number: int) -> dict[str, Any]:
    """Statement, verdict, numbers and table of one claim."""
    claim = report["claims"][number]
    rows = [row for row in report["checks"] if row["claim"] == number and not row["negative_control"]]
    with_theory = [row for row in rows if any(value is not None for value in row["prediction"].values())]
    judged = [row for row in with_theory if row["verdict"] != "not tested" or row["observable"] == "energy"]
    return {
        "verdict": claim["verdict"],
        "statement": claim["statement"].replace("->", "→"),
        "numbers": claim["numbers"],
        "table": _table(with_theory),
        "judged": _table(judged),
    }


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [f"| observable | simulation | {', z | '.join(THEORIES.values())}, z | verdict |", "|---" * 6 + "|"]
    for row in rows:
        cells = [_name(row), with_error(row["simulation"], row["stderr"])]
        cells += [_against(row, theory) for theory in THEORIES]
        lines.append(f"| {' | '.join([*cells, row['verdict']])} |")
    return "\n".join(lines)


def _controls(report: dict[str, Any]) -> str:
    """The negative controls of all claims."""
    lines = ["| family | observable | simulation | wrong theory, z | found out |", "|---" * 5 + "|"]
    for row in report["checks"]:
        if row["negative_control"]:
            theory = next(name for name, value in row["prediction"].items() if value is not None)
            outcome = {"pass": "yes", "fail": "**no**"}.get(row["verdict"], "no: error too large")
            family = report["claims"][row["claim"]]["title"]
            cells = [family, _name(row), with_error(row["simulation"], row["stderr"]), _against(row, theory), outcome]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _name(row: dict[str, Any]) -> str:
    """The observable, with what tells it from others of its kind."""
    name = str(row["observable"]).replace("_", " ")
    for sign, words in (("F = ", "F = "), ("a2 = -", "k = ")):
        if row["conditions"].startswith(sign):
            name += f" ({words}{row['conditions'].removeprefix(sign).split(',')[0]})"
    return f"{name}, T = {row['temperature']:.4g}" if row["temperature"] else name


def _against(row: dict[str, Any], theory: str) -> str:
    value, z = row["prediction"][theory], row["z"].get(theory)
    if value is None:
        return "–"
    return f"{value:.5g}, {z_text(z)}" if z is not None else f"{value:.5g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
