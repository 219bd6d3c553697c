r"""Vibrations of the minima of a run: spectrum of the Hessian, density of states, participation, softest modes.

With eigenvalues w_k of every state and omega_k = sqrt(w_k/m), per size:

    rho(w), g(omega)         densities of eigenvalues and frequencies (integral 1), with errors over disorder samples
    participation            p_k/N of the modes in bins of frequency
    edge                     s of g(omega) ~ omega^s over the lowest modes: 2 if extended, 4 if localised modes of
                             marginally stable states rule (Hill's estimate over the lowest modes)
    lambda_min               mean, deviation, quantiles of the lowest eigenvalue, and its scaling with N

The states of one sample share their couplings: they are averaged first, and errors are those over samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nsim.analysis.summary import mean_and_error
from nsim.campaign.observables import SPECTRUM
from nsim.campaign.results import collect
from nsim.campaign.run_directory import RunDirectory, Sealed
from nsim.campaign.tasks import glass_of
from nsim.errors import InputError
from nsim.run_file import RunFile
from nsim.sample.normal_modes import DENSE, frequencies, modes_of, normal_modes
from nsim.variables import STATE, Variable

BINS = 40
SHARES = (0.005, 0.02, 0.05)  # of all modes, the lowest, that the exponent at the edge is taken from
FEWEST = 20  # modes that an exponent needs
CONVERGED = {"converged": Variable(STATE, "1", "1: a minimum", "i1")}
SITES = {"v": Variable(("sample", "replica", "site"), "v0", "displacement v_i")}


def vibrations(directory: RunDirectory, mass: float = 1.0) -> dict[str, Any]:
    """One group for each size, and how the lowest eigenvalue scales with it.

    Modes that the run has not stored (`output.spectrum`) are found now, from its states.
    Raises `InputError` if a sealed file is damaged, nothing is finished yet, or the states were not kept.
    """
    run = directory.run()
    sealed = directory.finished(run)
    groups = []
    for n in run.ensemble.samples_of:
        spectrum, participation = _modes(directory, run, sealed, n)
        used = np.isfinite(spectrum).all(axis=2)
        if used.any():
            groups.append(_group(n, spectrum, participation, used, mass))
    if not groups:
        raise InputError(f"{directory.path}: no minimum is finished yet")
    return {"mass": mass, "groups": groups, "lambda_min_scaling": _scaling(groups)}


def _modes(directory: RunDirectory, run: RunFile, sealed: Sealed, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and participation numbers, shapes (samples, replicas, modes); NaN where there is no minimum."""
    tasks = [task for task in sealed.tasks if task.n == n]
    if run.output.spectrum:
        arrays, finished = collect(run, n, directory.results(sealed, tasks, SPECTRUM), SPECTRUM)
        if finished.any():
            return arrays["spectrum"], arrays["participation"]
    elif tasks and not run.output.sites:
        raise InputError(f"{directory.path}: it has neither output.spectrum nor the states themselves (output.sites)")
    elif n > DENSE:
        raise InputError(f"{directory.path}: spectra of n = {n} need a run with output.spectrum = true")
    found = np.full((2, run.ensemble.samples_of[n], run.ensemble.replicas, modes_of(n)), np.nan)
    if not run.output.spectrum:
        for task, result in directory.results(sealed, tasks, ("v", "converged")):
            glass = glass_of(run, n, task.sample)
            for r in np.flatnonzero(result["converged"] == 1):
                modes = normal_modes(glass, result["v"][r])
                found[:, task.sample, task.first + r] = modes.eigenvalue, modes.participation
    return found[0], found[1]


