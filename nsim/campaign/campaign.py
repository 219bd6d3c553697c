"""A run from its run file to results.h5: tasks over ranks, finished work sealed as it comes, merged at the end.

Life of a run: open the directory -> find what is sealed -> share the open tasks among groups of ranks (as a rule of one
rank each), every rank sealing its own parts -> merge -> summary. A kill at any moment loses what was done since the
last checkpoints of the tasks in progress, and at most a buffer of two seconds of finished ones (more on a file system
that is too slow for that: `time_between_seals`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np

from nsim.campaign import checkpoints
from nsim.campaign.checkpoints import Checkpoints, identity_of
from nsim.campaign.handful import check_layout, handfuls, work_on
from nsim.campaign.heartbeat import Heartbeat
from nsim.campaign.outcome import Outcome
from nsim.campaign.protocols import PROTOCOLS
from nsim.campaign.provenance import provenance
from nsim.campaign.result_parts import Result, write_part
from nsim.campaign.run_directory import RunDirectory, couplings_digest
from nsim.campaign.share import Share
from nsim.campaign.tasks import Task, cost, tasks_of
from nsim.errors import InputError
from nsim.parallel.checkpoint import Report
from nsim.parallel.handing_out import HandingOut
from nsim.parallel.rank_group import Group
from nsim.parallel.ranks import Ranks, on_rank_0
from nsim.parallel.shared_memory import remove_leftovers
from nsim.parallel.stop_requests import StopRequests, stop_requests
from nsim.run_file import RunFile
from nsim.sample import couplings

SEAL_EVERY = 2.0  # seconds of finished work a kill may cost ...
SEALING_SHARE = 0.04  # ... more if sealing so often would take more than this share of the time ...
SEAL_AT_LEAST_EVERY = 60.0  # ... but no more than this, lest a file system that hangs once costs much work
HANDED_OUT, DONE, UNCONVERGED, STOPPED, SHARE = range(5)  # the shared counters
WHOLE = 10**12  # the share of the open work that is done is counted in these parts

Say = Callable[[str], None]
Progress = Callable[[int, int, float], None]  # open tasks done, open tasks, share of the open work that is done


def run_campaign(
    run: RunFile,
    out: Path,
    ranks: Ranks,
    restart: bool = False,
    progress: Progress | None = None,
    say: Say = lambda line: None,
    ranks_per_sample: int = 1,
    rows: bool = False,
    requests: StopRequests | None = None,
    checkpoint_every: float = checkpoints.EVERY,
    share: Share | None = None,
) -> Outcome:
    """Carry out a run in directory ``out``, continuing what is there.

    Parameters
    ----------
    run
        The run.
    out
        Run directory.
    ranks
        The ranks sharing the work; called by all of them.
    restart
        Begin anew instead of continuing.
    progress, say
        How rank 0 tells its user how far it is, and whatever needs a line.
    ranks_per_sample
        Ranks that work on one sample at a time; must divide the number of ranks.
    rows
        Whether the rows of J are spread over them; else there is one copy of J per node.
    requests
        What asks the run to stop; by default signals do.
    checkpoint_every
        Seconds between two checkpoints of a task.
    share
        The share of the work this job takes, with others at work on theirs; all of it by default.

    Returns
    -------
    Outcome
        The same on every rank.

    Raises
    ------
    InputError
        On every rank, before any work, if the run or the directory is not usable.
    """
    if requests is None:
        with stop_requests() as requests:
            return run_campaign(
                run, out, ranks, restart, progress, say, ranks_per_sample, rows, requests, checkpoint_every, share
            )
    check_layout(run, rows)
    if ranks.size > 1 and ranks.node_rank == 0:
        remove_leftovers()
    group = ranks.group(ranks_per_sample)
    whole = RunDirectory(out)
    directory = whole if share is None else whole.of_share(share)
    try:
        J = _given_couplings(run)
        _check_stability_without_quartic(run, ranks, group, J, rows)
        identity = on_rank_0(ranks, lambda: identity_of(run, couplings_digest(run)))
        open_tasks = on_rank_0(ranks, lambda: _prepare(whole, directory, run, ranks, restart, share, say))
        keep = Checkpoints(directory.checkpoints_path, identity, requests, checkpoint_every, say=say)
        keep.known = on_rank_0(ranks, lambda: keep.clear(set(open_tasks)))
        outcome = _share(directory, run, ranks, group, J, rows, open_tasks, keep, progress, say)
        if ranks.rank == 0:
            _finish(directory, run, provenance(ranks.size, group.size), outcome, share, say)
        return ranks.broadcast(outcome)
    finally:
        directory.close()
        whole.close()


def time_between_seals(took: float) -> float:
    """Seconds of finished work a rank keeps before it seals again, if sealing has just taken it ``took`` seconds.

    Where there are more ranks than the file system can serve, all of them find it slow and seal less often until it
    can. Only the moments of sealing depend on this: which task lies in which part is in no result.
    """
    return max(SEAL_EVERY, min(took / SEALING_SHARE, SEAL_AT_LEAST_EVERY))


def _given_couplings(run: RunFile) -> np.ndarray | None:
    if run.couplings_path is None:
        return None
    (n,) = run.ensemble.samples_of
    return couplings.load(run.couplings_path, n, run.couplings.dtype)


def _prepare(
    whole: RunDirectory,
    directory: RunDirectory,
    run: RunFile,
    ranks: Ranks,
    restart: bool,
    share: Share | None,
    say: Say,
) -> list[Task]:
    """Open the directory (and the folder of a share in it) and find the open tasks, on rank 0 alone."""
    warnings = run.warnings() + PROTOCOLS[run.protocol.kind].warnings(run)
    tasks, sealed_elsewhere = tasks_of(run), {}
    if share is not None:
        if restart:
            raise InputError("--restart would remove what other jobs are at: begin anew without --share")
        for message in whole.open(run, shared=True):
            say(message)
        tasks, sealed_elsewhere = share.own(tasks), whole.sealed(run).tasks
    for message in directory.open(run, restart):
        say(message)
    if share is None:
        directory.take_over_checkpoints()
    sealed = directory.sealed(run)
    for message in sealed.damaged:
        say(f"warning: {message}; set aside, its tasks are computed again")
    directory.set_aside(sealed)
    sealed.tasks = sealed_elsewhere | sealed.tasks
    open_tasks = [task for task in tasks if task not in sealed.tasks]
    for warning in warnings:
        say(f"warning: {warning}")
    before = len(tasks) - len(open_tasks)
    done = f", {before} done before" if before else ""
    say(f"{len(open_tasks)} tasks on {ranks.size} rank(s) into {directory.path}{done}")
    return open_tasks


def _share(
    directory: RunDirectory,
    run: RunFile,
    ranks: Ranks,
    group: Group,
    J: np.ndarray | None,
    rows: bool,
    open_tasks: list[Task],
    keep: Checkpoints,
    progress: Progress | None,
    say: Say,
) -> Outcome:
    """Work on open tasks, whichever group is free taking the next handful; every rank seals what it has finished."""
    token, run_id = ranks.broadcast((uuid4().hex[:12], directory.run_id()))
    counters = ranks.counters(5)
    work = sum(cost(run, task) for task in open_tasks)
    handed_out = handfuls(run, open_tasks, group.size, rows)
    handing_out = HandingOut(counters, HANDED_OUT, len(handed_out), ranks.size // group.size)
    failures: dict[str, str] = {}
    unsealed: dict[Task, Result] = {}
    parts, seal_every = 0, SEAL_EVERY
    last_sealed = time.monotonic() - seal_every * ranks.rank / ranks.size  # not all at the same moment
    heartbeat = Heartbeat(directory.progress_path, ranks.rank, ranks.size)
    own_share = told = 0.0  # of the open work: what this rank has finished, and what it has counted for all

    def seal() -> None:
        nonlocal parts, last_sealed, seal_every
        began = time.monotonic()
        if unsealed:
            write_part(directory.parts_path / f"{token}-rank{ranks.rank:05d}-{parts:06d}.h5", unsealed, run_id)
            parts += 1
            for task in unsealed:
                keep.forget(task)
            unsealed.clear()
        last_sealed = time.monotonic()
        seal_every = time_between_seals(last_sealed - began)

    def next_handful() -> list[Task]:
        """The group's next open tasks; none when there are no more or any rank was asked to stop."""
        asked = keep.requests.asked()  # by every rank, so that all of them pass a request on
        index = handing_out.next() if group.rank == 0 and not asked else None
        index = group.broadcast(index)
        return [] if index is None else handed_out[index]

    def count(share: float) -> None:
        """Bring the common count of work up to this rank's share."""
        nonlocal told
        counters.add(SHARE, round(share * WHOLE) - round(told * WHOLE))
        told = share

    def look(task: Task, report: Report, resumed: bool) -> None:
        """In the midst of a task: how far it is."""
        now = report.get("share", 0.0) * cost(run, task) / work
        if group.rank == 0 or not PROTOCOLS[run.protocol.kind].together:
            count(own_share + now)
        heartbeat.beat(own_share + now, report, given=now if resumed else 0.0)
        tell()

    def tell() -> None:
        done, share = counters.read(DONE), counters.read(SHARE)
        if progress and ranks.rank == 0:
            progress(done, len(open_tasks), share / WHOLE)

    def meanwhile() -> None:
        """Pass requests on, give signs of life and keep the bar alive while the last tasks are finished elsewhere."""
        keep.requests.asked()
        heartbeat.beat()
        tell()

    keep.look = look
    keep.requests.share(counters, STOPPED)
    while tasks := next_handful():
        ranks.doing = f"task {tasks[0]}"
        heartbeat.begin(str(tasks[0]))
        done = work_on(run, tasks, J, group, rows, keep.of)
        for trace in done.traces():
            say(f"rank {ranks.rank}: {trace}")
        failures |= done.texts()
        for task, result in done.results.items():
            if result is not None:
                unsealed[task] = result
                counters.add(UNCONVERGED, int(np.sum(result["converged"] == 0)))
            own_share += cost(run, task) / work
            counters.add(DONE, 1)
        if not done.stopped:
            count(own_share)
            heartbeat.end(own_share)
        tell()
        if time.monotonic() - last_sealed > seal_every:
            seal()
    seal()
    counters.settle()
    ranks.wait_for_all(meanwhile)
    counters.settle()  # once more: now it knows what all others have added
    tell()
    keep.requests.share(None)
    finished, unconverged = counters.read(DONE), counters.read(UNCONVERGED)
    counters.close()
    all_failures = ranks.gather(failures)
    everyone = {task: text for found in all_failures or [] for task, text in found.items()}
    return Outcome(len(tasks_of(run)), finished - len(everyone), unconverged, finished < len(open_tasks), everyone)


