"""``pytest --seed-scan K``: statistical tests at K seeds, and the distribution of their p-values.

A statistical test takes the fixture ``seeds`` (one fixed seed in the ordinary suite) and ``p_values``, a list to which
it adds the p-value of every comparison with something exact. With ``--seed-scan`` nothing is judged test by test: the
p-values of an exact test are flat between 0 and 1, and what is not flat shows in the summary, by its Kolmogorov-Smirnov
distance. An anticonservative test (errors too small) piles up at 0, one with errors too large at 1.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

SEED = 2026  # of the ordinary suite
BINS = 10
REJECTED = 1e-3  # of the Kolmogorov-Smirnov test: not flat

_found = pytest.StashKey[dict[str, list[float]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed-scan",
        type=int,
        default=0,
        metavar="K",
        help="run statistical tests at K seeds and print the distribution of their p-values",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_found] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A scan runs the tests that can be scanned, and no others."""
    if config.getoption("--seed-scan"):
        chosen = [item for item in items if "p_values" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> list[int]:
    """The seeds a statistical test is to run at."""
    count = request.config.getoption("--seed-scan")
    return [SEED + 1 + at for at in range(count)] if count else [SEED]


@pytest.fixture
def p_values(request: pytest.FixtureRequest) -> list[float]:
    """Where a test leaves the p-values of its comparisons with exact results."""
    return request.config.stash[_found].setdefault(request.node.name, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--seed-scan"):
        return
    terminalreporter.section("p-values of statistical tests")
    for name, values in config.stash[_found].items():
        if values:
            terminalreporter.write_line(describe(name, values))


def describe(name: str, values: list[float]) -> str:
    """One line: how many p-values fall into each tenth, and whether that is flat."""
    p = np.asarray(values, float)
    counts = np.histogram(p, np.linspace(0, 1, BINS + 1))[0]
    flat = float(kstest(p, "uniform").pvalue)
    verdict = "flat" if flat > REJECTED else "NOT FLAT"
    return (
        f"{name}: {len(p)} p-values, tenths {' '.join(map(str, counts))}, Kolmogorov-Smirnov p = {flat:.2g}: {verdict}"
    )
