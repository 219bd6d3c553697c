"""A run on disk: reproducible, extendable, never losing or trusting the wrong thing."""

import json
import os
import signal
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from nsim import run_file
from nsim.analysis.summary import summarise
from nsim.campaign import campaign, handful
from nsim.campaign.campaign import run_campaign
from nsim.campaign.observables import VARIABLES
from nsim.campaign.results import tasks_in_results
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.seal import DamagedFileError, check_seal, write_sealed
from nsim.campaign.tasks import Task, tasks_of
from nsim.errors import ExitStatus, InputError
from nsim.parallel.ranks import SerialRanks


def carry_out(run, path, **options):
    return run_campaign(run_file.parse(run), path, SerialRanks(), **options)


def data_of(path):
    """Every data array of a result file as bytes; attributes (provenance) left out."""
    arrays = {}
    with h5py.File(path / "results.h5") as file:
        file.visititems(
            lambda name, item: arrays.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
        )
    return arrays


def test_tasks_cover_every_state_once(run_dict):
    run = run_file.parse(run_dict(ensemble__replicas=5))
    tasks = tasks_of(run)
    states = [(t.n, t.sample, r) for t in tasks for r in range(t.first, t.first + t.width)]
    assert len(states) == len(set(states)) == 10 * 5
    assert {t.width for t in tasks} == {1, 2}
    assert [t.n for t in tasks] == sorted((t.n for t in tasks), reverse=True)


@pytest.mark.parametrize("kind", ["quench", "anneal"])
def test_results_are_labelled_and_true(run_dict, tmp_path, kind):
    run = run_dict(protocol__kind=kind, protocol__sweeps=20, model__a2={"mean": 1.0, "std": 0.5})
    assert carry_out(run, tmp_path / "run").status == ExitStatus.DONE
    tree = xr.open_datatree(tmp_path / "run/results.h5", engine="h5netcdf")
    assert json.loads(tree.attrs["run_file"])["model"]["gamma"] == 4.0
    for attribute in ("version_numpy", "git_revision", "mpi_ranks", "threads", "created"):
        assert attribute in tree.attrs
    for n, samples in ((12, 6), (20, 4)):
        data = tree[f"n{n}"]
        assert dict(data.sizes) == {"sample": samples, "replica": 3, "site": n, "mode": 4}
        for name, variable in VARIABLES.items():
            assert data[name].attrs["units"] == variable.unit
            assert data[name].attrs["long_name"] == variable.meaning
        assert (data["finished"] == 1).all()
        assert (data["converged"] == 1).all()
        # The stored states are minima with the stored observables, by their definitions.
        from nsim.sample.glass import Glass

        checked = run_file.parse(run)
        for sample in range(samples):
            glass = Glass.draw(checked.model, checked.seed, n, sample)
            np.testing.assert_array_equal(data["a2"][sample], glass.a2)
            for r in range(3):
                v = data["v"].values[sample, r]
                M = glass.hessian(v)
                response = np.diagonal(np.linalg.inv(M))
                at = {"sample": sample, "replica": r}
                assert np.abs(glass.gradient(v)).max() < 1e-10
                assert float(data["energy"][at]) == pytest.approx(float(glass.energy(v)) / n, rel=1e-12)
                assert float(data["q"][at]) == pytest.approx(np.mean(v**2), rel=1e-12)
                assert float(data["p"][at]) == pytest.approx(np.mean(v), rel=1e-9)
                assert float(data["C"][at]) == pytest.approx(response.mean(), rel=1e-8)
                assert float(data["replicon_sum"][at]) == pytest.approx((response**2).mean(), rel=1e-8)
                np.testing.assert_allclose(data["eigenvalue"][at], np.linalg.eigvalsh(M)[:4], rtol=1e-7)
                wells = np.isfinite(data["well_distance"].values[sample, r])
                assert float(data["double_well_fraction"][at]) == wells.mean()
    tree.close()


