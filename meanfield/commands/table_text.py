"""Tables in terminals of any width, every number in full."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def table_text(frame: DataFrame, header: bool = True) -> str:
    """The table, its columns folded below each other with the index repeated where the terminal is narrower than it."""
    terminal = shutil.get_terminal_size(fallback=(1_000_000, 0))  # what is piped is not folded
    return frame.to_string(header=header, line_width=terminal.columns, sparsify=False)
