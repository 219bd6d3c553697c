"""What ``meanfield solve`` prints and writes of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meanfield.commands.ending import finish

if TYPE_CHECKING:
    from meanfield.replicas.sweep import Sweep


def end(sweep: Sweep, seconds: float, as_json: bool, out: str | None, plot: str | None) -> int:
    """Files, table or JSON, and the exit status."""

    def draw(path: str) -> None:
        from meanfield.commands import sweep_picture

        sweep_picture.save(sweep, path)

    failed = sum(not s.converged for s in sweep.solutions)
    failure = "" if sweep.converged else f"{failed} of {len(sweep.solutions)} points not converged"
    return finish(as_json, sweep.to_dict, lambda: show(sweep, seconds), failure, (out, sweep.save), (plot, draw))


def show(sweep: Sweep, seconds: float) -> None:
    """One row per point."""
    from pandas import DataFrame

    from meanfield.commands.table_text import table_text

    axes = [name for name in ("gamma", "temperature", "j0") if len(getattr(sweep, name)) > 1]
    columns = ["free_energy", "p", "q_K", "C", "replicon"]
    rows = []
    for solution in sweep.solutions:
        row = {**solution.to_dict(), "q_K": float(solution.q[-1])}
        numbers = ["-" if row[name] is None else f"{row[name]:.8g}" for name in columns]
        state = "" if solution.converged else "NOT CONVERGED"
        rows.append([*(f"{row[name]:.6g}" for name in axes), solution.phase, *numbers, state])
    table = DataFrame(rows, columns=[*axes, "phase", *columns, "state"])
    if sweep.converged:
        table = table.drop(columns="state")
    click.echo(sweep.ansatz)
    click.echo(table_text(table.set_index([*axes, "phase"])))
    click.echo(f"{seconds:.3f} s")
