"""The command ``nsim merge``: several runs as one."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.command_line import first_rank_only
from nsim.errors import ExitStatus


@click.command()
@click.argument(
    "directories",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR...",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory of the whole.")
@first_rank_only
def merge(directories: tuple[Path, ...], out: Path) -> ExitStatus:
    """Merge the runs in DIR... into the directory --out, which every other command reads like a run.

    The runs may differ in seed, sizes and samples, and in nothing else; each sample keeps its origin. They are only
    read, and may be at work: what is sealed is taken. After a kill the same command begins anew.
    """
    from nsim.campaign.merging import merge_runs

    merge_runs(directories, out, lambda line: click.echo(line, err=True))
    return ExitStatus.DONE
