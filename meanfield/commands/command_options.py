"""Options that several commands of ``meanfield`` share, how they are read, and the model that they describe."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meanfield.model import Model
    from meanfield.replicas.solution import Solution

MOST_VALUES = 10_000
# Residual below which the equations of a given number of steps are solved.
SOLVED = 1e-8


class BadInput(click.UsageError):
    """What the user gave cannot be used."""


class Numbers(click.ParamType):
    """One number, several with commas, or FROM:TO:COUNT; becomes a tuple of floats."""

    name = "number|list|from:to:count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Read the text of an option."""
        if isinstance(value, tuple):
            return value
        if isinstance(value, (int, float)):
            return (float(value),)
        try:
            if ":" not in value:
                return tuple(float(part) for part in value.split(","))
            first, last, count = value.split(":")
            n = int(count)
            if not 2 <= n <= MOST_VALUES:
                raise ValueError
            low, high = float(first), float(last)
            return (*(low + (high - low) * k / (n - 1) for k in range(n - 1)), high)
        except ValueError:
            self.fail(f"{value!r} is neither a number, a list 1,2,3 nor a range FROM:TO:COUNT", param, ctx)


class Interval(click.ParamType):
    """LOW:HIGH, a pair of floats, or a single number."""

    name = "low:high|number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Read the text of an option."""
        if isinstance(value, tuple):
            return value
        try:
            parts = tuple(float(part) for part in str(value).split(":"))
            if len(parts) > 2:
                raise ValueError
        except ValueError:
            self.fail(f"{value!r} is neither LOW:HIGH nor a number", param, ctx)
        return parts


def site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the local potential and the field, and --json."""
    options = [
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


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that define the model, common to most commands."""
    command = site_options(command)
    command = click.option("--j0", type=float, default=0.0, show_default=True, help="Mean coupling J0 (times N).")(
        command
    )
    return click.option("--gamma", type=float, help="Coupling strength, > 0 (required; no meaning for ising).")(command)


def ansatz_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--ansatz and --steps."""
    command = click.option(
        "--steps", type=int, help="K of krsb; for frsb the largest K: energies are the limit, all else is that of K."
    )(command)
    return click.option(
        "--ansatz",
        type=click.Choice(["rs", "1rsb", "krsb", "frsb"]),
        required=True,
        help="Replica-symmetric; one step, K steps or full symmetry breaking.",
    )(command)


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


def require_folder(*paths: str | None) -> None:
    """Refuse files that could not be written, before any work is done."""
    for path in paths:
        if path is not None and not Path(path).absolute().parent.is_dir():
            raise BadInput(f"no such directory: {Path(path).parent}")


def file_trouble(error: OSError) -> str:
    """The file that cannot be read or written, and why, without the words that HDF5 wraps around it."""
    in_hdf5 = re.search(r"name = '(.*?)',", str(error))
    name = error.filename or (in_hdf5 and in_hdf5[1])
    why = os.strerror(error.errno) if error.errno else str(error)
    return f"{name}: {why}" if name else why


def require_hdf5(path: str | None) -> None:
    """Refuse endings of text files for what becomes an HDF5 file."""
    if path is not None and Path(path).suffix.lower() in (".csv", ".json", ".txt"):
        raise BadInput(f"--out writes an HDF5 file, not {Path(path).suffix}")


def require_picture(path: str | None) -> None:
    """Refuse endings that matplotlib does not know, before any work is done."""
    if path is None or not Path(path).suffix:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    if Path(path).suffix[1:].lower() not in FigureCanvasBase.get_supported_filetypes():
        raise BadInput(f"--plot cannot draw {Path(path).suffix}: give .png, .pdf or .svg")


def not_converged(solution: Solution) -> str:
    """Why a solution counts as not converged: the limit of many steps, or the equations themselves."""
    if solution.ansatz == "frsb" and solution.residual < SOLVED and not solution.error <= 0.0:
        known = math.isfinite(solution.error)
        error = f"{solution.error:.1e} is too large" if known else "is not known: take more --steps"
        return f"not converged: the error of the limit K -> infinity {error}"
    return f"not converged, residual {solution.residual:.1e}"


def write_picture(save: Callable[[str], None], path: str) -> None:
    """Draw; an ending that matplotlib does not know is the user's mistake."""
    try:
        save(path)
    except ValueError as error:
        raise BadInput(str(error)) from None


class Progress:
    """One line on a terminal that rewrites itself, and nothing anywhere else."""

    def __init__(self) -> None:
        self.stream = sys.stderr
        self.alive = self.stream.isatty()

    def __call__(self, text: str) -> None:
        """Show ``text`` in place of the last one."""
        if self.alive:
            self.stream.write(f"\r\033[K{text[:100]}")
            self.stream.flush()

    def end(self) -> None:
        """Clear the line."""
        if self.alive:
            self.stream.write("\r\033[K")
            self.stream.flush()
