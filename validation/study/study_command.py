"""The command ``validation study``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nsim.command_line import first_rank_only
from nsim.errors import ExitStatus, gravest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from validation.study.plan import Standing


@click.command()
@click.argument("study_file", metavar="STUDY.toml", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Directory; runs/NAME unless given.")
@click.option(
    "--ranks",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Of every run; as many processes draw control variates.",
)
@click.option("--launcher", help='Words before the command instead of mpiexec, such as "srun --mpi=pmix".')
@click.option("--plan", "plan_only", is_flag=True, help="Only say what is done and what is missing, with its cost.")
@click.option("--slurm", is_flag=True, help="Write job scripts for what is missing, and start nothing.")
@click.option("--report-only", is_flag=True, help="Start no run: report on what there is.")
@click.option("--strict", is_flag=True, help="End with status 1 if a check fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
@first_rank_only
def study(
    study_file: Path,
    out: Path | None,
    ranks: int,
    launcher: str | None,
    plan_only: bool,
    slurm: bool,
    report_only: bool,
    strict: bool,
    as_json: bool,
) -> ExitStatus:
    """Carry out all runs of STUDY.toml that are missing, then write one report on its claims.

    Runs go through `nsim run`, one after the other: here, under mpiexec with --ranks, or as Slurm jobs with --slurm.
    Stopped at any moment, the same command continues. Results: OUT/runs, report: OUT/report.
    """
    from validation.study import plan
    from validation.study.execute import carry_out
    from validation.study.execute import launcher as words_before
    from validation.study.slurm_jobs import write_jobs
    from validation.study.study_file import load

    if plan_only + slurm + report_only > 1:
        raise click.UsageError("--plan, --slurm and --report-only exclude each other")
    loaded = load(study_file)
    directory = out or Path("runs") / study_file.stem
    standings = plan.standing(loaded, directory, with_cost=plan_only)
    if plan_only:
        controls = plan.seconds_of_controls(loaded, directory)
        total = controls + sum(standing.core_seconds or 0.0 for standing in standings)
        if as_json:
            times = {"control_variates_core_seconds_left": controls, "core_seconds_left": total}
            click.echo(json.dumps({"runs": [standing.to_dict() for standing in standings], **times}))
        else:
            shown = loaded.slurm.ranks if launcher is None and ranks == 1 else ranks
            _print_plan(loaded.title, standings, controls, total, shown)
        return ExitStatus.DONE
    if slurm:
        submit = write_jobs(loaded, directory, standings)
        plan.record(loaded, directory)
        told = {"submit": None if submit is None else str(submit)}
        if as_json:
            click.echo(json.dumps(told))
        else:
            click.echo("nothing is missing" if submit is None else f"submit with: bash {submit}")
        return ExitStatus.DONE
    outcome = ExitStatus.DONE
    if not report_only:
        plan.record(loaded, directory)
        outcome = carry_out(
            loaded, directory, standings, words_before(ranks, launcher), lambda line: click.echo(line, err=True)
        )
        if outcome == ExitStatus.RESUMABLE:
            click.echo(f"stopped on request; the same command continues {directory}", err=True)
            return outcome
        standings = plan.standing(loaded, directory)
    from validation.study.evaluation import evaluate
    from validation.study.page import write

    evaluated = evaluate(loaded, directory, standings, ranks)
    data = write(evaluated, directory / "report", shlex.join(["validation", *sys.argv[1:]]))
    click.echo(json.dumps(data, allow_nan=False) if as_json else evaluated.text())
    if not as_json:
        click.echo(f"report: {directory / 'report' / 'report.html'}")
    for finding in evaluated.broken:
        click.echo(f"{finding.title}: {finding.statement}", err=True)
    failed = evaluated.broken or (strict and evaluated.verdict == "fail")
    return gravest(outcome, ExitStatus.FAILED if failed else ExitStatus.DONE)


def _print_plan(title: str, standings: Sequence[Standing], controls: float, total: float, ranks: int) -> None:
    from pandas import DataFrame

    from nsim.commands.table_text import table_text

    columns = ["run", "protocol", "N: samples", "replicas", "tasks done", "core time left", "memory per rank"]
    rows = []
    for standing in standings:
        ensemble = standing.planned.run.ensemble
        memory = "-" if standing.bytes_per_rank is None else f"{standing.bytes_per_rank / 1e6:.3g} MB"
        row = (
            standing.planned.name,
            standing.planned.run.protocol.kind,
            ", ".join(f"{n}: {samples}" for n, samples in ensemble.samples_of.items()),
            str(ensemble.replicas),
            f"{standing.done} of {standing.tasks}",
            duration(standing.core_seconds or 0.0),
            memory,
        )
        rows.append(row)
    click.echo(f"{title}: what is planned")
    click.echo(table_text(DataFrame(rows, columns=columns).set_index("run")))
    click.echo(f"left: {duration(total)} of one core like this one, control variates for {duration(controls)} of it")
    for count in sorted({2, 16, ranks} - {1}):
        click.echo(f"on {count} ranks: about {duration(total / count)}")


def duration(seconds: float) -> str:
    """A time for people."""
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"
