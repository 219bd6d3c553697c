"""Merged runs: every sample with its origin, read by all commands, nothing lost to a kill, nothing foreign let in."""

import shutil

import h5py
import numpy as np
import pytest
import xarray as xr

from nsim import run_file
from nsim.analysis.exporting import export_csv, export_netcdf
from nsim.analysis.summary import summarise
from nsim.campaign import merging
from nsim.campaign.campaign import run_campaign
from nsim.campaign.merging import merge_runs
from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.run_status import status_of
from nsim.campaign.tasks import glass_of
from nsim.errors import ExitStatus, InputError
from nsim.landscape.landscape_run import explore_run
from nsim.parallel.ranks import SerialRanks
from tests.launch import data_of
from validation.simulation import Simulation
from validation.statistics.coupling_controls import exact_controls


@pytest.fixture
def carry_out(run_dict, tmp_path):
    """Carry out a small run in a folder of its own; returns the folder."""

    def make(name, **changes):
        run = run_dict(**{"ensemble": {"n": [8, 12], "samples": [3, 2], "replicas": 3, "batch": 2}} | changes)
        run_campaign(run_file.parse(run), tmp_path / name, SerialRanks())
        return tmp_path / name

    return make


def arrays(path, n):
    with h5py.File(path / "results.h5") as file:
        return {name: data[()] for name, data in file[f"n{n}"].items()}


def by_origin(path, n):
    """The arrays of every sample, by seed and number."""
    data = arrays(path, n)
    names = [name for name in data if name not in ("sample", "replica", "site", "mode")]
    where = zip(data["origin_seed"], data["origin_sample"], strict=True)
    return {tuple(map(int, key)): {name: data[name][i].tobytes() for name in names} for i, key in enumerate(where)}


def test_every_sample_is_there_once_with_its_origin(carry_out, tmp_path):
    """Other seeds, other sizes, more samples of the same; the order of the directories does not matter."""
    a, b = carry_out("a"), carry_out("b", seed=3)
    larger = carry_out("larger", ensemble={"n": [6, 8], "samples": [2, 5], "replicas": 3, "batch": 2})
    said = []
    merged = merge_runs([a, b, larger], tmp_path / "all", said.append)
    assert merged.ensemble.samples_of == {6: 2, 8: 8, 12: 4}
    assert any("3 sample(s) are in more than one directory" in line for line in said)
    expected = {n: {} for n in (6, 8, 12)}
    for path, sizes in ((a, (8, 12)), (b, (8, 12)), (larger, (6, 8))):
        for n in sizes:
            expected[n] |= by_origin(path, n)
    for n, samples in expected.items():
        assert by_origin(tmp_path / "all", n) == samples
    assert list(by_origin(tmp_path / "all", 8)) == [(3, 0), (3, 1), (3, 2), *((11, k) for k in range(5))]
    merge_runs([larger, b, a], tmp_path / "again")
    assert data_of(tmp_path / "again") == data_of(tmp_path / "all")


def test_all_commands_read_it(carry_out, tmp_path):
    a, b = carry_out("a"), carry_out("b", seed=3)
    out = tmp_path / "all"
    merge_runs([a, b], out)
    status = status_of(RunDirectory(out))
    assert (status["complete"], status["tasks"]) == (True, 20)
    group = summarise(RunDirectory(out))["groups"][0]
    energy = np.concatenate([arrays(path, 8)["energy"] for path in (a, b)]).mean(axis=1)
    assert group["samples"] == 6
    assert group["observables"]["energy"]["mean"] == pytest.approx(energy.mean(), rel=1e-12)
    assert group["observables"]["energy"]["stderr"] == pytest.approx(energy.std(ddof=1) / 6**0.5, rel=1e-12)
    # What draws the couplings again draws those of each sample: its states are minima of them.
    run = RunDirectory(out).run()
    for n, samples in run.ensemble.samples_of.items():
        for sample in range(samples):
            glass = glass_of(run, n, sample)
            assert np.abs(glass.gradient(arrays(out, n)["v"][sample].T)).max() < 1e-9
    simulation = Simulation.open(out)
    sums = exact_controls(simulation.run, 8).values[:, 0]
    assert len(set(sums)) == len(sums) == 6
    # A merge can be merged again, and continued only where it came from.
    c = carry_out("c", seed=4)
    merged = merge_runs([out, c], tmp_path / "more")
    assert [seed for seed, _ in merged.origins(12)] == [3, 3, 4, 4, 11, 11]
    with pytest.raises(InputError, match="continue the runs themselves"):
        run_campaign(RunDirectory(a).run(), out, SerialRanks())


