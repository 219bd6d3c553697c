"""The command ``nsim run``: carry out a run file, alone or under MPI, or continue it."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.commands.shared_options import (
    checkpoint_option,
    couplings_option,
    json_option,
    load_run_file,
    ranks_per_sample_option,
    run_file_argument,
    time_limit_option,
)
from nsim.errors import ExitStatus, gravest


@click.command()
@run_file_argument
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Run directory.")
@click.option("--restart", is_flag=True, help="Begin anew: what the directory holds is removed.")
@ranks_per_sample_option
@couplings_option
@time_limit_option
@checkpoint_option
@click.option(
    "--share",
    metavar="I/K",
    help="Do only the I-th of K shares, beside other jobs; `nsim run` without --share then takes all of them in.",
)
@json_option
def run(
    run_file: Path,
    out: Path,
    restart: bool,
    ranks_per_sample: int,
    couplings: str,
    time_limit: float | None,
    checkpoint_every: float,
    share: str | None,
    as_json: bool,
) -> ExitStatus:
    """Carry out RUN.toml in the directory --out, or continue it there.

    Start it alone or under mpiexec/srun: the results are the same bit for bit. A run stopped by SIGTERM, SIGUSR1,
    Ctrl-C or the end of its time saves what it is at, and ends with status 85; the same command continues it. Larger
    `samples` or `replicas` extend a run. Jobs of an array each take a --share of it in the same directory.
    """
    from nsim.parallel.ranks import connect, on_rank_0
    from nsim.parallel.stop_requests import end_of_time, stop_requests

    with stop_requests(end_of_time(time_limit)) as requests:
        from nsim.campaign.campaign import run_campaign
        from nsim.campaign.memory import check_disk, check_memory
        from nsim.campaign.progress import Progress
        from nsim.campaign.share import Share

        ranks = connect()
        checked = on_rank_0(ranks, lambda: load_run_file(run_file))
        own = None if share is None else Share.parse(share)
        first = ranks.rank == 0
        with Progress("tasks", bar=first) as progress:
            for warning in on_rank_0(
                ranks,
                lambda: (
                    check_memory(checked, ranks.on_this_node, ranks_per_sample, couplings == "rows")
                    + check_disk(checked, out)
                ),
            ):
                if first:
                    progress.say(f"warning: {warning}")
            try:
                outcome = run_campaign(
                    checked,
                    out,
                    ranks,
                    restart=restart,
                    progress=progress if first else None,
                    say=progress.say,
                    ranks_per_sample=ranks_per_sample,
                    rows=couplings == "rows",
                    requests=requests,
                    checkpoint_every=checkpoint_every,
                    share=own,
                )
            except OSError as error:  # a full disk, most likely
                progress.say(
                    f"nsim: error: rank {ranks.rank}: {error}; what was sealed is kept, the same command continues"
                )
                ranks.abort()
                return ExitStatus.FAILED
            if first:
                for task in outcome.failures:
                    progress.say(f"failed: {task}: {outcome.failures[task]}")
                if outcome.stopped:
                    progress.say(f"stopped {requests.reason}; the same command continues {out}")
                elif outcome.unconverged:
                    progress.say(
                        f"{outcome.unconverged} states did not converge; they are marked and left out of averages"
                    )
        whole = not outcome.stopped and outcome.status != ExitStatus.FAILED
        if first and whole and own is not None:
            progress.say(f"{own} is done; when all are, nsim run {run_file} --out {out} puts them together")
        if first and whole and (own is None or as_json):
            from nsim.commands.summary_command import print_summary

            print_summary(out, as_json)
        if whole and own is None and checked.double_wells is not None:
            from nsim.landscape.landscape_run import explore_run

            return gravest(outcome.status, explore_run(out, ranks, progress.say, requests, checkpoint_every).status)
        return outcome.status
