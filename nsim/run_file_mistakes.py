"""Mistakes in a run file as one line each: the key, what is wrong with its value, the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel

STIFFNESS = ["model", "a2"]  # a table of two kinds
LONGEST = 100  # characters of a value that are shown


def one_line_each(errors: Sequence[Any], table: type[BaseModel]) -> list[str]:
    """One line per mistake that pydantic found in a ``table`` of tables.

    A key that was only misspelt is not reported as missing, too.
    """
    unknown = [_keys(error) for error in errors if error["type"] == "extra_forbidden"]
    misspelt = [[*keys[:-1], _nearest(keys, table)] for keys in unknown]
    mixed = any(keys[:-1] == STIFFNESS and keys == misspelt[at] for at, keys in enumerate(unknown))
    kept = (
        error
        for error in errors
        if error["type"] != "missing" or not (_keys(error) in misspelt or (mixed and _keys(error)[:-1] == STIFFNESS))
    )
    return list(dict.fromkeys(line for error in kept for line in _lines(error, table)))


def _lines(error: Any, table: type[BaseModel]) -> list[str]:
    """The key, what is wrong with its value, and the nearest known key; a line for each of the mistakes of a table."""
    keys = _keys(error)
    key = ".".join(keys) or "run file"
    if error["type"] == "extra_forbidden":
        if keys[:-1] == STIFFNESS and keys[-1] in _known_keys(STIFFNESS, table):
            return ["model.a2: give either mean and std, or low and high"]
        nearest = _nearest(keys, table)
        hint = f"did you mean {nearest!r}?" if nearest else f"known here: {', '.join(_known_keys(keys[:-1], table))}"
        return [f"{_shown(key)}: unknown key; {hint}"]
    if error["type"] == "missing":
        return [f"{key}: missing; it has no default"]
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if error["type"] in ("model_type", "dict_type"):
        message = "must be a table"
    value = error["input"]
    shown = "" if isinstance(value, dict | BaseModel) else f" = {_shown(repr(value))}"
    prefix = "" if key == "run file" and error["type"] == "value_error" else f"{_shown(key)}{shown}: "
    return [f"{prefix}{line}" for line in message.splitlines()]


def _shown(text: str) -> str:
    """On one line, and not too long for it."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def _keys(error: Any) -> list[str]:
    """Where the mistake is."""
    return [str(part) for part in error["loc"] if not str(part).startswith("~")]


def _nearest(keys: list[str], table: type[BaseModel]) -> str | None:
    """The known key an unknown one is likely to mean."""
    nearest = difflib.get_close_matches(keys[-1].lower(), _known_keys(keys[:-1], table), n=1, cutoff=0.5)
    return nearest[0] if nearest else None


def _known_keys(path: list[str], table: type[BaseModel]) -> list[str]:
    """Names allowed in the table at ``path`` below ``table``."""
    if path == STIFFNESS:
        return ["mean", "std", "low", "high"]
    for key in path:
        annotation = table.model_fields[key].annotation
        kinds = (annotation, *get_args(annotation))  # `Table | None` has its table among the arguments
        table = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return [name for name in table.model_fields if name != "merged"]  # which is not for people
