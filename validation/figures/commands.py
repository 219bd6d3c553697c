"""The commands ``figures``, ``local-potentials`` and ``thermodynamics`` of ``validation``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nsim.command_line import first_rank_only
from nsim.errors import ExitStatus, InputError, reason

if TYPE_CHECKING:
    from validation.simulation import Simulation
    from validation.site_ensembles import SiteEnsemble

# As `validation.figures.folder.FIGURES`, which would import matplotlib.
NAMES = ("1a", "1b", "2", "3a", "3b", "4a", "4b", "contributions", "normal-modes")

run_directory = click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
size_option = click.option("--n", type=int, help="Size N of the run.  [default: the largest]")
run_mass_option = click.option(
    "--hbar2-over-m",
    type=click.FloatRange(0.0, min_open=True),
    help="hbar^2/m, the one parameter of the quantum problem.  [default: the run's quantum.hbar2_over_m]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
mass_option = click.option(
    "--hbar2-over-m",
    type=click.FloatRange(0.0, min_open=True),
    default=0.1,
    show_default=True,
    help="hbar^2/m, the one parameter of the quantum problem; that of runs is not taken.",
)


@click.command()
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory of the figures."
)
@click.option(
    "--figure",
    "names",
    multiple=True,
    type=click.Choice(NAMES),
    help="Draw this one; may be given several times.  [default: all]",
)
@click.option(
    "--runs",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Use this finished run instead of simulations of its own; may be given several times.",
)
@click.option(
    "--size",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="Of its own simulations: minutes on a laptop, or hours.",
)
@click.option("--theory-only", is_flag=True, help="Simulate nothing.")
@mass_option
@json_option
def figures(
    out: Path,
    names: tuple[str, ...],
    runs: tuple[Path, ...],
    size: Literal["quick", "full"],
    theory_only: bool,
    hbar2_over_m: float,
    as_json: bool,
) -> ExitStatus:
    """Draw every figure of Kuehn and Horstmann's paper, theory and simulation overlaid, into the directory --out.

    Beside each picture (PNG, PDF) stands its data (HDF5); captions.md states parameters, ansatz, sample counts and
    errors.
    Simulations are kept in OUT/runs and continued when the command is given again; under mpiexec the ranks share them.
    """
    if runs and theory_only:
        raise click.UsageError("give either --runs or --theory-only")
    from nsim.parallel.ranks import connect, on_rank_0
    from nsim.parallel.stop_requests import end_of_time, stop_requests

    wanted = [name for name in NAMES if name in names] if names else list(NAMES)
    with stop_requests(end_of_time(None)) as requests:
        from meanfield import Model, glass_temperature
        from validation.figures.own_runs import Runs, StoppedError

        ranks = connect()
        first = ranks.rank == 0

        def say(text: str) -> None:
            if first and sys.stderr.isatty():
                click.echo(f"\r\033[K{text}", err=True, nl=False)

        def prepare() -> None:
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{out}: {reason(error)}") from None

        on_rank_0(ranks, prepare)
        if theory_only:
            found = Runs([], {}, [], [])
        elif runs:
            found = on_rank_0(ranks, lambda: Runs.given(runs)) if ranks.size == 1 else Runs.given(runs)
        else:
            try:
                found = Runs.made(
                    out / "runs", size, wanted, ranks, requests, lambda g: glass_temperature(Model(gamma=g)) or 1.0, say
                )
            except StoppedError:
                if first:
                    click.echo("validation: stopped on request; the same command continues", err=True)
                return ExitStatus.RESUMABLE
    if not first:
        return ExitStatus.DONE
    from validation.figures.folder import draw, plain

    written = draw(wanted, found, hbar2_over_m, out, shlex.join(["validation", *sys.argv[1:]]), say)
    say("")
    if as_json:
        click.echo(json.dumps({"figures": plain(written.figures)}, allow_nan=False))
    else:
        for name, one in written.figures.items():
            click.echo(f"figure {name}: {one['title']}: {out / one['files'][0]}")
        click.echo(f"captions: {out / 'captions.md'}")
    if not written.converged:
        click.echo("validation: a mean-field solution did not converge", err=True)
        return ExitStatus.NOT_CONVERGED
    return ExitStatus.DONE


@click.command("local-potentials")
@run_directory
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The ensemble as .csv, else HDF5.")
@size_option
@run_mass_option
@json_option
@first_rank_only
def local_potentials(
    directory: Path, out: Path | None, n: int | None, hbar2_over_m: float | None, as_json: bool
) -> ExitStatus:
    """The sites of the states in run DIRECTORY as an ensemble of local potentials {h, C, a2, a4, gamma, weight}.

    The file is what `meanfield thermodynamics --potentials` reads; HDF5 also holds the sample of each site. Printed are
    averages with standard errors over samples, and how far double wells are from the standard tunnelling model.
    """
    from validation.figures.double_well_figure import measure
    from validation.figures.folder import plain
    from validation.simulation import Simulation
    from validation.site_ensembles import SiteEnsemble, over_samples

    simulation = Simulation.open(directory)
    mass, origin = _mass(simulation, hbar2_over_m)
    ensemble = SiteEnsemble.of(simulation, n)
    fraction = ensemble.double_well_fraction()
    sites = ensemble.sites
    rows = {
        "mean_C": over_samples(_by_sample(ensemble, sites.C.ravel())),
        "field_variance": over_samples(_by_sample(ensemble, sites.h.ravel() ** 2)),
        "double_well_fraction": fraction,
    }
    if out is not None:
        _save(ensemble, out)
    numbers = plain(
        ensemble.describe()
        | {"sites": len(ensemble.potentials)}
        | {name: {"mean": one.mean[()], "stderr": one.error[()]} for name, one in rows.items()}
        | {"hbar2_over_m": mass, "standard_tunnelling_model": measure(ensemble.wells(mass))}
    )
    if as_json:
        click.echo(json.dumps(numbers, allow_nan=False))
        return ExitStatus.DONE
    for name in ("protocol", "N", "samples", "states", "sites"):
        click.echo(f"{name:<24}{numbers[name]}")
    click.echo(f"{'hbar^2/m':<24}{mass:g} ({origin})")
    for name, one in rows.items():
        click.echo(f"{name:<24}{one.mean[()]:.6g} +- {one.error[()]:.2g}")
    for name, value in numbers["standard_tunnelling_model"].items():
        click.echo(f"{name:<24}{value:.6g}")
    return ExitStatus.DONE


@click.command()
@run_directory
@click.option("--temperatures", required=True, help="T1,T2,... or LOW:HIGH:COUNT, evenly in the logarithm.")
@size_option
@run_mass_option
@json_option
@first_rank_only
def thermodynamics(
    directory: Path, temperatures: str, n: int | None, hbar2_over_m: float | None, as_json: bool
) -> ExitStatus:
    """Specific heat and entropy of quantum particles in the local potentials of run DIRECTORY, with errors over
    samples.
    """
    from meanfield import ParameterError
    from meanfield.commands.quantum_commands import parse_temperatures
    from validation.figures.folder import plain
    from validation.simulation import Simulation
    from validation.site_ensembles import SiteEnsemble

    T = parse_temperatures(temperatures)
    simulation = Simulation.open(directory)
    mass, origin = _mass(simulation, hbar2_over_m)
    ensemble = SiteEnsemble.of(simulation, n)
    try:
        found = ensemble.thermodynamics(mass, T)
    except ParameterError as error:
        raise InputError(str(error)) from None
    if as_json:
        values = {name: one.mean for name, one in found.items()}
        errors = {f"{name}_stderr": one.error for name, one in found.items()}
        record = ensemble.describe() | {"hbar2_over_m": mass, "temperature": T} | values | errors
        click.echo(json.dumps(plain(record), indent=2, allow_nan=False))
        return ExitStatus.DONE
    click.echo("".join(f"{name:>16}" for name in ("T", "C", "+-", "tunnelling", "within wells", "entropy", "+-")))
    C, S = found["specific_heat"], found["entropy"]
    columns = (T, C.mean, C.error, found["tunnelling_specific_heat"].mean, found["intra_well_specific_heat"].mean)
    for row in zip(*columns, S.mean, S.error, strict=True):
        click.echo("".join(f"{value:>16.6g}" for value in row))
    click.echo(", ".join(f"{name} {value}" for name, value in ensemble.describe().items()))
    click.echo(f"hbar^2/m {mass:g} ({origin})")
    return ExitStatus.DONE


def _mass(simulation: Simulation, given: float | None) -> tuple[float, str]:
    """hbar^2/m as given, else the run's, and where it is from."""
    if given is not None:
        return given, "as given"
    return simulation.run.quantum.hbar2_over_m, "of the run"


def _by_sample(ensemble: SiteEnsemble, values):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.bincount(ensemble.sample, weights=values, minlength=ensemble.samples) / ensemble.counts


def _save(ensemble: SiteEnsemble, out: Path) -> None:
    import h5py

    if not out.absolute().parent.is_dir():
        raise InputError(f"no such directory: {out.parent}")
    ensemble.potentials.save(out)
    if out.suffix != ".csv":
        with h5py.File(out, "a") as file:
            file["sample"] = ensemble.sample
            file["sample"].attrs["long_name"] = "disorder sample of each site"
            for name, value in ensemble.describe().items():
                file.attrs[name] = value
