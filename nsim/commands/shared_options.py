"""What several commands share: their arguments and options, and how they print."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nsim.run_file import RunFile


MOST_DIGITS = 15  # after the point; what lies below is rounding in units of the model


class TimeSpan(click.ParamType):
    """Seconds, MM:SS, HH:MM:SS or D-HH:MM:SS, as a number of seconds above zero."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType`."""
        if isinstance(value, int | float):
            return float(value)
        days, _, rest = value.rpartition("-") if not value.startswith("-") else ("", "", value)
        try:
            parts = [float(part) for part in rest.split(":")]
            seconds = sum(part * 60**power for power, part in enumerate(reversed(parts))) + 86400 * int(days or 0)
        except ValueError:
            parts, seconds = [], math.nan
        if not 0 < seconds < math.inf or not 1 <= len(parts) <= 3 or min(parts) < 0:
            self.fail(f"{value!r} is not a time: give seconds, MM:SS or [D-]HH:MM:SS", param, ctx)
        return seconds


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
directory_argument = click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
ranks_per_sample_option = click.option(
    "--ranks-per-sample",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="G",
    help="Ranks that work on one sample at a time; divides their number.",
)
couplings_option = click.option(
    "--couplings",
    type=click.Choice(["shared", "rows"]),
    default="shared",
    show_default=True,
    help="How these ranks hold the couplings: one copy per node, or each some rows (one system beyond a node).",
)
time_limit_option = click.option(
    "--time-limit",
    type=TimeSpan(),
    metavar="TIME",
    help="Leave in time, resumable: seconds, MM:SS or [D-]HH:MM:SS. A Slurm job knows its own limit.",
)
checkpoint_option = click.option(
    "--checkpoint-every",
    type=TimeSpan(),
    default=300.0,
    show_default="5:00",
    metavar="TIME",
    help="Time between two checkpoints of long work.",
)
run_file_argument = click.argument("run_file", metavar="RUN.toml", type=click.Path(path_type=Path))


def load_run_file(path: Path) -> RunFile:
    """The run file of a command; raises `InputError` with one line per mistake."""
    from nsim.run_file import load

    return load(path)


def print_json(answer: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(answer, allow_nan=False))


def with_error(mean: float | None, error: float | None) -> str:
    """A number with its error, rounded to two digits of the error."""
    if mean is None:
        return "-"
    if not error:
        return f"{mean:.6g}"
    from math import floor, log10

    digits = max(0, 1 - floor(log10(error)))
    if digits > MOST_DIGITS:
        return f"{mean:.6g} ± {error:.1e}"
    return f"{mean:.{digits}f} ± {error:.{digits}f}"
