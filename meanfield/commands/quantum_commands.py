"""Commands for the quantum side: ``levels`` and ``thermodynamics``."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from meanfield.commands.command_options import (
    BadInput,
    model_options,
    not_converged,
    read_model,
    require_folder,
    require_hdf5,
    require_picture,
)
from meanfield.commands.ending import finish

if TYPE_CHECKING:
    from meanfield.quantum.thermodynamics import Thermodynamics


@click.command()
@click.option("--gamma", type=float, required=True, help="Coupling strength, > 0.")
@click.option("--C", "C", type=float, required=True, help="Reaction coefficient of the site.")
@click.option("--h", "h", type=float, required=True, help="Effective field at the site.")
@click.option("--hbar2-over-m", type=float, required=True, help="hbar^2/m > 0, kinetic energy (hbar^2/m) p^2/2.")
@click.option("--levels", "n", type=int, required=True, help="Number of levels.")
@click.option("--a2", type=float, default=1.0, show_default=True, help="Harmonic coefficient.")
@click.option("--a4", type=float, default=1.0, show_default=True, help="Quartic coefficient, > 0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def levels(gamma: float, C: float, h: float, hbar2_over_m: float, n: int, a2: float, a4: float, as_json: bool) -> int:
    """Energy levels in one local potential U_eff(v) = -h v - C v^2/2 + (a2 v^2/2 + a4 v^4/24)/gamma.

    Levels are absolute: eigenvalues of (hbar^2/m) p^2/2 + U_eff with p = -i d/dv.
    """
    from meanfield.quantum.site_spectrum import site_spectrum

    result = site_spectrum(h, C, a2, a4, gamma, hbar2_over_m, n)
    if as_json:
        click.echo(json.dumps(result, indent=2, allow_nan=False))
        return 0
    click.echo(f"{'level':>5}{'energy':>24}{'above the minimum':>24}{'error':>10}")
    columns = (result["levels"], result["heights"], result["errors"])
    for i, (energy, height, error) in enumerate(zip(*columns, strict=True)):
        click.echo(f"{i:>5}{energy:>24.16g}{height:>24.16g}{error:>10.1e}")
    if result["gap"] is not None:
        click.echo(f"E_1 - E_0 = {result['gap']:.10g}")
    wells: dict[str, Any] | None = result["double_well"]
    if wells is None:
        click.echo("a single well")
    else:
        for name, value in wells.items():
            click.echo(f"{name} = {value:.10g}")
    return 0


@click.command()
@click.option("--ansatz", type=click.Choice(["rs", "1rsb", "krsb", "frsb"]), help="Of the classical solution at T = 0.")
@click.option("--steps", type=int, help="K of krsb; for frsb the K whose fields are used.")
@click.option("--potentials", type=click.Path(exists=True, dir_okay=False), help="Instead: file of an ensemble.")
@click.option("--hbar2-over-m", type=float, required=True, help="hbar^2/m > 0, kinetic energy (hbar^2/m) p^2/2.")
@click.option(
    "--temperatures",
    required=True,
    help="T1,T2,... or LOW:HIGH:COUNT, evenly in the logarithm.",
)
@model_options
@click.option("--out", type=click.Path(dir_okay=False), help="HDF5 file for everything.")
@click.option("--plot", type=click.Path(dir_okay=False), help="Picture of C(T) and C/T^3.")
def thermodynamics(
    ansatz: str | None,
    steps: int | None,
    potentials: str | None,
    hbar2_over_m: float,
    temperatures: str,
    as_json: bool,
    out: str | None,
    plot: str | None,
    **options: Any,
) -> int:
    """Specific heat and entropy per site of quantum particles in the local potentials.

    They are those of the classical solution at T = 0, or of an ensemble in a file. Tunnelling: the share of the two
    lowest levels of sites with two wells.
    """
    require_folder(out, plot)
    require_hdf5(out)
    require_picture(plot)
    T = parse_temperatures(temperatures)
    from meanfield.quantum import thermodynamics_output

    header: dict[str, Any]
    failure = ""
    if potentials is not None:
        if ansatz is not None or options["gamma"] is not None:
            raise BadInput("give either --potentials or --ansatz and --gamma")
        from meanfield.quantum.field_resolution import resolution_error
        from meanfield.quantum.thermodynamics import coarseness
        from meanfield.quantum.thermodynamics import thermodynamics as of_ensemble
        from meanfield.sites.local_potentials import LocalPotentials

        ensemble = LocalPotentials.load(potentials)
        result = of_ensemble(ensemble, hbar2_over_m, T)
        header = {"potentials": len(ensemble), "resolved_above": coarseness(ensemble)}
        header["resolution_error"] = resolution_error(ensemble, hbar2_over_m, T).tolist()
        coarse = [t for t in T if 0.0 < t < header["resolved_above"]]
        if coarse:
            worst = max(e for t, e in zip(T, header["resolution_error"], strict=True) if t in coarse)
            click.echo(
                f"meanfield: warning: the file has too few fields near h = 0 below T = {header['resolved_above']:.1e}; "
                f"its specific heat there is uncertain by up to {worst:.1e} beyond the error of the levels",
                err=True,
            )
    else:
        if ansatz is None:
            raise BadInput("Missing option '--ansatz'.")
        model = read_model(**options)
        from meanfield.quantum.thermal_ensemble import solution_thermodynamics
        from meanfield.replicas.solver import solve

        solution = solve(model, ansatz, 0.0, steps)
        result = solution_thermodynamics(solution, hbar2_over_m, T)
        failure = "" if solution.converged else not_converged(solution)
        header = {"ansatz": ansatz, "gamma": model.gamma, "j0": model.j0, "field": model.field}
        header |= {"C": solution.C, "q": solution.q.tolist(), "converged": solution.converged}
        header["note"] = solution.note
    header["hbar2_over_m"] = hbar2_over_m

    def show_all() -> None:
        show(result, header.get("resolution_error"))
        if header.get("note"):
            click.echo(header["note"])

    return finish(
        as_json,
        lambda: header | thermodynamics_output.to_dict(result),
        show_all,
        failure,
        (out, lambda path: thermodynamics_output.save(result, header, path)),
        (plot, lambda path: thermodynamics_output.plot(result, header, path)),
    )


def parse_temperatures(text: str) -> list[float]:
    """Numbers of "T1,T2,..." or of "LOW:HIGH:COUNT"."""
    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        low, high, count = text.split(":")
        first, last, number = float(low), float(high), int(count)
    except ValueError:
        raise BadInput(f"--temperatures must be T1,T2,... or LOW:HIGH:COUNT, got {text!r}") from None
    if not (0 < first < last < math.inf and 2 <= number <= 100_000):
        raise BadInput(f"--temperatures LOW:HIGH:COUNT needs 0 < LOW < HIGH and COUNT from 2 to 100000, got {text!r}")
    return [first * (last / first) ** (i / (number - 1)) for i in range(number)]


def show(result: Thermodynamics, resolution: list[float] | None) -> None:
    """Print a table for people; ``resolution`` is the error from the spacing of the fields of a file."""
    names = ["T", "C", "tunnelling", "within wells", "entropy", "error of C"]
    columns = [
        result.temperature,
        result.specific_heat,
        result.tunnelling_specific_heat,
        result.intra_well_specific_heat,
        result.entropy,
    ]
    errors = [result.error] + ([] if resolution is None else [resolution])
    names += [] if resolution is None else ["error of fields"]
    click.echo("".join(f"{name:>17}" for name in names))
    for row in zip(*columns, *errors, strict=True):
        values, uncertain = row[: len(columns)], row[len(columns) :]
        click.echo("".join(f"{value:>17.8g}" for value in values) + "".join(f"{error:>17.1e}" for error in uncertain))
    click.echo(f"sites with two wells: {result.double_well_fraction:.4g}")
