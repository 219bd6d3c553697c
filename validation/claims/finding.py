"""What a claim found: its checks, the picture that shows it, the numbers behind it, and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from validation.claims.kinds import Claim
from validation.predictions import THEORIES, Theory
from validation.quantities import QUANTITIES
from validation.simulation import Simulation
from validation.verdicts.checks import Check, Verdict, compare, overall
from validation.verdicts.equilibrium import THERMAL
from validation.verdicts.expectations import Expectation


@dataclass(frozen=True)
class StudyCheck:
    """A check with what a reader of a table of many runs needs beside it.

    Attributes
    ----------
    check : Check
    conditions : str
        Phase, sizes, field: what is not in the check itself.
    label : str
        Name of the observable for people.
    control : bool
        A negative control: a deliberately wrong theory that must be rejected.
    errors : dict
        Errors of the predictions, by name of the ansatz; None: not known or none.
    """

    check: Check
    conditions: str
    label: str
    control: bool = False
    errors: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(THEORIES))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the keys of every report's checks, and these."""
        return {
            **self.check.to_dict(),
            "conditions": self.conditions,
            "negative_control": self.control,
            "prediction_stderr": self.errors,
        }


@dataclass(frozen=True)
class Picture:
    """A picture of a claim."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Finding:
    """All that a claim has to say.

    Attributes
    ----------
    claim : Claim
    title : str
    statement : str
        What the data tell apart, with significance, and what they do not, in a sentence or two.
    checks : list of StudyCheck
    pictures : list of Picture
    numbers : dict
        What stands behind them, plain data for JSON.
    arrays : dict
        Curves and tables for the HDF5 file: name to (values, description).
    table : tuple or None
        Rows for people: header, then rows of text.
    commands : list of str
        What made the data.
    broken : bool
        The claim could not be evaluated, for an error that the statement tells.
    """

    claim: Claim
    title: str
    statement: str
    checks: list[StudyCheck] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, tuple[Any, str]] = field(default_factory=dict)
    tables: list[tuple[str, list[str], list[list[str]]]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    broken: bool = False

    @property
    def verdict(self) -> Verdict:
        """Of all its checks."""
        return overall([one.check.verdict for one in self.checks])

    @property
    def outcome(self) -> str:
        """The verdict, or that there is none."""
        return "not evaluated" if self.broken else self.verdict


@dataclass(frozen=True)
class Evidence:
    """What a claim looks at.

    Attributes
    ----------
    claim : Claim
    simulations : list of Simulation
        The finished runs of its block or blocks, in the order of the study.
    varied : list of dict
        For each, the keys that vary in its block, with their values.
    cache : Path
        Folder in which costly numbers of the couplings alone may be kept.
    processes : int
        How many may draw these.
    """

    claim: Claim
    simulations: list[Simulation]
    varied: list[dict[str, Any]]
    cache: Path
    processes: int = 1


Judge = Callable[[Evidence], Finding]


def agree(reason: str) -> Expectation:
    """Must agree within three errors."""
    return Expectation("agree", reason)


def differ(reason: str, gap: float) -> Expectation:
    """Must differ; the error must be able to see a difference of ``gap``."""
    return Expectation("differ", reason, gap=gap)


def undecided(reason: str) -> Expectation:
    """Compared without a verdict."""
    return Expectation(None, reason)


def check(
    observable: str,
    label: str,
    conditions: str,
    n: int | None,
    value: float,
    stderr: float | None,
    predictions: Mapping[str, tuple[float, float] | None],
    expected: Mapping[str, Expectation],
    samples: int,
    temperature: float = 0.0,
    control: bool = False,
) -> StudyCheck:
    """Compare one number with what every theory says, (value, error) or None by name of the ansatz."""
    theories = {}
    for name in THEORIES:
        own = predictions.get(name)
        if own is not None:
            theories[name] = Theory(name, None, {observable: own[0]}, {observable: own[1]})
    filled = {name: expected.get(name, undecided("not predicted")) for name in THEORIES}
    made = compare(observable, n, value, stderr, theories, filled, samples, temperature=temperature)
    errors = {name: _told(predictions.get(name)) for name in THEORIES}
    return StudyCheck(made, conditions, label, control, errors)


def _told(prediction: tuple[float, float] | None) -> float | None:
    """The error of a prediction, where it is not mere rounding."""
    if prediction is None or prediction[1] <= 1e-6 * abs(prediction[0]):
        return None
    return prediction[1]


def label_of(observable: str, thermal: bool) -> str:
    """Symbol and meaning of a compared observable."""
    row = (THERMAL if thermal else QUANTITIES)[observable]
    return f"{row.symbol}, {row.label or row.meaning.split(',')[0]}"
