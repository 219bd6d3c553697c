"""Tables of which no number and no name is cut, however narrow the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNBOUNDED = 100_000  # columns that no table has


def print_whole(table: Table, keys: Sequence[int] = (0,), groups: Sequence[Sequence[int]] | None = None) -> None:
    """Print a table at its own width, or where the terminal is narrower as several below each other.

    Parameters
    ----------
    table
        Its title is printed before it, whole.
    keys
        Columns that tell the rows apart: each part begins with them.
    groups
        Columns that stay together in a part, in the order of the parts; by default every other column for itself.
    """
    from rich.console import Console

    console = Console()
    if table.title:
        console.print(table.title, style="italic", soft_wrap=True, highlight=False)
        table.title = None
    if groups is None:
        groups = [[column] for column in range(len(table.columns)) if column not in keys]
    whole = _columns(table, range(len(table.columns)))
    fits = not console.is_terminal or _width(whole, console) <= console.width  # a file has no width to fit
    for part in [whole] if fits else _parts(table, keys, groups, console):
        # One group alone may be wider than the terminal, which then wraps the lines.
        console.width = max(console.width, _width(part, console))
        console.print(part)


def _parts(table: Table, keys: Sequence[int], groups: Sequence[Sequence[int]], console: Console) -> list[Table]:
    """The table with as many groups beside each other as the terminal holds."""
    found: list[list[int]] = []
    for group in groups:
        if found and _width(_columns(table, [*keys, *found[-1], *group]), console) <= console.width:
            found[-1] += group
        else:
            found.append(list(group))
    return [_columns(table, [*keys, *columns]) for columns in found]


def _columns(table: Table, chosen: Sequence[int]) -> Table:
    """Some columns of a table, as a table."""
    from rich.table import Table

    part = Table(show_header=table.show_header)
    columns = [table.columns[k] for k in chosen]
    for column in columns:
        part.add_column(column.header, justify=column.justify, no_wrap=True)
    for row, cells in zip(table.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
        part.add_row(*cells, end_section=row.end_section)
    return part


def _width(table: Table, console: Console) -> int:
    return console.measure(table, options=console.options.update(max_width=UNBOUNDED)).maximum
