"""The command ``nsim landscape``: the minima and saddles of the N-particle energy landscape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nsim.commands.shared_options import checkpoint_option, json_option, time_limit_option
from nsim.errors import ExitStatus, InputError, file_trouble

if TYPE_CHECKING:
    from nsim.landscape.exhaustive import Landscape
    from nsim.parallel.ranks import Ranks
    from nsim.sample.glass import Glass


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--exhaustive", is_flag=True, help="List every minimum and saddle of index 1 of a tiny system.")
@click.option("--couplings", type=click.Path(path_type=Path), help="Couplings J, a .npy or HDF5 file.")
@click.option("--gamma", type=float, help="Strength of the couplings.")
@click.option("--a2", type=float, default=1.0, show_default=True, help="Harmonic stiffness.")
@click.option("--a4", type=float, default=1.0, show_default=True, help="Quartic coefficient.")
@click.option("--field", type=float, default=0.0, show_default=True, help="Uniform field.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random starts.")
@click.option(
    "--searches", type=click.IntRange(1), default=200_000, show_default=True, help="Give up after about so many."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for landscape.npz and pictures.")
@click.option("--plot", is_flag=True, help="Draw the disconnectivity graph into --out.")
@click.option("--verbose", is_flag=True, help="All counters of the search, zeros included.")
@time_limit_option
@checkpoint_option
@json_option
@click.pass_context
def landscape(
    context: click.Context,
    directory: Path | None,
    exhaustive: bool,
    couplings: Path | None,
    gamma: float | None,
    a2: float,
    a4: float,
    field: float,
    seed: int,
    searches: int,
    out: Path | None,
    plot: bool,
    verbose: bool,
    time_limit: float | None,
    checkpoint_every: float,
    as_json: bool,
) -> ExitStatus:
    """Double wells of the energy landscape around the states of the run in DIRECTORY, or a whole tiny landscape.

    Around every state neighbouring minima are looked for, the saddles between them, and their two-level systems; the
    section [double_wells] of the run file says how. Results go to DIRECTORY/landscape.h5. A search stopped by SIGTERM,
    SIGUSR1, Ctrl-C or the end of its time saves what it is at, and ends with status 85; the same command continues it.

    With --exhaustive and --couplings searches go on until a stated stopping rule is met; a list that may not be
    complete says so and ends with status 3. Energies are totals; without a field a state and its mirror image are
    listed separately.
    """
    from nsim.parallel.ranks import connect, on_rank_0

    def given(*names: str) -> str | None:
        """The first of some options that is on the command line."""
        for name in names:
            if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
                return f"--{name.replace('_', '-')}"
        return None

    ranks = connect()
    if directory is not None:
        if option := given("exhaustive", "couplings", "gamma", "a2", "a4", "field", "seed", "searches", "out"):
            raise InputError(f"{option}: give either a run DIRECTORY or --exhaustive with --couplings and --gamma")
        return explore_and_print(directory, ranks, plot, verbose, as_json, time_limit, checkpoint_every)
    if option := given("time_limit", "checkpoint_every"):
        raise InputError(f"{option} is for a run DIRECTORY")
    if not exhaustive or couplings is None or gamma is None:
        raise InputError("needs a run DIRECTORY, or --exhaustive, --couplings FILE and --gamma")
    if plot and out is None:
        raise InputError("--plot needs --out")

    def work() -> Landscape:
        from nsim.landscape.exhaustive import explore

        glass = _glass(couplings, gamma, a2, a4, field)
        found = explore(glass, seed, searches, lambda line: click.echo(line, err=True))
        if out is not None:
            _write(out, found, plot, f"N = {glass.n}, gamma = {gamma:g}")
        return found

    found = on_rank_0(ranks, work)
    if ranks.rank == 0:
        _print(found.as_dict(), as_json)
        if not as_json:
            for note in found.notes:
                click.echo(f"not complete: {note}", err=True)
    return ExitStatus.DONE if found.complete else ExitStatus.NOT_CONVERGED


def explore_and_print(
    directory: Path,
    ranks: Ranks,
    plot: bool,
    verbose: bool,
    as_json: bool,
    time_limit: float | None,
    checkpoint_every: float,
) -> ExitStatus:
    """Explore the landscape around the states of a run, on all ranks, and say what was found."""
    from nsim.landscape.landscape_run import explore_run
    from nsim.landscape.landscape_summary import summary
    from nsim.parallel.stop_requests import end_of_time, stop_requests

    def say(line: str) -> None:
        click.echo(line, err=True)

    with stop_requests(end_of_time(time_limit)) as requests:
        outcome = explore_run(directory, ranks, say, requests, checkpoint_every)
    if ranks.rank == 0 and not outcome.stopped and outcome.tasks > len(outcome.failures):
        answer = summary(directory / "landscape.h5")
        if plot:
            from nsim.landscape.landscape_plots import plot_run

            for path in plot_run(directory):
                say(f"wrote {path}")
        if as_json:
            click.echo(json.dumps(answer, allow_nan=False))
        else:
            _print_groups(answer, verbose)
    return outcome.status


def _print_groups(answer: dict[str, Any], verbose: bool) -> None:
    from nsim.landscape.landscape_tables import COUNTS, FAILURES

    for group in answer["groups"]:
        click.echo(
            f"n = {group['n']}: {group['minima']} minima, of them {group['explored_minima']} states of the run, "
            f"{group['saddles']} saddles, {group['two_level_systems']} two-level systems of these states"
        )
        for row in group["wells_by_localisation"]:
            upper = "" if row["to"] is None else f" < {row['to']:g}"
            click.echo(
                f"  double wells of U_eff with S2 >= {row['from']:g}{upper}: {row['wells']}, of them "
                f"{row['connected']} true, {row['barrier_within_10_percent']} with the barrier right within 10%"
            )
        near = group["near_singular_wells"]
        click.echo(f"  of states with an eigenvalue below 0.03: {near['wells']}, of them {near['connected']} true")
        ways = [f"{count} by {saddles}" for saddles, count in enumerate(group["pairs_by_saddles"]) if saddles and count]
        without = (group["pairs_by_saddles"] or [0])[0]
        click.echo(f"  pairs met, by the saddles on their lowest path: {', '.join(ways) or 'none'}; no path: {without}")
        click.echo(f"  basins decided by: {group['descent']}")
        for name, meaning in (COUNTS if verbose else FAILURES).items():
            if verbose or group["counts"][name]:
                click.echo(f"  {name:<28}{group['counts'][name]:>8}  {meaning}")


def _glass(couplings: Path, gamma: float, a2: float, a4: float, field: float) -> Glass:
    """The sample; raises `InputError` for what is no model, no matrix of couplings, or has no lower bound."""
    import numpy as np

    from nsim.run_file import parse
    from nsim.sample.coupling_matrix import WholeMatrix
    from nsim.sample.couplings import load
    from nsim.sample.glass import Glass

    model = {"gamma": gamma, "a2": a2, "a4": a4, "field": field}
    parse({"seed": 0, "model": model, "ensemble": {"n": 1}, "protocol": {"kind": "quench"}})
    J = load(couplings)
    glass = Glass(WholeMatrix(J), np.full(len(J), a2), a4, gamma, field)
    if a4 == 0 and not np.linalg.eigvalsh(glass.hessian(np.zeros(glass.n)))[0] > 0:
        raise InputError("--a4 0 needs a2/gamma - J positive definite, else the energy has no minimum")
    return glass


def _write(folder: Path, found: Landscape, plot: bool, title: str) -> None:
    import numpy as np

    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "landscape.npz",
            minima=found.minima,
            minima_at=found.minima_at,
            saddles=found.saddles,
            saddles_at=found.saddles_at,
            joins=found.joins,
            complete=found.complete,
        )
        if plot:
            from nsim.landscape.disconnectivity_plot import disconnectivity_graph

            disconnectivity_graph(folder / "disconnectivity.png", found.minima, found.saddles, found.joins, title)
    except OSError as error:
        raise InputError(file_trouble(error, folder)) from None


def _print(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, allow_nan=False))
        return
    minima, saddles = answer["minima"], answer["saddles"]
    state = "complete" if answer["complete"] else "NOT complete"
    click.echo(f"{len(minima)} minima, {len(saddles)} saddles of index 1, {state} after {answer['searches']} searches")
    for i, energy in enumerate(minima):
        click.echo(f"  minimum {i:4d}  U = {energy:.12g}")
    for saddle in saddles:
        i, j = saddle["minima"]
        click.echo(f"  saddle {i:4d} - {j:4d}  U = {saddle['energy']:.12g}")
