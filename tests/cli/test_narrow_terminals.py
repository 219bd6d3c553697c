"""Tables in a terminal of 80 columns: no number and no name is cut."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import pytest
from pandas import DataFrame

from meanfield.cli import cli as meanfield_cli
from meanfield.commands.table_text import table_text as of_meanfield
from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.cli import cli as nsim_cli
from nsim.commands.table_text import table_text as of_nsim
from nsim.parallel.ranks import SerialRanks
from validation.cli import cli as validation_cli

COLUMNS = 80


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed goes to a terminal of 80 columns, as far as the commands can tell."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))


def texts(frame: DataFrame) -> set[str]:
    """All that a table tells: its cells, the labels of its rows and columns and their names."""
    labels = [*frame.index, *frame.columns]
    words = {str(word) for label in labels for word in (label if isinstance(label, tuple) else (label,))}
    names = {str(name) for name in (*frame.index.names, *frame.columns.names) if name is not None}
    return words | names | set(map(str, frame.to_numpy().ravel()))


def is_whole(text: str, inside: str) -> bool:
    return re.search(rf"(^|\s){re.escape(text)}($|\s)", inside, re.MULTILINE) is not None


def wide() -> DataFrame:
    """Twelve columns, two of them keys, the first alike in all rows; one column is wider than the terminal."""
    names = [f"a name of column {column}" for column in range(11)] + ["a name " * 13 + "of column 11"]
    rows = [["7.5", *(f"{100 * row + column}.123456789" for column in range(1, 12))] for row in range(3)]
    return DataFrame(rows, columns=names).set_index(names[:2])


@pytest.mark.parametrize("table_text", [of_nsim, of_meanfield])
def test_a_wide_table_is_told_in_parts(table_text: Callable[[DataFrame], str]) -> None:
    text = table_text(wide())
    assert "…" not in text
    assert "..." not in text
    assert all(is_whole(word, text) for word in texts(wide()))
    parts = text.split("\n\n")
    assert len(parts) == 6  # two columns beside the keys, the widest alone
    for part in parts[:-1]:
        assert max(len(line) for line in part.splitlines()) <= COLUMNS
    for part in parts:
        assert part.split().count("7.5") == 3  # every row says which it is
        keys = [f"{100 * row + 1}.123456789" for row in range(3)]
        assert all(is_whole(word, part) for word in ["a name of column 0", "a name of column 1", *keys])


@pytest.mark.parametrize("table_text", [of_nsim, of_meanfield])
def test_a_wide_table_is_one_where_it_is_piped(
    table_text: Callable[[DataFrame], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "__stdout__", io.StringIO())  # no terminal, whatever the tests write to
    lines = table_text(wide()).splitlines()
    assert len(lines) == 5
    assert all(is_whole(word, "\n".join(lines)) for word in texts(wide()))


@pytest.mark.parametrize("table_text", [of_nsim, of_meanfield])
def test_a_narrow_table_is_one(table_text: Callable[[DataFrame], str]) -> None:
    assert table_text(DataFrame({"value": ["1.5"]}, index=["x"])).split() == ["value", "x", "1.5"]


def test_commands(tmp_path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table that a command makes is printed, all of it, no line wider than the terminal."""
    made: list[tuple[DataFrame, str]] = []
    to_string = DataFrame.to_string

    def recorded(frame: DataFrame, *args: object, **kwargs: object) -> str:
        made.append((frame, to_string(frame, *args, **kwargs)))
        return made[-1][1]

    monkeypatch.setattr(DataFrame, "to_string", recorded)
    record = {
        "seed": 6,
        "model": {"gamma": 1.0, "j0": 2.0},  # RS is exact: solved in no time
        "ensemble": {"n": [12, 16, 20, 24, 28, 32], "samples": 12, "replicas": 2},
        "protocol": {"kind": "quench"},
    }
    run_campaign(run_file.parse(record), tmp_path / "run", SerialRanks())
    capsys.readouterr()
    for command, arguments, words in (
        (
            validation_cli,
            ["report", tmp_path / "run", "--out", tmp_path],
            ["response without jumps", "1RSB", "verdict", "lambda_min"],
        ),
        (validation_cli, ["finite-size", tmp_path / "run"], ["spread over fits", "best form"]),
        (nsim_cli, ["summary", tmp_path / "run"], ["double_well_fraction", "n = 32"]),
        (meanfield_cli, ["phase-diagram", "--points", "6"], ["almeida-thouless", "1.139100", "ansatz"]),
        (meanfield_cli, ["solve", "--ansatz", "rs", "--gamma", "1:4:2", "--j0", "0:2:2"], ["free_energy", "replicon"]),
        (meanfield_cli, ["solve", "--ansatz", "rs", "--gamma", "4", "--j0", "2"], ["double_well_fraction"]),
        (meanfield_cli, ["local-potentials", "--ansatz", "rs", "--gamma", "4"], ["fraction with two wells"]),
    ):
        made.clear()
        command.main([str(argument) for argument in arguments], standalone_mode=False)
        printed = capsys.readouterr().out
        assert made, arguments
        for frame, text in made:
            assert text in printed, arguments
            assert all(is_whole(word, text) for word in texts(frame)), arguments
            assert max(len(line) for line in text.splitlines()) <= COLUMNS, arguments
        for word in words:
            assert word in printed, (arguments, word)
