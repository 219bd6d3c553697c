"""Options that several commands of ``meanfield`` share, and the model that they describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meanfield.model import Model


class BadInput(click.UsageError):
    """What the user gave cannot be used."""


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that define the model, common to all commands."""
    options = [
        click.option("--gamma", type=float, help="Coupling strength, > 0 (required; no meaning for ising)."),
        click.option("--j0", type=float, default=0.0, show_default=True, help="Mean coupling J0 (times N)."),
        click.option("--a2", type=float, help="Harmonic coefficient, or its mean.  [default: 1]"),
        click.option("--a2-std", type=float, help="Standard deviation of Gaussian a2."),
        click.option("--a2-low", type=float, help="Uniform a2: lower end."),
        click.option("--a2-high", type=float, help="Uniform a2: upper end."),
        click.option("--a4", type=float, default=1.0, show_default=True, help="Quartic coefficient, > 0."),
        click.option("--field", type=float, default=0.0, show_default=True, help="Uniform field F."),
        click.option(
            "--potential",
            type=click.Choice(["quartic", "ising"]),
            default="quartic",
            show_default=True,
            help="ising: v = +-1, the Sherrington-Kirkpatrick model.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_model(
    gamma: float | None,
    j0: float,
    a2: float | None,
    a2_std: float | None,
    a2_low: float | None,
    a2_high: float | None,
    a4: float,
    field: float,
    potential: str,
) -> Model:
    """The model that the options describe."""
    from meanfield.model import LocalStiffness, Model

    if gamma is None:
        if potential != "ising":
            raise BadInput("Missing option '--gamma'.")
        gamma = 1.0
    if (a2_low is None) != (a2_high is None):
        raise BadInput("--a2-low and --a2-high belong together")
    if a2_low is not None and a2_high is not None:
        if a2 is not None or a2_std is not None:
            raise BadInput("give either --a2 and --a2-std (Gaussian) or --a2-low and --a2-high (uniform)")
        stiffness = LocalStiffness.uniform(a2_low, a2_high)
    else:
        stiffness = LocalStiffness.gaussian(1.0 if a2 is None else a2, 0.0 if a2_std is None else a2_std)
    return Model(gamma=gamma, j0=j0, a2=stiffness, a4=a4, field=field, potential=potential)  # type: ignore[arg-type]
