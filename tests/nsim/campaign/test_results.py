"""The result file: a protocol's own variables and dimensions, in netCDF form, and files of earlier versions."""

import json

import h5py
import numpy as np
import pytest
import xarray as xr

from nsim import run_file
from nsim.analysis.summary import summarise
from nsim.campaign import campaign
from nsim.campaign.campaign import run_campaign
from nsim.campaign.protocols import PROTOCOLS, Made, Protocol, quench
from nsim.campaign.run_directory import RunDirectory
from nsim.errors import ExitStatus
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
        assert old.attrs["format_version"] == 2
        for name, data in new["n12"].items():
            if name not in ("site", "mode"):
                np.testing.assert_array_equal(old["n12"][name][()], data[()])
