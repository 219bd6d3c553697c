"""The command ``nsim``: one subcommand per file in `nsim.commands`.

Results go to stdout (one JSON object with ``--json``), everything else to stderr. Heavy imports wait until a command
needs them.
"""

from __future__ import annotations

import click

from nsim.command_line import run_command
from nsim.commands.correlations_command import correlations
from nsim.commands.estimate_command import estimate
from nsim.commands.export_command import export
from nsim.commands.ground_states_command import ground_states
from nsim.commands.landscape_command import landscape
from nsim.commands.merge_command import merge
from nsim.commands.run_command import run
from nsim.commands.spectrum_command import spectrum
from nsim.commands.status_command import status
from nsim.commands.summary_command import summary


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="solvable-glass")
def cli() -> None:
    """Simulate the Kuehn-Horstmann glass at finite N: draw couplings, relax particles to minima, measure them.

    Exit status: 0 done; 1 some tasks failed, or an internal error; 2 bad input; 3 some states did not converge; 85
    stopped, the same command continues (or begins anew, if it keeps nothing).
    """


for command in (run, status, summary, ground_states, correlations, estimate, landscape, spectrum, merge, export):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    run_command(cli, "nsim", arguments)
