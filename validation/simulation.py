"""A run directory read for comparison: averages per disorder sample, and the sites of its states.

The states of one sample share their couplings and are not independent: they are averaged first, and errors are
taken over samples. Only finished, converged states count.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from meanfield import LocalPotentials
from nsim import run_file
from nsim.campaign.seal import DamagedFileError, check_seal
from nsim.errors import InputError
from nsim.run_file import RunFile
from validation.quantities import QUANTITIES
from validation.statistics.coupling_controls import Controls, controlled
from validation.statistics.finite_size import Form, Limit, limit

Array = NDArray[np.float64]

BLOCK = 2**22  # numbers of one site variable held in memory at once
FEWEST_EVENTS = 20  # samples that must show a rare event before their scatter is an error


@dataclass(frozen=True)
class Average:
    """Mean over disorder samples; ``stderr`` is None where the scatter between samples does not give one."""

    mean: float
    stderr: float | None
    samples: int
    problem: str = ""  # why there is no error
    reduction: float = 1.0  # of the variance, by control variates


@dataclass(frozen=True)
class Size:
    """Samples of one N.

    Attributes
    ----------
    n, samples, states : int
        Particles; samples with at least one usable state; usable states.
    unconverged, missing : int
        States left out: not at a minimum, or not computed yet.
    """

    n: int
    samples: int
    states: int
    unconverged: int
    missing: int


@dataclass(frozen=True)
class Sites:
    """Sites of all usable states of one size.

    Attributes
    ----------
    n : int
    h, C, a2, v : arrays (states, n)
        Cavity fields, reaction coefficients, stiffness, displacements.
    sample : array (states,) of int
        The disorder sample of each state.
    """

    n: int
    h: Array
    C: Array
    a2: Array
    v: Array
    sample: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """Number of disorder samples."""
        return len(np.unique(self.sample))

    def local_potentials(self, a4: float, gamma: float) -> LocalPotentials:
        """The simulated ensemble of local potentials, every site with the same weight."""
        return LocalPotentials.from_arrays(self.h.ravel(), self.C.ravel(), self.a2.ravel(), a4, gamma)

    def histogram(self, values: Array, edges: Array) -> tuple[Array, Array]:
        """Density of a site variable per site, with its standard error over samples; arrays (bins,).

        ``values`` has the shape of h; NaN counts as outside all bins.
        """
        numbers = np.unique(self.sample)
        density = np.empty((len(numbers), len(edges) - 1))
        for row, number in enumerate(numbers):
            own = values[self.sample == number]
            density[row] = np.histogram(own[np.isfinite(own)], edges)[0] / own.size
        density /= np.diff(edges)
        error = (
            density.std(axis=0, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.full(len(edges) - 1, np.nan)
        )
        return density.mean(axis=0), error


@dataclass(frozen=True)
class Thermal:
    """Thermal averages of one size of a tempering run.

    Attributes
    ----------
    temperatures : array (M,)
        Hottest first [E0].
    per_sample : dict
        By name of the variable: mean over ladders of every sample, (samples, M); NaN where not computed.
    equilibrated : array (samples, M)
        1, 0, or NaN where not computed.
    """

    temperatures: Array
    per_sample: dict[str, Array]
    equilibrated: Array

    def average(self, variable: str, temperature: float, control: Controls | None = None) -> Average:
        """Mean over disorder samples, none left out."""
        return average(self.per_sample[variable][:, self._rung(temperature)], control=control)

    def not_equilibrated(self, temperature: float) -> tuple[int, int]:
        """Samples that are not in equilibrium, and all samples."""
        verdicts = self.equilibrated[:, self._rung(temperature)]
        return int((verdicts == 0).sum()), int(np.isfinite(verdicts).sum())

    def _rung(self, temperature: float) -> int:
        return int(np.flatnonzero(self.temperatures == temperature)[0])


@dataclass(frozen=True)
class Simulation:
    """A run: what was asked for, where it comes from, and its results.

    Attributes
    ----------
    path : Path
        Run directory.
    run : RunFile
        The resolved run file.
    provenance : dict
        Versions, command, revision, as recorded when the run ended.
    sizes : tuple of Size
        Sizes with usable states, ascending.
    has_sites : bool
        Whether the sites of the states were kept.
    """

    path: Path
    run: RunFile
    provenance: dict[str, Any]
    sizes: tuple[Size, ...]
    has_sites: bool

    @classmethod
    def open(cls, path: Path) -> Simulation:
        """Open a run directory; raise `InputError` unless it holds sealed results."""
        results = Path(path) / "results.h5"
        if not results.exists():
            raise InputError(f"{path}: no results.h5; `nsim run` writes it when the run ends")
        try:
            check_seal(results)
        except DamagedFileError as error:
            raise InputError(f"{error}; `nsim run` computes the run again") from None
        with h5py.File(results, "r", locking=False) as file:
            attributes = {name: _plain(value) for name, value in file.attrs.items() if name[0] != "_"}
            run = run_file.parse(json.loads(str(attributes.pop("run_file"))))
            groups = [file[f"n{n}"] for n in sorted(run.ensemble.samples_of)]
            sizes = [_size(group) for group in groups]
            has_sites = all("cavity_field" in group for group in groups)
        sizes = [size for size in sizes if size.states > 0]
        if not sizes:
            raise InputError(f"{path}: no state is finished and converged yet")
        return cls(Path(path), run, attributes, tuple(sizes), has_sites)

    def averages(
        self, n: int, window: float | None, folded: bool, control: Controls | None = None
    ) -> dict[str, Average]:
        """Averages of one size.

        Parameters
        ----------
        n
            The size.
        window
            h0 of the small-field weight [E0/v0]; None: not measured.
        folded
            Take |p| for p.
        control
            Numbers of the couplings of every sample whose influence is taken out.
        """
        per_sample: dict[str, Array] = {}
        with self._group(n) as group:
            used = _usable(group)
            for name in QUANTITIES.keys() & group.keys():
                per_sample[name] = _mean_of_states(group[name][()], used)
            energy = np.where(used, group["energy"][()], np.inf).min(axis=1)
            per_sample["lowest_energy"] = np.where(used.any(axis=1), energy, np.nan)
            p, q = group["p"][()], group["q"][()]
            per_sample["displacement_variance"] = _mean_of_states(q - p**2, used)
            if folded:
                per_sample["p"] = _mean_of_states(np.abs(p), used)
            if self.has_sites:
                variance, weight = np.full(used.shape, np.nan), np.full(used.shape, np.nan)
                for rows in _blocks(group):
                    h = group["cavity_field"][rows]
                    variance[rows] = h.var(axis=2)
                    if window is not None:
                        weight[rows] = (np.abs(h) < window).mean(axis=2)
                per_sample["field_variance"] = _mean_of_states(variance, used)
                if window is not None:
                    per_sample["small_field_weight"] = _mean_of_states(weight, used)
        return {
            name: average(per_sample[name], row.rare, control) for name, row in QUANTITIES.items() if name in per_sample
        }

    def thermal(self, n: int, variables: Collection[str]) -> Thermal | None:
        """Thermal averages of one size; None unless the run has them."""
        wanted = {*variables, "thermal_abs_p", "equilibrated"}
        with self._group(n) as group:
            if not wanted <= group.keys():
                return None
            there = (group["finished"][()] == 1).all(axis=1)
            rows = {}
            for name in wanted:
                values = np.asarray(group[name][()], float)
                values[~there] = np.nan
                rows[name] = values.mean(axis=1) if values.ndim == 3 else values  # ladders of a sample share its J
            return Thermal(group["temperature"][()], rows, rows.pop("equilibrated"))

    def sites(self, n: int, folded: bool, limit: int = BLOCK) -> Sites:
        """Sites of the usable states of one size, of as many samples (in order) as ``limit`` sites allow.

        ``folded`` turns every state to p >= 0.
        """
        with self._group(n) as group:
            used = _usable(group)
            samples = max(1, min(len(used), limit // (n * used.shape[1])))
            used = used[:samples]
            v, h, C = (group[name][:samples][used] for name in ("v", "cavity_field", "reaction_coefficient"))
            number = np.nonzero(used)[0]
            a2 = group["a2"][:samples][number]
        if folded:
            sign = np.where(v.mean(axis=1, keepdims=True) < 0, -1.0, 1.0)
            v, h = sign * v, sign * h
        return Sites(n, h, C, a2, v, number)

    def typical_state(self, n: int) -> tuple[int, Array]:
        """Number of the sample whose lowest energy is the median one, and its lowest state v, shape (n,)."""
        with self._group(n) as group:
            energy = np.where(_usable(group), group["energy"][()], np.inf)
            lowest = energy.min(axis=1)
            order = np.argsort(lowest)[: np.isfinite(lowest).sum()]
            sample = int(order[len(order) // 2])
            return sample, group["v"][sample, int(energy[sample].argmin())]

    def _group(self, n: int) -> Any:
        return _Group(self.path / "results.h5", n)


class _Group:
    """One size of a result file, open while in use."""

    def __init__(self, path: Path, n: int) -> None:
        self._file, self._n = h5py.File(path, "r", locking=False), n

    def __enter__(self) -> Any:
        return self._file[f"n{self._n}"]

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def average(per_sample: Array, rare: bool = False, control: Controls | None = None) -> Average:
    """Mean and standard error over independent samples (NaN: no usable state).

    Of a ``rare`` event the error is given only where enough samples show it: the scatter of a few underestimates it,
    and no control variate is used.
    """
    there = np.isfinite(per_sample)
    values = per_sample[there]
    mean = float(values.mean())
    if len(values) < 2:
        return Average(mean, None, len(values), "one sample gives no error")
    events = int(np.count_nonzero(values))
    if rare and events < FEWEST_EVENTS:
        return Average(mean, None, len(values), f"found in {events} samples, too few for an error")
    if control is not None and not rare:
        freed = controlled(per_sample, control)
        return Average(freed.mean, freed.stderr, freed.samples, reduction=freed.reduction)
    return Average(mean, float(values.std(ddof=1) / np.sqrt(len(values))), len(values))


def limit_of_averages(by_size: Mapping[int, Average], forms: Sequence[Form]) -> Limit | None:
    """x_inf of averages by size, of those that have an error; None where fewer than two have."""
    known = [(n, row.mean, row.stderr) for n, row in by_size.items() if row.stderr]
    n, means, errors = zip(*known, strict=True) if known else ((), (), ())
    return limit(n, means, errors, forms)


def _usable(group: Any) -> NDArray[np.bool_]:
    return (group["finished"][()] == 1) & (group["converged"][()] == 1)


def _size(group: Any) -> Size:
    used, finished = _usable(group), group["finished"][()] == 1
    return Size(
        n=int(np.ravel(group.attrs["n"])[0]),
        samples=int(used.any(axis=1).sum()),
        states=int(used.sum()),
        unconverged=int((finished & ~used).sum()),
        missing=int((~finished).sum()),
    )


def _blocks(group: Any) -> Iterator[slice]:
    """Ranges of samples whose sites fit into memory."""
    samples, replicas, n = group["cavity_field"].shape
    step = max(1, BLOCK // (replicas * n))
    for first in range(0, samples, step):
        yield slice(first, first + step)


def _mean_of_states(values: Array, used: NDArray[np.bool_]) -> Array:
    """Mean over the usable states of each sample, NaN where there is none."""
    count = used.sum(axis=1)
    total = np.where(used, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def _plain(value: Any) -> Any:
    """A number or text from an HDF5 attribute, which may come as an array of one."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.size == 1 else value
