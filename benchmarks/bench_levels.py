"""Quantum levels and specific heat of local potentials against numpy.linalg.eigh on a plain grid, in one run.

The peer is what one writes first: second differences on one uniform grid of 600 points that is wide enough for every
potential, all its eigenvectors, and sums over all levels. Its errors are printed beside its time; a finer grid costs
the third power. It is timed on a few potentials and scaled.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from meanfield.quantum.levels import levels
from meanfield.quantum.thermodynamics import thermodynamics
from meanfield.sites.local_potentials import LocalPotentials

Array = NDArray[np.float64]
GAMMA, HBAR2_OVER_M = 4.0, 0.1


def plain_levels(h: float, C: float, points: int = 600) -> Array:
    """All levels above the lowest grid value of U_eff, from a uniform grid."""
    v = np.linspace(-16.0, 16.0, points)
    potential = -h * v - 0.5 * C * v**2 + (0.5 * v**2 + v**4 / 24.0) / GAMMA
    off = np.full(points - 1, -0.5 * HBAR2_OVER_M / (v[1] - v[0]) ** 2)
    matrix = np.diag(potential - 2.0 * off[0]) + np.diag(off, 1) + np.diag(off, -1)
    return np.linalg.eigh(matrix)[0]


def plain_specific_heat(h: float, C: float, T: Array) -> Array:
    """C(T) of one potential by sums over all levels of the grid."""
    E = plain_levels(h, C)
    weight = np.exp(-(E - E[0])[None, :] / T[:, None])
    weight /= weight.sum(axis=1, keepdims=True)
    return (weight @ E**2 - (weight @ E) ** 2) / T**2


def main() -> None:
    """Print a table: time, ratio to the peer, error."""
    rng = np.random.default_rng(1)
    h, C = rng.normal(0.0, 5.7, 100_000), rng.normal(0.6, 0.15, 100_000)
    T = np.geomspace(1e-3, 10.0, 200)
    few, some = 20, slice(0, 2000)
    ensemble = LocalPotentials.from_arrays(h=h, C=C, gamma=GAMMA)
    levels(h[:10], C[:10], gamma=GAMMA, hbar2_over_m=HBAR2_OVER_M, n=20)
    small = LocalPotentials.from_arrays(h=h[:500], C=C[:500], gamma=GAMMA)
    for method in ("direct", "table"):
        thermodynamics(small, HBAR2_OVER_M, T, method)  # compiles

    start = time.perf_counter()
    plain = np.array([plain_levels(h[i], C[i])[:20] for i in range(few)])
    plain_time = (time.perf_counter() - start) * 2000 / few
    start = time.perf_counter()
    ours = levels(h[some], C[some], gamma=GAMMA, hbar2_over_m=HBAR2_OVER_M, n=20)
    our_time = time.perf_counter() - start
    checked = levels(h[some], C[some], gamma=GAMMA, hbar2_over_m=HBAR2_OVER_M, n=20, estimate_error=True)
    assert checked.error is not None
    error = np.max(checked.error / checked.heights)
    plain_error = np.max(np.abs(plain - ours.absolute[:few]) / ours.heights[:few])
    print(f"{'2000 potentials, 20 levels':<44}{'s':>10}{'plain/this':>12}{'error':>10}")
    print(f"{'numpy.linalg.eigh, 600 points':<44}{plain_time:>10.2f}{1.0:>12.1f}{plain_error:>10.0e}")
    print(f"{'meanfield.quantum.levels':<44}{our_time:>10.2f}{plain_time / our_time:>12.0f}{error:>10.0e}")

    start = time.perf_counter()
    for i in range(few):
        plain_specific_heat(h[i], C[i], T)
    plain_time = (time.perf_counter() - start) * h.size / few
    start = time.perf_counter()
    found = thermodynamics(ensemble, HBAR2_OVER_M, T)
    our_time = time.perf_counter() - start
    error = np.max(found.error / found.specific_heat)
    print(f"{'C(T) at 200 temperatures, 100000 potentials':<44}{'s':>10}{'plain/this':>12}{'error':>10}")
    print(f"{'numpy.linalg.eigh and level sums':<44}{plain_time:>10.0f}{1.0:>12.1f}{'':>10}")
    print(f"{'meanfield.quantum.thermodynamics':<44}{our_time:>10.2f}{plain_time / our_time:>12.0f}{error:>10.0e}")


if __name__ == "__main__":
    main()
