"""The command ``nsim summary``: averages of a run with their errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import directory_argument, json_option, print_json, with_error
from nsim.errors import ExitStatus

if TYPE_CHECKING:
    from rich.table import Table


@click.command()
@directory_argument
@json_option
@first_rank_only
def summary(directory: Path, as_json: bool) -> ExitStatus:
    """Averages of the run in DIRECTORY with standard errors over disorder samples."""
    print_summary(directory, as_json)
    return ExitStatus.DONE


def print_summary(directory: Path, as_json: bool) -> None:
    """Print the averages of a run: tables for people, or one JSON object."""
    from nsim.analysis.summary import summarise
    from nsim.campaign.run_directory import RunDirectory

    answer = summarise(RunDirectory(directory))
    unfinished = {row["n"]: row for row in answer.get("unfinished", ())}
    if unfinished:
        done = "; ".join(f"n = {n}: {_done(row)} samples" for n, row in unfinished.items())
        click.echo(f"nsim: warning: the run is not complete, done are {done}", err=True)
    if as_json:
        print_json(answer)
        return
    from rich.table import Table

    from nsim.commands.whole_tables import print_whole

    relaxed = [group for group in answer["groups"] if group["temperature"] == 0]
    table = Table(title=f"{directory}: means over disorder samples, T = 0 states")
    table.add_column("observable")
    for group in relaxed:
        n = group["n"]
        done = f"\nunfinished: {_done(unfinished[n])}" if n in unfinished else ""
        table.add_column(f"n = {n}\n{group['samples']} samples\n{group['states']} states{done}", justify="right")
    for name in relaxed[0]["observables"]:
        values = (group["observables"][name] for group in relaxed)
        table.add_row(name, *(with_error(value["mean"], value["stderr"]) for value in values))
    tables = [table]
    for n in [group["n"] for group in relaxed]:
        thermal = [group for group in answer["groups"] if group["n"] == n and group["temperature"] > 0]
        tables += [_thermal_table(thermal)] if thermal else []
    for table in tables:
        print_whole(table)
    for n in [group["n"] for group in relaxed]:
        thermal = [group for group in answer["groups"] if group["n"] == n and group.get("unequilibrated")]
        if thermal:
            worst = max(group["unequilibrated"] for group in thermal)
            click.echo(
                f"n = {n}: not in equilibrium at some temperature: up to {worst} of {thermal[0]['samples']} samples; "
                "more sweeps, a longer burn_in or a ladder to higher temperature may help"
            )


def _done(row: dict[str, int]) -> str:
    return f"{row['samples_done']} of {row['samples_asked']}"


def _thermal_table(groups: list[dict[str, Any]]) -> Table:
    """What was measured at the temperatures of one size, the observables that a glance asks for."""
    from rich.table import Table

    shown = ("energy", "specific_heat", "q", "abs_p", "abs_overlap", "binder", "gauss_gap", "swap_rate", "tau_energy")
    names = [name for name in shown if name in groups[0]["observables"]] or list(groups[0]["observables"])
    equilibrium = "unequilibrated" in groups[0]
    table = Table(title=f"n = {groups[0]['n']}: means over {groups[0]['samples']} disorder samples at T > 0")
    for name in ["T", *names, *(["in equilibrium"] if equilibrium else [])]:
        table.add_column(name, justify="right")
    for group in groups:
        values = [group["observables"][name] for name in names]
        reached = [f"{group['samples'] - group['unequilibrated']} samples"] if equilibrium else []
        table.add_row(
            f"{group['temperature']:.4g}", *(with_error(value["mean"], value["stderr"]) for value in values), *reached
        )
    return table
