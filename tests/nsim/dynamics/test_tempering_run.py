"""Tempering as a run: its ladder, its files, its summary."""

import numpy as np
import pytest
import xarray as xr

from nsim import run_file
from nsim.analysis.summary import summarise
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.dynamics import temperature_ladder
from nsim.dynamics.temperature_ladder import ladder
from nsim.dynamics.thermal_observables import VARIABLES
from nsim.errors import ExitStatus, InputError
from nsim.parallel.ranks import SerialRanks
from tests.launch import data_of


@pytest.fixture
def tempering_dict(run_dict):
    """A small tempering run; keywords as for ``run_dict``."""

    def make(**changes):
        protocol = {"kind": "tempering", "sweeps": 60, "t_start": 40.0, "t_end": 8.0}
        ensemble = {"n": [12, 20], "samples": [4, 3], "replicas": 3, "batch": 5}
        return run_dict(**{"protocol": protocol, "ensemble": ensemble, **changes})

    return make


def carry_out(run, path):
    return run_campaign(run_file.parse(run), path, SerialRanks())


def test_the_ladder_swaps_evenly(tempering_dict, tmp_path):
    """Measured rates are near those expected, and near each other; rungs as many as they need, between the ends."""
    protocol = {"kind": "tempering", "sweeps": 2000, "t_start": 40.0, "t_end": 4.0}
    run = tempering_dict(protocol=protocol, ensemble={"n": 48, "samples": 3})
    found = ladder(run_file.parse(run), 48)
    temperatures = found.rungs.temperatures
    assert (temperatures[0], temperatures[-1]) == (40.0, 4.0)
    assert (np.diff(temperatures) < 0).all()
    assert found.swap_rates.min() >= temperature_ladder.SWAP_RATE
    assert found.swap_rates.max() - found.swap_rates.min() < 1e-6
    carry_out(run, tmp_path / "run")
    with xr.open_datatree(tmp_path / "run/results.h5", engine="h5netcdf") as tree:
        data = tree["n48"].load()
    rates = data["swap_rate"].mean("sample").values
    assert np.isnan(rates[-1])
    np.testing.assert_allclose(rates[:-1], found.swap_rates, atol=0.07)
    np.testing.assert_allclose(data["acceptance"].mean("sample"), 0.4, atol=0.06)
    # Half the rungs would not do: even spacing of a ladder too short is seen beforehand.
    assert ladder(run_file.parse(run | {"protocol": protocol | {"temperatures": 4}}), 48).swap_rates.max() < 0.1


def test_the_ladder_is_a_function_of_the_run_alone(tempering_dict):
    one = ladder(run_file.parse(tempering_dict()), 20)
    temperature_ladder._pilot.cache_clear()
    more = tempering_dict(ensemble={"n": [12, 20], "samples": 9, "replicas": 7, "batch": 5})
    np.testing.assert_array_equal(ladder(run_file.parse(more), 20).rungs.temperatures, one.rungs.temperatures)
    # All sizes share what the largest needs, each with its own swap rates: smaller systems swap more easily.
    small = ladder(run_file.parse(more), 12)
    np.testing.assert_array_equal(small.rungs.temperatures, one.rungs.temperatures)
    assert (small.swap_rates > one.swap_rates).all()
    other = ladder(run_file.parse(tempering_dict(seed=12)), 20)
    assert (other.rungs.steps != one.rungs.steps).any()


def test_given_temperatures(tempering_dict):
    run = run_file.parse(tempering_dict(protocol={"kind": "tempering", "temperatures": [30.0, 25.0, 20.0]}))
    np.testing.assert_array_equal(ladder(run, 20).rungs.temperatures, [30.0, 25.0, 20.0])
    assert temperature_ladder.warnings(run) == []
    run = run_file.parse(tempering_dict(protocol={"kind": "tempering", "temperatures": [30.0, 2.0]}))
    (line, other) = temperature_ladder.warnings(run)
    assert "n = 12" in line
    assert "n = 20" in other
    assert "too sparse" in line
    single = run_file.parse(tempering_dict(protocol={"kind": "tempering", "temperatures": [30.0]}))
    assert ladder(single, 20).rungs.temperatures.tolist() == [30.0]
    long = {"kind": "tempering", "t_start": 40.0, "t_end": 1e-8}
    with pytest.raises(InputError, match="even swap rates"):
        ladder(run_file.parse(tempering_dict(protocol=long, ensemble={"n": 10**6})), 10**6)


def test_without_quartic_part_the_ladder_is_geometric(tempering_dict):
    """Equipartition: c = 1/2 at every temperature. The pilot is a sample of the run, known to be stable."""
    run = run_file.parse(
        tempering_dict(model={"gamma": 0.3, "a4": 0.0}, ensemble={"n": 40, "samples": 1}, protocol__t_end=4.0)
    )
    temperatures = ladder(run, 40).rungs.temperatures
    ratios = np.log(temperatures[:-1] / temperatures[1:])
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=0.25)
    length = np.sqrt(40 / 2) * ratios.mean()
    np.testing.assert_allclose(ladder(run, 40).swap_rates, temperature_ladder.erfc(length / 2), atol=0.05)


