"""A TOML file that somebody wrote, read so that every mistake is one line with the file's name."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from nsim.errors import InputError, reason

T = TypeVar("T")


def read(path: Path, kind: str, parse: Callable[[dict[str, Any]], T]) -> T:
    """What ``parse`` makes of the file; every line of an `InputError` begins with ``kind`` and the file's name."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{kind} {path}: {reason(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{kind} {path}: not valid TOML: {error}") from None
    try:
        return parse(data)
    except InputError as error:
        raise InputError("\n".join(f"{kind} {path}: {line}" for line in str(error).splitlines())) from None
