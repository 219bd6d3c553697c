"""Numbers for people."""

from __future__ import annotations

from math import floor, log10


def with_error(mean: float | None, error: float | None) -> str:
    """A number with its error, rounded to two digits of the error."""
    if mean is None:
        return "-"
    if not error:
        return f"{mean:.6g}"
    digits = max(0, 1 - floor(log10(error)))
    return f"{mean:.{digits}f} ± {error:.{digits}f}"