def test_results_are_labelled_and_summarised(tempering_dict, tmp_path):
    assert carry_out(tempering_dict(), tmp_path / "run").status == ExitStatus.DONE
    run = run_file.parse(tempering_dict())
    with xr.open_datatree(tmp_path / "run/results.h5", engine="h5netcdf") as tree:
        data = tree["n20"].load()
    temperatures = ladder(run, 20).rungs.temperatures
    np.testing.assert_array_equal(data["temperature"], temperatures)
    for name, variable in VARIABLES.items():
        assert data[name].dims == variable.dims
        assert data[name].attrs["units"] == variable.unit
    assert (data["converged"] == 1).all()
    density = data["overlap_distribution"].values
    np.testing.assert_allclose(density.sum(axis=-1) * 0.02, 1.0)
    assert (data["abs_overlap"] <= data["thermal_q"].mean("replica") + 1e-12).all()
    groups = [group for group in summarise(RunDirectory(tmp_path / "run"))["groups"] if group["n"] == 20]
    assert [group["temperature"] for group in groups] == [0.0, *temperatures]
    assert "lowest_energy" in groups[0]["observables"]
    assert groups[0]["observables"]["round_trips"]["mean"] == pytest.approx(float(data["round_trips"].mean()))
    group = groups[2]
    assert (group["samples"], group["states"]) == (3, 9)
    energy = data["thermal_energy"].mean("replica").values[:, 1]
    assert group["observables"]["energy"]["mean"] == pytest.approx(energy.mean())
    assert group["observables"]["energy"]["stderr"] == pytest.approx(energy.std(ddof=1) / 3**0.5)
    assert {"p", "abs_p", "q", "specific_heat", "binder", "swap_rate"} <= set(group["observables"])
    assert group["unequilibrated"] == int((data["equilibrated"].values[:, 1] == 0).sum())


def test_binder_ratio_is_a_ratio_of_averages(tempering_dict, tmp_path):
    carry_out(tempering_dict(), tmp_path / "run")
    with xr.open_datatree(tmp_path / "run/results.h5", engine="h5netcdf") as tree:
        data = tree["n12"].load()
    q2, q4 = data["overlap_squared"].values[:, 2], data["overlap_fourth"].values[:, 2]
    group = summarise(RunDirectory(tmp_path / "run"))["groups"][3]
    binder = group["observables"]["binder"]
    assert binder["mean"] == pytest.approx((3 - q4.mean() / q2.mean() ** 2) / 2)
    left_out = [(3 - np.delete(q4, k).mean() / np.delete(q2, k).mean() ** 2) / 2 for k in range(4)]
    assert binder["stderr"] == pytest.approx(np.sqrt(3) * np.std(left_out))


def test_one_ladder_has_no_overlaps(tempering_dict, tmp_path):
    run = tempering_dict(ensemble={"n": 12, "samples": 2, "replicas": 1})
    assert carry_out(run, tmp_path / "run").status == ExitStatus.DONE
    observables = summarise(RunDirectory(tmp_path / "run"))["groups"][1]["observables"]
    assert observables["energy"]["mean"] is not None
    for name in ("overlap", "overlap_squared", "binder", "link_overlap", "local_susceptibility", "tau_overlap"):
        assert observables[name] == {"mean": None, "stderr": None}


def test_small_systems_and_single_temperatures(tempering_dict, tmp_path):
    protocol = {"kind": "tempering", "sweeps": 20, "temperatures": [5.0]}
    run = tempering_dict(protocol=protocol, ensemble={"n": [1, 2], "samples": 2})
    assert carry_out(run, tmp_path / "run").status == ExitStatus.DONE
    groups = summarise(RunDirectory(tmp_path / "run"))["groups"]
    assert [(group["n"], group["temperature"]) for group in groups] == [(1, 0.0), (1, 5.0), (2, 0.0), (2, 5.0)]


def test_more_samples_extend_a_tempering_more_ladders_redo_it(tempering_dict, tmp_path):
    few = tempering_dict(ensemble={"n": [12, 20], "samples": [2, 3], "replicas": 3, "batch": 5})
    carry_out(few, tmp_path / "run")
    carry_out(tempering_dict(), tmp_path / "run")
    carry_out(tempering_dict(), tmp_path / "whole")
    assert data_of(tmp_path / "run") == data_of(tmp_path / "whole")
    said = []
    more = run_file.parse(tempering_dict(ensemble={"n": [12, 20], "samples": [4, 3], "replicas": 4, "batch": 5}))
    assert run_campaign(more, tmp_path / "run", SerialRanks(), say=said.append).computed == 7
    assert any("computed again" in line for line in said)


def test_with_a_field_and_local_disorder(tempering_dict, tmp_path):
    model = {"gamma": 1.0, "a2": {"mean": 1.0, "std": 2.0}, "field": 0.5, "j0": 0.5}
    assert carry_out(tempering_dict(model=model), tmp_path / "run").status == ExitStatus.DONE


def test_given_couplings(tempering_dict, tmp_path):
    """The pilot is the given sample itself; integration by parts over J means nothing here."""
    J = np.random.default_rng(1).standard_normal((10, 10))
    np.save(tmp_path / "J.npy", np.triu(J, 1) + np.triu(J, 1).T)
    run = tempering_dict(ensemble={"n": 10, "replicas": 2}, couplings={"file": str(tmp_path / "J.npy")})
    assert carry_out(run, tmp_path / "run").status == ExitStatus.DONE
    observables = summarise(RunDirectory(tmp_path / "run"))["groups"][1]["observables"]
    assert observables["gauss_gap"]["mean"] is None
    assert observables["overlap"]["mean"] is not None
