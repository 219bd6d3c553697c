"""The command ``nsim status``: how far a run is."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.commands.shared_options import directory_argument, json_option, print_json
from nsim.errors import ExitStatus


@click.command()
@directory_argument
@json_option
def status(directory: Path, as_json: bool) -> ExitStatus:
    """How far the run in DIRECTORY is; only sealed results count. Safe at any time."""
    from nsim.campaign.run_directory import RunDirectory
    from nsim.campaign.tasks import tasks_of

    opened = RunDirectory(directory)
    checked = opened.run()
    sealed = opened.sealed(checked)
    tasks = tasks_of(checked)
    failures = opened.failures()
    sizes = [
        {"n": n, "tasks": sum(task.n == n for task in tasks), "done": sum(task.n == n for task in sealed.tasks)}
        for n in checked.ensemble.samples_of
    ]
    answer = {
        "tasks": len(tasks),
        "done": len(sealed.tasks),
        "failed": len(failures),
        "complete": len(sealed.tasks) == len(tasks),
        "states": sum(task.width for task in tasks),
        "states_done": sum(task.width for task in sealed.tasks),
        "sizes": sizes,
        "damaged": sealed.damaged,
        "failures": failures,
    }
    if as_json:
        print_json(answer)
        return ExitStatus.DONE
    state = "complete" if answer["complete"] else "not complete"
    click.echo(f"{directory}: {state}, {answer['done']} of {answer['tasks']} tasks done, {answer['failed']} failed")
    for size in sizes:
        click.echo(f"  n = {size['n']}: {size['done']} of {size['tasks']} tasks")
    for message in sealed.damaged:
        click.echo(f"  {message}")
    for task, text in failures.items():
        click.echo(f"  failed: {task}: {text}")
    return ExitStatus.DONE
