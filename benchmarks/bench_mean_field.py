"""Wall time of the mean-field solvers against a plain fixed-point iteration, in one run.

The peer is what one writes first: the RS equations KH98 (9) at T = 0 on a uniform grid of Gaussian
fields, the minimum of U_eff from the closed-form cubic, C by parts, iterated until q and C stand
still. It needs a fine grid because of the jump of v* at h = 0, and its error is printed beside its time.
The limit for one RS evaluation is the time for the exponentials of its quadrature nodes alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from meanfield.model import Model
from meanfield.replicas.replica_symmetric import averages
from meanfield.replicas.solver import solve
from meanfield.sites.single_site import global_minimum


def fixed_point(gamma: float, grid: int = 20_001, tolerance: float = 1e-10) -> tuple[float, float, int]:
    """RS at T = 0, J0 = F = 0 by plain iteration: q, C and the number of iterations."""
    z = np.linspace(-9.0, 9.0, grid + 1)[:-1] + 9.0 / grid  # midpoints, so that none sits on the jump
    weight = np.exp(-0.5 * z * z) * (18.0 / grid) / np.sqrt(2.0 * np.pi)
    q, C = 10.0, 0.8
    iterations, change = 0, np.inf
    while change > tolerance and iterations < 10_000:
        iterations += 1
        v = global_minimum(np.sqrt(q) * z, C, 1.0, 1.0, gamma)
        new_q, new_C = float(weight @ v**2), float(weight @ (z * v)) / np.sqrt(q)
        change = abs(new_q / q - 1.0) + abs(new_C / C - 1.0)
        q, C = new_q, new_C
    return q, C, iterations


def best_of(repeats: int, function: Callable[[], object]) -> float:
    """Shortest of several wall times, in seconds: the others measure the machine's other guests."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print a table: time per solve, ratio to the peer, error."""
    model = Model(gamma=4.0)
    reference = solve(model, "rs")
    q, _, iterations = fixed_point(4.0)
    plain = best_of(3, lambda: fixed_point(4.0))
    rs = best_of(20, lambda: solve(model, "rs"))
    polarised = best_of(5, lambda: solve(Model(gamma=1.0, j0=3.0), "rs"))
    thermal = best_of(5, lambda: solve(model, "rs", 5.0))
    one_step = best_of(5, lambda: solve(model, "1rsb"))
    two_steps = best_of(3, lambda: solve(model, "krsb", steps=2))
    full = solve(model, "frsb")
    full_time = best_of(1, lambda: solve(model, "frsb"))
    relative = full.error / abs(full.free_energy)
    evaluation = best_of(50, lambda: averages(model, 0.0, 0.0, float(reference.q[0]), reference.C))
    exponents = -np.linspace(0.0, 40.0, 10 * 16)
    limit = best_of(50, lambda: np.exp(exponents))
    error = abs(q / reference.q[0] - 1.0)
    print(f"{'solve, gamma = 4':<44}{'ms':>10}{'plain/this':>12}")
    print(f"{f'plain iteration ({iterations} steps, error of q {error:.0e})':<44}{1e3 * plain:>10.2f}{1.0:>12.1f}")
    for name, seconds in (
        (f"RS, T = 0 (residual {reference.residual:.0e})", rs),
        ("RS, T = 5", thermal),
        ("RS, T = 0, gamma = 1, J0 = 3, all solutions", polarised),
        ("1RSB, T = 0", one_step),
        ("two steps, T = 0", two_steps),
        (f"full RSB, T = 0 (error {relative:.0e} of e)", full_time),
    ):
        print(f"{name:<44}{1e3 * seconds:>10.2f}{plain / seconds:>12.1f}")
    print(f"{'one RS evaluation, T = 0':<44}{1e3 * evaluation:>10.3f}")
    print(f"{'its exponentials alone (the limit)':<44}{1e3 * limit:>10.4f}")


if __name__ == "__main__":
    main()