def test_landscapes_are_taken_over(carry_out, tmp_path):
    a, b = carry_out("a"), carry_out("b", seed=3)
    for path in (a, b):
        assert explore_run(path, SerialRanks()).status == ExitStatus.DONE
    merge_runs([a, b], tmp_path / "all")
    outcome = explore_run(tmp_path / "all", SerialRanks())
    assert (outcome.tasks, outcome.computed) == (10, 0)
    with h5py.File(tmp_path / "all/landscape.h5") as file, h5py.File(b / "landscape.h5") as one:
        own = file["n8/minimum_sample"][()] < 3  # seed 3 comes first
        np.testing.assert_array_equal(file["n8/minimum_energy"][own], one["n8/minimum_energy"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"gamma": 3.0}}, "model.gamma is 4.0 in {a}, 3.0 in {b}"),
        ({"protocol": {"kind": "anneal", "sweeps": 5}}, 'protocol.kind is "quench" in {a}, "anneal" in {b}'),
        ({"ensemble": {"n": 16, "replicas": 4, "batch": 2}}, "ensemble.replicas is 3 in {a}, 4 in {b}"),
        ({"ensemble": {"n": 16, "replicas": 3, "batch": 3}}, "ensemble.batch is 2 in {a}, 3 in {b}"),
        ({"relaxation": {"tolerance": 1e-11}}, "relaxation.tolerance"),
    ],
)
def test_what_differs_is_named_and_nothing_written(carry_out, tmp_path, change, words):
    a, b = carry_out("a"), carry_out("b", **change)
    with pytest.raises(InputError, match="cannot be merged") as caught:
        merge_runs([a, b], tmp_path / "all")
    assert words.format(a=a, b=b) in str(caught.value)
    assert not (tmp_path / "all").exists()


def test_ladders_must_have_the_same_temperatures(carry_out, tmp_path):
    """Those found by pilots of different seeds differ; given ones do not."""
    found = {"kind": "tempering", "sweeps": 20, "t_start": 40.0, "t_end": 20.0}
    a, b = (carry_out(f"found{seed}", seed=seed, protocol=found) for seed in (1, 2))
    with pytest.raises(InputError, match=r"protocol\.temperatures.*give all runs the same list"):
        merge_runs([a, b], tmp_path / "all")
    given = {"kind": "tempering", "sweeps": 20, "temperatures": [40.0, 30.0]}
    c, d = (carry_out(f"given{seed}", seed=seed, protocol=given) for seed in (1, 2))
    merge_runs([c, d], tmp_path / "all")
    groups = summarise(RunDirectory(tmp_path / "all"))["groups"]
    assert [group["temperature"] for group in groups[:3]] == [0.0, 40.0, 30.0]
    np.testing.assert_array_equal(arrays(tmp_path / "all", 8)["temperature"], [40.0, 30.0])


def test_a_killed_merge_begins_anew(carry_out, tmp_path, monkeypatch):
    a, b = carry_out("a"), carry_out("b", seed=3)
    merge_runs([a, b], tmp_path / "whole")

    def killed(path, *_):
        path.with_name(".tmp-1-results.h5").write_bytes(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "write_results", killed)
        with pytest.raises(KeyboardInterrupt):
            merge_runs([a, b], tmp_path / "all")
    assert status_of(RunDirectory(tmp_path / "all"))["done"] == 0
    merge_runs([a, b], tmp_path / "all")
    assert data_of(tmp_path / "all") == data_of(tmp_path / "whole")
    assert not list((tmp_path / "all").glob(".tmp*"))


def test_directories_that_cannot_be_merged(carry_out, tmp_path):
    a, b = carry_out("a"), carry_out("b", seed=3)
    with pytest.raises(InputError, match="one of the directories"):
        merge_runs([a, b], a)
    with pytest.raises(InputError, match="holds another run"):
        merge_runs([a, b], carry_out("c", seed=9))
    merge_runs([a], tmp_path / "all")
    with pytest.raises(InputError, match="use another --out"):
        merge_runs([a, b], tmp_path / "all")
    with pytest.raises(InputError, match="not a run directory"):
        merge_runs([a, tmp_path], tmp_path / "none")
    damaged = shutil.copytree(b, tmp_path / "damaged")
    (damaged / "results.h5").write_bytes((b / "results.h5").read_bytes()[:-1000])
    with pytest.raises(InputError, match="damaged"):
        merge_runs([a, damaged], tmp_path / "none")


