"""The runs of a study carried out one after the other, each by `nsim run` in a process of its own.

A process of its own, because MPI starts with one, and because a run that dies takes nothing with it. What is sealed is
found again: the same study continues wherever it was stopped.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nsim.errors import ExitStatus, InputError, gravest, reason
from nsim.parallel.launcher import LAUNCHER_MARKS
from validation.study.plan import Standing, run_directory
from validation.study.study_file import PlannedRun, Study
from validation.study.toml_text import toml_text

Say = Callable[[str], None]


def launcher(ranks: int, given: str | None) -> list[str]:
    """The words before the command: none for one rank, mpiexec, or what the user gave."""
    if given is not None:
        return shlex.split(given)
    if ranks == 1:
        return []
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        raise InputError("--ranks: no mpiexec in this environment or on PATH; see docs/cluster.md")
    return [found, "-n", str(ranks)]


def write_run_file(study: Study, planned: PlannedRun, out: Path) -> Path:
    """Write the run file of one run beside its directory, so that it can be read, and run by hand."""
    path = out / "runs" / f"{planned.name}.toml"
    comment = f"Run {planned.name!r} of the study {study.title!r} ({study.path.name})."
    if planned.about:
        comment += f"\n{planned.about}"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = toml_text(planned.table, comment)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def command(study: Study, planned: PlannedRun, out: Path) -> list[str]:
    """``nsim run`` for one run, without a launcher."""
    return ["nsim", "run", str(write_run_file(study, planned, out)), "--out", str(run_directory(out, planned))]


def carry_out(study: Study, out: Path, standings: Sequence[Standing], launch: Sequence[str], say: Say) -> ExitStatus:
    """Carry out what is missing; returns the gravest status, or at once when asked to stop.

    A run of which tasks failed does not keep the others from being done.
    """
    outcome = ExitStatus.DONE
    for standing in standings:
        if standing.merged:
            continue
        words = command(study, standing.planned, out)
        say(f"{standing.planned.name}: {standing.done} of {standing.tasks} tasks done; {shlex.join(words)}")
        status = _call([*launch, sys.executable, "-m", *words])
        if status == ExitStatus.RESUMABLE:
            return status
        if status == ExitStatus.BAD_INPUT:
            raise InputError(f"{standing.planned.name}: nsim run refused its run file, see above")
        outcome = gravest(outcome, status)
    return outcome


def _call(words: list[str]) -> ExitStatus:
    """Run a command to its end; a request to stop is passed on to it, and it is waited for."""
    environment = {key: value for key, value in os.environ.items() if key not in LAUNCHER_MARKS}
    try:
        # A process group of its own, so that Ctrl-C comes only to us, and the launcher hears of it once.
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, process_group=0
        )
    except OSError as error:
        raise InputError(f"{words[0]}: {reason(error)}") from None
    with _passing_on(process) as stopped:
        code = process.wait()
    if stopped:
        return ExitStatus.RESUMABLE
    return ExitStatus(code) if code in [status.value for status in ExitStatus] else ExitStatus.FAILED


@contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass requests to stop on to a process, and the end of the terminal."""
    stopped: list[int] = []

    def stop(number: int, frame: object) -> None:
        stopped.append(number)
        process.send_signal(signal.SIGTERM)  # launchers pass on this one

    numbers = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as it is under nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
