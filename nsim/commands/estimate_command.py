"""The command ``nsim estimate``: memory and time of a run before it is queued."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import (
    couplings_option,
    json_option,
    load_run_file,
    print_json,
    ranks_per_sample_option,
    run_file_argument,
)
from nsim.errors import ExitStatus


@click.command()
@run_file_argument
@click.option("--ranks", type=click.IntRange(1), default=1, show_default=True, help="Ranks the run will have.")
@ranks_per_sample_option
@couplings_option
@json_option
@first_rank_only
def estimate(run_file: Path, ranks: int, ranks_per_sample: int, couplings: str, as_json: bool) -> ExitStatus:
    """Memory and time RUN.toml will take, from a few timed pilot tasks; a run no rank here could hold is refused."""
    from nsim.campaign.estimate import estimate as estimate_run
    from nsim.campaign.handful import check_layout
    from nsim.campaign.memory import available_memory
    from nsim.campaign.protocols import PROTOCOLS

    checked = load_run_file(run_file)
    check_layout(checked, couplings == "rows")
    for warning in checked.warnings() + PROTOCOLS[checked.protocol.kind].warnings(checked):
        click.echo(f"warning: {warning}", err=True)
    found = estimate_run(checked, ranks, ranks_per_sample, couplings == "rows")
    if checked.double_wells is not None:
        from nsim.landscape.landscape_estimate import sample_seconds

        samples = checked.ensemble.samples_of
        found.add_double_wells({n: sample_seconds(checked, n) for n in samples}, samples, ranks)
    if as_json:
        print_json(found.as_dict())
        return ExitStatus.DONE
    for n, seconds in found.task_seconds.items():
        click.echo(f"n = {n}: {seconds:.3g} s per task")
    click.echo(
        f"{found.tasks} tasks, {found.core_seconds:.3g} core seconds, about {found.seconds:.3g} s on {ranks} rank(s)"
    )
    if found.double_wells_seconds:
        click.echo(f"of these {found.double_wells_seconds:.3g} core seconds for the search of double wells")
    shared = ""
    if ranks_per_sample > 1 and found.bytes_shared:
        shared = f", of which {found.bytes_shared / 1e9:.2g} GB once per node for {ranks_per_sample} ranks"
    click.echo(
        f"memory {found.bytes_per_rank / 1e9:.2g} GB per rank{shared} "
        f"({available_memory() / 1e9:.3g} GB available here), disk at most {found.bytes_on_disk / 1e9:.2g} GB"
    )
    return ExitStatus.DONE
