"""The command ``nsim summary``: averages of a run with their errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import directory_argument, json_option, print_json, with_error
from nsim.errors import ExitStatus

if TYPE_CHECKING:
    from pandas import DataFrame


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
    from pandas import DataFrame, MultiIndex

    from nsim.commands.table_text import table_text

    relaxed = [group for group in answer["groups"] if group["temperature"] == 0]
    columns = []
    for group in relaxed:
        n = group["n"]
        gap = [f"unfinished: {_done(unfinished[n])}" if n in unfinished else ""] if unfinished else []
        columns.append((f"n = {n}", f"{group['samples']} samples", f"{group['states']} states", *gap))
    rows = {
        name: [
            with_error(group["observables"][name]["mean"], group["observables"][name]["stderr"]) for group in relaxed
        ]
        for name in relaxed[0]["observables"]
    }
    click.echo(f"{directory}: means over disorder samples, T = 0 states")
    click.echo(table_text(DataFrame(rows.values(), index=list(rows), columns=MultiIndex.from_tuples(columns))))
    for n in [group["n"] for group in relaxed]:
        thermal = [group for group in answer["groups"] if group["n"] == n and group["temperature"] > 0]
        if thermal:
            click.echo(f"n = {n}: means over {thermal[0]['samples']} disorder samples at T > 0")
            click.echo(table_text(_thermal_table(thermal)))
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


def _thermal_table(groups: list[dict[str, Any]]) -> DataFrame:
    """What was measured at the temperatures of one size, the observables that a glance asks for."""
    from pandas import DataFrame

    shown = ("energy", "specific_heat", "q", "abs_p", "abs_overlap", "binder", "gauss_gap", "swap_rate", "tau_energy")
    names = [name for name in shown if name in groups[0]["observables"]] or list(groups[0]["observables"])
    equilibrium = "unequilibrated" in groups[0]
    rows = []
    for group in groups:
        values = [group["observables"][name] for name in names]
        reached = [f"{group['samples'] - group['unequilibrated']} samples"] if equilibrium else []
        told = [with_error(value["mean"], value["stderr"]) for value in values]
        rows.append([f"{group['temperature']:.4g}", *told, *reached])
    return DataFrame(rows, columns=["T", *names, *(["in equilibrium"] if equilibrium else [])]).set_index("T")
