"""The run file: TOML in, checked configuration out, with every default filled in.

Unknown or wrong keys are refused with the nearest known key, all errors at once, one line each. What is legal
but unlikely to be meant comes back as warnings. ``RunFile.resolved`` is the complete record that goes into every
result file, and ``RunFile.identity`` the part of it that two runs must share to be the same run.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from nsim.errors import InputError
from nsim.run_file_mistakes import one_line_each

LARGEST = 1e9  # of any parameter: beyond it powers of displacements leave the range of floating point
COLDEST, COLDEST_RUNG = 1e-3, 0.05  # default t_end of an annealing and of a ladder, in units of t_start
LADDERS = 2  # default replicas of a tempering: overlaps need pairs
SHORTEST_ADAPTIVE = 160  # sweeps an adaptive annealing needs: a tenth of them makes a pilot of 16 temperatures
BATH = 0.7  # default temperature of a motion, in units of length^2: about three quarters of the glass temperature
WAITING = (0.01, 0.1, 0.5)  # default waiting times, in units of duration
WALK = 0.08  # default temperature of thermal walks, in units of length^2: about a ninth of the glass temperature
STEPS_TO_TURN = 0.5  # default time step, in units of 1/omega of the stiffest motion expected
STEPS = 10**9  # of one motion
TASKS = 2_000_000  # of one run; its task list is held in memory
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# Tags choose one alternative before it is checked, so that one mistake gives one message; "~" marks them as no keys.
CountOrList = Annotated[
    Annotated[Count, Tag("~number")] | Annotated[list[Count], Tag("~list")],
    Discriminator(lambda value: "~list" if isinstance(value, list) else "~number"),
]


Rungs = Annotated[
    Annotated[Annotated[int, Field(ge=2, le=4096)], Tag("~number")]
    | Annotated[Annotated[list[Positive], Field(max_length=4096)], Tag("~list")],
    Discriminator(lambda value: "~list" if isinstance(value, list) else "~number"),
]


def complain(mistakes: Iterable[str]) -> None:
    """Raise `ValueError` with all of them, one line each, if there are any."""
    if text := "\n".join(mistakes):
        raise ValueError(text)


class Section(BaseModel):
    """A table of the run file: frozen, typed strictly, unknown keys and non-finite numbers refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class GaussianStiffness(Section):
    """Local disorder: a2_i drawn independently from a normal distribution (KH98 Fig. 4b)."""

    mean: Number
    std: NonNegative


class UniformStiffness(Section):
    """Local disorder: a2_i drawn independently and uniformly from [low, high]."""

    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low = {self.low:g} is above high = {self.high:g}")
        return self


def _stiffness_kind(value: Any) -> str:
    if isinstance(value, UniformStiffness) or (isinstance(value, dict) and {"low", "high"} & set(value)):
        return "~uniform"
    return "~gaussian" if isinstance(value, dict | GaussianStiffness) else "~number"


Stiffness = Annotated[
    Annotated[Number, Tag("~number")]
    | Annotated[GaussianStiffness, Tag("~gaussian")]
    | Annotated[UniformStiffness, Tag("~uniform")],
    Discriminator(_stiffness_kind),
]


class Model(Section):
    """U = -1/2 sum_{i!=j} J_ij v_i v_j + (1/gamma) sum_i (a2_i v_i^2/2 + a4 v_i^4/24) - F sum_i v_i [KH98 (2, 3)]."""

    gamma: Positive
    j0: Number = 0.0
    a2: Stiffness = 1.0
    a4: NonNegative = 1.0
    field: Number = 0.0

    @field_validator("gamma")
    @classmethod
    def _in_range(cls, gamma: float) -> float:
        if gamma * LARGEST < 1:
            raise ValueError(f"must be at least {1 / LARGEST:g}")
        return gamma

    @property
    def length(self) -> float:
        """sqrt(6 (gamma + k)/a4) [v0], where the quartic force holds a coupling force of strength 1 and -k of the site.

        k = max(0, -a2) for the softest sites (one standard deviation below the mean); 1 if a4 = 0.
        """
        match self.a2:
            case GaussianStiffness(mean=mean, std=std):
                softest = mean - std
            case UniformStiffness(low=low):
                softest = low
            case number:
                softest = number
        return math.sqrt(6 * (self.gamma + max(0.0, -softest)) / self.a4) if self.a4 > 0 else 1.0

    def stiffest(self, temperature: float) -> float:
        """Curvature of U that few motions at this temperature exceed [E0/v0^2].

        That of a stiff site (a2 two standard deviations above the mean) at displacements of the natural length, thermal
        ones, T = (a4/24 gamma) v^4, and those in the uniform field, F = (a4/6 gamma) v^3; and 2 for the couplings, the
        edge of their spectrum.
        """
        match self.a2:
            case GaussianStiffness(mean=mean, std=std):
                a2 = mean + 2 * std
            case UniformStiffness(high=high):
                a2 = high
            case number:
                a2 = number
        square = 0.0
        if self.a4 > 0:
            thermal = math.sqrt(24 * self.gamma * temperature / self.a4)
            square = self.length**2 + thermal + (6 * self.gamma * abs(self.field) / self.a4) ** (2 / 3)
        return (max(a2, 0.0) + self.a4 / 2 * square) / self.gamma + 2 + max(0.0, -self.j0)


