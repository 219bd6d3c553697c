"""The report of a study: report.html that carries everything in it, report.json, report.h5, and the pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from markupsafe import Markup

from nsim.errors import InputError, reason
from validation.predictions import THEORIES
from validation.report.page import provenance, replace_file
from validation.report.template import environment
from validation.report.words import with_error
from validation.study.evaluation import Evaluation, as_json

DOTS = 130  # per inch, of the pictures


def write(evaluation: Evaluation, out: Path, command: str) -> dict[str, Any]:
    """Write the report and its pictures (for talks and papers) into ``out``; returns what the JSON file holds."""
    data = as_json(evaluation, provenance(command))
    page = html(evaluation, data)
    try:
        out.mkdir(parents=True, exist_ok=True)
        replace_file(out / "report.json", json.dumps(data, indent=1, allow_nan=False) + "\n")
        replace_file(out / "report.html", page)
        _write_arrays(evaluation, data, out / "report.h5")
        _write_pictures(evaluation, out / "figures")
    except OSError as error:
        raise InputError(f"{out}: {reason(error)}") from None
    return data


def html(evaluation: Evaluation, data: dict[str, Any]) -> str:
    """The page, with its style and figures in it."""
    from validation.plot_style import svg  # matplotlib is slow to import: only where figures are drawn

    findings = [
        {
            "number": number + 1,
            "title": finding.title,
            "statement": finding.statement,
            "verdict": finding.outcome,
            "checks": finding.checks,
            "pictures": [
                {
                    "title": picture.title,
                    "caption": picture.caption,
                    "svg": Markup(svg(picture.figure, f"claim{number}-{picture.name}")),
                }
                for picture in finding.pictures
            ],
            "tables": finding.tables,
            "commands": finding.commands,
        }
        for number, finding in enumerate(evaluation.findings)
    ]
    return (
        environment()
        .get_template("study.html.j2")
        .render(data=data, about=evaluation.study.about, findings=findings, theories=THEORIES, with_error=with_error)
    )


def _write_pictures(evaluation: Evaluation, out: Path) -> None:
    from validation.plot_style import style

    out.mkdir(exist_ok=True)
    with style():
        for finding in evaluation.findings:
            for picture in finding.pictures:
                picture.figure.savefig(out / f"{picture.name}.png", dpi=DOTS, facecolor="white")


def _write_arrays(evaluation: Evaluation, data: dict[str, Any], path: Path) -> None:
    """A group for every claim: its arrays with descriptions, its checks as a table, its numbers as JSON text."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    text = h5py.string_dtype()
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs["title"] = evaluation.study.title
            file.attrs["headline"] = data["headline"]
            file.attrs["provenance"] = json.dumps(data["provenance"])
            for number, finding in enumerate(evaluation.findings):
                group = file.create_group(f"claim_{number}_{finding.claim.kind.replace('-', '_')}")
                group.attrs["title"] = finding.title
                group.attrs["statement"] = finding.statement
                group.attrs["numbers"] = json.dumps(finding.numbers, allow_nan=False)
                for name, (values, description) in finding.arrays.items():
                    group.create_dataset(name, data=np.asarray(values)).attrs["long_name"] = description
                checks = [one.check for one in finding.checks]
                if checks:
                    table = group.create_group("checks")
                    table.create_dataset("observable", data=[one.observable for one in checks], dtype=text)
                    table.create_dataset("verdict", data=[one.verdict for one in checks], dtype=text)
                    table.create_dataset("conditions", data=[one.conditions for one in finding.checks], dtype=text)
                    table.create_dataset("negative_control", data=[one.control for one in finding.checks])
                    for key in ("temperature", "simulation", "stderr"):
                        table.create_dataset(key, data=_numbers([getattr(one, key) for one in checks]))
                    for name in THEORIES:
                        table.create_dataset(
                            f"prediction_{name}", data=_numbers([one.prediction[name] for one in checks])
                        )
                        table.create_dataset(f"z_{name}", data=_numbers([one.z[name] for one in checks]))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _numbers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], float)