def test_the_same_twice_and_in_any_order(run_dict, tmp_path, monkeypatch):
    carry_out(run_dict(), tmp_path / "a")
    forward = campaign.tasks_of
    monkeypatch.setattr(campaign, "tasks_of", lambda run: forward(run)[::-1])
    monkeypatch.setattr(campaign, "SEAL_EVERY", 0.0)
    monkeypatch.setattr(campaign, "SEALING_SHARE", np.inf)
    carry_out(run_dict(), tmp_path / "b")
    assert data_of(tmp_path / "a") == data_of(tmp_path / "b")


def test_interrupted_runs_continue_to_the_same_data(run_dict, tmp_path, monkeypatch):
    """Stopped after every third task by a signal, until done."""
    carry_out(run_dict(), tmp_path / "whole")
    perform, performed = handful.perform, []

    def interrupted(run, task, J, **more):
        performed.append(task)
        if len(performed) % 3 == 0:
            os.kill(os.getpid(), signal.SIGUSR1)
        return perform(run, task, J, **more)

    monkeypatch.setattr(handful, "perform", interrupted)
    statuses = []
    while not statuses or statuses[-1] == ExitStatus.RESUMABLE:
        statuses.append(carry_out(run_dict(), tmp_path / "parts").status)
    assert statuses.count(ExitStatus.RESUMABLE) >= 5
    assert statuses[-1] == ExitStatus.DONE
    assert len(performed) == len(set(performed)) == 20  # nothing was computed twice
    assert data_of(tmp_path / "parts") == data_of(tmp_path / "whole")
    assert not list((tmp_path / "parts/parts").iterdir())


def test_a_larger_run_extends(run_dict, tmp_path, monkeypatch):
    carry_out(run_dict(), tmp_path / "run")
    performed, perform = [], handful.perform
    monkeypatch.setattr(
        handful, "perform", lambda run, task, J, **more: performed.append(task) or perform(run, task, J)
    )
    more = run_dict(ensemble__samples=[6, 7], ensemble__replicas=5)
    assert carry_out(more, tmp_path / "run").status == ExitStatus.DONE
    # Full batches (replicas 0 and 1) of old samples are kept; the half-full batch is done again with its new member.
    assert not [t for t in performed if t.first == 0 and t.sample < {12: 6, 20: 4}[t.n]]
    monkeypatch.undo()
    carry_out(more, tmp_path / "direct")
    assert data_of(tmp_path / "run") == data_of(tmp_path / "direct")


def test_nothing_is_done_twice(run_dict, tmp_path, monkeypatch):
    carry_out(run_dict(), tmp_path / "run")
    before = (tmp_path / "run/results.h5").stat().st_mtime_ns
    monkeypatch.setattr(handful, "perform", lambda *_, **more: pytest.fail("computed again"))
    assert carry_out(run_dict(), tmp_path / "run").status == ExitStatus.DONE
    assert (tmp_path / "run/results.h5").stat().st_mtime_ns == before


def test_another_run_is_refused_and_nothing_lost(run_dict, tmp_path):
    carry_out(run_dict(), tmp_path / "run")
    before = data_of(tmp_path / "run")
    for change, words in (
        ({"seed": 12}, "seed is 11 there, 12 here"),
        ({"model__gamma": 3.0}, "model.gamma is 4.0 there, 3.0 here"),
        ({"ensemble__samples": 2}, "ensemble.samples 6 -> 2"),
        ({"ensemble__replicas": 1}, "ensemble.replicas 3 -> 1"),
    ):
        with pytest.raises(InputError, match=words):
            carry_out(run_dict(**change), tmp_path / "run")
    assert data_of(tmp_path / "run") == before
    other = run_dict(seed=12)
    assert carry_out(other, tmp_path / "run", restart=True).status == ExitStatus.DONE
    carry_out(other, tmp_path / "fresh")
    assert data_of(tmp_path / "run") == data_of(tmp_path / "fresh")


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        position = {"flipped early": 200, "flipped late": len(content) - 500}[how]
        content[position] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "empty", "flipped early", "flipped late"])
