"""Tables of which no number and no name is cut, however narrow the terminal."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

UNBOUNDED = 100_000  # columns that no table has: a file has no width to fit


def table_text(frame: DataFrame) -> str:
    """Lines of a table of texts; where the terminal is too narrow, parts below each other, each with the index."""
    width = shutil.get_terminal_size((UNBOUNDED, 0)).columns
    return frame.to_string(line_width=width, sparsify=False)
