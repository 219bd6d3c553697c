r"""Control variates for the disorder average: numbers of a coupling matrix whose means are known.

Most of the scatter of an observable between samples comes from a few numbers of the couplings alone. With J symmetric,
zero diagonal, J_ij (i < j) independent and normal, mean J0/N, variance 1/N, the means of

    S1 = (1/N) sum_{i != j} J_ij,    Sk = (1/N) Tr J^k, k = 2 to 8

are known exactly at every N: E S1 = (N - 1) J0/N, the others from closed walks (`closed_walks`).
Other numbers go with the energy of a glass far better, but their means at finite N are not known: the largest
eigenvalue, and what a few descents from the softest eigenvectors reach (`eigenvector_descents`). Their means are
estimated from many more samples, which cost a diagonalisation and these descents and no annealing: samples numbered
from `CHEAP` on of the same seed, which no run reaches. Of one sample the expensive and the cheap number differ little,
so a few samples of the first and many of the second do for many of the first (two-level Monte Carlo).

An observable y is freed of the controls X,

    y' = y - b . (X - E[X]),    b = Cov[X, X]^{-1} Cov[X, y],

with the same expectation (up to the O(k/samples) bias of the fitted b) and a variance smaller by 1/(1 - R^2). The error
of an estimated mean enters with its own b. A mistake in the couplings would be subtracted, too: the exact means are
tested first, and nothing is used where one of them fails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from nsim.run_file import RunFile
from nsim.sample import couplings
from validation.statistics.closed_walks import mean_trace
from validation.statistics.eigenvector_descents import STARTS, lowest_of_descents
from validation.statistics.stiffness_controls import NAMES as STIFFNESS_NAMES
from validation.statistics.stiffness_controls import stiffness_moments

Array = NDArray[np.float64]

EXACT = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8")
TESTED = 4  # of these tell whether the couplings are what they should be; higher ones have long tails
ESTIMATED = ("lambda_max", "descent_energy", "descent_p", "descent_q")
COLUMNS = (*EXACT, *ESTIMATED)
CHEAP = 2**31  # number of the first cheap sample; samples of runs are numbered from 0
DEVIATION = 4.0  # standard errors of an exact mean beyond which the couplings are not what they should be
FEW_OF_MANY = 128  # N from which some eigenvectors are faster than all
FEWEST_SAMPLES = 50  # below, the fitted b would bias the mean and its error
ENOUGH_SAMPLES = 20 * len(EXACT)  # for all of these; below, those that are tested, unless descents explain the rest
CHEAP_WORK = 1e6  # cheap samples times N of each size, by default: 10 to 40 seconds
MOST_WORK = 4e10  # samples times N^3 whose couplings are diagonalised again for a report: ten seconds


@dataclass(frozen=True)
class Controls:
    """Control variates of the samples of one size.

    Attributes
    ----------
    n : int
    names : tuple of str
    values : array (samples, k)
        Less the exact mean where it is known, else as they are; the exactly known ones first.
    cheap : array (M, k)
        The same of samples that were not simulated; empty where no mean is estimated.
    exact : int
        How many of the k have exactly known means.
    z : array
        Deviation of the mean of each exactly known control that is tested from it, in standard errors.
    """

    n: int
    names: tuple[str, ...]
    values: Array
    cheap: Array
    exact: int
    z: Array

    def traces(self) -> Controls:
        """Only what has exactly known means."""
        e = self.exact
        return Controls(self.n, self.names[:e], self.values[:, :e], np.empty((0, e)), e, self.z)

    @property
    def worst(self) -> float:
        """The z that is largest in size."""
        return float(self.z[np.abs(self.z).argmax()]) if len(self.z) else 0.0

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
    """Means of S1 to S8, shape (8,), for J_ij of mean J0/N and variance ``variance``/N."""
    traces = [mean_trace(power, n, j0 / n, variance / n) / n for power in range(2, len(EXACT) + 1)]
    return np.array([(n - 1) * j0 / n, *traces])


def exact_moments(J: Array) -> Array:
    """S1 to S8 of one coupling matrix, shape (8,); Tr J^(a + b) is the elementwise product of J^a and J^b, summed."""
    J2 = J @ J
    J3, J4 = J2 @ J, J2 @ J2
    pairs = ((J, J), (J, J2), (J2, J2), (J2, J3), (J3, J3), (J3, J4), (J4, J4))
    return np.array([J.sum(), *(np.vdot(a, b) for a, b in pairs)]) / len(J)


def moments(J: Array, run: RunFile) -> Array:
    """All controls of one coupling matrix, shape (12,), in the order of `COLUMNS`.

    The descents need a model without local disorder, with a quartic term; they are NaN else.
    """
    model = run.model
    eigenvalues, vectors = softest(J, min(STARTS, len(J)))
    descents = [np.nan] * 3
    if isinstance(model.a2, int | float) and model.a4 > 0:
        a2, length = float(model.a2), model.length
        descents = list(lowest_of_descents(J, vectors, model.gamma, a2, model.a4, model.field, length))
    return np.array([*exact_moments(J), eigenvalues[0], *descents])


def softest(J: Array, count: int) -> tuple[Array, Array]:
    """The largest eigenvalues of J, descending, and their eigenvectors in columns."""
    n = len(J)
    if n < FEW_OF_MANY:
        values, vectors = np.linalg.eigh(J)
    else:
        values, vectors = eigh(J, subset_by_index=(n - count, n - 1), check_finite=False)
    return values[: -count - 1 : -1], vectors[:, : -count - 1 : -1]


def draw_moments(run: RunFile, n: int, samples: range) -> Array:
    """Controls of some samples of a run, or of cheap ones (`CHEAP`), their J drawn; shape (len(samples), 12)."""
    keys = [(run.seed, at) if at >= CHEAP else run.origin(n, at) for at in samples]
    drawn = [moments(couplings.draw(seed, n, sample, run.model.j0), run) for seed, sample in keys]
    return np.array(drawn).reshape(-1, len(COLUMNS))


def affordable(run: RunFile) -> bool:
    """Whether the couplings of a run can be drawn and diagonalised again: they come from its seed, not too many."""
    work = sum(samples * float(n) ** 3 for n, samples in run.ensemble.samples_of.items())
    return run.couplings_path is None and work <= MOST_WORK


def exact_controls(run: RunFile, n: int) -> Controls:
    """The controls of every sample of one size whose means are exactly known: nothing cheap is drawn.

    Local disorder in a2 adds its own (`stiffness_controls`).
    """
    own = np.full((run.ensemble.samples_of[n], len(COLUMNS)), np.nan)
    for row, (seed, sample) in zip(own, run.origins(n), strict=True):
        row[: len(EXACT)] = exact_moments(couplings.draw(seed, n, sample, run.model.j0))
    of_couplings = from_moments(n, own, np.empty((0, len(COLUMNS))), run.model.j0)
    of_sites = stiffness_moments(run, n)
    if of_sites is None:
        return of_couplings
    error = of_sites.std(axis=0, ddof=1) / np.sqrt(len(of_sites))
    return Controls(
        n,
        (*of_couplings.names, *STIFFNESS_NAMES),
        np.hstack([of_couplings.values, of_sites]),
        np.empty((0, len(of_couplings.names) + len(STIFFNESS_NAMES))),
        of_couplings.exact + len(STIFFNESS_NAMES),
        np.append(of_couplings.z, of_sites.mean(axis=0) / error),
    )


def cheap_samples(n: int, samples: int, work: float = 1.0) -> int:
    """How many cheap samples are drawn for a size that has ``samples`` of a run.

    Their variance falls as 1/N nearly, so that samples in proportion to 1/N give all sizes the same error.
    """
    return max(2 * samples, int(work * CHEAP_WORK / n)) if work > 0 else 0


def from_moments(n: int, own: Array, cheap: Array, j0: float = 0.0) -> Controls:
    """Controls from the columns of `moments` of the samples and of the cheap ones."""
    means = np.append(exact_means(n, j0), np.zeros(len(ESTIMATED)))
    centred, others = own - means, cheap - means
    # A constant control (S1 at N = 1, S3 at N = 2) says nothing; one whose mean is not known needs enough others.
    there = np.isfinite(centred).all(axis=0) & (np.nan_to_num(centred).std(axis=0) > 1e-12)
    if len(cheap) < FEWEST_SAMPLES:
        there[len(EXACT) :] = False
        if len(own) < ENOUGH_SAMPLES:
            there[TESTED : len(EXACT)] = False
    exact = int(there[: len(EXACT)].sum())
    tested = int(there[:TESTED].sum())
    names = tuple(name for name, use in zip(COLUMNS, there, strict=True) if use)
    values = centred[:, there]
    error = values[:, :tested].std(axis=0, ddof=1) / np.sqrt(len(values))
    used = others[:, there] if len(names) > exact else np.empty((0, len(names)))
    return Controls(n, names, values, used, exact, values[:, :tested].mean(axis=0) / error)


def controlled(y: Array, given: Controls | None) -> Controlled:
    """Mean of y over samples with the controls taken out, and its error; NaN in y: a sample without a value.

    Means that are not known are taken from the cheap samples, where they are freed of the exactly known controls in
    their turn.
    """
    there = np.isfinite(y)
    values = y[there]
    count = len(values)
    mean = float(values.mean())
    plain = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    if given is None or not given.usable or count < FEWEST_SAMPLES or values.std() == 0:
        return Controlled(mean, plain, count, mean, plain, values, 1.0, False)
    X, exact = given.values[there], given.exact
    b = _slopes(X, values)
    expected, uncertain = np.zeros(X.shape[1]), 0.0
    if len(given.cheap):
        every = np.concatenate([X, given.cheap])  # two-phase sampling: the samples themselves count, too
        known, unknown = every[:, :exact], every[:, exact:]
        # Freed of the exact controls with their sampled mean left in: their true mean is zero.
        freed = unknown - known @ _slopes(known, unknown)
        expected[exact:] = freed.mean(axis=0)
        uncertain = float((freed @ b[exact:]).std(ddof=1 + exact) / np.sqrt(len(freed)))
    residual = values - (X - expected) @ b
    own = float(residual.std(ddof=1 + len(b)) / np.sqrt(count))
    stderr = float(np.hypot(own, uncertain))
    return Controlled(float(residual.mean()), stderr, count, mean, plain, residual, (plain / stderr) ** 2, True)


def _slopes(X: Array, y: Array) -> Array:
    """Coefficients of the regression of y, or of its columns, on the columns of X, with means free."""
    if X.shape[1] == 0:
        return np.zeros((0, *y.shape[1:]))
    solution: Array = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(axis=0), rcond=None)[0]
    return solution
