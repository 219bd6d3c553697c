"""What the campaign engine costs: tasks per second, time outside tasks, weak scaling; thousands of ranks simulated.

Tasks that only wait measure the engine, whatever else the machine does: processor time is the engine's own, and ranks
that sleep do not compete for cores. The simulated schedule serves requests for work and seals of files one after the
other, with the times measured here, and asks how many ranks the shared counter and the file system can feed.
"""

import heapq
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numba import njit

from nsim import run_file
from nsim.campaign import campaign
from nsim.campaign.handful import Done
from nsim.campaign.result_parts import write_part
from nsim.campaign.tasks import perform
from nsim.parallel.handing_out import PORTION, ROUNDS
from nsim.parallel.ranks import connect

SECONDS = (0.0, 1e-3, 1e-2, 1.0)  # of a task
RANKS = (64, 256, 1024, 4096)
SHORTEST = 6.0  # seconds of work of each simulated rank, and at least sixty tasks
PACED = 60.0  # the same where seals are paced: their pace must settle
SPREAD = 0.3  # relative standard deviation of the time of a task
ASKS, SEALS = range(2)  # what a simulated rank does next
ATOMIC = 2e-6  # seconds between two additions to one counter: network cards manage a million per second, software half
FILES = 500.0  # per second that a parallel file system creates, syncs and renames in one folder, for all ranks together
PICTURE = Path("docs/images/scaling.png")


def waiting_run(tasks: int) -> run_file.RunFile:
    """A run of tiny samples, one state each."""
    return run_file.parse(
        {
            "seed": 1,
            "model": {"gamma": 4.0},
            "ensemble": {"n": 8, "samples": tasks},
            "protocol": {"kind": "quench"},
        }
    )


def one_rank(tasks: int, seconds: float) -> None:
    """What a rank of the measurement does: a campaign whose tasks sleep; rank 0 prints what all of them measured."""
    run, spent = waiting_run(tasks), {"tasks": 0, "outside": 0.0}
    from nsim.campaign.tasks import tasks_of

    result = perform(run, tasks_of(run)[0])

    def work_on(run, tasks, J, group, rows, checkpoint_of) -> Done:
        time.sleep(seconds) if seconds else None
        spent["tasks"] += len(tasks)
        return Done(dict.fromkeys(tasks, result))

    share = campaign._share

    def timed_share(*arguments):
        wall, processor = time.perf_counter(), time.process_time()
        outcome = share(*arguments)
        spent["wall"], spent["outside"] = time.perf_counter() - wall, time.process_time() - processor
        return outcome

    campaign.work_on, campaign._share = work_on, timed_share
    ranks = connect()
    with tempfile.TemporaryDirectory() as folder:
        where = ranks.broadcast(folder)
        campaign.run_campaign(run, Path(where) / "run", ranks)
        everyone = ranks.gather(spent)
        ranks.wait_for_all()
    if ranks.rank == 0:
        print(json.dumps(everyone))


def measure(ranks: int, tasks: int, seconds: float) -> list[dict[str, float]]:
    """What every rank of a run of sleeping tasks has measured."""
    words = [Path(sys.executable).with_name("mpiexec"), "-n", ranks] if ranks > 1 else []
    words += [sys.executable, "-m", "benchmarks.bench_engine", tasks, seconds]
    done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def overhead() -> float:
    """Print the engine's own time; returns processor seconds per empty task."""
    print(f"{'task':>8} {'ranks':>6} {'tasks/s':>9} {'engine us/task':>15} {'outside tasks':>14} {'weak scaling':>13}")
    per_task = 0.0
    for seconds in SECONDS:
        count = 4000 if seconds == 0 else max(4, min(2000, int(3.0 / seconds)))
        alone = 0.0
        for ranks in (1, 2):
            everyone = min((measure(ranks, ranks * count, seconds) for _ in range(3)), key=lambda all_: all_[0]["wall"])
            wall = max(rank["wall"] for rank in everyone)
            own = sum(rank["outside"] for rank in everyone) / (ranks * count)
            alone = alone or wall
            per_task = per_task or own
            outside = own / (own + seconds)
            print(
                f"{seconds:7g}s {ranks:6d} {ranks * count / wall:9.0f} {1e6 * own:15.0f} {outside:14.2%} "
                f"{alone / wall:13.1%}"
            )
    return per_task


def seal_seconds() -> float:
    """Seconds to seal a part of fifty tasks here."""
    run = waiting_run(50)
    from nsim.campaign.tasks import tasks_of

    results = {task: perform(run, task) for task in tasks_of(run)}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        times = []
        for number in range(20):
            began = time.perf_counter()
            write_part(Path(folder) / f"{number}.h5", results)
            times.append(time.perf_counter() - began)
    return float(np.median(times))


