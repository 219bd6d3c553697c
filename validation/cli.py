"""The command ``validation``: reports, figures, simulated sites as local potentials, studies, finite sizes.

Results go to stdout (one JSON object with ``--json``), everything else to stderr. Heavy imports wait until a command
needs them.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nsim.command_line import first_rank_only, run_command
from nsim.errors import ExitStatus
from validation.figures.commands import figures, local_potentials, thermodynamics
from validation.finite_size_command import finite_size
from validation.study.study_command import study

if TYPE_CHECKING:
    from validation.verdicts.comparison import Comparison


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="solvable-glass")
def cli() -> None:
    """Compare simulated glasses with mean-field theory, with verdicts.

    Exit status: 0 done, whatever the verdicts; 1 a check failed (with --strict), some tasks of a study failed, or an
    internal error; 2 bad input; 3 a mean-field solution did not converge; 85 stopped, the same command continues (or
    begins anew, if it keeps nothing).
    """


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory of the report.")
@click.option("--strict", is_flag=True, help="End with status 1 if a check fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
@first_rank_only
def report(directory: Path, out: Path, strict: bool, as_json: bool) -> ExitStatus:
    """Compare the run in DIRECTORY with RS, 1RSB and full RSB theory; write report.html and report.json into --out.

    Every observable is compared per N and extrapolated to N = infinity; errors hold next-order terms and undecided
    exponents, as those of validation finite-size. A verdict is given only where the outcome is known beforehand: where
    RS is exact simulation must agree with it, in the glass it must differ from RS in known ways.
    """
    from validation.report.page import write
    from validation.simulation import Simulation
    from validation.verdicts.comparison import compare_run

    comparison = compare_run(Simulation.open(directory))
    data = write(comparison, out, shlex.join(["validation", *sys.argv[1:]]))
    if as_json:
        click.echo(json.dumps(data, allow_nan=False))
    else:
        _print_table(comparison)
        click.echo(data["headline"])
        click.echo(f"report: {out / 'report.html'}")
    problems: dict[str, list[str]] = {}
    for theory in comparison.mean_field.theories.values():
        if theory.problem:
            problems.setdefault(theory.problem, []).append(theory.label)
    for problem, labels in problems.items():
        click.echo(f"validation: warning: {', '.join(labels)}: {problem}", err=True)
    if strict and comparison.verdict == "fail":
        return ExitStatus.FAILED
    return ExitStatus.DONE if comparison.converged else ExitStatus.NOT_CONVERGED


cli.add_command(figures)
cli.add_command(local_potentials)
cli.add_command(thermodynamics)


def _print_table(comparison: Comparison) -> None:
    from pandas import DataFrame, MultiIndex
    from rich.console import Console
    from rich.text import Text

    from nsim.commands.table_text import table_text
    from validation.quantities import label
    from validation.report.words import told, with_error, z_text

    theories = comparison.mean_field.theories
    warm = bool(comparison.equilibrium)
    title = f"{comparison.simulation.path}: simulation against theory{'' if warm else ' at T = 0'}"
    keys = ["observable", *(["T"] if warm else []), "N"]
    columns = [("simulation", ""), ("verdict", "")]  # in a narrow terminal the verdicts come first
    columns += [(theory.label, name) for theory in theories.values() for name in ("theory", "z", "expected")]
    index, rows = [], []
    # Rows at finite N or T > 0 are told only where they test something: others differ by a finite-size shift, or p = 0.
    for check in [*comparison.checks, *comparison.thermal_checks]:
        open_or_trivial = check.verdict == "not tested" or (check.verdict == "pass" and comparison.trivial(check))
        if (check.n is not None or check.temperature > 0) and open_or_trivial and comparison.limits:
            continue
        temperature = [f"{check.temperature:.4g}"] if warm else []
        index.append((label(check.observable), *temperature, "∞" if check.n is None else str(check.n)))
        row = [with_error(check.simulation, check.stderr), check.verdict]
        for name in theories:
            row += [
                told(check.prediction[name], check.prediction_error[name]),
                z_text(check.z[name]),
                check.expected[name] or "-",
            ]
        rows.append(row)
    checks = MultiIndex.from_frame(DataFrame(index, columns=keys))
    frame = DataFrame(rows, index=checks, columns=MultiIndex.from_tuples(columns))
    text = Text(table_text(frame))
    for verdict, colour in (("pass", "green"), ("fail", "bold red"), ("not tested", "dim")):
        text.highlight_regex(rf"(?<=  ){verdict}\b", colour)
    click.echo(title)
    Console().print(text, soft_wrap=True)


cli.add_command(study)
cli.add_command(finite_size)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    run_command(cli, "validation", arguments)
