"""Exact means of traces: every walk enumerated, semicircle moments, and the sums of powers of eigenvalues."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from validation.statistics.closed_walks import mean_trace, walks
from validation.statistics.coupling_controls import exact_means, exact_moments


def moment(power: int, m: float, s2: float) -> float:
    """E[x^power] of a normal number, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    return float(weights @ (m + math.sqrt(s2) * nodes) ** power / math.sqrt(2 * math.pi))


@pytest.mark.parametrize(("n", "power"), [(4, 2), (4, 3), (4, 4), (5, 5), (4, 6), (3, 7), (3, 8), (4, 8)])
def test_every_walk_of_few_sites(n: int, power: int) -> None:
    """E Tr J^k from its definition: moments of each bond times how often a walk crosses it."""
    m, s2 = 1.7 / n, 1 / n
    moments = [moment(crossed, m, s2) for crossed in range(power + 1)]
    total = 0.0
    for sites in itertools.product(range(n), repeat=power):
        bonds = [frozenset(pair) for pair in zip(sites, (*sites[1:], sites[0]), strict=True)]
        if all(len(bond) == 2 for bond in bonds):
            total += math.prod(moments[bonds.count(bond)] for bond in set(bonds))
    assert mean_trace(power, n, m, s2) == pytest.approx(total, rel=1e-10)


def test_semicircle_for_many_sites() -> None:
    """(1/N) E Tr J^2k tends to the Catalan numbers, odd powers vanish by symmetry."""
    np.testing.assert_allclose(exact_means(10**7), [0, 1, 0, 2, 0, 5, 0, 14], rtol=1e-5)


def test_all_partitions_are_walked() -> None:
    """Partitions of a cycle of 8 steps with no two neighbours in one block: 715 = sum_b of chromatic numbers."""
    # Partitions of the cycle C_k into b independent sets number B(k - 1) - B(k - 2) + ... (alternating Bell numbers).
    bell = [1, 1, 2, 5, 15, 52, 203, 877]
    for power in range(2, 9):
        expected = sum((-1) ** step * bell[power - 1 - step] for step in range(power - 1))
        assert sum(walks(power).values()) == expected, power


def test_traces_are_sums_of_powers_of_eigenvalues() -> None:
    J = np.random.default_rng(1).standard_normal((9, 9))
    J += J.T
    eigenvalues = np.linalg.eigvalsh(J)
    expected = [J.sum(), *((eigenvalues**power).sum() for power in range(2, 9))]
    np.testing.assert_allclose(exact_moments(J), np.array(expected) / 9, rtol=1e-10)
