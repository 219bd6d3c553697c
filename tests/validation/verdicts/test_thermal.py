"""Above the glass temperature RS is exact for N -> infinity: tempering must agree after 1/N extrapolation."""

import pytest

import meanfield
from nsim import run_file
from nsim.analysis.summary import summarise
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.parallel.ranks import SerialRanks
from validation.statistics.finite_size import limit
from validation.verdicts.forms import REGULAR

SIZES = {32: 240, 64: 120, 128: 60}  # samples


@pytest.mark.parametrize("gamma", [pytest.param(1.0, marks=pytest.mark.slow), 4.0])
def test_energy_and_q_join_rs_above_the_transition(gamma, tmp_path):
    model = meanfield.Model(gamma=gamma)
    transition = meanfield.glass_temperature(model)
    temperatures = [round(transition * ratio, 4) for ratio in (2.0, 1.5)]
    run = run_file.parse(
        {
            "seed": 5,
            "model": {"gamma": gamma},
            "ensemble": {"n": list(SIZES), "samples": list(SIZES.values()), "replicas": 4},
            "protocol": {"kind": "tempering", "temperatures": temperatures, "sweeps": 200, "burn_in": 100},
            "output": {"sites": False},
        }
    )
    run_campaign(run, tmp_path / "run", SerialRanks())
    groups = summarise(RunDirectory(tmp_path / "run"))["groups"]
    for temperature in temperatures:
        rs = meanfield.solve(model, "rs", temperature=temperature)
        assert rs.replicon > 0
        assert abs(rs.C - rs.q_diag / temperature) < 1e-9  # q = 0
        here = [group["observables"] for group in groups if group["temperature"] == temperature]
        for name, theory in (("energy", rs.internal_energy), ("q", rs.q_diag)):
            means, errors = ([found[name][key] for found in here] for key in ("mean", "stderr"))
            found_limit = limit(list(SIZES), means, errors, REGULAR)
            assert abs(found_limit.value - theory) < 4 * found_limit.stderr
            # The comparison is sharp: a few per cent of q_hat would show, and the smallest system alone is off.
            assert found_limit.stderr < 0.01 * rs.q_diag
            assert abs(means[0] - theory) > 4 * errors[0]
        for found in here:  # at every N: integration by parts over the couplings
            gap = found["gauss_gap"]
            assert abs(gap["mean"]) < 4 * gap["stderr"]
