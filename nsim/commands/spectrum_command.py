"""The command ``nsim spectrum``: vibrations of the minima of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import with_error
from nsim.errors import ExitStatus, InputError


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--mass", type=float, default=1.0, show_default=True, help="Mass m of a particle.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the densities to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
@first_rank_only
def spectrum(directory: Path, mass: float, plot: Path | None, as_json: bool) -> ExitStatus:
    """Spectrum of the Hessian at the minima of the run in DIRECTORY, vibrational density of states, softest modes.

    A run with output.spectrum = true has stored all normal modes; of another they are found now, from its states.
    Errors are those over disorder samples.
    """
    from nsim.analysis.vibrations import vibrations
    from nsim.campaign.run_directory import RunDirectory

    if not 0 < mass < float("inf"):
        raise InputError(f"--mass {mass:g}: must be positive")
    if plot is not None:
        _check_picture(plot)
    answer = vibrations(RunDirectory(directory), mass)
    if plot is not None:
        from nsim.analysis.vibrations_plot import plot_vibrations

        plot_vibrations(plot, answer)
        click.echo(f"wrote {plot}", err=True)
    if as_json:
        click.echo(json.dumps(answer, allow_nan=False))
    else:
        _print(answer)
    return ExitStatus.DONE


def _check_picture(path: Path) -> None:
    """Refuse before the calculation what could not be written after it."""
    from matplotlib.figure import Figure

    kinds = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in kinds:
        raise InputError(f"--plot {path}: pictures are {', '.join(f'.{kind}' for kind in sorted(kinds))}")
    if not path.parent.is_dir():
        raise InputError(f"--plot {path}: no such folder")


def _print(answer: dict[str, Any]) -> None:
    for group in answer["groups"]:
        lowest = group["lambda_min"]
        click.echo(
            f"n = {group['n']}: {group['states']} minima of {group['samples']} samples, {group['modes']} modes each"
        )
        spread = ", ".join(f"{100 * float(q):.0f}%: {value:.4g}" for q, value in lowest["quantiles"].items())
        click.echo(f"  lowest eigenvalue {_value(lowest)} E0/v0^2; states below: {spread}")
        if group["response"] is not None:
            click.echo(f"  response (1/N) sum 1/w = {_value(group['response'])} v0^2/E0")
        for edge in group["edge"]:
            if edge["exponent"] is not None:
                known = edge["stderr"] is not None
                power = (
                    with_error(edge["exponent"], edge["stderr"]) if known else f"{edge['exponent']:.1f}, error unknown"
                )
                click.echo(f"  g(omega) ~ omega^s, lowest {100 * edge['share']:g}% of the modes: s = {power}")
        frequencies, participation = group["frequencies"], group["participation"]
        click.echo(f"  {'omega':>16} {'g(omega)':>18} {'p/N':>18}")
        for k in range(0, len(frequencies["mean"]), 4):
            low, high = frequencies["edges"][k], frequencies["edges"][k + 1]
            here = [with_error(curve["mean"][k], curve["stderr"][k]) for curve in (frequencies, participation)]
            click.echo(f"  {low:7.3f} - {high:6.3f} {here[0]:>18} {here[1]:>18}")
    scaling = answer["lambda_min_scaling"]
    if scaling["exponent"] is not None:
        click.echo(f"lowest eigenvalue ~ N^x with x = {with_error(scaling['exponent'], scaling['stderr'])}")


def _value(value: dict[str, Any]) -> str:
    return with_error(value["mean"], value["stderr"])
