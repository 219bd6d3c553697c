r"""What is measured in thermal equilibrium, at every temperature of a ladder.

`VARIABLES` names everything that goes into the result file; `ThermalAverages` gathers it while the ladders run.
Averages <.> are over the measured sweeps and, where the file keeps no number for each ladder, over ladders.

    specific heat    c = beta^2 (<U^2> - <U>^2)/N                     fluctuation of the energy, = du/dT
    susceptibility   chi = beta N (<p^2> - <p>^2)                     response of p to a uniform field; <p> = 0 if F = 0
    local susceptibility   beta ([<v^2>] - [|q_ab|])                  response of v_i to a field on site i alone

The last is, with no field, the response within one half of the state space: C of mean-field theory above T_g, and 1
throughout the glass in full RSB at J0 = 0 (C + sum_k mu_k (q_k - q_{k-1}) = 1). With a field q_ab takes the place
of |q_ab|.

**In equilibrium?** Even ladders start hot, odd ones cold. At every temperature the energies and <v^2> of both kinds
must agree, and so must the second half of the measured sweeps and the quarter before it, within `TOLERANCE` standard
errors that follow from the autocorrelation times; each ladder must have `FEWEST` effective samples of the energy.
For couplings drawn from their normal distribution a third test needs many samples: integration by parts over J_ij
relates their energy to overlaps of independent replicas, exactly at every N in the mean over samples,

    [u_J] = -(J0/2)([<p^2>] - [<v^2>]/N) - (beta/2)((N-1)/N)([q_link^aa] - [q_link^ab]),
    u_J = -(1/2N) sum_{i != j} J_ij <v_i v_j>

(generalising Katzgraber, Palassini, Young, Phys. Rev. B 63, 184422 (2001)). Out of equilibrium both sides miss, on
opposite sides. ``gauss_gap`` is the left side less the right one.
"""

from __future__ import annotations

import copy

import numpy as np

from nsim.dynamics.autocorrelation import BinnedSeries
from nsim.dynamics.overlaps import BINS, CENTRES, count_cosines, overlap_sums, pairs
from nsim.dynamics.parallel_tempering import ParallelTempering
from nsim.parallel.checkpoint import State
from nsim.variables import STATE, Coordinate, Variable

TOLERANCE = 5.0
FEWEST = 10.0

SERIES, SUMS = ("_energy", "_square", "_overlap"), ("_of_ladders", "_of_pairs", "_histogram")  # state of the averages
RUNG = ("sample", "temperature")
LADDER_RUNG = (*STATE, "temperature")


def _averaged(dims: tuple[str, ...], unit: str, short: str, meaning: str) -> Variable:
    return Variable(dims, unit, meaning, averaged=True, short=short)


VARIABLES: dict[str, Variable] = {
    "thermal_energy": _averaged(LADDER_RUNG, "E0", "energy", "<U>/N"),
    "thermal_p": _averaged(LADDER_RUNG, "v0", "p", "<p>, p = (1/N) sum v_i"),
    "thermal_abs_p": _averaged(LADDER_RUNG, "v0", "abs_p", "<|p|>"),
    "thermal_q": _averaged(LADDER_RUNG, "v0^2", "q", "q_hat = <(1/N) sum v_i^2>"),
    "specific_heat": _averaged(RUNG, "1", "specific_heat", "per site, from the fluctuations of the energy"),
    "susceptibility": _averaged(RUNG, "v0^2/E0", "susceptibility", "beta N (<p^2> - <p>^2), <p> = 0 without a field"),
    "local_susceptibility": _averaged(
        RUNG, "v0^2/E0", "local_susceptibility", "beta (q_hat - <|q_ab|>); with a field beta (q_hat - <q_ab>)"
    ),
    "overlap": _averaged(RUNG, "v0^2", "overlap", "<q_ab> of pairs of ladders, q_ab = (1/N) sum v_i^a v_i^b"),
    "abs_overlap": _averaged(RUNG, "v0^2", "abs_overlap", "<|q_ab|>"),
    "overlap_squared": _averaged(RUNG, "v0^4", "overlap_squared", "<q_ab^2>"),
    "overlap_fourth": _averaged(RUNG, "v0^8", "overlap_fourth", "<q_ab^4>"),
    "link_overlap": _averaged(
        RUNG, "v0^4", "link_overlap", "1/(N(N-1)) sum_{i != j} <v_i^a v_j^a v_i^b v_j^b> of pairs of ladders"
    ),
    "gauss_gap": _averaged(
        RUNG, "E0", "gauss_gap", "coupling energy less its value from overlaps; mean over samples 0 in equilibrium"
    ),
    "overlap_distribution": Variable(
        (*RUNG, "cosine"), "1", "density of q_ab/sqrt(q_aa q_bb) of pairs of ladders, integral 1"
    ),
    "acceptance": _averaged(RUNG, "1", "acceptance", "accepted moves"),
    "swap_rate": _averaged(RUNG, "1", "swap_rate", "accepted swaps with the next colder temperature"),
    "round_trips": Variable(
        STATE, "1", "trips of replicas of a ladder from the hot end to the cold one and back", "i8", averaged=True
    ),
    "tau_energy": _averaged(RUNG, "sweeps", "tau_energy", "integrated autocorrelation time of the energy"),
    "tau_overlap": _averaged(RUNG, "sweeps", "tau_overlap", "integrated autocorrelation time of q_ab"),
    "effective_energy": _averaged(RUNG, "1", "effective_energy", "effective number of samples of the energy"),
    "effective_overlap": _averaged(RUNG, "1", "effective_overlap", "effective number of samples of q_ab"),
    "start_deviation": Variable(
        RUNG, "1", "hot against cold starts, energy or q_hat, whichever is worse, in standard errors"
    ),
    "drift": Variable(RUNG, "1", "last half against the quarter before, likewise"),
    "equilibrated": Variable(RUNG, "1", "1: both within the tolerance, and enough effective samples", "i1"),
}


