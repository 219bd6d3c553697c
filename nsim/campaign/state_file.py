"""A state on disk: a nested dictionary of arrays and plain values, sealed like a result, read without running code.

The file is a NumPy archive: arrays as they are, bit for bit and in their order of axes, and one entry ``tree``, the
JSON text of everything else, in which arrays are references to entries.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from nsim.campaign.seal import DamagedFileError, check_seal, write_sealed
from nsim.parallel.checkpoint import State

REFERENCE = "array in the file"


def write_state(path: Path, header: dict[str, Any], state: State) -> None:
    """Seal a state under a header that says what it belongs to; replaces ``path`` in one step, or not at all."""
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps([header, _without_arrays(state, arrays)])

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, tree=np.array(tree), **arrays)  # type: ignore[arg-type]

    write_sealed(path, write)


def read_state(path: Path) -> tuple[dict[str, Any], State]:
    """Header and state; raises `DamagedFileError` if the file is not one of these, or not whole."""
    check_seal(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            header, tree = json.loads(str(archive["tree"]))
            return header, _with_arrays(tree, archive)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DamagedFileError(f"{path} is damaged: {error}") from None


def _without_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value with references in place of arrays, which are collected."""
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {REFERENCE: name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {name: _without_arrays(part, arrays) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(part, arrays) for part in value]
    return value


def _with_arrays(tree: Any, archive: Any) -> Any:
    if isinstance(tree, dict):
        if REFERENCE in tree:
            return archive[tree[REFERENCE]]
        return {name: _with_arrays(part, archive) for name, part in tree.items()}
    return [_with_arrays(part, archive) for part in tree] if isinstance(tree, list) else tree
