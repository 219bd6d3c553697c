"""The negative control of a judged number: against theory for couplings of variance 1.05/N it must be rejected."""

from __future__ import annotations

from collections.abc import Mapping

from validation.claims.finding import StudyCheck, check, differ
from validation.claims.wrong_couplings import REASON, VARIANCE


def negative_control(
    judged: StudyCheck,
    mistaken: Mapping[str, tuple[float, float] | None],
    samples: int,
    measured: tuple[float, float] | None = None,
    where: str = "theory",
) -> StudyCheck:
    """The same number beside the theory of the mistake, which the data pass if they reject it.

    Parameters
    ----------
    judged
        The number as it was compared with the right theories.
    mistaken
        What theory says for couplings of variance 1.05/N, with its error, by name of the ansatz.
    samples
        Fewest disorder samples behind the number.
    measured
        Value and error, where the mistake enters what is measured and not what is predicted.
    where
        What has the wrong variance in it, for the table.
    """
    right = judged.check
    value, stderr = measured or (right.simulation or 0.0, right.stderr)
    expected = {}
    for name, own in mistaken.items():
        there, told = right.prediction[name], own[0] if own is not None else None
        # How much farther off it is than the right theory: an error that cannot see this tests nothing.
        apart = 0.0 if there is None or told is None else abs((value - told) - ((right.simulation or 0.0) - there))
        expected[name] = differ(REASON, apart)
    return check(
        right.observable,
        judged.label,
        f"{judged.conditions}; coupling variance {VARIANCE:g}/N in {where}",
        right.n,
        value,
        stderr,
        mistaken,
        expected,
        samples,
        temperature=right.temperature,
        control=True,
    )
