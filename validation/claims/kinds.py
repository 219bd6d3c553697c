"""What a study claims about its runs: the entries ``[[claims]]`` of a study file, one class for each kind.

A claim names the runs it looks at. What is compared, with what theory, and what must come out stands in the file of the
same name beside this one; here is only what a user may write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationError

from nsim.errors import InputError
from nsim.run_file_mistakes import one_line_each
from nsim.run_sections import Section

Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Claim(Section):
    """One claim: its kind, its title in the report, and the runs it is about."""

    kind: str
    runs: Annotated[list[Name], Field(min_length=1)]
    title: str = ""
    smallest: Annotated[int, Field(ge=1)] | None = None  # N below which data are left out


class Controlled(Claim):
    """A claim that takes control variates out of its averages.

    ``control_work`` multiplies the number of cheap samples that means of controls are estimated from; 0: only controls
    with exactly known means.
    """

    control_work: Annotated[float, Field(ge=0)] = 1.0


class RSExact(Claim):
    """Where RS is stable it is exact: every average agrees, relaxed or thermal, also with local disorder in a2."""


class GroundStates(Controlled):
    """Energies of ground states for N -> infinity: full RSB accepted, RS and 1RSB rejected."""


class FieldResponse(Controlled):
    """Displacement of ground states in a uniform field: susceptibility 1 in full RSB as the field goes to zero."""


class SmallFields(Claim):
    """P(h) at small fields: the pseudogap of full RSB, how P(0) falls with N, double wells, C_reg, Hessian."""


class Equilibrium(Claim):
    """Thermal averages below and above the glass temperature, P(q), crossing of Binder ratios."""


class Spectrum(Claim):
    """Hessian spectra against the deformed semicircle law, with the theory's diagonal and the measured one."""


class Cooling(Claim):
    """How P(0), double wells and the linear specific heat fall with slower cooling."""


class SKLimit(Controlled):
    """Deep wells a2 = -k, a4 = 6k: energies approach those of the Sherrington-Kirkpatrick model as 1/k."""


KINDS: dict[str, type[Claim]] = {
    "rs-exact": RSExact,
    "ground-states": GroundStates,
    "field-response": FieldResponse,
    "small-fields": SmallFields,
    "equilibrium": Equilibrium,
    "spectrum": Spectrum,
    "cooling": Cooling,
    "sk-limit": SKLimit,
}


def parse_claims(tables: Sequence[Any], known_runs: Sequence[str]) -> list[Claim]:
    """Check the claims of a study; raises `InputError` with one line per mistake, all at once."""
    claims: list[Claim] = []
    lines: list[str] = []
    for number, table in enumerate(tables, 1):
        where = f"claims[{number}]"
        kind = table.get("kind") if isinstance(table, dict) else None
        if kind not in KINDS:
            named = "missing; it has no default" if kind is None else f"{kind!r} is no kind of claim"
            lines.append(f"{where}.kind: {named}; known: {', '.join(KINDS)}")
            continue
        try:
            claim = KINDS[kind].model_validate(table)
        except ValidationError as error:
            lines += [f"{where}.{line}" for line in one_line_each(error.errors(), KINDS[kind])]
            continue
        unknown = [run for run in claim.runs if run not in known_runs]
        lines += [f"{where}.runs: no run {run!r}; known: {', '.join(known_runs)}" for run in unknown]
        claims.append(claim)
    if lines:
        raise InputError("\n".join(lines))
    return claims
