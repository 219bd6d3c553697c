r"""Exact means of the traces of powers of J at finite N, by counting closed walks.

    E Tr J^k = sum over closed walks i_1 i_2 ... i_k i_1 of E[J_{i1 i2} J_{i2 i3} ... J_{ik i1}]

Which sites of a walk are the same is a partition of its k steps into b blocks, (N)_b = N (N-1) ... (N-b+1) walks
sharing it. Those with the same site at two steps in a row have no weight, since J_ii = 0. Of the others the bonds are
independent, and a bond that is crossed c times brings E[J_ij^c], J_ij of mean m and variance s^2:

    E[J_ij^c] = sum_u binom(c, 2u) (2u - 1)!! m^{c - 2u} s^{2u}.

There are 4140 partitions of 8 steps (the Bell numbers), far fewer kinds of walks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import cache


@cache
def walks(length: int) -> dict[tuple[int, tuple[int, ...]], int]:
    """Number of partitions of a closed walk, by its number of sites and how often each of its bonds is crossed."""
    kinds: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for sites in _partitions(length):
        bonds = Counter(frozenset((sites[step - 1], sites[step])) for step in range(length))
        kinds[max(sites) + 1, tuple(sorted(bonds.values()))] += 1
    return dict(kinds)


def _partitions(length: int) -> Iterator[tuple[int, ...]]:
    """Sites of closed walks, numbered as they appear; no site twice in a row."""

    def extend(sites: tuple[int, ...], new: int) -> Iterator[tuple[int, ...]]:
        if len(sites) == length:
            if sites[-1] != sites[0]:
                yield sites
            return
        for site in range(new + 1):
            if not sites or site != sites[-1]:
                yield from extend((*sites, site), max(new, site + 1))

    return extend((), 0)


def mean_trace(power: int, n: int, mean: float, variance: float) -> float:
    """E Tr J^power for J symmetric, zero diagonal, J_ij (i < j) normal with ``mean`` and ``variance``; power >= 2."""
    moment = [
        sum(
            math.comb(crossed, 2 * u) * math.prod(range(1, 2 * u, 2)) * mean ** (crossed - 2 * u) * variance**u
            for u in range(crossed // 2 + 1)
        )
        for crossed in range(power + 1)
    ]
    return math.fsum(
        count * math.perm(n, sites) * math.prod(moment[crossed] for crossed in bonds)
        for (sites, bonds), count in walks(power).items()
    )
