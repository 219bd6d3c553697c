"""The command ``nsim correlations``: two-time correlations of a Langevin run."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import directory_argument, json_option, print_json
from nsim.errors import ExitStatus


@click.command()
@directory_argument
@json_option
@first_rank_only
def correlations(directory: Path, as_json: bool) -> ExitStatus:
    """Two-time correlations of a run with protocol.kind = "langevin", with standard errors over disorder samples."""
    from nsim.analysis.correlations import average_motion
    from nsim.campaign.run_directory import RunDirectory

    answer = average_motion(RunDirectory(directory))
    if as_json:
        print_json(answer)
        return ExitStatus.DONE
    for group in answer["groups"]:
        click.echo(
            f"n = {group['n']}, T = {group['temperature']:.6g}: C(t_w + t, t_w)/C(t_w, t_w), "
            f"{group['samples']} samples, {group['states']} states"
        )
        click.echo(f"{'lag t':>10}" + "".join(f"  t_w = {waiting:<6.4g}" for waiting in group["waiting"]))
        mean = group["observables"]["correlation"]["mean"]
        for at, lag in enumerate(group["lag"]):
            ratios = [row[at] / row[0] if row[at] is not None else None for row in mean]
            click.echo(f"{lag:10.4g}" + "".join(f"{'-':>14}" if x is None else f"{x:14.4f}" for x in ratios))
    return ExitStatus.DONE