def test_unfinished_runs_are_merged_as_far_as_they_are(carry_out, tmp_path, monkeypatch):
    from nsim.campaign import handful

    a = carry_out("a")
    perform = handful.perform

    def failing(run, task, J, **kept):
        if (task.n, task.sample) == (12, 1) or task == (8, 0, 2, 1):
            raise ArithmeticError("on purpose")
        return perform(run, task, J, **kept)

    with monkeypatch.context() as patch:
        patch.setattr(handful, "perform", failing)
        b = carry_out("b", seed=3)
    said = []
    merged = merge_runs([a, b], tmp_path / "all", said.append)
    assert merged.ensemble.samples_of == {8: 6, 12: 3}  # the sample of which nothing is finished is left out
    assert any("1 task(s) of the runs are not finished" in line for line in said)
    data = arrays(tmp_path / "all", 8)
    assert data["finished"][0].tolist() == [1, 1, 0]
    assert np.isnan(data["energy"][0, 2])
    assert summarise(RunDirectory(tmp_path / "all"))["groups"][0]["states"] == 17


def test_exported_netcdf_holds_the_same_arrays(carry_out, tmp_path):
    """Flat, without groups; also as netCDF-3, which has no 64-bit integers."""
    motion = {"kind": "langevin", "duration": 2.0}
    path = carry_out("run", protocol=motion)
    written = export_netcdf(RunDirectory(path), tmp_path / "out")
    assert [file.name for file in written] == ["n8.nc", "n12.nc"]
    with xr.open_dataset(written[0], engine="h5netcdf") as data, h5py.File(path / "results.h5") as file:
        assert data.attrs["title"]
        for name, expected in file["n8"].items():
            if name not in ("site", "mode"):
                np.testing.assert_array_equal(data[name], expected[()])
        assert data["correlation"].dims == ("sample", "replica", "waiting", "lag")
        assert data["v"].attrs["units"] == "v0"
        data.load().to_netcdf(tmp_path / "classic.nc", engine="scipy", format="NETCDF3_64BIT")
        with xr.open_dataset(tmp_path / "classic.nc", engine="scipy") as classic:
            xr.testing.assert_equal(classic, data)
    (small, _) = export_netcdf(RunDirectory(path), tmp_path / "small", sites=False)
    with xr.open_dataset(small, engine="h5netcdf") as data:
        assert "v" not in data
        assert "energy" in data
    assert not list(tmp_path.glob("*/.tmp*"))


def test_exported_tables_hold_the_same_numbers(carry_out, tmp_path):
    import csv

    given = {"kind": "tempering", "sweeps": 20, "temperatures": [40.0, 30.0]}
    paths = [carry_out(f"{seed}", seed=seed, protocol=given) for seed in (1, 2)]
    merge_runs(paths, tmp_path / "all")
    out = tmp_path / "out"
    export_csv(RunDirectory(tmp_path / "all"), out, sites=True)
    tables = {}
    for path in out.glob("*.csv"):
        with path.open(newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    assert {"states", "summary", "by_temperature", "by_mode", "by_site", "by_temperature_cosine"} == set(tables)
    states = [row for row in tables["states"] if row["n"] == "8"]
    data = arrays(tmp_path / "all", 8)
    assert [(row["seed"], row["sample"], row["replica"]) for row in states[8:11]] == [
        ("1", "2", "2"),
        ("2", "0", "0"),
        ("2", "0", "1"),
    ]
    assert [float(row["energy"]) for row in states] == data["energy"].ravel().tolist()
    thermal = [row for row in tables["by_temperature"] if row["n"] == "8" and row["temperature"] == "30"]
    assert [float(row["thermal_q"]) for row in thermal] == data["thermal_q"][:, :, 1].ravel().tolist()
    assert {row["swap_rate"] for row in thermal} == {""}  # undefined at the cold end
    sites = [row for row in tables["by_site"] if row["n"] == "8"]
    assert [float(row["v"]) for row in sites] == data["v"].ravel().tolist()
    (mean,) = (
        row for row in tables["summary"] if (row["n"], row["temperature"], row["observable"]) == ("8", "0", "energy")
    )
    assert (
        float(mean["mean"]) == summarise(RunDirectory(tmp_path / "all"))["groups"][0]["observables"]["energy"]["mean"]
    )
