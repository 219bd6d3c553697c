"""One thread everywhere, before numpy is imported; fixed examples for hypothesis; run directories made small."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# Hooks and fixtures of --seed-scan.
from tests.seed_scan import (  # noqa: F401
    p_values,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_terminal_summary,
    seeds,
)

hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("fixed")


@pytest.fixture
def run_dict() -> Callable[..., dict]:
    """A small, valid run as a dictionary; keyword ``section__key`` replaces one entry."""

    def make(**changes: object) -> dict:
        run: dict = {
            "seed": 11,
            "model": {"gamma": 4.0},
            "ensemble": {"n": [12, 20], "samples": [6, 4], "replicas": 3, "batch": 2},
            "protocol": {"kind": "quench"},
        }
        for path, value in changes.items():
            section, _, key = path.partition("__")
            if key:
                run.setdefault(section, {})[key] = value
            else:
                run[section] = value
        return run

    return make


@pytest.fixture
def write_toml(tmp_path: Path) -> Callable[[dict], Path]:
    """Write a run dictionary as a run file."""

    def value(x: object) -> str:
        if isinstance(x, bool):
            return str(x).lower()
        if isinstance(x, dict):
            return "{" + ", ".join(f"{k} = {value(v)}" for k, v in x.items()) + "}"
        if isinstance(x, list):
            return "[" + ", ".join(map(value, x)) + "]"
        return f'"{x}"' if isinstance(x, str) else repr(x)

    def write(run: dict, name: str = "run.toml") -> Path:
        top = [f"{key} = {value(x)}" for key, x in run.items() if not isinstance(x, dict)]
        for section, table in run.items():
            if isinstance(table, dict):
                top += [f"[{section}]", *(f"{key} = {value(x)}" for key, x in table.items())]
        path = tmp_path / name
        path.write_text("\n".join(top) + "\n")
        return path

    return write
