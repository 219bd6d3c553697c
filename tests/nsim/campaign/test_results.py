"""The result file: a protocol's own variables and dimensions, in netCDF form, and files of earlier versions."""

import json
import tarfile
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from nsim import run_file
from nsim.analysis.summary import summarise
from nsim.campaign import campaign
from nsim.campaign.campaign import run_campaign
from nsim.campaign.protocols import PROTOCOLS, Made, Protocol, quench
from nsim.campaign.results import FORMAT_VERSION, write_results
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.tasks import kept_variables, tasks_of
from nsim.errors import ExitStatus, InputError
from nsim.parallel.ranks import SerialRanks
from nsim.variables import STATE, Coordinate, Variable

TEMPERATURES = np.array([3.0, 2.0, 0.5])
LAGS = np.array([1, 10])


def measured(sample, replicas):
    """Numbers that say where they belong: sample, replica, temperature, lag."""
    sample_part = 1000.0 * sample + np.arange(3)
    replica_part = 100.0 * np.array(replicas)
    return {
        "heat": sample_part,
        "trips": replica_part.astype(int) + sample,
        "correlation": (1000.0 * sample + replica_part)[:, None, None] + np.arange(3)[:, None] + np.array([0.0, 0.1]),
        "steps": np.float64(7 * sample),
    }


@pytest.fixture
def measuring(monkeypatch):
    """A protocol that measures on its way, under the name of the quench."""

    def make(glass, run, sample, replicas, group, checkpoint):
        return Made(quench(glass, run, sample, replicas, group).relaxed, measured(sample, replicas))

    protocol = Protocol(
        make,
        {
            "heat": Variable(("sample", "temperature"), "1", "a number of the sample", averaged=True, short="h"),
            "trips": Variable(STATE, "1", "a number of the replica", "i8"),
            "correlation": Variable((*STATE, "temperature", "lag"), "v0^2", "a number of each"),
            "steps": Variable(("sample",), "1", "one number"),
        },
        lambda run, n: {
            "temperature": Coordinate(TEMPERATURES, "E0", "temperature"),
            "lag": Coordinate(LAGS, "sweeps", "time between two states"),
        },
    )
    monkeypatch.setitem(PROTOCOLS, "quench", protocol)


def carry_out(run, path):
    return run_campaign(run_file.parse(run), path, SerialRanks())


def check(path):
    with xr.open_datatree(path / "results.h5", engine="h5netcdf") as tree:
        data = tree["n12"].load()
    assert dict(data.sizes) == {"sample": 6, "replica": 3, "temperature": 3, "lag": 2, "site": 12, "mode": 4}
    np.testing.assert_array_equal(data["temperature"], TEMPERATURES)
    np.testing.assert_array_equal(data["lag"], LAGS)
    assert data["temperature"].attrs["units"] == "E0"
    assert data["correlation"].dims == ("sample", "replica", "temperature", "lag")
    assert data["correlation"].attrs["long_name"] == "a number of each"
    for sample in range(6):
        expected = measured(sample, range(3))
        for name, values in expected.items():
            np.testing.assert_array_equal(data[name][sample], values)


def test_a_protocol_brings_its_variables_and_dimensions(measuring, run_dict, tmp_path, monkeypatch):
    """Written from parts and from tasks, and written again from the result file when the run grows."""
    assert carry_out(run_dict(ensemble__samples=[4, 2]), tmp_path / "run").status == ExitStatus.DONE
    monkeypatch.setattr(campaign, "SEAL_EVERY", 0.0)
    monkeypatch.setattr(campaign, "SEALING_SHARE", np.inf)
    assert carry_out(run_dict(), tmp_path / "run").status == ExitStatus.DONE
    check(tmp_path / "run")


def test_summary_has_a_group_for_every_temperature(measuring, run_dict, tmp_path):
    carry_out(run_dict(), tmp_path / "run")
    groups = summarise(RunDirectory(tmp_path / "run"))["groups"]
    assert [(group["n"], group["temperature"]) for group in groups] == [
        (n, t) for n in (12, 20) for t in (0.0, 3.0, 2.0, 0.5)
    ]
    heat = 1000.0 * np.arange(6) + 1  # at the second temperature
    found = groups[2]
    assert (found["samples"], found["states"]) == (6, 18)
    assert found["observables"]["h"]["mean"] == pytest.approx(heat.mean())
    assert found["observables"]["h"]["stderr"] == pytest.approx(heat.std(ddof=1) / 6**0.5)
    assert "energy" in groups[0]["observables"]


def test_the_directory_of_an_earlier_format_is_continued(run_dict, tmp_path):
    """Format 1 had no dimensions but sample, replica, site and mode; its arrays are the same."""
    carry_out(run_dict(ensemble__samples=[4, 2]), tmp_path / "old")
    record = json.loads((tmp_path / "old/run.json").read_text())
    (tmp_path / "old/run.json").write_text(json.dumps(record | {"format_version": 1}))
    assert summarise(RunDirectory(tmp_path / "old"))["groups"][0]["samples"] == 4
    assert carry_out(run_dict(), tmp_path / "old").status == ExitStatus.DONE
    carry_out(run_dict(), tmp_path / "new")
    with h5py.File(tmp_path / "old/results.h5") as old, h5py.File(tmp_path / "new/results.h5") as new:
        assert old.attrs["format_version"] == FORMAT_VERSION
        for name, data in new["n12"].items():
            if name not in ("site", "mode"):
                np.testing.assert_array_equal(old["n12"][name][()], data[()])


