"""Wall time of the RS phase diagram at T = 0 against a grid of fields with bisection, in one run.

The peer is what one writes first for one point of one line: at given J0 the largest 1/gamma at which U_eff has
two wells, by bisection, every trial a plain fixed-point iteration of p, q and C on a uniform grid of Gaussian
fields from a polarised start. Its time for one point is held against the time of the whole diagram per point.
"""

from __future__ import annotations

import time

import numpy as np

from meanfield.model import Model
from meanfield.phases.phase_diagram import phase_diagram
from meanfield.sites.single_site import global_minimum

TRIALS = 24


def polarised_response(gamma: float, j0: float, grid: int = 4000, tolerance: float = 1e-9) -> float:
    """C of the polarised RS state at T = 0 by plain iteration."""
    z = np.linspace(-9.0, 9.0, grid + 1)[:-1] + 9.0 / grid
    weight = np.exp(-0.5 * z * z) * (18.0 / grid) / np.sqrt(2.0 * np.pi)
    p, q, C, change = 3.0, 10.0, 0.5, np.inf
    iterations = 0
    while change > tolerance and iterations < 5000:
        iterations += 1
        v = global_minimum(j0 * p + np.sqrt(q) * z, C, 1.0, 1.0, gamma)
        new = float(weight @ v), float(weight @ v**2), float(weight @ (z * v)) / np.sqrt(q)
        change = max(abs(a / b - 1.0) for a, b in zip(new, (p, q, C), strict=True))
        p, q, C = new
    return C


def bisected_point(j0: float, low: float, high: float) -> float:
    """Gamma at which double wells begin, between ``low`` and ``high``."""
    for _ in range(TRIALS):
        gamma = 0.5 * (low + high)
        low, high = (low, gamma) if polarised_response(gamma, j0) > 1.0 / gamma else (gamma, high)
    return 0.5 * (low + high)


def main() -> None:
    """Print the time of the whole diagram, per point, and of one point of the peer with its error."""
    begin = time.perf_counter()
    diagram = phase_diagram(Model(), points=40)
    seconds = time.perf_counter() - begin
    points = sum(line.points["p"].size for line in diagram.lines)
    wells = next(one.points for one in diagram.lines if one.name == "double-wells" and np.any(one.points["p"] > 1.0))
    k = int(np.argmin(np.abs(wells["j0"] - 1.5)))
    j0, exact = float(wells["j0"][k]), float(wells["gamma"][k])
    begin = time.perf_counter()
    found = bisected_point(j0, 0.8 * exact, 1.2 * exact)
    plain = time.perf_counter() - begin
    print(f"{'RS phase diagram, T = 0':<52}{'s':>10}{'plain/this':>12}")
    print(f"{f'one point by bisection (error {abs(found / exact - 1):.0e})':<52}{plain:>10.4f}{1.0:>12.1f}")
    print(
        f"{'one point by continuation (residual 1e-13)':<52}{seconds / points:>10.4f}{plain * points / seconds:>12.1f}"
    )
    print(f"{f'all {len(diagram.lines)} lines, {points} points, with the search for them':<52}{seconds:>10.4f}")


if __name__ == "__main__":
    main()
