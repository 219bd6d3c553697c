"""How a command of this project starts and ends: threads, signals, one clear line for every mistake, exit statuses."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import ParamSpec

import click

from nsim.errors import ExitStatus, InputError, file_trouble
from nsim.parallel.launcher import first_rank_by_environment

P = ParamSpec("P")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def run_command(command: click.Command, name: str, arguments: list[str] | None = None) -> None:
    """Run a command line and leave with its exit status. To be called before numpy is imported."""
    prepare_environment()
    try:
        with leaving_on_signals(name):
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
    except OSError as error:
        if "mpi4py.MPI" in sys.modules:
            raise  # the other ranks wait for this one: `MPIRanks` ends them all
        _complain(name, file_trouble(error))
        code = ExitStatus.BAD_INPUT
    except click.Abort:  # Ctrl-C where no handler could be installed
        code = ExitStatus.RESUMABLE
    sys.exit(int(code or 0))


def prepare_environment() -> None:
    """One thread per rank unless the user says otherwise; a place for compiled kernels that can be written."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"nsim-kernels-{os.getuid()}")


@contextmanager
def leaving_on_signals(name: str) -> Iterator[None]:
    """SIGINT and SIGTERM end the command at once, with one line and the status of a stop.

    For all that nobody else answers for: `nsim.parallel.stop_requests` takes the signals over while a run is at work.
    No exception is raised, since compiled code that calls Python makes others of it (numba: SystemError), and
    libraries catch it. Files are replaced whole, so that there is nothing to tidy up.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        with suppress(Exception):  # the signal may have come in the midst of writing
            sys.stdout.flush()
        if first_rank_by_environment():
            line = f"{name}: stopped ({signal.Signals(number).name}); the same command can be given again\n"
            with suppress(OSError):
                # A progress bar may have left a half line and hidden the cursor.
                os.write(2, ("\r\033[K\033[?25h" + line if os.isatty(2) else line).encode())
        os._exit(ExitStatus.RESUMABLE)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup, or in the background of a script
            with suppress(ValueError):  # not in the main thread: signals are somebody else's business
                before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def first_rank_only(command: Callable[P, ExitStatus]) -> Callable[P, ExitStatus]:
    """Let only rank 0 of a launcher carry out a command that knows nothing of ranks: else each would print it all."""

    @wraps(command)
    def alone(*arguments: P.args, **options: P.kwargs) -> ExitStatus:
        return command(*arguments, **options) if first_rank_by_environment() else ExitStatus.DONE

    return alone


def _complain(name: str, text: str) -> None:
    if first_rank_by_environment():
        for line in text.splitlines():
            click.echo(f"{name}: error: {line}", err=True)
