"""The study file: TOML in, a checked plan of runs and claims out.

    title = "Is full RSB right?"
    seed = 2026

    [common.model]              # whatever all runs share, as in a run file
    gamma = 4.0

    [runs.ground]               # the rest of a run file; [runs.NAME.protocol] and so on
    ensemble = {n = [32, 64], samples = [8000, 4000], replicas = 8}
    protocol = {kind = "anneal", sweeps = 300}

    [runs.cooling]
    ensemble = {n = 64, samples = 200}
    protocol = {kind = "anneal"}
    vary = {"protocol.sweeps" = [10, 100, 1000]}      # one run for each value

    [[claims]]
    kind = "ground-states"
    runs = ["ground"]

Every run is a run file of `nsim run`, and is checked as one. With ``disorder = "paired"`` (the default) all runs have
the study's seed, so that equal N and sample numbers mean equal couplings, and differences between protocols are
differences on the same samples; with ``"independent"`` every run has a seed of its own, made from its name.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from nsim import run_file, toml_file
from nsim.errors import InputError
from nsim.run_file import RunFile
from nsim.run_file_mistakes import one_line_each
from nsim.run_sections import Section
from validation.claims.kinds import Claim, parse_claims

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"  # of a run: it becomes a folder
OWN_KEYS = ("about", "vary", "seed")  # of a run in a study file, beside those of a run file


class Slurm(Section):
    """How the job scripts of ``--slurm`` ask for their resources."""

    ranks: Annotated[int, Field(ge=1)] = 64
    ranks_per_node: Annotated[int, Field(ge=1)] | None = None
    time: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}(:\d\d){0,2}$")] = "04:00:00"
    memory_per_rank: Annotated[str, Field(pattern=r"^\d+[KMGT]?$")] | None = None
    options: list[str] = Field(default_factory=list)  # further lines of the header, such as "--partition=long"
    setup: list[str] = Field(default_factory=list)  # commands before the run, such as "module load mpi"
    launcher: Annotated[str, Field(min_length=1)] = "srun"


class Table(Section):
    """The study file but for its claims, which are checked one by one, and its runs, which are run files."""

    title: Annotated[str, Field(min_length=1)]
    about: str = ""
    seed: Annotated[int, Field(ge=0)]
    disorder: Literal["paired", "independent"] = "paired"
    common: dict[str, Any] = Field(default_factory=dict)
    runs: Annotated[dict[Annotated[str, Field(pattern=NAME)], dict[str, Any]], Field(min_length=1)]
    claims: list[Any] = Field(default_factory=list)
    slurm: Slurm = Slurm()

    @field_validator("common")
    @classmethod
    def _tables_of_a_run(cls, common: dict[str, Any]) -> dict[str, Any]:
        own = [key for key in common if key in OWN_KEYS]
        if own:
            raise ValueError(f"{', '.join(own)} cannot be common to all runs")
        return common


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study.

    Attributes
    ----------
    name : str
        Its folder under ``runs/``: that of its block, with the values that vary.
    block : str
        Its block ``[runs.BLOCK]``.
    about : str
    run : RunFile
    table : dict
        What its run file says.
    varied : dict
        The keys that vary within the block, with their values here.
    """

    name: str
    block: str
    about: str
    run: RunFile
    table: dict[str, Any]
    varied: dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A checked study.

    Attributes
    ----------
    path : Path
    title, about : str
    runs : tuple of PlannedRun
        In the order of the file.
    claims : tuple of Claim
    slurm : Slurm
    record : dict
        The file as it was read.
    """

    path: Path
    title: str
    about: str
    runs: tuple[PlannedRun, ...]
    claims: tuple[Claim, ...]
    slurm: Slurm
    record: dict[str, Any]

    def of_block(self, block: str) -> list[PlannedRun]:
        """The runs of a block."""
        return [planned for planned in self.runs if planned.block == block]


def load(path: Path) -> Study:
    """Read and check a study file; raises `InputError` with one line per mistake."""
    return toml_file.read(path, "study file", lambda data: parse(data, Path(path)))


def parse(data: dict[str, Any], path: Path = Path("study.toml")) -> Study:
    """Check a study given as a nested dictionary; raises `InputError` with one line per mistake."""
    try:
        table = Table.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(one_line_each(error.errors(), Table))) from None
    runs: list[PlannedRun] = []
    lines: list[str] = []
    for name, block in table.runs.items():
        try:
            runs += _runs_of(name, block, table, path.parent)
        except InputError as error:
            lines += [f"runs.{name}.{line}" for line in str(error).splitlines()]
    names = [planned.name for planned in runs]
    lines += [f"runs: two runs are called {name!r}" for name in sorted(set(names)) if names.count(name) > 1]
    try:
        claims = parse_claims(table.claims, list(table.runs))
    except InputError as error:
        lines += str(error).splitlines()
    if lines:
        raise InputError("\n".join(lines))
    return Study(path, table.title, table.about, tuple(runs), tuple(claims), table.slurm, data)


def _runs_of(name: str, block: dict[str, Any], study: Table, folder: Path) -> Iterator[PlannedRun]:
    """The runs of one block: one, or one for each combination of the values that vary."""
    vary = _varied(block.get("vary", {}))
    about = block.get("about", "")
    if not isinstance(about, str):
        raise InputError(f"about = {about!r}: must be a string")
    own = {key: value for key, value in block.items() if key not in OWN_KEYS}
    seed = block.get("seed", study.seed if study.disorder == "paired" else _own_seed(study.seed, name))
    for values in itertools.product(*vary.values()):
        varied = dict(zip(vary, values, strict=True))
        table = _merged({"seed": seed}, study.common, own, *(_nested(key, value) for key, value in varied.items()))
        run = run_file.parse(table, folder)
        label = "-".join([name, *(_text(value) for value in values)])
        yield PlannedRun(label, name, about, run, table, varied)


def _varied(given: Any) -> dict[str, list[Any]]:
    """``vary`` checked: a table of dotted keys, each with a list of values."""
    if not isinstance(given, dict):
        raise InputError(f"vary = {given!r}: must be a table of keys and lists of values")
    for key, values in given.items():
        if not isinstance(values, list) or not values:
            raise InputError(f'vary."{key}" = {values!r}: must be a list of values')
    return given


def _own_seed(seed: int, name: str) -> int:
    """A seed for one run: 63 bits of a digest of the study's seed and the run's name."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big") >> 1


def _nested(key: str, value: Any) -> dict[str, Any]:
    """``{"a": {"b": value}}`` of ``"a.b"``."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _merged(*tables: Any) -> dict[str, Any]:
    """Tables put into one, later ones first in right; a stiffness such as {mean, std} replaces another as a whole."""
    whole: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            both = isinstance(value, dict) and isinstance(whole.get(key), dict) and key != "a2"
            whole[key] = _merged(whole[key], value) if both else value
    return whole


def _text(value: Any) -> str:
    """A value as part of a folder's name."""
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return "".join(letter if letter.isalnum() or letter in "._+" else "_" for letter in text).strip("_") or "_"
