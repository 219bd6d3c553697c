"""Commands for the quantum side: ``levels``."""

from __future__ import annotations

import json
from typing import Any

import click


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
    from meanfield.site_spectrum import site_spectrum

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