@njit
def simulate(normals, ranks, task, own, atomic, file, seal, shortest, every, longest, share, portions):
    """Efficiency of a simulated run, shares of all time spent waiting for the counter and for the file system, and the
    seconds between the seals of a rank, mean and longest, in the second half of the run.

    Each rank: ask the counter for the next tasks, work, seal if it is time, which is as the engine says
    (`campaign.time_between_seals`). The counter and the file system serve one rank at a time, in the order of arrival.
    Tasks that one rank does in a row are drawn as their sum.
    """
    per_rank = max(shortest, 60 * task)
    total = int(ranks * per_rank / task)
    events = [(0.0, rank, ASKS) for rank in range(ranks)]
    heapq.heapify(events)
    sealed = -every * np.arange(ranks) / ranks if share > 0 else np.zeros(ranks)
    pace = np.full(ranks, every)
    seals, kept, most = 0, 0.0, 0.0
    counter_free = files_free = useful = waited_counter = waited_files = end = 0.0
    taken = drawn = 0
    while events:
        now, rank, stage = heapq.heappop(events)
        if stage == SEALS:
            files_free = max(now, files_free) + file
            if now > per_rank / 2:
                seals, kept, most = seals + 1, kept + now - sealed[rank], max(most, now - sealed[rank])
            sealed[rank] = files_free + seal
            waited_files += sealed[rank] - now
            if share > 0:
                pace[rank] = max(every, min((sealed[rank] - now) / share, longest))
            heapq.heappush(events, (sealed[rank], rank, ASKS))
            continue
        counter_free = max(now, counter_free) + atomic
        waited_counter += counter_free - now
        left = total - taken
        if left <= 0:
            end = max(end, counter_free)
            continue
        count = max(1, min(int(PORTION / (task + own)), left // (ROUNDS * ranks))) if portions else 1
        taken += count
        length = task * max(0.1, count + SPREAD * np.sqrt(count) * normals[drawn % len(normals)])
        drawn += 1
        useful += length
        now = counter_free + length + count * own
        heapq.heappush(events, (now, rank, SEALS if now - sealed[rank] > pace[rank] else ASKS))
    waiting = waited_counter / (ranks * end), waited_files / (ranks * end)
    return useful / (ranks * end), waiting[0], waiting[1], kept / max(seals, 1), most


def schedules(own: float, seal: float) -> None:
    """Print and draw the simulated efficiency of the engine as it is, and without what it does about saturation."""
    variants = {
        "one task at a time, seals every 2 s": (SHORTEST, campaign.SEAL_EVERY, campaign.SEAL_EVERY, 0.0, False),
        "portions, seals every 2 s": (SHORTEST, campaign.SEAL_EVERY, campaign.SEAL_EVERY, 0.0, True),
        "portions, seals paced (the engine)": (
            PACED,
            campaign.SEAL_EVERY,
            campaign.SEAL_AT_LEAST_EVERY,
            campaign.SEALING_SHARE,
            True,
        ),
    }
    import matplotlib.pyplot as plt

    normals = np.random.default_rng(1).standard_normal(1_000_003)
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
    print(
        f"\n{'simulated':38s} {'task':>6} {'ranks':>6} {'efficiency':>11} {'at counter':>11} {'at files':>9} "
        f"{'seals: mean':>12} {'longest':>8}"
    )
    for axis, task in zip(axes, (1e-3, 1e-2, 1.0), strict=True):
        for name, variant in variants.items():
            found = []
            for ranks in RANKS:
                found.append(simulate(normals, ranks, task, own, ATOMIC, 1 / FILES, seal, *variant))
                efficiency, counter, files, kept, most = found[-1]
                print(
                    f"{name:38s} {task:5g}s {ranks:6d} {efficiency:11.1%} {counter:11.1%} {files:9.1%} "
                    f"{kept:10.1f} s {most:6.1f} s"
                )
            style = {"linestyle": "--", "zorder": 3} if name.startswith("one") else {}
            axis.semilogx(RANKS, [100 * row[0] for row in found], marker="o", label=name, **style)
        axis.set(title=f"tasks of {task:g} s", xlabel="ranks", xticks=RANKS, xticklabels=RANKS, ylim=(0, 103))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("time in tasks [%]")
    axes[2].legend(loc="lower left", fontsize=8)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    """Print the measurements and the simulated schedules."""
    own, seal = overhead(), seal_seconds()
    print(f"\nsealing 50 tasks: {1e3 * seal:.1f} ms; an empty task: {1e6 * own:.0f} us")
    schedules(own, seal)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        one_rank(int(sys.argv[1]), float(sys.argv[2]))
    else:
        main()