def _group(n: int, spectrum: np.ndarray, participation: np.ndarray, used: np.ndarray, mass: float) -> dict[str, Any]:
    omega = frequencies(spectrum, mass)
    whole = spectrum.shape[2] == n
    lowest = spectrum[:, :, 0]
    kept = lowest[used]
    return {
        "n": n,
        "samples": int(used.any(axis=1).sum()),
        "states": int(used.sum()),
        "modes": spectrum.shape[2],
        "eigenvalues": _density(spectrum, used, n),
        "frequencies": _density(omega, used, n),
        "participation": _participation(omega, participation / n, used),
        "response": mean_and_error(_per_sample((1 / spectrum).sum(axis=2) / n, used)) if whole else None,
        "edge": [_edge(omega, used, share, n) for share in SHARES],
        "lambda_min": mean_and_error(_per_sample(lowest, used))
        | {
            "std": float(kept.std(ddof=1)) if len(kept) > 1 else None,
            "quantiles": {str(q): float(np.quantile(kept, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)},
            "values": np.sort(kept).tolist(),
        },
    }


def _per_sample(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Means over the states of each sample, shape (samples,), from (samples, replicas); NaN where there is none."""
    count = used.sum(axis=1)
    total = np.where(used, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def _density(values: np.ndarray, used: np.ndarray, n: int) -> dict[str, Any]:
    """Density per mode of all n modes, in bins over the range of the pooled values, with errors over samples."""
    edges = np.linspace(values[used].min(), values[used].max(), BINS + 1)
    rows = []
    for sample, good in zip(values, used, strict=True):
        if good.any():
            counts, _ = np.histogram(sample[good], edges)
            rows.append(counts / (good.sum() * n * np.diff(edges)))
    return {"edges": edges.tolist(), **_columns(np.array(rows))}


def _participation(omega: np.ndarray, share: np.ndarray, used: np.ndarray) -> dict[str, Any]:
    """Mean p/N of the modes in bins of frequency, with errors over samples."""
    edges = np.linspace(omega[used].min(), omega[used].max(), BINS + 1)
    rows = []
    for w, p, good in zip(omega, share, used, strict=True):
        if good.any():
            count, _ = np.histogram(w[good], edges)
            total, _ = np.histogram(w[good], edges, weights=p[good])
            rows.append(np.divide(total, count, out=np.full(BINS, np.nan), where=count > 0))
    return {"edges": edges.tolist(), **_columns(np.array(rows))}


def _columns(rows: np.ndarray) -> dict[str, list[float | None]]:
    """Mean and standard error over the rows, column by column."""
    entries = [mean_and_error(column) for column in rows.T]
    return {key: [entry[key] for entry in entries] for key in ("mean", "stderr")}


def _edge(omega: np.ndarray, used: np.ndarray, share: float, n: int) -> dict[str, Any]:
    """Exponent s of g(omega) ~ omega^s over the lowest ``share`` of all modes, with a jackknife error over samples.

    N(omega) ~ omega^(s+1) up to the largest omega of them, Omega, has the likelihood estimate
    s + 1 = k/sum_i ln(Omega/omega_i) (Hill, Ann. Statist. 3, 1163 (1975)).
    """
    samples = [row[good].ravel() for row, good in zip(omega, used, strict=True) if good.any()]

    def exponent(rows: list[np.ndarray], fewest: int = 1) -> float:
        pooled = np.sort(np.concatenate(rows))
        count = int(share * len(pooled) * n / omega.shape[2])
        if not fewest <= count < len(pooled) or not pooled[0] > 0:
            return np.nan
        return float(count / np.log(pooled[count] / pooled[:count]).sum() - 1)

    value = exponent(samples, FEWEST)  # the same with a sample left out may have fewer: its scatter is still the error
    left_out = [exponent(samples[:k] + samples[k + 1 :]) for k in range(len(samples))] if len(samples) > 1 else []
    error = float(np.sqrt(len(samples) - 1) * np.std(left_out)) if left_out and np.isfinite(value) else np.nan
    return {
        "share": share,
        "exponent": value if np.isfinite(value) else None,
        "stderr": error if np.isfinite(error) else None,
    }


def _scaling(groups: list[dict[str, Any]]) -> dict[str, float | None]:
    """Exponent x of <lambda_min> ~ N^x over the sizes: weighted straight line through the logarithms."""
    rows = [
        (np.log(group["n"]), np.log(mean), error / mean)
        for group in groups
        for mean, error in [(group["lambda_min"]["mean"], group["lambda_min"]["stderr"])]
        if mean and error and mean > 0
    ]
    if len(rows) < 2:
        return {"exponent": None, "stderr": None}
    x, y, sigma = np.array(rows).T
    weight = sigma**-2
    centre = (weight * x).sum() / weight.sum()
    spread = (weight * (x - centre) ** 2).sum()
    return {"exponent": float((weight * (x - centre) * y).sum() / spread), "stderr": float(spread**-0.5)}
