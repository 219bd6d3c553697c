"""How a command of ``meanfield`` ends: files, then JSON or a table, then what did not converge, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from meanfield.commands.command_options import write_picture

DONE = 0
NOT_CONVERGED = 3
Write = Callable[[str], None]


def finish(
    as_json: bool,
    numbers: Callable[[], dict[str, Any]],
    show: Callable[[], object],
    failure: str = "",
    save: tuple[str | None, Write] | None = None,
    draw: tuple[str | None, Write] | None = None,
    indent: int | None = 2,
) -> int:
    """Tell a result; the exit status.

    Parameters
    ----------
    as_json, numbers, show
        Whether ``numbers()`` is printed as JSON and nothing else, or ``show()`` prints a table for people.
    failure
        What did not converge, one line; empty if everything did. The result is told all the same.
    save, draw
        Path (None: not asked for) of the file or the picture, and what writes it.
    indent
        Of the JSON; None: all in one line.
    """
    # Files first: a name that cannot be written then leaves nothing on stdout.
    if save is not None and save[0] is not None:
        save[1](save[0])
    if draw is not None and draw[0] is not None:
        write_picture(draw[1], draw[0])
    if as_json:
        click.echo(json.dumps(numbers(), indent=indent, allow_nan=False))
    else:
        show()
    if failure:
        click.echo(f"meanfield: {failure}", err=True)
        return NOT_CONVERGED
    return DONE