def test_damaged_results_are_named_and_computed_again(run_dict, tmp_path, how):
    carry_out(run_dict(), tmp_path / "run")
    before = data_of(tmp_path / "run")
    damage(tmp_path / "run/results.h5", how)
    directory = RunDirectory(tmp_path / "run")
    (message,) = directory.sealed(directory.run()).damaged
    assert "results.h5 is damaged" in message
    with pytest.raises(InputError, match="damaged"):
        summarise(directory)
    said = []
    assert carry_out(run_dict(), tmp_path / "run", say=said.append).status == ExitStatus.DONE
    assert any("results.h5 is damaged" in line for line in said)
    assert data_of(tmp_path / "run") == before


def test_damaged_parts_are_named_and_computed_again(run_dict, tmp_path, monkeypatch):
    monkeypatch.setattr(campaign, "SEAL_EVERY", 0.0)
    monkeypatch.setattr(campaign, "SEALING_SHARE", np.inf)
    carry_out(run_dict(), tmp_path / "whole")
    stop_after = iter(range(100))

    def stopping(run, task, J, perform=handful.perform, **more):
        if next(stop_after) == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return perform(run, task, J, **more)

    monkeypatch.setattr(handful, "perform", stopping)
    assert carry_out(run_dict(), tmp_path / "run").status == ExitStatus.RESUMABLE
    parts = sorted((tmp_path / "run/parts").glob("*.h5"))
    assert len(parts) == 9
    damage(parts[2], "flipped early")
    damage(parts[5], "truncated")
    (tmp_path / "run/parts/.tmp-99-x.h5").write_bytes(b"half a file")
    directory = RunDirectory(tmp_path / "run")
    sealed = directory.sealed(directory.run())
    assert len(sealed.tasks) == 7
    assert len(sealed.damaged) == 2
    monkeypatch.undo()
    carry_out(run_dict(), tmp_path / "run")
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")
    assert not list((tmp_path / "run/parts").glob(".tmp-*"))


def test_a_failing_task_is_recorded_and_the_others_go_on(run_dict, tmp_path, monkeypatch):
    perform = handful.perform
    bad = Task(12, 3, 0, 2)

    def failing(run, task, J, **more):
        if task == bad:
            raise FloatingPointError("made to fail")
        return perform(run, task, J, **more)

    monkeypatch.setattr(handful, "perform", failing)
    outcome = carry_out(run_dict(), tmp_path / "run")
    assert outcome.status == ExitStatus.FAILED
    assert outcome.failures == {str(bad): "FloatingPointError: made to fail"}
    directory = RunDirectory(tmp_path / "run")
    assert directory.failures() == outcome.failures
    assert bad not in tasks_in_results(directory.results_path)
    with h5py.File(directory.results_path) as file:
        assert (file["n12/finished"][3, :2] == 0).all()
        assert np.isnan(file["n12/energy"][3, :2]).all()
        assert np.isnan(file["n12/v"][3, :2]).all()
    group = summarise(directory)["groups"][0]
    assert (group["n"], group["states"]) == (12, 6 * 3 - 2)
    # A later run tries again and completes.
    monkeypatch.undo()
    assert carry_out(run_dict(), tmp_path / "run").status == ExitStatus.DONE
    assert directory.failures() == {}
    carry_out(run_dict(), tmp_path / "fresh")
    assert data_of(tmp_path / "run") == data_of(tmp_path / "fresh")


def test_unconverged_states_are_marked_and_left_out(run_dict, tmp_path):
    outcome = carry_out(run_dict(relaxation__max_iterations=10), tmp_path / "run")
    assert outcome.status == ExitStatus.NOT_CONVERGED
    assert outcome.unconverged > 0
    groups = summarise(RunDirectory(tmp_path / "run"))["groups"]
    assert sum(group["unconverged"] for group in groups) == outcome.unconverged
    assert sum(group["states"] + group["unconverged"] for group in groups) == 30


