"""The command ``nsim ground-states``: the lowest states of a run, and how far to trust them."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import directory_argument, json_option, print_json, with_error
from nsim.errors import ExitStatus


@click.command()
@directory_argument
@json_option
@first_rank_only
def ground_states(directory: Path, as_json: bool) -> ExitStatus:
    """Lowest state of every sample of the run in DIRECTORY, and how often it was found: the measure of trust."""
    from nsim.analysis.ground_states import TRUSTED
    from nsim.analysis.ground_states import ground_states as find
    from nsim.campaign.run_directory import RunDirectory

    answer = find(RunDirectory(directory))
    if as_json:
        print_json(answer)
        return ExitStatus.DONE
    for group in answer["groups"]:
        energy = group["lowest_energy"]
        click.echo(
            f"n = {group['n']}: lowest energy {with_error(energy['mean'], energy['stderr'])} per site; found "
            f"{TRUSTED} times or more in {group['trusted']} of {group['samples']} samples (by {group['compared_by']})"
        )
        click.echo(
            f"{'sample':>8} {'energy per site':>16} {'found':>7} {'of':>5} {'minima':>7} {'missed':>8} {'new':>6}"
        )
        for row in group["by_sample"]:
            click.echo(
                f"{row['sample']:8d} {row['lowest_energy']:16.8f} {row['found']:7d} {row['states']:5d} "
                f"{row['distinct_minima']:7d} {row['missed']:8.2g} {row['new_minimum']:6.2f}"
            )
    return ExitStatus.DONE
