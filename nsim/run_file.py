"""The run file: TOML in, checked configuration out, with every default filled in.

Unknown or wrong keys are refused with the nearest known key, all errors at once, one line each. What is legal
but unlikely to be meant comes back as warnings. ``RunFile.resolved`` is the complete record that goes into every
result file, and ``RunFile.identity`` the part of it that two runs must share to be the same run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import (
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from nsim import toml_file
from nsim.errors import InputError
from nsim.run_file_mistakes import one_line_each
from nsim.run_sections import (
    Couplings,
    DoubleWells,
    Ensemble,
    Model,
    Origin,
    Output,
    Protocol,
    Quantum,
    Recipe,
    Relaxation,
    Search,
    Section,
    Seed,
    complain,
    recipe_of,
    span,
)

LADDERS = 2  # default replicas of a tempering: overlaps need pairs
WALK = 0.08  # default temperature of thermal walks, in units of length^2: about a ninth of the glass temperature
STEPS = 10**9  # of one motion


class RunFile(Section):
    """A whole run: checked, complete, immutable."""

    seed: Seed
    model: Model
    ensemble: Ensemble
    protocol: Protocol
    relaxation: Relaxation = Relaxation()
    couplings: Couplings = Couplings()
    quantum: Quantum = Quantum()
    double_wells: DoubleWells | None = None
    output: Output = Output()
    merged: list[Origin] | None = None  # of `nsim merge` alone: where the samples come from, in their order

    _folder: Path = PrivateAttr(default=Path())
    _given: frozenset[str] = PrivateAttr(default=frozenset())

    @model_validator(mode="before")
    @classmethod
    def _pairs_of_ladders(cls, data: Any) -> Any:
        """One replica is enough for a minimum, overlaps of ladders need two."""
        if not isinstance(data, dict):
            return data
        protocol, ensemble = data.get("protocol"), data.get("ensemble")
        tempering = isinstance(protocol, dict) and protocol.get("kind") == "tempering"
        if tempering and isinstance(ensemble, dict) and "replicas" not in ensemble:
            return data | {"ensemble": ensemble | {"replicas": LADDERS}}
        return data

    @field_validator("couplings", mode="before")
    @classmethod
    def _drawn(cls, couplings: Any) -> Any:
        """In records of format 1 drawn couplings are null."""
        return Couplings() if couplings is None else couplings

    @model_validator(mode="after")
    def _whole(self) -> Self:
        complain(mistakes_between(dict(self)))
        return self

    @property
    def recipe(self) -> Recipe:
        """The protocol with its model-dependent defaults filled in."""
        return recipe_of(self.protocol, self.model)

    @property
    def search(self) -> Search:
        """What is searched around the states, with every default filled in."""
        given = self.double_wells or DoubleWells()
        temperature = given.walk_temperature
        if temperature is None:
            temperature = WALK * self.model.length**2
        return Search(**given.model_dump() | {"walk_temperature": temperature})

    @property
    def folder(self) -> Path:
        """Folder of the run file, from which relative paths count."""
        return self._folder

    @property
    def couplings_path(self) -> Path | None:
        """Path of the given couplings, taken relative to the run file."""
        return None if self.couplings.file is None else self._folder / self.couplings.file

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, defaults included; what goes into the result file."""
        record = self.model_dump(mode="json") | {"protocol": self.recipe.model_dump(mode="json")}
        if self.double_wells is not None:
            record["double_wells"] = self.search.model_dump(mode="json")
        if self.merged is None:
            del record["merged"]
        return record

    def origins(self, n: int) -> list[tuple[int, int]]:
        """Seed and number of every sample of size n: with n what its disorder is keyed by, wherever it lies."""
        if self.merged is None:
            return [(self.seed, sample) for sample in range(self.ensemble.samples_of[n])]
        return [(origin.seed, sample) for origin in self.merged if origin.n == n for sample in origin.samples]

    def origin(self, n: int, sample: int) -> tuple[int, int]:
        """Seed and number of one sample."""
        return (self.seed, sample) if self.merged is None else self.origins(n)[sample]

    def identity(self) -> dict[str, Any]:
        """What two runs must share to be the same run: all but the numbers of samples and replicas.

        What is searched around the states afterwards does not change them.
        """
        record = self.resolved()
        del record["double_wells"]
        ensemble = record["ensemble"]
        del ensemble["samples"], ensemble["replicas"]
        ensemble["n"] = list(self.ensemble.samples_of)
        return record

    def warnings(self) -> list[str]:
        """Choices that are legal but unlikely to be meant, one line each."""
        found = []
        of_ladders = ["temperatures", "burn_in", "swap_every", "measure_every"]
        of_motion = ["temperature", "time_step", "duration", "waiting_times", "friction", "mass"]
        of_cooling = ["sweeps", "t_start", "t_end", "schedule", "algorithm"]
        unused = {
            "quench": of_cooling + of_ladders + of_motion,
            "anneal": of_ladders + of_motion,
            "tempering": ["schedule", "algorithm", *of_motion],
            "langevin": of_cooling + of_ladders,
        }[self.protocol.kind]
        if isinstance(self.protocol.temperatures, list) and self.protocol.kind == "tempering":
            unused += ["t_start", "t_end"]
        unused += ["start_value"] if self.protocol.start == "random" else ["start_std"]
        ignored = [f"protocol.{key}" for key in unused if f"protocol.{key}" in self._given]
        if ignored:
            found.append(
                f"{', '.join(ignored)}: not used with kind = {self.protocol.kind!r}, start = {self.protocol.start!r}"
            )
        if self.couplings.file is not None and self.model.j0 != 0:
            found.append("model.j0 is not used: couplings.file gives the couplings")
        if self.protocol.kind == "quench" and self.protocol.start == "uniform" and self.ensemble.replicas > 1:
            found.append("protocol: a quench from a uniform start makes all replicas of a sample equal")
        if self.protocol.kind == "anneal" and self.protocol.sweeps < 10:
            found.append(f"protocol.sweeps = {self.protocol.sweeps}: too few to anneal; this is nearly a quench")
        if self.protocol.kind == "langevin":
            recipe = self.recipe
            longest = 2 * math.sqrt(recipe.mass / self.model.stiffest(recipe.temperature))
            if recipe.time_step >= longest:
                found.append(
                    f"protocol.time_step = {recipe.time_step:g}: motion in the stiffest wells is unstable beyond "
                    f"{longest:.2g}"
                )
        if self.protocol.kind == "tempering" and self.ensemble.replicas == 1:
            found.append(
                "ensemble.replicas = 1: a tempering with one ladder has no overlaps, and no second start to be "
                "compared with"
            )
        return found


