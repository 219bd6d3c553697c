r"""Every stationary point of a tiny system by following all complex roots: an enumeration sharing no code with nsim.

dU/dv_i = 0 are N cubic equations whose highest terms are the pure cubes u v_i^3, u = a4/(6 gamma), so that there is no
root at infinity and exactly 3^N complex ones, with multiplicity. The homotopy

    H(v, t) = (1 - t) c u (v_i^3 - b_i) + t dU/dv_i,    t from 0 to 1,    c and b_i random complex numbers

carries the 3^N roots at t = 0 to all of them (Sommese and Wampler, The Numerical Solution of Systems of Polynomials,
World Scientific 2005). Real roots are kept. Feasible up to N = 8 or 10.
"""

import itertools

import numpy as np


def all_stationary_points(J: np.ndarray, gamma: float, a2: float, a4: float, field: float, seed: int = 0) -> np.ndarray:
    """All real solutions of dU/dv = 0, shape (points, N)."""
    n = len(J)
    u = a4 / (6 * gamma)
    rng = np.random.default_rng(seed)
    c = np.exp(2j * np.pi * rng.random())
    b = (6 * gamma / a4) ** 1.5 * np.exp(2j * np.pi * rng.random(n))  # roots at t = 0 as large as those at t = 1
    cubes = b ** (1 / 3)
    unity = np.exp(2j * np.pi * np.arange(3) / 3)
    v = np.array(list(itertools.product(unity, repeat=n))) * cubes
    linear = np.diag(np.full(n, a2 / gamma)) - J

    def parts(v, t):
        start, target = c * u * (v**3 - b), u * v**3 + v @ linear - field
        jacobian = t[:, None, None] * linear + np.zeros((len(v), n, n), complex)
        jacobian[:, np.arange(n), np.arange(n)] += 3 * u * v**2 * ((1 - t) * c + t)[:, None]
        return (1 - t)[:, None] * start + t[:, None] * target, target - start, jacobian

    def solve(jacobian, right):
        return np.linalg.solve(jacobian, right[..., None])[..., 0]

    t, step = np.zeros(len(v)), np.full(len(v), 0.02)
    with np.errstate(all="ignore"):
        while len(left := np.flatnonzero(t < 1)):
            now, h = t[left], np.minimum(step[left], 1 - t[left])
            _, slope, jacobian = parts(v[left], now)
            k1 = -solve(jacobian, slope)
            _, slope, jacobian = parts(v[left] + h[:, None] / 2 * k1, now + h / 2)
            predicted = v[left] - h[:, None] * solve(jacobian, slope)
            trial, size = predicted, np.sqrt(6 * gamma / a4)
            moves = []
            for _ in range(3):
                value, _, jacobian = parts(trial, now + h)
                move = solve(jacobian, value)
                trial = trial - move
                moves.append(np.abs(move).max(axis=1))
            # A corrector that moves far, or does not converge, may have jumped to another path.
            good = (moves[0] < 1e-3 * size) & (moves[2] < 1e-9 * size)
            v[left[good]], t[left[good]] = trial[good], (now + h)[good]
            step[left] = np.where(good, 1.5 * h, 0.5 * h)
            assert step[left].min() > 1e-9, "a path is singular"
    for _ in range(3):
        value, _, jacobian = parts(v, t)
        v = v - solve(jacobian, value)
    assert len(np.unique(np.round(v, 6), axis=0)) == 3**n, "two paths have met"
    return v[np.abs(v.imag).max(axis=1) < 1e-8].real


def index(J: np.ndarray, gamma: float, a2: float, a4: float, v: np.ndarray) -> int:
    """Negative eigenvalues of the Hessian."""
    return int((np.linalg.eigvalsh(np.diag((a2 + a4 / 2 * v**2) / gamma) - J) < 0).sum())
