"""The sections of a run file: their keys, what is allowed, and the defaults that follow from the model.

A section is checked by itself; what may not be combined is `nsim.run_file`'s to say.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

LARGEST = 1e9  # of any parameter: beyond it powers of displacements leave the range of floating point
COLDEST, COLDEST_RUNG = 1e-3, 0.05  # default t_end of an annealing and of a ladder, in units of t_start
SHORTEST_ADAPTIVE = 160  # sweeps an adaptive annealing needs: a tenth of them makes a pilot of 16 temperatures
BATH = 0.7  # default temperature of a motion, in units of length^2: about three quarters of the glass temperature
WAITING = (0.01, 0.1, 0.5)  # default waiting times, in units of duration
STEPS_TO_TURN = 0.5  # default time step, in units of 1/omega of the stiffest motion expected
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


def span(given: Protocol, model: Model) -> tuple[float, float]:
    """First and last temperature of a protocol, with defaults filled in [E0]."""
    if isinstance(given.temperatures, list):
        return given.temperatures[0], given.temperatures[-1]
    t_start = 2 * model.length**2 if given.t_start is None else given.t_start
    coldest = COLDEST_RUNG if given.kind == "tempering" else COLDEST
    return t_start, coldest * t_start if given.t_end is None else given.t_end


def recipe_of(given: Protocol, model: Model) -> Recipe:
    """A protocol with what its model leaves to it filled in."""
    length = model.length
    t_start, t_end = span(given, model)
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


def _round_down(value: float) -> float:
    """To one digit, so that times are multiples of it that people like."""
    exponent = math.floor(math.log10(value))
    return float(f"{math.floor(value / 10.0**exponent)}e{exponent}")