class Ensemble(Section):
    """Which systems: sizes, disorder samples of each, relaxations (replicas) of each sample."""

    n: CountOrList
    samples: CountOrList = 1
    replicas: Count = 1
    batch: Count = 32  # columns of one N x R batch; part of the run, because it sets the last bits of the results

    @model_validator(mode="after")
    def _lists_match(self) -> Self:
        sizes = self.n if isinstance(self.n, list) else [self.n]
        mistakes = []
        if not sizes:
            mistakes.append("n is an empty list")
        if len(set(sizes)) != len(sizes):
            mistakes.append(f"n = {sizes} names a size twice")
        if sizes and isinstance(self.samples, list) and len(self.samples) != len(sizes):
            mistakes.append(f"samples has {len(self.samples)} entries where n has {len(sizes)}")
        complain(mistakes)
        tasks = sum(self.samples_of.values()) * -(-self.replicas // self.batch)
        if tasks > TASKS:
            raise ValueError(f"samples and replicas make {tasks} tasks; a run may have {TASKS}: use several seeds")
        return self

    @property
    def samples_of(self) -> dict[int, int]:
        """Number of disorder samples of each size, in the order of the run file."""
        sizes = self.n if isinstance(self.n, list) else [self.n]
        samples = self.samples if isinstance(self.samples, list) else [self.samples] * len(sizes)
        return dict(zip(sizes, samples, strict=True))


class Protocol(Section):
    """How a state is made: where it starts and how it is cooled before the final relaxation.

    ``quench`` relaxes the start itself; a random start with a wide distribution stands for T = infinity.
    ``anneal`` runs Monte Carlo sweeps from t_start down to t_end, then relaxes.
    ``tempering`` samples thermal equilibrium on ladders of temperatures from t_start to t_end, one ladder for every
    replica, then relaxes the coldest states.
    ``langevin`` moves the start at one temperature for a time and measures two-time correlations, then relaxes.
    Defaults left open (None) depend on the model; `RunFile.recipe` fills them in.
    """

    kind: Literal["quench", "anneal", "tempering", "langevin"]
    start: Literal["random", "uniform"] = "random"
    start_std: NonNegative | None = None
    start_value: Number | None = None
    sweeps: Count = 1000
    t_start: Positive | None = None
    t_end: Positive | None = None
    schedule: Literal["linear", "exponential", "adaptive"] = "linear"
    algorithm: Literal["metropolis", "heat-bath"] = "metropolis"
    temperatures: Rungs | None = None  # of a ladder: how many, or which; None: as many as even swap rates need
    burn_in: Annotated[int, Field(ge=0)] | None = None  # sweeps before anything is measured
    swap_every: Count = 1  # sweeps
    measure_every: Count = 5  # sweeps
    temperature: Positive | None = None  # of the bath
    time_step: Positive | None = None  # [v0 sqrt(m/E0)], like all times
    duration: Positive = 200.0
    waiting_times: Annotated[list[NonNegative], Field(min_length=1, max_length=64)] | None = None
    friction: NonNegative = 1.0
    mass: Positive = 1.0

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        complain([*self._mistakes_of_ladders(), *self._mistakes_of_times(), *self._mistakes_of_cooling()])
        return self

    def _mistakes_of_ladders(self) -> Iterator[str]:
        given = self.temperatures
        if isinstance(given, list):
            if not given:
                yield "temperatures is an empty list"
            if any(cold >= hot for hot, cold in itertools.pairwise(given)):
                yield "temperatures must fall from one to the next"
        if self.kind == "tempering" and self.sweeps < self.measure_every:
            yield f"sweeps = {self.sweeps} is less than measure_every = {self.measure_every}: nothing would be measured"

    def _mistakes_of_times(self) -> Iterator[str]:
        times = self.waiting_times or []
        if any(later <= earlier for earlier, later in itertools.pairwise(times)):
            yield "waiting_times must rise from one to the next"
        if times and times[-1] >= self.duration:
            yield f"waiting time {times[-1]:g} is not below duration = {self.duration:g}"

    def _mistakes_of_cooling(self) -> Iterator[str]:
        if self.kind == "anneal" and self.schedule == "adaptive" and self.sweeps < SHORTEST_ADAPTIVE:
            yield f"sweeps = {self.sweeps}: an adaptive schedule needs at least {SHORTEST_ADAPTIVE}"
        if self.t_start is not None and self.t_end is not None and self.t_end > self.t_start:
            yield f"t_end = {self.t_end:g} is above t_start = {self.t_start:g}"


class Recipe(Protocol):
    """A protocol with nothing left open."""

    start_std: NonNegative
    start_value: Number
    t_start: Positive
    t_end: Positive
    burn_in: int
    temperature: Positive
    time_step: Positive
    waiting_times: list[NonNegative]


class Relaxation(Section):
    """Descent to the inherent structure: a minimum with max |dU/dv_i| below the tolerance."""

    method: Literal["conjugate-gradient", "fire", "steepest-descent"] = "conjugate-gradient"
    tolerance: Annotated[float, Field(ge=1e-13, le=1e-6)] = 1e-10
    max_iterations: Count = 100_000


class Couplings(Section):
    """Couplings given from outside instead of drawn, and the precision in which J is kept."""

    file: str | None = None
    precision: Literal["double", "single"] = "double"  # single: the model with J rounded, half the memory

    @property
    def dtype(self) -> type:
        """Type of the numbers of J."""
        return np.float32 if self.precision == "single" else np.float64


class Quantum(Section):
    """hbar^2/m, the one free parameter of the quantum problem, used for the tunnelling parameter lambda."""

    hbar2_over_m: Positive = 1.0


class DoubleWells(Section):
    """Search for double wells of the landscape around every relaxed state, after the run."""

    flips: bool = True  # push every site over
    bands: Annotated[int, Field(ge=0)] = 8  # neighbouring minima of each state that get an elastic band
    modes: Annotated[int, Field(ge=0)] = 4  # soft modes climbed
    scans: Annotated[int, Field(ge=0)] = 4  # sites of each state moved adiabatically
    walks: Annotated[int, Field(ge=0, le=4096)] = 16  # thermal walks from each state
    walk_sweeps: Count = 50
    walk_temperature: Positive | None = None
    # descent of flips, avalanches and walks
    method: Literal["conjugate-gradient", "steepest-descent"] = "conjugate-gradient"


class Search(DoubleWells):
    """A search with nothing left open."""

    walk_temperature: Positive


class Output(Section):
    """What is kept of every state beside its scalar observables."""

    sites: bool = True  # v_i, l_i, C_i, h_i and the wells of U_eff,i
    eigenvalues: Annotated[int, Field(ge=1)] = 4  # lowest eigenvalues of the Hessian
    response: bool = True  # invert the Hessian: C, replicon sum, C_i, h_i, wells; takes N x N numbers and N^3 time
    spectrum: bool = False  # all normal modes: eigenvalues of the Hessian and participation numbers


class Origin(Section):
    """Samples of one run of this seed, of one size, among those of a merged run."""

    seed: Seed
    n: Count
    samples: list[Annotated[int, Field(ge=0)]]


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


def _span(given: Protocol, model: Model) -> tuple[float, float]:
    """First and last temperature of a protocol, with defaults filled in [E0]."""
    if isinstance(given.temperatures, list):
        return given.temperatures[0], given.temperatures[-1]
    t_start = 2 * model.length**2 if given.t_start is None else given.t_start
    coldest = COLDEST_RUNG if given.kind == "tempering" else COLDEST
    return t_start, coldest * t_start if given.t_end is None else given.t_end


def recipe_of(given: Protocol, model: Model) -> Recipe:
    """A protocol with what its model leaves to it filled in."""
    length = model.length
    t_start, t_end = _span(given, model)
    temperature = BATH * length**2 if given.temperature is None else given.temperature
    time_step = given.time_step
    if time_step is None:
        time_step = _round_down(STEPS_TO_TURN * math.sqrt(given.mass / model.stiffest(temperature)))
    waiting = given.waiting_times or [share * given.duration for share in WAITING]
    return Recipe(
        kind=given.kind,
        start=given.start,
        start_std=length if given.start_std is None else given.start_std,
        start_value=length if given.start_value is None else given.start_value,
        sweeps=given.sweeps,
        t_start=t_start,
        t_end=t_end,
        schedule=given.schedule,
        algorithm=given.algorithm,
        temperatures=given.temperatures,
        burn_in=given.sweeps if given.burn_in is None else given.burn_in,
        swap_every=given.swap_every,
        measure_every=given.measure_every,
        temperature=temperature,
        time_step=time_step,
        duration=given.duration,
        waiting_times=waiting,
        friction=given.friction,
        mass=given.mass,
    )


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
        t_start, t_end = _span(protocol, model)
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


def _round_down(value: float) -> float:
    """To one digit, so that times are multiples of it that people like."""
    exponent = math.floor(math.log10(value))
    return float(f"{math.floor(value / 10.0**exponent)}e{exponent}")


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
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"run file {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"run file {path}: not valid TOML: {error}") from None
    try:
        if "merged" in data:
            raise InputError("merged: unknown key; `nsim merge` writes it")
        return parse(data, folder=Path(path).parent)
    except InputError as error:
        raise InputError("\n".join(f"run file {path}: {line}" for line in str(error).splitlines())) from None


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