@pytest.mark.parametrize("version", [2])
def test_a_stored_file_of_an_earlier_version(tmp_path, version):
    """Written by that version itself: read, summarised, extended in the present format, and its numbers kept."""
    with tarfile.open(Path(__file__).parent / f"stored/format-{version}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with h5py.File(tmp_path / "results.h5") as file:
        assert file.attrs["format_version"] == version
        before = {n: {name: data[()] for name, data in file[n].items()} for n in ("n6", "n8")}
    directory = RunDirectory(tmp_path)
    run = directory.run()
    sealed = directory.sealed(run)
    assert (len(sealed.tasks), sealed.damaged) == (3, [])
    groups = summarise(directory)["groups"]
    assert [(group["n"], group["temperature"]) for group in groups] == [
        (n, t) for n in (6, 8) for t in (0.0, 40.0, 30.0)
    ]
    assert groups[0]["observables"]["energy"]["mean"] == pytest.approx(before["n6"]["energy"].mean())
    record = run.resolved()
    record["ensemble"]["samples"] = [2, 2]
    assert run_campaign(run_file.parse(record), tmp_path, SerialRanks()).computed == 1
    with h5py.File(tmp_path / "results.h5") as file:
        assert file.attrs["format_version"] == FORMAT_VERSION
        assert file["n8/origin_seed"][()].tolist() == [5, 5]
        for n, arrays in before.items():
            for name, values in arrays.items():
                if name not in ("site", "mode", "sample", "replica"):
                    np.testing.assert_array_equal(file[n][name][: len(values)], values)


def test_a_later_version_is_refused(run_dict, tmp_path):
    carry_out(run_dict(), tmp_path / "run")
    record = json.loads((tmp_path / "run/run.json").read_text())
    (tmp_path / "run/run.json").write_text(json.dumps(record | {"format_version": FORMAT_VERSION + 1}))
    with pytest.raises(InputError, match=f"format {FORMAT_VERSION + 1}"):
        RunDirectory(tmp_path / "run").run()


def made_up(run, task):
    """A result of the right shapes, without any physics: smooth numbers, as those of a state."""
    sizes = {"site": task.n, "mode": run.output.eigenvalues, "replica": task.width}
    return {
        name: np.full([sizes[dim] for dim in variable.dims[1:]], task.sample + 0.5).astype(variable.dtype)
        for name, variable in kept_variables(run).items()
    }


def test_a_thousand_samples_open_in_less_than_a_second(run_dict, tmp_path):
    run = run_file.parse(run_dict(ensemble={"n": [16, 32], "samples": 1000, "replicas": 4}))
    tasks = tasks_of(run)
    write_results(
        tmp_path / "results.h5", run, {}, tasks, lambda wanted: ((task, made_up(run, task)) for task in wanted)
    )
    seconds = []
    for _ in range(3):
        began = time.process_time()
        with xr.open_datatree(tmp_path / "results.h5", engine="h5netcdf") as tree:
            assert tree["n32"].sizes["sample"] == 1000
        seconds.append(time.process_time() - began)
    assert min(seconds) < 1.0


def test_large_arrays_are_compressed_without_loss_in_chunks_of_a_task(run_dict, tmp_path):
    """Bit for bit, also NaN and signed zeros; a chunk holds whole tasks, and no more than a few MB."""
    run = run_file.parse(run_dict(ensemble={"n": 512, "samples": 5, "replicas": 10, "batch": 4}))
    rng = np.random.default_rng(0)
    results = {task: made_up(run, task) for task in tasks_of(run)}
    for result in results.values():
        noise = rng.standard_normal(result["v"].shape)
        noise[:, :2] = [np.nan, -0.0]
        result["v"] = noise
    write_results(tmp_path / "x.h5", run, {}, results, lambda wanted: ((task, results[task]) for task in wanted))
    with h5py.File(tmp_path / "x.h5") as file:
        group = file["n512"]
        for task, result in results.items():
            stored = group["v"][task.sample, task.first : task.first + task.width]
            assert stored.tobytes() == result["v"].tobytes()
        for name, dataset in group.items():
            large = isinstance(dataset, h5py.Dataset) and dataset.ndim == 3 and "mode" not in name
            if large and name != "eigenvalue":
                assert dataset.compression == "gzip"
                assert dataset.chunks[1] == 4  # a task is read without unpacking others of its sample
                assert 8 * np.prod(dataset.chunks) <= 2**22
        assert group["well_barrier"].id.get_storage_size() < 0.05 * group["well_barrier"].nbytes
