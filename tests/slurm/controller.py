"""A real Slurm on this machine: a controller and two node daemons, with all they own under one folder.

The daemons run as root without systemd. Whatever belongs to them, jobs included, has the path of their configuration
in its environment: by it everything is found and ended, if need be by a watcher once the tests' process is gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
PACKAGES = "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge"
NODES = ("n1", "n2")
HANGS = ("mpi/pmi2: invalid client request", "step creation temporarily disabled")
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=pmi2
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
KillWait=5
ReturnToService=2
SlurmdTimeout=5
SchedulerParameters=batch_sched_delay=0,sched_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
{nodes}
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> str | None:
    """Why there can be no Slurm here; None if there can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install {PACKAGES}"
    if os.geteuid() != 0:
        return "Slurm's daemons want to be root here"
    return None


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """The controller and its nodes; `start` before and `stop` after use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PMI", "OMPI", "SLURM"))
        } | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "UCX_TLS": "tcp,self",  # addresses of all its transports are longer than a value of PMI2 may be
        }
        self._daemons: dict[str, subprocess.Popen] = {}
        self._watcher: subprocess.Popen | None = None
        self._submitted: dict[int, tuple[Path, int]] = {}  # the log of a job, and failed launches it has told of

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle."""
        controller_port, *node_ports = free_ports(1 + len(NODES))
        host, cores = socket.gethostname().split(".")[0], max(2, os.cpu_count() or 1)
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cores} RealMemory=1000"
            for name, port in zip(NODES, node_ports, strict=True)
        )
        (self.folder / "state").mkdir()
        for name in NODES:
            (self.folder / f"spool-{name}").mkdir()
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(host=host, controller_port=controller_port, folder=self.folder, nodes=nodes)
        )
        self._watcher = subprocess.Popen(
            [sys.executable, __file__, str(os.getpid()), str(self.folder)], start_new_session=True
        )
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        munge = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        self._spawn(
            "munged",
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={munge['socket']}",
            f"--pid-file={munge['pid']}",
            f"--log-file={munge['log']}",
            f"--seed-file={munge['seed']}",
            "--num-threads=2",
        )
        self.until(munge["socket"].exists, "munged has no socket")
        self._spawn("slurmctld", "-D", "-c")
        for name in NODES:
            self.start_node(name)
        self.until(lambda: self.states() == ["IDLE", "IDLE"], "the nodes do not come up")

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self._spawn(f"slurmd-{name}", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """What a node's death is: its daemon and all it has started end at once."""
        daemon = self._daemons.pop(f"slurmd-{name}")
        tasks = [number for number, own in processes(self.folder) if f"SLURMD_NODENAME={name}" in own]
        steps = {parent_of(number) for number in tasks} & {number for number, _ in processes(self.folder)}
        for number in (daemon.pid, *steps, *tasks):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        daemon.wait()

    def stop(self) -> None:
        """End every job and every daemon, however they fare."""
        end_all(self.folder)
        for daemon in self._daemons.values():
            daemon.wait()
        if self._watcher:
            self._watcher.kill()
            self._watcher.wait()

    # --- what a user does --------------------------------------------------------------------------------------

    def call(self, *words: object, timeout: float = 30) -> str:
        """Output of one of Slurm's commands."""
        done = subprocess.run(
            [str(word) for word in words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def submit(self, *words: object) -> int:
        """Submit a job script with options; returns the number of the job."""
        number = int(self.call("sbatch", "--parsable", *words).split(";")[0])
        self._submitted[number] = (Path(self.job(number)["StdOut"]), 0)
        return number

    def job(self, number: int | str) -> dict[str, str]:
        """What `scontrol show job` knows of a job."""
        text = self.call("scontrol", "show", "job", number, "--oneliner")
        return dict(re.findall(r"(\w+)=(\S+)", text.splitlines()[0]))

    def jobs(self, number: int) -> list[dict[str, str]]:
        """The same, of every task of an array."""
        text = self.call("scontrol", "show", "job", number, "--oneliner")
        return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in text.splitlines()]

    def wait(self, *numbers: int, timeout: float = 200) -> list[str]:
        """Final states of jobs, once all have ended and none is to be requeued."""
        over = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

        def states() -> list[str]:
            return [job["JobState"] for number in numbers for job in self.jobs(number)]

        self.until(lambda: all(state in over for state in states()), f"jobs {numbers} do not end", timeout)
        return states()

    def states(self) -> list[str]:
        """States of the nodes."""
        done = subprocess.run(
            ["scontrol", "show", "node", "--oneliner"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return re.findall(r" State=(\S+)", done.stdout)

    def logs(self) -> str:
        """The ends of the daemons' logs, for the report of a failure."""
        found = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in found)

    def _spawn(self, name: str, *options: str) -> None:
        program = shutil.which(name.split("-")[0], path=self.environment["PATH"])
        with (self.folder / f"{name}.out.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [str(program), *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def until(self, true, complaint: str = "it never comes to it", timeout: float = 60) -> None:
        """Wait for a condition; jobs that hang in their launch are launched again."""
        deadline = time.monotonic() + timeout
        while not true():
            assert time.monotonic() < deadline, f"{complaint}\n{self.logs()}"
            self._relaunch()
            time.sleep(0.2)

    def _relaunch(self) -> None:
        """Requeue jobs whose ranks have not found each other.

        On a busy machine this Slurm now and then misreads what the wheel's library says over PMI2, or starts a job on
        a node that is about to be declared dead, and waits for ever. It is not what the tests are about.
        """
        for number, (log, seen) in self._submitted.items():
            text = log.read_text(errors="replace") if log.exists() else ""
            found = sum(map(text.count, HANGS))
            if found > seen:
                self._submitted[number] = (log, found)
                subprocess.run(["scontrol", "requeue", str(number)], env=self.environment, check=False, timeout=30)


def processes(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and environment of everything that belongs to the Slurm in a folder."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (path / "environ").read_bytes().decode(errors="replace").split("\0")
            if f"SLURM_CONF={folder}/slurm.conf" in environment:
                yield int(path.name), environment


def parent_of(number: int) -> int:
    """Number of a process's parent; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def end_all(folder: Path) -> None:
    """Kill until nothing of the Slurm in a folder is left: dying daemons may still start something."""
    deadline = time.monotonic() + 20
    while (alive := [number for number, _ in processes(folder)]) and time.monotonic() < deadline:
        for number in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":  # the watcher
    tests, watched = int(sys.argv[1]), Path(sys.argv[2])
    while os.getppid() == tests:
        time.sleep(0.5)
    end_all(watched)
