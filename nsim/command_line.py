"""How a command of this project starts and ends: threads, one clear line for every mistake, exit statuses."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from nsim.errors import ExitStatus, InputError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def run_command(command: click.Command, name: str, arguments: list[str] | None = None) -> None:
    """Run a command line and leave with its exit status. To be called before numpy is imported."""
    prepare_environment()
    try:
        code = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        code = ExitStatus.BAD_INPUT
    except click.ClickException as error:
        _complain(name, error.format_message())
        code = ExitStatus.BAD_INPUT
    except InputError as error:
        _complain(name, str(error))
        code = ExitStatus.BAD_INPUT
    except click.Abort:
        code = ExitStatus.RESUMABLE  # Ctrl-C where nothing handles it; what is sealed is kept
    sys.exit(int(code or 0))


def prepare_environment() -> None:
    """One thread per rank unless the user says otherwise; a place for compiled kernels that can be written."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"nsim-kernels-{os.getuid()}")


def _complain(name: str, text: str) -> None:
    from nsim.parallel.ranks import first_rank_by_environment  # brings numpy, which must come after the thread settings

    if first_rank_by_environment():
        for line in text.splitlines():
            click.echo(f"{name}: error: {line}", err=True)
