"""The command ``validation finite-size``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nsim.command_line import first_rank_only
from nsim.errors import ExitStatus

if TYPE_CHECKING:
    from validation.finite_size import FiniteSizeStudy


@click.command("finite-size")
@click.argument(
    "directories",
    metavar="DIR...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
)
@click.option("--fits", is_flag=True, help="Every fit with its chi^2 and weight, not only the average.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
@first_rank_only
def finite_size(directories: tuple[Path, ...], fits: bool, as_json: bool) -> ExitStatus:
    """Limits N -> infinity of everything measured in the runs DIR..., which have the same model at different N.

    Forms of the approach are compared and averaged; the error holds the spread over forms and over smallest sizes.
    """
    from validation.finite_size import study

    found = study(directories)
    if as_json:
        click.echo(json.dumps(found.to_dict(), allow_nan=False))
    else:
        _print(found, fits)
    return ExitStatus.DONE


def _print(found: FiniteSizeStudy, fits: bool) -> None:
    from pandas import DataFrame

    from nsim.commands.table_text import table_text
    from validation.quantities import label
    from validation.report.words import with_error

    columns = ["observable", "sizes", "x for N → ∞", "statistical", "spread over fits", "chi²/dof", "best form"]
    rows = []
    for name, one in found.observables.items():
        if one.limit is None:
            rows.append([label(name), "fewer than two with an error", *["-"] * 5])
            continue
        for number, fit in enumerate(one.limit.fits if fits else one.limit.fits[:1]):
            whole = [", ".join(map(str, one.limit.sizes)), with_error(one.limit.value, one.limit.stderr)]
            whole += [f"{one.limit.statistical:.2g}", f"{one.limit.spread:.2g}"]
            form = f"{fit.form.label}, N ≥ {fit.smallest}"
            if fits:
                form += f": {with_error(fit.value, fit.stderr)}, weight {fit.weight:.2f}"
            if fit.form.free:
                form += f" (w = {fit.exponents[0]:.2f})"
            rows.append([label(name), *(whole if number == 0 else [""] * 4), f"{fit.chi2:.1f}/{fit.dof}", form])
    click.echo(f"limits N → ∞ ({found.regime.name})")
    click.echo(table_text(DataFrame(rows, columns=columns).set_index("observable")))
    click.echo("Errors hold next-order terms, smallest sizes and undecided exponents; validation report has the same.")
    if found.width is not None:
        plain, freed = found.width["plain"], found.width["without_traces"]
        click.echo(
            f"width of the lowest energy between samples ~ N^-w: w = "
            f"{with_error(plain['exponent'], plain['exponent_stderr'])}, without that of the traces of J "
            f"{with_error(freed['exponent'], freed['exponent_stderr'])} (SK model: 3/4, 5/6)"
        )
