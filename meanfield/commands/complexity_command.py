"""The command ``complexity``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meanfield.commands.command_options import model_options, read_model
from meanfield.commands.ending import finish

if TYPE_CHECKING:
    from meanfield.replicas.complexity import Complexity


@click.command()
@click.option("--temperature", type=float, default=0.0, show_default=True, help="Temperature, >= 0.")
@click.option(
    "--points", type=int, default=40, show_default=True, help="Points from a tenth to four times mu*, 3 to 2000."
)
@model_options
def complexity(temperature: float, points: int, as_json: bool, **options: Any) -> int:
    """Complexity Sigma(mu) of the one-step ansatz, with the energy e(mu) of the states it belongs to."""
    model = read_model(**options)
    from meanfield.replicas.complexity import complexity as compute

    curve = compute(model, temperature, points)
    failure = "" if curve.converged else "not converged: the iteration failed before the end of the curve"
    return finish(as_json, curve.to_dict, lambda: show(curve), failure)


def show(curve: Complexity) -> None:
    """Print a table for people."""
    from meanfield.replicas.complexity import LABEL

    click.echo(LABEL)
    names = ("mu", "complexity", "energy", "f(mu)", "q_0", "q_1", "outer repl.", "inner repl.", "stable")
    click.echo("".join(f"{name:>14}" for name in names))
    jump = curve.solution.has_jump
    for i in range(curve.mu.size):
        numbers = [curve.mu[i], curve.complexity[i], curve.energy[i], curve.free_energy[i], *curve.q[i]]
        outer, inner = curve.replicons[i]
        text = "".join(f"{value:>14.7g}" for value in [*numbers, outer])
        text += f"{'-inf' if jump else f'{inner:.7g}':>14}{'yes' if curve.stable[i] else 'no':>14}"
        at_optimum = curve.mu[i] == curve.solution.mu[0]
        click.echo(text + ("  optimum" if at_optimum else ""))
    click.echo(
        f"{curve.mu.size} of {curve.requested} points; ends: {curve.ends[0]} (small mu), {curve.ends[1]} (large mu)"
    )
