"""The command ``nsim status``: how far a run is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import directory_argument, json_option, print_json
from nsim.errors import ExitStatus

SHOWN = 8  # ranks listed one by one


@click.command()
@directory_argument
@json_option
@first_rank_only
def status(directory: Path, as_json: bool) -> ExitStatus:
    """How far the run in DIRECTORY is; only sealed results count. Safe at any time, also while it runs."""
    from nsim.campaign.run_directory import RunDirectory
    from nsim.campaign.run_status import status_of

    answer = status_of(RunDirectory(directory))
    if as_json:
        print_json(answer)
        return ExitStatus.DONE
    for line in _lines(directory, answer):
        click.echo(line)
    return ExitStatus.DONE


def _lines(directory: Path, answer: dict[str, Any]) -> list[str]:
    state = "complete" if answer["complete"] else "running" if answer["running"] else "not complete"
    lines = [f"{directory}: {state}, {answer['done']} of {answer['tasks']} tasks done, {answer['failed']} failed"]
    lines += [f"  n = {size['n']}: {size['done']} of {size['tasks']} tasks" for size in answer["sizes"]]
    if answer["states_unconverged"]:
        lines.append(f"  {answer['states_unconverged']} of {answer['states_done']} states did not converge")
    if answer["share"] is not None:
        left = "" if answer["seconds_left"] is None else f", {_time(answer['seconds_left'])} left"
        rate = f", {answer['rate'] * 3600:.3g} tasks per hour" if answer["rate"] else ""
        lines.append(f"  {answer['ranks']} rank(s) at work, {answer['share']:.0%} of this job's work done{rate}{left}")
    for row in answer["in_progress"][:SHOWN]:
        parts = [f"{row['share']:.0%}"] if "share" in row else []
        parts += [f"acceptance {row['acceptance']:.2f}"] if "acceptance" in row else []
        parts += [f"swap rate {row['swap_rate']:.2f}"] if "swap_rate" in row else []
        of_it = f" ({', '.join(parts)})" if parts else ""
        lines.append(f"  rank {row['rank']}: {row['task']}, since {_time(row['seconds'])}{of_it}")
    if len(answer["in_progress"]) > SHOWN:
        lines.append(f"  ... and {len(answer['in_progress']) - SHOWN} more ranks")
    lines += [
        f"  rank {row['rank']} on {row['host']}: no sign of life for {_time(row['seconds'])}"
        + (f", at {row['task']}" if row["task"] else "")
        for row in answer["silent"]
    ]
    for row in answer["rates"]:
        swaps = f", lowest swap rate {row['swap_rate']:.2f}" if "swap_rate" in row else ""
        lines.append(f"  n = {row['n']}: lowest acceptance {row['acceptance']:.2f}{swaps}")
    if answer["checkpoints"]:
        lines.append(f"  {answer['checkpoints']} task(s) with a checkpoint, from which they go on")
    if answer["explored"]:
        lines.append(
            f"  double wells: {answer['explored']['done']} of {answer['explored']['samples']} samples searched"
        )
    disk = answer["disk"]
    used = sum(size for name, size in disk.items() if name != "free")
    lines.append(f"  disk: {_bytes(used)} used, {_bytes(disk['free'])} free")
    lines += [f"  {message}" for message in answer["damaged"]]
    lines += [f"  failed: {task}: {text}" for task, text in answer["failures"].items()]
    return lines


def _time(seconds: float) -> str:
    """A span of time for people."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