def _finish(
    directory: RunDirectory,
    run: RunFile,
    attributes: dict[str, str | int],
    outcome: Outcome,
    share: Share | None,
    say: Say,
) -> None:
    """Merge what is sealed (not after a stop: time may be short, and the parts are safe as they are)."""
    Heartbeat.remove_all(directory.progress_path)
    directory.record_failures(outcome.failures)
    if share is not None:
        return  # for a job that is alone with the run
    sealed = directory.sealed(run)
    complete = directory.results_path.exists() and set(sealed.tasks.values()) == {directory.results_path}
    if outcome.stopped or not sealed.tasks or (complete and not outcome.computed and _same_size(directory, run)):
        return
    say("merging the results")
    directory.merge(run, sealed, attributes)


def _same_size(directory: RunDirectory, run: RunFile) -> bool:
    """Whether results.h5 has the shape of this run (it lags behind when a run grows but all new tasks fail)."""
    from nsim.campaign.results import tasks_in_results

    return set(tasks_in_results(directory.results_path)) == set(tasks_of(run))


def _check_stability_without_quartic(
    run: RunFile, ranks: Ranks, group: Group, J: np.ndarray | None, rows: bool
) -> None:
    """With a4 = 0 the energy is bounded only where a2/gamma - J is positive definite: refuse the run otherwise."""
    if run.model.a4 > 0:
        return
    from nsim.sample.glass import Glass
    from nsim.sample.hessian import lowest_eigenvalues

    def lowest_eigenvalue(n: int, sample: int) -> float:
        spread = couplings.draw_rows(group, run.seed, n, sample, run.model.j0, run.couplings.dtype) if rows else J
        glass = Glass.draw(run.model, run.seed, n, sample, spread, run.couplings.dtype)
        return float(lowest_eigenvalues(glass, np.zeros(n), 1)[0])

    samples = [(n, sample) for n, count in run.ensemble.samples_of.items() for sample in range(count)]
    part, parts = (ranks.rank // group.size, ranks.size // group.size) if rows else (ranks.rank, ranks.size)
    unstable = None
    for n, sample in samples[part::parts]:
        lowest = lowest_eigenvalue(n, sample)
        if not lowest > 0:
            unstable = f"n = {n}, sample {sample}: lowest eigenvalue {lowest:.3g}"
            break
    found = [text for text in ranks.gather(unstable) or [] if text]
    first = ranks.broadcast(found[0] if found else None)
    if first:
        raise InputError(
            f"model.a4 = 0 needs every a2/gamma - J positive definite, else the energy has no minimum; {first}"
        )
