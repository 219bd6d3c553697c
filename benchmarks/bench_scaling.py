"""How time and memory of a relaxed and measured state grow: with N, with R, with ranks, and which model fits them.

Time per state against N: the factorisations grow as N^3, the rest as a power that `nsim estimate` extrapolates with.
Ranks: weak scaling (as many samples as ranks), strong scaling (a fixed number), and one system with its rows spread.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nsim import run_file
from nsim.campaign.estimate import estimate
from nsim.campaign.memory import rank_memory
from nsim.campaign.observables import measure
from nsim.descent.relaxation import relax
from nsim.run_sections import Model
from nsim.sample.glass import Glass

SIZES = (512, 1024, 2048, 4096)
WIDTHS = (1, 2, 4, 8, 16, 32)
WIDTHS_N = 1000
RANKS = (1, 2)
MODEL = Model(gamma=4.0)

PEAK = """
import sys
from pathlib import Path
from nsim.cli import cli
cli.main(["run", sys.argv[1], "--out", sys.argv[2]], standalone_mode=False)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def exponent(x, y) -> float:
    """Slope of ln y against ln x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def task_seconds(n: int, replicas: int) -> tuple[float, float]:
    """Seconds to relax and to measure a batch."""
    glass = Glass.draw(MODEL, 1, n, 0)
    start = MODEL.length * np.random.default_rng(0).standard_normal((n, replicas))
    began = time.perf_counter()
    relaxed = relax(glass, start)
    between = time.perf_counter()
    measure(glass, relaxed, 4, 1.0)
    return between - began, time.perf_counter() - between


def run(n: int, samples: int = 1, **sections) -> dict:
    """A quench as a run file's content."""
    return {
        "seed": 1,
        "model": {"gamma": 4.0},
        "ensemble": {"n": n, "samples": samples},
        "protocol": {"kind": "quench"},
        **sections,
    }


def write(record: dict, folder: Path) -> Path:
    """The run file of a record."""
    lines = [f"seed = {record['seed']}"]
    for section, table in record.items():
        if section != "seed":
            lines += [
                f"[{section}]",
                *(f"{key} = {str(x).lower() if isinstance(x, bool) else repr(x)}" for key, x in table.items()),
            ]
    path = folder / "run.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def against_n() -> None:
    """Time against N, one state, with fitted exponents; the prediction beside it."""
    print(f"{'N':>6} {'relax ms':>9} {'measure ms':>11} {'predicted/measured':>19}")
    times = {n: np.min([task_seconds(n, 1) for _ in range(2)], axis=0) for n in SIZES}
    for n, (relaxing, measuring) in times.items():
        predicted = estimate(run_file.parse(run(n))).core_seconds
        print(f"{n:6d} {1e3 * relaxing:9.1f} {1e3 * measuring:11.1f} {predicted / (relaxing + measuring):19.2f}")
    upper = list(times)[1:]
    relaxing, measuring = (exponent(upper, [times[n][k] for n in upper]) for k in (0, 1))
    print(f"exponents from N = {upper[0]}: relaxing {relaxing:.2f}, measuring {measuring:.2f}")


def against_width() -> None:
    """Time per state against R: a few columns are bound by the memory bus, many by arithmetic."""
    print(f"\nN = {WIDTHS_N}\n{'R':>6} {'relax ms/state':>15} {'measure ms/state':>17}")
    for width in WIDTHS:
        relaxing, measuring = np.min([task_seconds(WIDTHS_N, width) for _ in range(2)], axis=0) / width
        print(f"{width:6d} {1e3 * relaxing:15.1f} {1e3 * measuring:17.1f}")


def against_ranks() -> None:
    """Wall time of `nsim run` on 1 and 2 ranks, start of Python included."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    if not mpiexec.exists() or len(os.sched_getaffinity(0)) < max(RANKS):
        print("\nranks: needs mpiexec (the extra `mpich`) and as many cores as ranks")
        return
    lean = {"output": {"response": False}}
    rows = ("--couplings", "rows")
    cases = {
        "weak, 16 samples of N = 700 per rank": lambda ranks: (run(700, 16 * ranks), ()),
        "strong, 32 samples of N = 700": lambda ranks: (run(700, 32), ()),
        "strong, rows of one N = 6000": lambda ranks: (run(6000, **lean), ("--ranks-per-sample", ranks, *rows)),
    }
    print(f"\n{'ranks':40s} {'1: s':>8} {'2: s':>8} {'efficiency':>11}")
    for name, case in cases.items():
        seconds = []
        for ranks in RANKS:
            record, options = case(ranks)
            with tempfile.TemporaryDirectory() as folder:
                path = write(record, Path(folder))
                words = [
                    mpiexec,
                    "-n",
                    ranks,
                    sys.executable,
                    "-m",
                    "nsim",
                    "run",
                    path,
                    "--out",
                    f"{folder}/out",
                    *options,
                ]
                began = time.perf_counter()
                subprocess.run([str(word) for word in words], check=True, capture_output=True)
                seconds.append(time.perf_counter() - began)
        ideal = seconds[0] if name.startswith("weak") else seconds[0] / RANKS[1]
        print(f"{name:40s} {seconds[0]:8.2f} {seconds[1]:8.2f} {ideal / seconds[1]:11.0%}")


def memory_against_n() -> None:
    """Peak memory of a process of its own, with the prediction."""
    print(f"\n{'N':>6} {'precision':>10} {'response':>9} {'peak MB':>8} {'predicted MB':>13} {'bytes/N^2':>10}")
    for precision, response in (("double", True), ("single", True), ("single", False)):
        for n in (1000, 2000, 4000):
            record = run(n, couplings={"precision": precision}, output={"response": response})
            with tempfile.TemporaryDirectory() as folder:
                words = [sys.executable, "-c", PEAK, write(record, Path(folder)), f"{folder}/out"]
                done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)
            peak = 1024 * int(done.stdout.splitlines()[-1])
            if n == 1000:
                least = peak
            predicted = sum(rank_memory(run_file.parse(record)))
            growth = (peak - least) / (n * n - 1000**2) if n > 1000 else float("nan")
            print(f"{n:6d} {precision:>10} {response!s:>9} {peak / 1e6:8.0f} {predicted / 1e6:13.0f} {growth:10.1f}")


def main() -> None:
    """Print four tables."""
    task_seconds(16, 2)  # compile
    against_n()
    against_width()
    against_ranks()
    memory_against_n()


if __name__ == "__main__":
    main()