def coordinates(temperatures: np.ndarray) -> dict[str, Coordinate]:
    """The dimensions of `VARIABLES`."""
    return {
        "temperature": Coordinate(temperatures, "E0", "temperature, from hot to cold"),
        "cosine": Coordinate(CENTRES, "1", "q_ab/sqrt(q_aa q_bb), centre of the bin"),
    }


def binder_ratio(averages: dict[str, np.ndarray]) -> np.ndarray:
    """(3 - [<q^4>]/[<q^2>]^2)/2 of averages over samples: 0 if q is normal, 1 if |q| has one value."""
    return (3 - averages["overlap_fourth"] / averages["overlap_squared"] ** 2) / 2


class ThermalAverages:
    """Averages over time of everything measured on the ladders of one sample.

    Parameters
    ----------
    tempering
        The ladders.
    every
        Sweeps between two measurements.
    """

    def __init__(self, tempering: ParallelTempering, every: int) -> None:
        self._tempering, self._every = tempering, every
        ladders, rungs = tempering.column.shape
        self._pairs = pairs(ladders)
        couples = (len(self._pairs), rungs)
        self._energy, self._square = BinnedSeries((ladders, rungs)), BinnedSeries((ladders, rungs))
        self._overlap = BinnedSeries(couples)
        self._of_ladders = {name: np.zeros((ladders, rungs)) for name in ("p", "abs_p", "p2", "coupling", "self_link")}
        self._of_pairs = {name: np.zeros(couples) for name in ("abs", "squared", "fourth", "link")}
        self._histogram = np.zeros((rungs, BINS))

    def state(self) -> State:
        """Everything gathered so far; copied. The same on every rank."""
        series = {name: getattr(self, name).state() for name in SERIES}
        return series | {name: copy.deepcopy(getattr(self, name)) for name in SUMS}

    def restore(self, state: State) -> None:
        """Go on from a state."""
        for name in SERIES:
            getattr(self, name).restore(state[name])
        for name in SUMS:
            setattr(self, name, copy.deepcopy(state[name]))

    def add(self) -> None:
        """Measure once."""
        tempering = self._tempering
        n, field = tempering.glass.n, tempering.glass.field
        moments = tempering.moments()
        p, q = moments.first / n, moments.second / n
        self._energy.add(moments.energy(field) / n)
        self._square.add(q)
        sums = self._of_ladders
        sums["p"] += p
        sums["abs_p"] += np.abs(p)
        sums["p2"] += p**2
        sums["coupling"] += -0.5 * (moments.field_work - field * moments.first) / n
        sums["self_link"] += _link(moments.second, moments.fourth, n)
        if len(self._pairs):
            first, second = overlap_sums(tempering.states(), self._pairs)
            self._add_overlaps(first / n, _link(first, second, n), q)

    def _add_overlaps(self, overlap: np.ndarray, link: np.ndarray, q: np.ndarray) -> None:
        self._overlap.add(overlap)
        self._of_pairs["abs"] += np.abs(overlap)
        self._of_pairs["squared"] += overlap**2
        self._of_pairs["fourth"] += overlap**4
        self._of_pairs["link"] += link
        norm = np.sqrt(q[self._pairs[:, 0]] * q[self._pairs[:, 1]])
        count_cosines(self._histogram, np.divide(overlap, norm, out=np.zeros_like(norm), where=norm > 0))

    def results(self, j0: float | None) -> dict[str, np.ndarray]:
        """All `VARIABLES` of the sample; NaN where a number needs pairs of ladders that are not there.

        ``j0`` is the mean of the couplings times N; None if they were given, not drawn: then ``gauss_gap`` is NaN.
        """
        tempering, count = self._tempering, self._energy.count
        n, field = tempering.glass.n, tempering.glass.field
        betas = tempering.rungs.betas
        ladders = {name: sums / count for name, sums in self._of_ladders.items()}
        couples = {name: _mean(sums / count) for name, sums in self._of_pairs.items()}
        overlap = _mean(self._overlap.total / count)
        energy = self._energy.correlation()
        q = self._square.total / count
        p = np.zeros(len(betas)) if field == 0 else ladders["p"].mean(axis=0)
        p2, self_link, coupling = (ladders[name].mean(axis=0) for name in ("p2", "self_link", "coupling"))
        by_parts = -(np.nan if j0 is None else j0) / 2 * (p2 - q.mean(axis=0) / n) - betas / 2 * (n - 1) / n * (
            self_link - couples["link"]
        )
        of_overlap = self._overlap.correlation() if len(self._pairs) else None
        starts = np.fmax(_hot_against_cold(self._energy), _hot_against_cold(self._square))
        drift = np.fmax(_late_against_early(self._energy), _late_against_early(self._square))
        undefined = np.full(len(betas), np.nan)
        return {
            "thermal_energy": self._energy.total / count,
            "thermal_p": ladders["p"],
            "thermal_abs_p": ladders["abs_p"],
            "thermal_q": q,
            "specific_heat": betas**2 * n * energy.variance,
            "susceptibility": betas * n * (p2 - p**2),
            "local_susceptibility": betas * (q.mean(axis=0) - (couples["abs"] if field == 0 else overlap)),
            "overlap": overlap,
            "abs_overlap": couples["abs"],
            "overlap_squared": couples["squared"],
            "overlap_fourth": couples["fourth"],
            "link_overlap": couples["link"],
            "gauss_gap": coupling - by_parts,
            "overlap_distribution": self._density(),
            "acceptance": tempering.acceptance / (tempering.sweeps * len(tempering.column)),
            "swap_rate": np.append(
                np.divide(tempering.swapped, tempering.offered, out=undefined[1:].copy(), where=tempering.offered > 0),
                np.nan,
            ),
            "round_trips": tempering.round_trips,
            "tau_energy": energy.tau * self._every,
            "tau_overlap": undefined if of_overlap is None else of_overlap.tau * self._every,
            "effective_energy": energy.effective,
            # Pairs that share a ladder tell the same: only disjoint ones count.
            "effective_overlap": (
                undefined if of_overlap is None else of_overlap.effective * (len(q) // 2) / len(self._pairs)
            ),
            "start_deviation": starts,
            "drift": drift,
            "equilibrated": self._equilibrated(starts, drift, energy.effective),
        }

    def _equilibrated(self, starts: np.ndarray, drift: np.ndarray, effective: np.ndarray) -> np.ndarray:
        """The verdict for each temperature; a single ladder has no second start to be compared with."""
        meet = ~(starts > TOLERANCE) & ~(drift > TOLERANCE)
        return (meet & (effective >= FEWEST * len(self._tempering.column))).astype(np.int8)

    def _density(self) -> np.ndarray:
        total = self._histogram.sum(axis=1, keepdims=True)
        return np.divide(
            self._histogram * (BINS / 2), total, out=np.full(self._histogram.shape, np.nan), where=total > 0
        )


def _hot_against_cold(series: BinnedSeries) -> np.ndarray:
    """Difference between even and odd ladders in standard errors, (M,)."""
    means, correlation = series.total / series.count, series.correlation(common_mean=False)
    hot, cold = means[::2], means[1::2]
    if len(cold) == 0:
        return np.full(means.shape[1], np.nan)
    square = correlation.variance * 2 * correlation.tau / series.count * (1 / len(hot) + 1 / len(cold))
    return _in_errors(hot.mean(axis=0) - cold.mean(axis=0), square)


def _late_against_early(series: BinnedSeries) -> np.ndarray:
    """Mean over the last half less that over the quarter before it, in standard errors, (M,)."""
    bins, correlation = series.means(), series.correlation(common_mean=False)
    half, quarter = len(bins) // 2, len(bins) // 4
    if quarter == 0:
        return np.full(bins.shape[2], np.nan)
    late, early = bins[half:], bins[quarter:half]
    ladders = bins.shape[1]
    weight = (1 / len(late) + 1 / len(early)) / (series.width * ladders)
    return _in_errors(
        (late.mean(axis=0) - early.mean(axis=0)).mean(axis=0), correlation.variance * 2 * correlation.tau * weight
    )


def _in_errors(difference: np.ndarray, square: np.ndarray) -> np.ndarray:
    return np.abs(np.divide(difference, np.sqrt(square), out=np.full(square.shape, np.nan), where=square > 0))


def _link(sums: np.ndarray, squares: np.ndarray, n: int) -> np.ndarray:
    """1/(N(N-1)) sum_{i != j} x_i x_j from sum x_i and sum x_i^2; undefined for one site."""
    return (sums**2 - squares) / (n * (n - 1)) if n > 1 else np.full_like(sums, np.nan)


def _mean(of_pairs: np.ndarray) -> np.ndarray:
    """Mean over pairs, NaN where there are none."""
    return of_pairs.mean(axis=0) if len(of_pairs) else np.full(of_pairs.shape[1], np.nan)
