r"""Control variates for the disorder average: numbers of a coupling matrix whose means are known.

Most of the scatter of an observable between samples comes from a few numbers of the couplings alone. With J symmetric,
zero diagonal, J_ij (i < j) independent, mean m = J0/N, variance s^2 = 1/N, the exact means are

    S1 = (1/N) sum_{i != j} J_ij     E = (N - 1) m
    S2 = (1/N) Tr J^2                E = (N - 1) (s^2 + m^2)
    S3 = (1/N) Tr J^3                E = (N - 1)(N - 2) m^3
    S4 = (1/N) Tr J^4                E = (N - 1) [(3 s^4 + 6 s^2 m^2 + m^4) + 2 (N - 2)(s^2 + m^2)^2
                                               + (N - 2)(N - 3) m^4]

(closed walks of 4 steps without loops: back and forth on one bond, two bonds at one site in two orders, squares).
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

from nsim.run_file import RunFile
from nsim.sample import couplings
from validation.statistics.eigenvector_descents import lowest_of_descents
from validation.statistics.stiffness_controls import NAMES as STIFFNESS_NAMES
from validation.statistics.stiffness_controls import stiffness_moments

Array = NDArray[np.float64]

EXACT = ("S1", "S2", "S3", "S4")
ESTIMATED = ("lambda_max", "descent_energy", "descent_p", "descent_q")
COLUMNS = (*EXACT, *ESTIMATED)
CHEAP = 2**31  # number of the first cheap sample; samples of runs are numbered from 0
DEVIATION = 4.0  # standard errors of an exact mean beyond which the couplings are not what they should be
FEWEST_SAMPLES = 50  # below, the fitted b would bias the mean and its error
CHEAP_WORK = 6e7  # cheap samples times N^2 of each size, by default: about a minute
MOST_CHEAP = 60_000
MOST_WORK = 4e10  # samples times N^3 whose couplings are diagonalised again for a report: half a minute


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
        Deviation of the mean of each exactly known control from it, in standard errors.
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


def moments(J: Array, run: RunFile | None = None) -> Array:
    """The controls of one coupling matrix, shape (8,), in the order of `COLUMNS`.

    The descents need the model of ``run``; they are NaN without it, and where it has local disorder or no quartic term.
    """
    n = len(J)
    found = np.full(len(COLUMNS), np.nan)
    if run is not None and isinstance(run.model.a2, int | float) and run.model.a4 > 0:
        model = run.model
        eigenvalues, vectors = np.linalg.eigh(J)
        a2, length = float(run.model.a2), model.length
        found[5:] = lowest_of_descents(J, vectors, model.gamma, a2, model.a4, model.field, length)
    else:
        eigenvalues = np.linalg.eigvalsh(J)
    found[0] = J.sum() / n
    found[1:4] = [(eigenvalues**power).sum() / n for power in (2, 3, 4)]
    found[4] = eigenvalues[-1]
    return found


def draw_moments(run: RunFile, n: int, samples: range) -> Array:
    """Controls of some samples of a run, or of cheap ones (`CHEAP`), their couplings drawn; shape (len(samples), 8)."""
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
    drawn = [moments(couplings.draw(seed, n, sample, run.model.j0)) for seed, sample in run.origins(n)]
    own = np.array(drawn).reshape(-1, len(COLUMNS))
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
    """How many cheap samples are drawn for a size that has ``samples`` of a run."""
    most = int(max(work, 1.0) * MOST_CHEAP)
    return max(2 * samples, min(most, int(work * CHEAP_WORK / n**2))) if work > 0 else 0


def from_moments(n: int, own: Array, cheap: Array, j0: float = 0.0) -> Controls:
    """Controls from the columns of `moments` of the samples and of the cheap ones."""
    means = np.append(exact_means(n, j0), np.zeros(len(ESTIMATED)))
    centred, others = own - means, cheap - means
    # A constant control (S1 at N = 1, S3 at N = 2) says nothing; one whose mean is not known needs enough others.
    there = np.isfinite(centred).all(axis=0) & (np.nan_to_num(centred).std(axis=0) > 1e-12)
    if len(cheap) < FEWEST_SAMPLES:
        there[len(EXACT) :] = False
    exact = int(there[: len(EXACT)].sum())
    names = tuple(name for name, use in zip(COLUMNS, there, strict=True) if use)
    values = centred[:, there]
    error = values[:, :exact].std(axis=0, ddof=1) / np.sqrt(len(values))
    used = others[:, there] if len(names) > exact else np.empty((0, len(names)))
    return Controls(n, names, values, used, exact, values[:, :exact].mean(axis=0) / error)


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