def test_a_second_job_is_kept_out(run_dict, tmp_path, monkeypatch):
    monkeypatch.setattr("nsim.campaign.run_directory.LOCK_PATIENCE", 0.3)
    first = RunDirectory(tmp_path / "run")
    first.open(run_file.parse(run_dict()))
    with pytest.raises(InputError, match=rf"in use by another running job \(process {os.getpid()} on .* since"):
        carry_out(run_dict(), tmp_path / "run")
    # A lock released within the patience is waited for.
    threading.Timer(0.1, first.close).start()
    assert carry_out(run_dict(), tmp_path / "run").status == ExitStatus.DONE


def test_restart_removes_nothing_but_a_run(run_dict, tmp_path):
    (tmp_path / "foreign/parts").mkdir(parents=True)
    precious = tmp_path / "foreign/parts/drawing.step"
    precious.write_text("precious")
    with pytest.raises(InputError, match=r"no run\.json"):
        carry_out(run_dict(), tmp_path / "foreign", restart=True)
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["parts"]
    carry_out(run_dict(), tmp_path / "run")
    kept = tmp_path / "run/parts/notes.txt"
    kept.write_text("mine")
    carry_out(run_dict(seed=3), tmp_path / "run", restart=True)
    assert precious.read_text() == "precious"
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "null", "{}", '{"format_version": 99, "run": {}}', '{"format_version": 1, "run": 3}'],
)
def test_a_spoilt_record_is_an_input_error(run_dict, tmp_path, content):
    carry_out(run_dict(), tmp_path / "run")
    (tmp_path / "run/run.json").write_text(content)
    with pytest.raises(InputError):
        RunDirectory(tmp_path / "run").run()
    with pytest.raises(InputError):
        carry_out(run_dict(), tmp_path / "run")
    assert carry_out(run_dict(), tmp_path / "run", restart=True).status == ExitStatus.DONE


def test_progress_counts_work_not_tasks(run_dict, tmp_path):
    """The large tasks come first: half of the tasks are more than half of the work, and all of them are all of it."""
    calls = []
    carry_out(run_dict(), tmp_path / "run", progress=lambda *call: calls.append(call))
    assert calls[-1][:2] == (20, 20)
    assert calls[-1][2] == pytest.approx(1, abs=1e-9)
    assert next(share for done, _, share in calls if done == 10) > 0.6


def test_folders_that_are_no_run_directories(run_dict, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        carry_out(run_dict(), tmp_path / "file")
    with pytest.raises(InputError, match="not a run directory"):
        RunDirectory(tmp_path).run()
    (tmp_path / "results.h5").write_text("somebody else's")
    with pytest.raises(InputError, match=r"no run\.json"):
        carry_out(run_dict(), tmp_path)
    assert (tmp_path / "results.h5").read_text() == "somebody else's"


def test_given_couplings(run_dict, tmp_path):
    rng = np.random.default_rng(0)
    J = rng.standard_normal((10, 10))
    J = (J + J.T) * (1 - np.eye(10))
    np.save(tmp_path / "J.npy", J)
    run = run_dict(ensemble={"n": 10, "replicas": 4}, couplings={"file": str(tmp_path / "J.npy")})
    carry_out(run, tmp_path / "run")
    with h5py.File(tmp_path / "run/results.h5") as file:
        v, l = file["n10/v"][0], file["n10/local_field"][0]  # noqa: E741
    np.testing.assert_allclose(l, v @ J, atol=1e-12)
    np.save(tmp_path / "J.npy", 2 * J)
    with pytest.raises(InputError, match=r"content of couplings\.file"):
        carry_out(run, tmp_path / "run")


def test_without_quartic_part_only_stable_samples_are_accepted(run_dict, tmp_path):
    run = run_dict(model={"gamma": 0.3, "a4": 0.0, "field": 0.5})
    assert carry_out(run, tmp_path / "stable").status == ExitStatus.DONE
    with pytest.raises(InputError, match="positive definite"):
        carry_out(run_dict(model={"gamma": 1.0, "a4": 0.0}), tmp_path / "unstable")
    assert not (tmp_path / "unstable").exists()


def test_a_seal_is_broken_by_any_change(tmp_path):
    path = tmp_path / "x.h5"
    write_sealed(path, lambda temporary: temporary.write_bytes(bytes(range(256)) * 9) and None)
    check_seal(path)
    original = path.read_bytes()
    for position in (0, 1000, 9 * 256 - 1, len(original) - 70, len(original) - 2):
        changed = bytearray(original)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(DamagedFileError):
            check_seal(path)
    path.write_bytes(original + b"\n")
    with pytest.raises(DamagedFileError):
        check_seal(path)


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def failing(temporary):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "x.h5").write_bytes(b"old")
    with pytest.raises(OSError, match="No space"):
        write_sealed(tmp_path / "x.h5", failing)
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]
    assert (tmp_path / "x.h5").read_bytes() == b"old"