def mistakes_between(sections: Mapping[str, Any]) -> list[str]:
    """What is wrong between sections that are each right in themselves; one line each. Some may be missing."""
    ensemble, protocol, model, output = (sections.get(name) for name in ("ensemble", "protocol", "model", "output"))
    couplings, found = sections.get("couplings"), []
    if ensemble is not None and couplings is not None and couplings.file is not None:
        if set(ensemble.samples_of.values()) != {1}:
            found.append("couplings.file gives one sample: leave ensemble.samples at 1")
        if len(ensemble.samples_of) > 1:
            found.append("couplings.file gives one size: ensemble.n must be a single number")
    if protocol is not None and model is not None:
        t_start, t_end = span(protocol, model)
        if t_end > t_start:
            found.append(f"protocol.t_end = {t_end:g} is above the default t_start = {t_start:g}")
        elif protocol.kind == "langevin":
            recipe = recipe_of(protocol, model)
            steps = recipe.duration / recipe.time_step
            if not 1 <= steps <= STEPS:
                found.append(f"protocol: duration/time_step = {steps:g} must be between 1 and {STEPS:g}")
    if sections.get("double_wells") is not None and output is not None and not output.sites:
        found.append("double_wells: needs the states themselves; leave output.sites at true")
    if output is not None and output.spectrum and not output.response:
        found.append("output.spectrum needs the Hessian: leave output.response at true")
    if ensemble is not None and sections.get("merged") is not None:
        for n, samples in ensemble.samples_of.items():
            origins = sum(len(origin.samples) for origin in sections["merged"] if origin.n == n)
            if origins != samples:
                found.append(f"merged: {origins} origins for {samples} samples of n = {n}")
    return found


SECTIONS: dict[str, type[Section]] = {
    "model": Model,
    "ensemble": Ensemble,
    "protocol": Protocol,
    "couplings": Couplings,
    "output": Output,
    "double_wells": DoubleWells,
}


def load(path: Path) -> RunFile:
    """Read and check a run file; raise `InputError` with one line per mistake."""

    def written(data: dict[str, Any]) -> RunFile:
        if "merged" in data:
            raise InputError("merged: unknown key; `nsim merge` writes it")
        return parse(data, folder=Path(path).parent)

    return toml_file.read(path, "run file", written)


def parse(data: dict[str, Any], folder: Path = Path()) -> RunFile:
    """Check a run given as a nested dictionary; raise `InputError` with one line per mistake."""
    try:
        run = RunFile.model_validate(data)
    except ValidationError as error:
        lines = one_line_each(error.errors(), RunFile)
        between = mistakes_between(_right_sections(data)) if isinstance(data, dict) else []
        raise InputError("\n".join(dict.fromkeys([*lines, *(line for line in between)]))) from None
    run._folder = folder
    run._given = frozenset(
        f"{section}.{key}" for section, table in data.items() if isinstance(table, dict) for key in table
    )
    return run


def _right_sections(data: dict[str, Any]) -> dict[str, Any]:
    """The sections of a run file that are right in themselves, checked; those left out have their defaults."""
    found: dict[str, Any] = {}
    for name, table in SECTIONS.items():
        try:
            found[name] = table.model_validate(data.get(name, {}))
        except ValidationError:
            continue
    if "double_wells" not in data:
        found.pop("double_wells", None)
    return found
