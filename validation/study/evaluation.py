"""The claims of a study judged on the runs there are."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nsim.errors import InputError
from validation.claims.finding import Evidence, Finding, Judge
from validation.claims.kinds import KINDS, Claim
from validation.report.words import with_error, z_text
from validation.simulation import Simulation
from validation.study.execute import command
from validation.study.plan import Standing, controls_folder
from validation.study.study_file import Study
from validation.verdicts.checks import Verdict, overall


@dataclass(frozen=True)
class Evaluation:
    """A study with all its findings.

    Attributes
    ----------
    study : Study
    findings : list of Finding
        One for each claim, in the order of the study.
    standings : sequence of Standing
    """

    study: Study
    findings: list[Finding]
    standings: Sequence[Standing]

    @property
    def verdict(self) -> Verdict:
        """Of the study as a whole."""
        return overall([finding.verdict for finding in self.findings])

    @property
    def broken(self) -> list[Finding]:
        """Claims that could not be evaluated."""
        return [finding for finding in self.findings if finding.broken]

    @property
    def headline(self) -> str:
        """The outcome in a sentence or two."""
        own = [one.check for finding in self.findings for one in finding.checks if not one.control]
        controls = [one.check for finding in self.findings for one in finding.checks if one.control]
        count = {verdict: sum(one.verdict == verdict for one in own) for verdict in ("pass", "fail", "not tested")}
        said = f"{count['pass']} of {count['pass'] + count['fail']} tested comparisons come out as they must"
        said += f" ({count['not tested']} more are told without a verdict)" if count["not tested"] else ""
        if controls:
            found = {verdict: sum(one.verdict == verdict for one in controls) for verdict in count}
            said += (
                f"; the deliberate mistake of 5% in the coupling variance is found out in {found['pass']} of "
                f"{len(controls)}"
            )
            said += f" ({found['not tested']} have errors too large to see it)" if found["not tested"] else ""
        failed = sorted({one.observable for one in own if one.verdict == "fail"})
        said += f". Failed: {', '.join(failed)}." if failed else "."
        left = ", ".join(finding.title for finding in self.broken)
        return said + (f" Not evaluated, for an error: {left}." if left else "")

    def text(self) -> str:
        """For a terminal: the statements, then every check on a line."""
        lines = [f"{self.study.title}: {self.headline}"]
        for finding in self.findings:
            lines += ["", f"{finding.title} [{finding.outcome}]", f"  {finding.statement}"]
            for one in finding.checks:
                check = one.check
                theories = ", ".join(
                    f"{name} {check.prediction[name]:.5g} (z {z_text(check.z[name])})"
                    for name in check.prediction
                    if check.prediction[name] is not None
                )
                where = f", T = {check.temperature:g}" if check.temperature else ""
                mark = " [negative control]" if one.control else ""
                value = with_error(check.simulation, check.stderr)
                lines.append(f"  {check.verdict:10s} {one.label}{where}: {value}; {theories}{mark}")
        return "\n".join(lines)


def evaluate(study: Study, out: Path, standings: Sequence[Standing], processes: int = 1) -> Evaluation:
    """Judge every claim on the finished runs, control variates drawn by so many ``processes``.

    A claim whose runs are not there yet says so.
    """
    return Evaluation(study, [_judged(study, out, claim, standings, processes) for claim in study.claims], standings)


def _judged(study: Study, out: Path, claim: Claim, standings: Sequence[Standing], processes: int) -> Finding:
    wanted = [standing for standing in standings if standing.planned.block in claim.runs]
    there = [standing for standing in wanted if (standing.directory / "results.h5").exists()]
    missing = [standing.planned.name for standing in wanted if standing not in there]
    commands = [shlex.join(command(study, standing.planned, out)) for standing in wanted]
    title = claim.title or (KINDS[claim.kind].__doc__ or claim.kind).split(":")[0].rstrip(".")
    if missing:
        return Finding(claim, title, f"Not judged: {', '.join(missing)} not run yet.", commands=commands)
    judge: Judge = import_module(f"validation.claims.{claim.kind.replace('-', '_')}").judge
    try:
        evidence = Evidence(
            claim,
            [Simulation.open(standing.directory) for standing in there],
            [standing.planned.varied for standing in there],
            controls_folder(out),
            processes,
        )
        finding = judge(evidence)
    except Exception as error:  # whatever one claim meets in its files, hours of work on the others must be told
        if not isinstance(error, InputError):
            traceback.print_exc()
        reason = " ".join(str(error).split()) or type(error).__name__
        return Finding(claim, title, f"Not evaluated: {reason}", commands=commands, broken=True)
    finding.commands[:] = commands
    return finding


def as_json(evaluation: Evaluation, provenance: dict[str, Any]) -> dict[str, Any]:
    """The whole report as plain data."""
    checks = [
        {**one.to_dict(), "claim": number, "kind": finding.claim.kind}
        for number, finding in enumerate(evaluation.findings)
        for one in finding.checks
    ]
    return {
        "format_version": 1,
        "title": evaluation.study.title,
        "verdict": evaluation.verdict,
        "headline": evaluation.headline,
        "checks": checks,
        "claims": [
            {
                "kind": finding.claim.kind,
                "title": finding.title,
                "runs": list(finding.claim.runs),
                "verdict": finding.outcome,
                "statement": finding.statement,
                "numbers": finding.numbers,
                "commands": finding.commands,
            }
            for finding in evaluation.findings
        ],
        "runs": [standing.to_dict() for standing in evaluation.standings],
        "study": evaluation.study.record,
        "provenance": provenance,
    }