def test_summary_errors_count_samples_not_states(run_dict, tmp_path):
    """Replicas of a sample are averaged first: the error is that of six numbers, not of eighteen."""
    carry_out(run_dict(), tmp_path / "run")
    with h5py.File(tmp_path / "run/results.h5") as file:
        energy = file["n12/energy"][()]
    group = summarise(RunDirectory(tmp_path / "run"))["groups"][0]
    assert (group["n"], group["samples"], group["states"], group["temperature"]) == (12, 6, 18, 0.0)
    per_sample = energy.mean(axis=1)
    assert group["observables"]["energy"]["mean"] == pytest.approx(per_sample.mean())
    assert group["observables"]["energy"]["stderr"] == pytest.approx(per_sample.std(ddof=1) / 6**0.5)
    assert group["observables"]["lowest_energy"]["mean"] == pytest.approx(energy.min(axis=1).mean())
    names = {"energy", "p", "q", "C", "replicon_sum", "lambda_min", "double_well_fraction", "lowest_energy"}
    assert names <= set(group["observables"])


def test_one_sample_has_no_error(run_dict, tmp_path):
    carry_out(run_dict(ensemble={"n": 8}), tmp_path / "run")
    value = summarise(RunDirectory(tmp_path / "run"))["groups"][0]["observables"]["energy"]
    assert value["stderr"] is None
    json.dumps(value, allow_nan=False)


def test_files_of_another_run_are_named_and_not_used(run_dict, tmp_path, monkeypatch):
    """A part or a result file copied from another directory, sealed and whole, of tasks with the same names."""
    monkeypatch.setattr(campaign, "SEAL_EVERY", 0.0)
    monkeypatch.setattr(campaign, "SEALING_SHARE", np.inf)
    carry_out(run_dict(), tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "merge", lambda *_: None)
        carry_out(run_dict(seed=12), tmp_path / "other")
        carry_out(run_dict(), tmp_path / "run")
    parts = sorted((tmp_path / "run/parts").glob("*.h5"))
    for path in parts[:3]:
        path.unlink()
    for path in sorted((tmp_path / "other/parts").glob("*.h5")):
        (tmp_path / "run/parts" / path.name).write_bytes(path.read_bytes())
    said = []
    assert carry_out(run_dict(), tmp_path / "run", say=said.append).computed == 3
    assert sum("belongs to another run directory" in line for line in said) == 20
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")
    carry_out(run_dict(seed=12), tmp_path / "other")
    (tmp_path / "run/results.h5").write_bytes((tmp_path / "other/results.h5").read_bytes())
    with pytest.raises(InputError, match="belongs to another run directory"):
        summarise(RunDirectory(tmp_path / "run"))


def test_a_folder_that_cannot_be_written_is_an_input_error(run_dict, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # root may write anywhere but where nobody can
        folder = Path("/proc/self")
    with pytest.raises(InputError, match=str(folder)):
        carry_out(run_dict(), folder / "run")
