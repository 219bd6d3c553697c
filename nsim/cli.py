"""The command ``nsim``: run, status, summary, ground-states, correlations, estimate.

`nsim.commands` adds landscape and spectrum. Results go to stdout (one JSON object with ``--json``), everything
else to stderr. Heavy imports wait until a command needs them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsim.command_line import run_command
from nsim.commands.landscape_command import landscape
from nsim.commands.numbers import with_error
from nsim.commands.spectrum_command import spectrum
from nsim.errors import ExitStatus, gravest

if TYPE_CHECKING:
    from rich.table import Table

    from nsim.run_file import RunFile

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
directory_argument = click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
ranks_per_sample_option = click.option(
    "--ranks-per-sample",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="G",
    help="Ranks that work on one sample at a time; divides their number.",
)
couplings_option = click.option(
    "--couplings",
    type=click.Choice(["shared", "rows"]),
    default="shared",
    show_default=True,
    help="How these ranks hold the couplings: one copy per node, or each some rows (one system beyond a node).",
)
run_file_argument = click.argument("run_file", metavar="RUN.toml", type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="solvable-glass")
def cli() -> None:
    """Simulate the Kuehn-Horstmann glass at finite N: draw couplings, relax particles to minima, measure them.

    Exit status: 0 done; 1 some tasks failed; 2 bad input; 3 some states did not converge; 85 stopped, resumable.
    """


@cli.command()
@run_file_argument
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Run directory.")
@click.option("--restart", is_flag=True, help="Begin anew: what the directory holds is removed.")
@ranks_per_sample_option
@couplings_option
@json_option
def run(run_file: Path, out: Path, restart: bool, ranks_per_sample: int, couplings: str, as_json: bool) -> ExitStatus:
    """Carry out RUN.toml in the directory --out, or continue it there.

    Start it alone or under mpiexec/srun: the results are the same bit for bit. A run stopped by SIGTERM, SIGUSR1 or
    Ctrl-C ends with status 85 after the tasks in progress; the same command continues it. Larger `samples` or
    `replicas` extend a run.
    """
    from nsim.campaign.campaign import run_campaign
    from nsim.campaign.memory import check_memory
    from nsim.campaign.progress import Progress
    from nsim.parallel.ranks import connect, on_rank_0

    ranks = connect()
    checked = on_rank_0(ranks, lambda: _load(run_file))
    first = ranks.rank == 0
    with Progress("tasks", bar=first) as progress:
        for warning in on_rank_0(
            ranks, lambda: check_memory(checked, ranks.on_this_node, ranks_per_sample, couplings == "rows")
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
                progress.say(f"stopped on request; the same command continues {out}")
            elif outcome.unconverged:
                progress.say(f"{outcome.unconverged} states did not converge; they are marked and left out of averages")
    whole = not outcome.stopped and outcome.status != ExitStatus.FAILED
    if first and whole:
        _print_summary(out, as_json)
    if whole and checked.double_wells is not None:
        from nsim.landscape.landscape_run import explore_run

        return gravest(outcome.status, explore_run(out, ranks, progress.say).status)
    return outcome.status


@cli.command()
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
        _print_json(answer)
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


@cli.command()
@directory_argument
@json_option
def summary(directory: Path, as_json: bool) -> ExitStatus:
    """Averages of the run in DIRECTORY with standard errors over disorder samples."""
    _print_summary(directory, as_json)
    return ExitStatus.DONE


@cli.command()
@directory_argument
@json_option
def correlations(directory: Path, as_json: bool) -> ExitStatus:
    """Two-time correlations of a run with protocol.kind = "langevin", with standard errors over disorder samples."""
    from nsim.analysis.correlations import average_motion
    from nsim.campaign.run_directory import RunDirectory

    answer = average_motion(RunDirectory(directory))
    if as_json:
        _print_json(answer)
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


@cli.command()
@directory_argument
@json_option
def ground_states(directory: Path, as_json: bool) -> ExitStatus:
    """Lowest state of every sample of the run in DIRECTORY, and how often it was found: the measure of trust."""
    from nsim.analysis.ground_states import TRUSTED
    from nsim.analysis.ground_states import ground_states as find
    from nsim.campaign.run_directory import RunDirectory

    answer = find(RunDirectory(directory))
    if as_json:
        _print_json(answer)
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


@cli.command()
@run_file_argument
@click.option("--ranks", type=click.IntRange(1), default=1, show_default=True, help="Ranks the run will have.")
@ranks_per_sample_option
@couplings_option
@json_option
def estimate(run_file: Path, ranks: int, ranks_per_sample: int, couplings: str, as_json: bool) -> ExitStatus:
    """Memory and time RUN.toml will take, from a few timed pilot tasks; a run no rank here could hold is refused."""
    from nsim.campaign.estimate import estimate as estimate_run
    from nsim.campaign.handful import check_layout
    from nsim.campaign.memory import available_memory

    checked = _load(run_file)
    check_layout(checked, couplings == "rows")
    found = estimate_run(checked, ranks, ranks_per_sample, couplings == "rows")
    if as_json:
        _print_json(found.as_dict())
        return ExitStatus.DONE
    for n, seconds in found.task_seconds.items():
        click.echo(f"n = {n}: {seconds:.3g} s per task")
    click.echo(
        f"{found.tasks} tasks, {found.core_seconds:.3g} core seconds, about {found.seconds:.3g} s on {ranks} rank(s)"
    )
    shared = ""
    if ranks_per_sample > 1 and found.bytes_shared:
        shared = f", of which {found.bytes_shared / 1e9:.2g} GB once per node for {ranks_per_sample} ranks"
    click.echo(
        f"memory {found.bytes_per_rank / 1e9:.2g} GB per rank{shared} "
        f"({available_memory() / 1e9:.3g} GB available here), disk at most {found.bytes_on_disk / 1e9:.2g} GB"
    )
    return ExitStatus.DONE


cli.add_command(landscape)
cli.add_command(spectrum)


def _load(path: Path) -> RunFile:
    from nsim.run_file import load

    return load(path)


def _print_summary(directory: Path, as_json: bool) -> None:
    from nsim.analysis.summary import summarise
    from nsim.campaign.run_directory import RunDirectory

    answer = summarise(RunDirectory(directory))
    if as_json:
        _print_json(answer)
        return
    from rich.console import Console
    from rich.table import Table

    relaxed = [group for group in answer["groups"] if group["temperature"] == 0]
    table = Table(title=f"{directory}: means over disorder samples, T = 0 states")
    table.add_column("observable")
    for group in relaxed:
        table.add_column(f"n = {group['n']}\n{group['samples']} samples\n{group['states']} states", justify="right")
    for name in relaxed[0]["observables"]:
        values = (group["observables"][name] for group in relaxed)
        table.add_row(name, *(with_error(value["mean"], value["stderr"]) for value in values))
    tables = [table]
    for n in [group["n"] for group in relaxed]:
        thermal = [group for group in answer["groups"] if group["n"] == n and group["temperature"] > 0]
        tables += [_thermal_table(thermal)] if thermal else []
    console = Console()
    if not console.is_terminal:
        console.width = 30 + 25 * max(len(table.columns) for table in tables)  # a file has no width to fit
    for table in tables:
        console.print(table.title, style="italic", soft_wrap=True, highlight=False)  # whole, however narrow the table
        table.title = None
        console.print(table)
    for n in [group["n"] for group in relaxed]:
        thermal = [group for group in answer["groups"] if group["n"] == n and group.get("unequilibrated")]
        if thermal:
            worst = max(group["unequilibrated"] for group in thermal)
            console.print(
                f"n = {n}: not in equilibrium at some temperature: up to {worst} of {thermal[0]['samples']} samples; "
                "more sweeps, a longer burn_in or a ladder to higher temperature may help"
            )


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


def _print_json(answer: dict[str, Any]) -> None:
    click.echo(json.dumps(answer, allow_nan=False))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    run_command(cli, "nsim", arguments)
