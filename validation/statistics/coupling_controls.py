r"""Control variates for the disorder average: numbers of a coupling matrix whose means are known.

Most of the scatter of an observable between samples comes from a few numbers of the couplings alone. With J symmetric,
zero diagonal, J_ij (i < j) independent, mean m = J0/N, variance s^2 = 1/N, the exact means are

    S1 = (1/N) sum_{i != j} J_ij     E = (N - 1) m
    S2 = (1/N) Tr J^2                E = (N - 1) (s^2 + m^2)
    S3 = (1/N) Tr J^3                E = (N - 1)(N - 2) m^3
    S4 = (1/N) Tr J^4                E = (N - 1) [(3 s^4 + 6 s^2 m^2 + m^4) + 2 (N - 2)(s^2 + m^2)^2 + (N - 2)(N - 3) m^4]

(closed walks of 4 steps without loops: back and forth on one bond, two bonds at one site in two orders, squares). The
largest eigenvalue correlates best with the energy of a glass; its mean at finite N is not known and is estimated from
many more samples, which cost a diagonalisation each and no relaxation. These are the samples numbered from
`CHEAP` on of the same seed, which no run reaches.

An observable y is freed of them,

    y' = y - b . (X - E[X]),    b = Cov[X, X]^{-1} Cov[X, y],

with the same expectation (up to the O(k/samples) bias of the fitted b) and a variance smaller by 1/(1 - R^2). The error
of an estimated mean enters with its own b. A mistake in the couplings would be subtracted, too: the exact means are
tested first, and nothing is used where one of them fails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsim.sample import couplings

Array = NDArray[np.float64]

EXACT = ("S1", "S2", "S3", "S4")
LARGEST = "lambda_max"
CHEAP = 2**31  # number of the first cheap sample; samples of runs are numbered from 0
DEVIATION = 4.0  # standard errors of an exact mean beyond which the couplings are not what they should be
FEWEST_SAMPLES = 100  # below, the fitted b would bias the mean and its error
CHEAP_WORK = 2e11  # of the cheap samples: about so many N^3 are spent on each size
STACK = 2**22  # numbers of J diagonalised in one call


@dataclass(frozen=True)
class Controls:
    """Control variates of the samples of one size.

    Attributes
    ----------
    n : int
    names : tuple of str
    values : array (samples, k)
        Less the exact mean where it is known; lambda_max as it is.
    cheap : array (M, k)
        The same of samples that were only diagonalised; empty where lambda_max is not used.
    z : array
        Deviation of the mean of each exactly known control from it, in standard errors.
    """

    n: int
    names: tuple[str, ...]
    values: Array
    cheap: Array
    z: Array

    @property
    def usable(self) -> bool:
        """Whether the couplings have the means they must have, in enough samples."""
        return len(self.values) >= FEWEST_SAMPLES and bool(np.all(np.abs(self.z) < DEVIATION))


@dataclass(frozen=True)
class Controlled:
    """A mean with controls taken out.

    Attributes
    ----------
    mean, stderr : float
    samples : int
    plain_mean, plain_stderr : float
        Without controls.
    residual : array (samples,)
        y' itself, for bootstraps and widths.
    reduction : float
        Variance of the plain mean over that of this one: how many times fewer samples are needed.
    used : bool
    """

    mean: float
    stderr: float
    samples: int
    plain_mean: float
    plain_stderr: float
    residual: Array
    reduction: float
    used: bool


def exact_means(n: int, j0: float = 0.0, variance: float = 1.0) -> Array:
    """Means of S1, S2, S3, S4, shape (4,), for J_ij of mean J0/N and variance ``variance``/N."""
    m, s2 = j0 / n, variance / n
    bond = s2 + m**2
    fourth = 3 * s2**2 + 6 * s2 * m**2 + m**4
    return np.array(
        [
            (n - 1) * m,
            (n - 1) * bond,
            (n - 1) * (n - 2) * m**3,
            (n - 1) * (fourth + 2 * (n - 2) * bond**2 + (n - 2) * (n - 3) * m**4),
        ]
    )


def moments(J: Array) -> Array:
    """S1 to S4 and the largest eigenvalue of a stack of coupling matrices, (..., N, N) -> (..., 5)."""
    n = J.shape[-1]
    eigenvalues = np.linalg.eigvalsh(J)
    traces = [(eigenvalues**power).sum(axis=-1) / n for power in (2, 3, 4)]
    return np.stack([J.sum(axis=(-2, -1)) / n, *traces, eigenvalues[..., -1]], axis=-1)


def draw_moments(seed: int, n: int, samples: range, j0: float = 0.0) -> Array:
    """Moments of the couplings of some samples, drawn again from their seed; shape (len(samples), 5)."""
    found = np.empty((len(samples), len(EXACT) + 1))
    step = max(1, STACK // n**2)
    for first in range(0, len(samples), step):
        part = samples[first : first + step]
        found[first : first + step] = moments(np.stack([couplings.draw(seed, n, sample, j0) for sample in part]))
    return found


def controls(seed: int, n: int, samples: int, j0: float = 0.0, cheap: int | None = None) -> Controls:
    """Control variates of samples 0 .. samples - 1 of size n.

    Parameters
    ----------
    seed, n, samples, j0
        As in the run.
    cheap
        Samples drawn for the mean of the largest eigenvalue; by default four times as many as there are, or fewer where
        N is large. 0: it is not used.
    """
    if cheap is None:
        cheap = min(4 * samples, int(CHEAP_WORK / n**3))
    own = draw_moments(seed, n, range(samples), j0)
    means = np.append(exact_means(n, j0), 0.0)
    others = draw_moments(seed, n, range(CHEAP, CHEAP + cheap), j0) - means
    return from_moments(n, own - means, others)


def from_moments(n: int, centred: Array, cheap: Array) -> Controls:
    """Controls from moments less their exact means (lambda_max as it is), of the samples and of the cheap ones."""
    # A constant control (S1 at N = 1, S3 at N = 2) says nothing; one whose mean is not known needs enough others.
    scatter = centred.std(axis=0)
    there = scatter > 1e-12
    there[-1] &= len(cheap) >= FEWEST_SAMPLES
    names = tuple(name for name, use in zip((*EXACT, LARGEST), there, strict=True) if use)
    exact = there[: len(EXACT)]
    error = scatter[: len(EXACT)][exact] / np.sqrt(len(centred))
    z = centred[:, : len(EXACT)][:, exact].mean(axis=0) / error
    used = cheap[:, there] if there[-1] else np.empty((0, int(there.sum())))
    return Controls(n, names, centred[:, there], used, z)


def controlled(y: Array, given: Controls | None) -> Controlled:
    """Mean of y over samples with the controls taken out, and its error; NaN in y: a sample without a value.

    The mean of lambda_max is taken from the cheap samples, where it is freed of the exactly known controls in its turn.
    """
    there = np.isfinite(y)
    values = y[there]
    count = len(values)
    mean = float(values.mean())
    plain = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    if given is None or not given.usable or count < FEWEST_SAMPLES or values.std() == 0:
        return Controlled(mean, plain, count, mean, plain, values, 1.0, False)
    X = given.values[there]
    expected, uncertain = np.zeros(X.shape[1]), 0.0
    b = _slopes(X, values)
    if LARGEST in given.names:
        at = given.names.index(LARGEST)
        others = np.delete(given.cheap, at, axis=1)
        freed = given.cheap[:, at] - others @ _slopes(others, given.cheap[:, at])
        expected[at] = freed.mean()
        # Freed of the exact controls with their sampled mean left in: their true mean is zero.
        uncertain = abs(b[at]) * float(freed.std(ddof=1 + others.shape[1]) / np.sqrt(len(freed)))
    residual = values - (X - expected) @ b
    own = float(residual.std(ddof=1 + len(b)) / np.sqrt(count))
    stderr = float(np.hypot(own, uncertain))
    return Controlled(float(residual.mean()), stderr, count, mean, plain, residual, (plain / stderr) ** 2, True)


def _slopes(X: Array, y: Array) -> Array:
    """Coefficients of the regression of y on the columns of X, with means free; shape (k,)."""
    if X.shape[1] == 0:
        return np.zeros(0)
    solution: Array = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    return solution
