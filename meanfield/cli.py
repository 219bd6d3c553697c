"""The command line ``meanfield``.

Exit status: 0 done, 1 internal error, 2 bad input (one line on stderr), 3 not converged, 85 stopped. Numerical
libraries are imported only once the options have been read.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from meanfield.commands import sweep_command
from meanfield.commands.command_options import (
    Numbers,
    Progress,
    ansatz_options,
    file_trouble,
    model_options,
    not_converged,
    read_model,
    require_folder,
    require_hdf5,
    require_picture,
    site_options,
)
from meanfield.commands.complexity_command import complexity
from meanfield.commands.ending import finish
from meanfield.commands.local_potentials_command import local_potentials
from meanfield.commands.phase_command import phase_diagram
from meanfield.commands.quantum_commands import levels, thermodynamics
from meanfield.commands.stop_signals import STOPPED, leave_on_signals

if TYPE_CHECKING:
    from meanfield.replicas.solution import Solution

BAD_INPUT = 2
INTERNAL_ERROR = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="solvable-glass")
def cli() -> None:
    """Replica mean-field theory of the Kuehn-Horstmann glass model.

    Units: the coupling variance sets energy and displacement, k_B = 1, energies per site.

    Exit status: 0 done; 1 an internal error; 2 bad input; 3 not converged; 85 stopped: nothing is kept, and the same
    command begins anew.
    """


@cli.command()
@ansatz_options
@click.option("--gamma", type=Numbers(), help="Coupling strength, > 0 (required; no meaning for ising).")
@click.option("--temperature", type=Numbers(), default="0", show_default=True, help="Temperature, >= 0.")
@click.option("--j0", type=Numbers(), default="0", show_default=True, help="Mean coupling J0 (times N).")
@site_options
@click.option("--out", type=click.Path(dir_okay=False), help="HDF5 file for everything.")
@click.option("--plot", type=click.Path(dir_okay=False), help="Picture of P(h) and the potentials, or of the sweep.")
def solve(
    ansatz: str,
    steps: int | None,
    gamma: tuple[float, ...] | None,
    temperature: tuple[float, ...],
    j0: tuple[float, ...],
    as_json: bool,
    out: str | None,
    plot: str | None,
    **options: Any,
) -> int:
    """Order parameters, energies and stability of the physical solution and its rivals.

    Lists 1,2,4 or ranges FROM:TO:COUNT of gamma, temperature or J0 give a sweep, every point started from the last.
    """
    require_folder(out, plot)
    require_hdf5(out)
    require_picture(plot)
    model = read_model(gamma=None if gamma is None else gamma[0], j0=j0[0], **options)
    start = time.perf_counter()
    if max(len(values) for values in (gamma or (), temperature, j0)) > 1:
        from meanfield.replicas.sweep import sweep

        progress = Progress()
        try:
            result = sweep(model, ansatz, gamma, temperature, j0, steps, progress)
        finally:
            progress.end()
        return sweep_command.end(result, time.perf_counter() - start, as_json, out, plot)
    from meanfield.replicas.solver import solve as solve_model

    solution = solve_model(model, ansatz, temperature[0], steps)
    seconds = time.perf_counter() - start

    def save(path: str) -> None:
        from meanfield.commands import solution_file

        solution_file.save(solution, path)

    def draw(path: str) -> None:
        from meanfield.commands import plotting

        plotting.save(solution, path)

    failure = "" if solution.converged else not_converged(solution)
    return finish(as_json, solution.to_dict, lambda: show(solution, seconds), failure, (out, save), (plot, draw))


@cli.command("glass-temperature")
@model_options
def glass_temperature(as_json: bool, **options: Any) -> int:
    """Highest temperature at which replica symmetry is marginal."""
    model = read_model(**options)
    from meanfield.phases.glass_temperature import glass_temperature as find

    value = find(model)
    if as_json:
        result = {"gamma": model.gamma, "j0": model.j0, "field": model.field, "glass_temperature": value}
        click.echo(json.dumps(result, indent=2, allow_nan=False))
    else:
        click.echo("no glass" if value is None else f"T_g = {value:.12g}")
    return 0


cli.add_command(levels)
cli.add_command(complexity)
cli.add_command(phase_diagram)
cli.add_command(local_potentials)
cli.add_command(thermodynamics)


def show(solution: Solution, seconds: float) -> None:
    """Print a table for people."""
    from pandas import DataFrame

    from meanfield.commands.table_text import table_text

    columns = [solution, *solution.solutions]
    table: dict[str, list[str]] = {}

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.10g}"

    def with_error(limit: dict[str, float | None] | None) -> str:
        if limit is None:
            return "-"
        return f"{number(limit['value'])} +- " + ("?" if limit["error"] is None else f"{limit['error']:.1e}")

    rows = [one.to_dict() for one in columns]
    for name in ("free_energy", "internal_energy", "entropy", "p", "q_diag", "C", "C_reg", "susceptibility"):
        table[name] = [number(row[name]) for row in rows]
    for name in ("q", "mu", "replicons"):
        for k in range(len(rows[0][name])):
            index = k + 1 if name == "mu" else k
            table[f"{name}_{index}"] = [number(row[name][k]) for row in rows]
    table["double_well_fraction"] = [number(row["double_well_fraction"]) for row in rows]
    for name in ("error", "pseudogap_slope"):
        if any(row[name] is not None for row in rows):
            table[name] = ["-" if row[name] is None else f"{row[name]:.2g}" for row in rows]
    for name in rows[0]["limits"]:
        table[f"{name}, K -> inf"] = [with_error(row["limits"].get(name)) for row in rows]
    table["stable"] = [{True: "yes", False: "no", None: "marginal"}[row["stable"]] for row in rows]
    table["residual"] = [f"{row['residual'] or 0.0:.1e}" for row in rows]
    table["converged"] = ["yes" if row["converged"] else "NO" for row in rows]
    names = [("* " if column is solution else "") + column.phase for column in columns]
    click.echo(f"{solution.ansatz}, T = {solution.temperature:g}; per site")
    click.echo(table_text(DataFrame.from_dict(table, orient="index", columns=names)))
    if len(columns) > 1:
        click.echo("* physical solution")
    if solution.has_jump:
        click.echo("sites jump at h = 0, which makes the innermost replicon minus infinity: its regular part is given")
    if solution.note:
        click.echo(solution.note)
    click.echo(f"{seconds:.3f} s")


def refuse(message: str) -> NoReturn:
    """One line on stderr and exit status 2."""
    click.echo("meanfield: error: " + " ".join(message.split()), err=True)
    sys.exit(BAD_INPUT)


def main() -> None:
    """Entry point: turns every failure into its exit status."""
    # The arrays are small: threads of BLAS cost more than they bring.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
        # Compiled kernels need a place that can be written.
        os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"meanfield-kernels-{os.getuid()}")
    try:
        with leave_on_signals():
            status = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        refuse(error.format_message())
    except click.Abort:
        sys.exit(STOPPED)  # Ctrl-C where no handler could be installed
    except OSError as error:
        refuse(file_trouble(error))
    except ValueError as error:
        from meanfield.model import ParameterError

        if isinstance(error, ParameterError):
            refuse(str(error))
        click.echo(f"meanfield: internal error: {error!r}", err=True)
        sys.exit(INTERNAL_ERROR)
    except Exception as error:
        click.echo(f"meanfield: internal error: {error!r}", err=True)
        sys.exit(INTERNAL_ERROR)
    sys.exit(status if isinstance(status, int) else 0)
