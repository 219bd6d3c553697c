"""The command ``meanfield local-potentials``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meanfield.commands.command_options import (
    ansatz_options,
    model_options,
    not_converged,
    read_model,
    require_folder,
)
from meanfield.commands.ending import finish

if TYPE_CHECKING:
    from meanfield.replicas.solution import Solution
    from meanfield.sites.local_potentials import LocalPotentials


@click.command("local-potentials")
@ansatz_options
@click.option("--temperature", type=float, default=0.0, show_default=True, help="Temperature, >= 0.")
@model_options
@click.option(
    "--nodes",
    type=click.IntRange(1, 200),
    default=12,
    show_default=True,
    help="Quadrature nodes per panel of the fields.",
)
@click.option("--out", type=click.Path(dir_okay=False), help="The ensemble as .csv, else HDF5.")
def local_potentials(
    ansatz: str, steps: int | None, temperature: float, nodes: int, as_json: bool, out: str | None, **options: Any
) -> int:
    """Ensemble of local potentials {h, C, a2, a4, gamma, weight} of the physical solution.

    A quadrature: the average of a property of sites is its sum with the weights. --json and --out give the
    ensemble itself, the table what it says of double wells.
    """
    require_folder(out)
    model = read_model(**options)
    from meanfield.replicas.solver import solve

    solution = solve(model, ansatz, temperature, steps)
    ensemble = solution.local_potentials(nodes)
    numbers = summary(solution, ensemble)
    return finish(
        as_json,
        lambda: {**numbers, **ensemble.to_dict()},
        lambda: show(numbers),
        "" if solution.converged else not_converged(solution),
        (out, ensemble.save),
        indent=None,
    )


def summary(solution: Solution, ensemble: LocalPotentials) -> dict[str, Any]:
    """Averages over the ensemble; those of double wells are over double wells, None where there is none."""
    wells = ensemble.double_wells()
    fraction = ensemble.double_well_fraction()

    def typical(values: Any) -> float | None:
        there = wells.exists
        return float(values[there] @ ensemble.weight[there]) / fraction if fraction > 0.0 else None

    field = ensemble.average(ensemble.h)
    return {
        "ansatz": solution.ansatz,
        "phase": solution.phase,
        "temperature": solution.temperature,
        "count": int(ensemble.h.size),
        "mean_field": field,
        "field_std": max(ensemble.average(ensemble.h**2) - field**2, 0.0) ** 0.5,
        "C_reg": ensemble.average(ensemble.responses()),
        "double_well_fraction": fraction,
        "mean_asymmetry": typical(wells.asymmetry),
        "mean_barrier": typical(wells.barrier),
        "mean_distance": typical(wells.distance),
        "converged": solution.converged,
        "note": solution.note,
    }


def show(numbers: dict[str, Any]) -> None:
    """Print a table for people."""
    from pandas import DataFrame

    from meanfield.commands.table_text import table_text

    words = {
        "count": "local potentials",
        "mean_field": "mean effective field",
        "field_std": "standard deviation of the field",
        "C_reg": "mean response 1/U_eff'' at the minimum",
        "double_well_fraction": "fraction with two wells",
        "mean_asymmetry": "mean asymmetry of those",
        "mean_barrier": "mean barrier from the upper minimum",
        "mean_distance": "mean distance of the minima",
    }
    values = ["-" if numbers[name] is None else f"{numbers[name]:.10g}" for name in words]
    click.echo(f"{numbers['ansatz']}, T = {numbers['temperature']:g}, {numbers['phase']}")
    click.echo(table_text(DataFrame(values, index=list(words.values()), columns=[""]), header=False))
    if numbers["note"]:
        click.echo(numbers["note"])
