"""The limits of a report beside averages over forms: what the errors of a report leave out, in numbers and words.

A report fits one leading power, fixed beforehand, to each observable (`validation.statistics.extrapolation`): terms of
next order are in its errors only as far as leaving out the smallest size shows them. `validation finite-size` averages
over forms with and without such terms, and over smallest sizes (`validation.statistics.finite_size`).
"""

from __future__ import annotations

from validation.finite_size import forms
from validation.quantities import label
from validation.report.words import with_error
from validation.statistics.finite_size import Limit, limit
from validation.verdicts.comparison import Comparison

TOO_SMALL = 2.0  # factor between the two errors from which the report's is called too small


def over_forms(comparison: Comparison) -> dict[str, Limit]:
    """For every extrapolated observable the limit of the same averages over forms; none for what symmetry fixes."""
    found = {}
    for name in comparison.extrapolations:
        if name == "p" and comparison.regime.p_fixed_by_symmetry:
            continue
        rows = {n: own[name] for n, own in comparison.averages.items() if own[name].stderr}
        one = limit(
            list(rows),
            [row.mean for row in rows.values()],
            [row.stderr or 0.0 for row in rows.values()],
            forms(name, comparison.regime),
        )
        if one is not None:
            found[name] = one
    return found


def errors_of_limits(comparison: Comparison, averaged: dict[str, Limit]) -> str:
    """What the errors of the extrapolated values hold, and which of them are too small; empty without such values."""
    if not averaged:
        return ""
    said = (
        "Errors for N -> infinity hold for one leading power of N, fixed beforehand; for a limit to quote, validation "
        "finite-size averages over forms with next-order terms."
    )
    small = []
    for name, one in averaged.items():
        own = comparison.extrapolations[name].stderr
        if own > 0 and one.stderr > TOO_SMALL * own:
            times = f"{one.stderr / own:.1f} times the error here"
            small.append(f"{label(name)} {with_error(one.value, one.stderr)}, {times}")
    if not small:
        return f"{said} For no observable is that error more than {TOO_SMALL:g} times the one here."
    caveat = "Unless next-order terms are negligible, errors and |z| here are too optimistic for"
    return f"{said} {caveat}: {'; '.join(small)}."
