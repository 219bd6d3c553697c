"""Motion as a run: its keys, its arrays in the result file, its averages, and the same bits again."""

import json

import numpy as np
import pytest
import xarray as xr

from nsim import run_file
from nsim.analysis.correlations import average_motion
from nsim.campaign.campaign import run_campaign
from nsim.campaign.protocols import start
from nsim.campaign.run_directory import RunDirectory
from nsim.dynamics.langevin import LangevinDynamics
from nsim.errors import InputError
from nsim.parallel.ranks import SerialRanks
from nsim.sample.glass import Glass
from nsim.streams import Purpose, generator
from tests.launch import data_of

MOTION = {
    "kind": "langevin",
    "temperature": 10.0,
    "time_step": 0.1,
    "duration": 8.0,
    "waiting_times": [0.5, 3.0],
    "friction": 0.5,
    "mass": 2.0,
}


def carry_out(run, path):
    run_campaign(run_file.parse(run), path, SerialRanks())


def test_a_run_measures_the_motion(run_dict, tmp_path):
    carry_out(run_dict(protocol=MOTION), tmp_path / "run")
    with xr.open_datatree(tmp_path / "run/results.h5", engine="h5netcdf") as tree:
        data = tree["n20"].load()
    np.testing.assert_allclose(data["waiting"], [0.5, 3.0])
    assert data["correlation"].dims == ("sample", "replica", "waiting", "lag")
    # The same motion by hand; the batch is the same, so the bits are.
    run = run_file.parse(run_dict(protocol=MOTION))
    glass = Glass.draw(run.model, run.seed, 20, 3)
    streams = [generator(run.seed, 20, 3, Purpose.DYNAMICS, r) for r in (0, 1)]
    motion = LangevinDynamics(glass, start(glass, run, 3, [0, 1]), streams, 10.0, 0.1, 0.5, 2.0)
    states = [motion.v.copy()]
    for _ in range(80):
        motion.run(1)
        states.append(motion.v.copy())
    two = data.sel(sample=3, replica=[0, 1])
    for w, waiting in enumerate((5, 30)):
        for l, lag in enumerate(np.rint(data["lag"].values / 0.1).astype(int)):  # noqa: E741
            got = two["correlation"].values[:, w, l]
            if waiting + lag <= 80:
                np.testing.assert_allclose(got, (states[waiting] * states[waiting + lag]).mean(axis=0), rtol=1e-13)
            else:
                assert np.isnan(got).all()
    for at, step in enumerate(np.rint(data["time"].values / 0.1).astype(int)):
        np.testing.assert_allclose(two["energy_in_time"].values[:, at], glass.energy(states[step]) / 20, rtol=1e-10)
        np.testing.assert_allclose(two["q_in_time"].values[:, at], (states[step] ** 2).mean(axis=0), rtol=1e-13)
    last = 2 * motion.kinetic_energy() / 20
    np.testing.assert_allclose(two["kinetic_temperature"].values[:, -1], last, rtol=1e-13)
    assert bool(data["converged"].all())  # and the end of the motion is relaxed
    assert float(data["max_gradient"].max()) < 1e-10


def test_same_bits_again_and_in_an_extended_run(run_dict, tmp_path):
    """Another directory, and a run that grew from fewer samples."""
    carry_out(run_dict(protocol=MOTION), tmp_path / "one")
    small = {"n": [12, 20], "samples": [2, 1], "replicas": 3, "batch": 2}
    carry_out(run_dict(protocol=MOTION, ensemble=small), tmp_path / "two")
    carry_out(run_dict(protocol=MOTION), tmp_path / "two")
    one, two = data_of(tmp_path / "one"), data_of(tmp_path / "two")
    assert set(one) == set(two)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_averages_of_the_motion(run_dict, tmp_path):
    carry_out(run_dict(protocol=MOTION), tmp_path / "run")
    answer = average_motion(RunDirectory(tmp_path / "run"))
    json.dumps(answer, allow_nan=False)
    group = answer["groups"][0]
    assert (group["n"], group["samples"], group["states"], group["temperature"]) == (12, 6, 18, 10.0)
    with xr.open_datatree(tmp_path / "run/results.h5", engine="h5netcdf") as tree:
        per_sample = tree["n12"]["correlation"].mean("replica").values
    mean, error = (group["observables"]["correlation"][key] for key in ("mean", "stderr"))
    np.testing.assert_allclose(np.array(mean[0]), per_sample.mean(axis=0)[0], rtol=1e-13)
    np.testing.assert_allclose(np.array(error[0]), per_sample.std(axis=0, ddof=1)[0] / np.sqrt(6), rtol=1e-12)
    assert mean[1][-1] is None  # the lag reaches beyond the end


def test_defaults_follow_the_model(run_dict):
    recipe = run_file.parse(run_dict(protocol={"kind": "langevin"})).recipe
    assert recipe.temperature == pytest.approx(0.7 * 6 * 4.0)  # 0.7 L^2, below T_g = 21.55
    assert recipe.waiting_times == [2.0, 20.0, 100.0]
    heavy = run_file.parse(run_dict(protocol={"kind": "langevin", "mass": 100.0})).recipe
    assert heavy.time_step == pytest.approx(10 * recipe.time_step, rel=0.5)
    stiff = run_file.parse(run_dict(model={"gamma": 4.0, "a2": 4000.0}, protocol={"kind": "langevin"})).recipe
    assert stiff.time_step < 2 / np.sqrt(1000)  # stability limit of the stiffest oscillator


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"waiting_times": [3.0, 1.0]}, "waiting_times must rise"),
        ({"waiting_times": [1.0, 300.0]}, "waiting time 300 is not below duration = 200"),
        ({"waiting_times": []}, "waiting_times"),
        ({"duration": 1e-3}, "duration/time_step"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_bad_keys_are_refused(run_dict, keys, message):
    with pytest.raises(InputError, match=message):
        run_file.parse(run_dict(protocol={"kind": "langevin", **keys}))


def test_an_unstable_motion_is_a_failed_task(run_dict, tmp_path):
    run = run_file.parse(run_dict(protocol=MOTION | {"time_step": 2.0, "duration": 800.0}))
    outcome = run_campaign(run, tmp_path / "run", SerialRanks())
    assert "time_step = 2 is too long" in next(iter(outcome.failures.values()))


def test_other_runs_have_no_motion(run_dict, tmp_path):
    carry_out(run_dict(), tmp_path / "run")
    with pytest.raises(InputError, match="langevin"):
        average_motion(RunDirectory(tmp_path / "run"))


def test_a_time_step_too_long_is_foretold_and_fails_in_one_line(run_dict, tmp_path):
    run = run_file.parse(run_dict(protocol=MOTION | {"time_step": 4.0, "duration": 800.0}))
    said = []
    outcome = run_campaign(run, tmp_path / "run", SerialRanks(), say=said.append)
    assert any("time_step = 4: motion in the stiffest wells is unstable" in line for line in said)
    assert outcome.failures
    assert any("too long" in line for line in said)
    assert not any("Traceback" in line for line in said)
    assert not any("time_step" in line for line in run_file.parse(run_dict(protocol=MOTION)).warnings())
