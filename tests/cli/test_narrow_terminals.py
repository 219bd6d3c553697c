"""Tables in a terminal of 80 columns: no number and no name is cut."""

from __future__ import annotations

import re
from types import ModuleType

import click
import pytest
from rich.table import Table

import meanfield.commands.whole_tables
import nsim.commands.whole_tables
from meanfield.cli import cli as meanfield_cli
from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.cli import cli as nsim_cli
from nsim.parallel.ranks import SerialRanks
from validation.cli import cli as validation_cli

COLUMNS = 80


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed goes to a terminal of 80 columns, as far as rich can tell."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))


def lines_of(out: str) -> list[str]:
    """The printed lines without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()


def lines_of_tables(lines: list[str]) -> list[str]:
    return [line for line in lines if line[:1] in "┏┃┡│├└"]


def printed(command: click.Command, arguments: list[object], capsys: pytest.CaptureFixture[str]) -> list[str]:
    command.main([str(argument) for argument in arguments], standalone_mode=False)
    return lines_of(capsys.readouterr().out)


@pytest.mark.parametrize("package", [nsim.commands.whole_tables, meanfield.commands.whole_tables])
def test_a_wide_table_is_told_in_parts(package: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title="a title of more than eighty characters " * 3)
    for column in range(12):
        table.add_column(f"a name of column {column}", justify="right")
    for row in range(3):
        table.add_row(*(f"{100 * row + column}.123456789" for column in range(12)), end_section=row == 0)
    package.print_whole(table, keys=(0, 1), groups=[(11, 2), *((column,) for column in range(3, 11))])
    lines = lines_of(capsys.readouterr().out)
    text = "\n".join(lines)
    assert "a title of more than eighty characters " * 3 in text
    assert all(f"{100 * row + column}.123456789" in text for row in range(3) for column in range(12))
    assert all(f"a name of column {column} ┃" in text for column in range(12))
    assert "…" not in text
    parts = text.split("┏")[1:]
    assert len(parts) == 9
    assert len(parts[0].splitlines()[0]) > COLUMNS - 1  # a group stays whole, wider than the terminal
    assert all(len(part.splitlines()[0]) < COLUMNS for part in parts[1:])
    assert all("a name of column 0 ┃" in part and "a name of column 1 ┃" in part for part in parts)
    assert all(part.count("├") == 1 for part in parts)


def test_a_narrow_table_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "value", title="small")
    table.add_row("x", "1.5")
    nsim.commands.whole_tables.print_whole(table)
    lines = lines_of(capsys.readouterr().out)
    assert len(lines_of_tables(lines)) == 5


def test_commands(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
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
    ):
        lines = printed(command, arguments, capsys)
        text = "\n".join(lines)
        assert "…" not in text
        for word in words:
            assert word in text, (arguments, word)
        assert max(len(line) for line in lines_of_tables(lines)) <= COLUMNS or "finite-size" in arguments
    capsys.readouterr()
