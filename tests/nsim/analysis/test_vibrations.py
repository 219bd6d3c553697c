"""Vibrations of a run: identities of its densities, exponents of known laws, modes stored or found later."""

import numpy as np
import pytest

from nsim import run_file
from nsim.analysis.exporting import export_csv
from nsim.analysis.vibrations import _edge, _scaling, vibrations
from nsim.analysis.vibrations_plot import plot_vibrations
from nsim.campaign.campaign import run_campaign
from nsim.campaign.run_directory import RunDirectory
from nsim.errors import InputError
from nsim.parallel.ranks import SerialRanks

ENSEMBLE = {"n": [16, 24], "samples": 3, "replicas": 4}


def made(run_dict, path, **output) -> RunDirectory:
    run_campaign(run_file.parse(run_dict(ensemble=ENSEMBLE, output=output)), path, SerialRanks())
    return RunDirectory(path)


def test_stored_modes_are_those_found_later(run_dict, tmp_path):
    stored = vibrations(made(run_dict, tmp_path / "stored", spectrum=True), mass=4.0)
    later = vibrations(made(run_dict, tmp_path / "later"), mass=4.0)
    assert stored == later
    for group in stored["groups"]:
        assert group["states"] == 12
        assert group["modes"] == group["n"]
        for name in ("eigenvalues", "frequencies"):
            width, mean = np.diff(group[name]["edges"]), np.array(group[name]["mean"])
            assert width @ mean == pytest.approx(1)
        assert group["frequencies"]["edges"][-1] == pytest.approx(np.sqrt(group["eigenvalues"]["edges"][-1] / 4))
    from nsim.analysis.summary import summarise

    for group, averages in zip(stored["groups"], summarise(RunDirectory(tmp_path / "later"))["groups"], strict=True):
        for name, other in (("response", "C"), ("lambda_min", "lambda_min")):
            expected = averages["observables"][other]
            assert group[name]["mean"] == pytest.approx(expected["mean"], rel=1e-9)
            assert group[name]["stderr"] == pytest.approx(expected["stderr"], rel=1e-6)
    export_csv(RunDirectory(tmp_path / "stored"), tmp_path / "tables")
    rows = (tmp_path / "tables" / "by_normal_mode.csv").read_text().splitlines()
    assert len(rows) == 1 + 12 * (16 + 24)
    plot_vibrations(tmp_path / "picture.png", stored)
    assert (tmp_path / "picture.png").stat().st_size > 20_000


def test_a_run_without_states_or_modes_is_refused(run_dict, tmp_path):
    with pytest.raises(InputError, match=r"output\.spectrum"):
        vibrations(made(run_dict, tmp_path / "bare", sites=False))


@pytest.mark.parametrize("power", [2.0, 4.0])
def test_exponent_at_the_edge(power):
    """Frequencies drawn from g ~ omega^s on (0, 1): the estimate within four errors, another law far outside."""
    omega = np.random.default_rng(int(power)).power(power + 1, size=(30, 4, 200))
    found = _edge(omega, np.ones((30, 4), dtype=bool), 0.05, 200)
    assert found["exponent"] == pytest.approx(power, abs=4 * found["stderr"])
    # k modes give the exponent s + 1 to 1/sqrt(k).
    assert found["stderr"] == pytest.approx((power + 1) / np.sqrt(0.05 * 30 * 4 * 200), rel=0.5)
    assert abs(found["exponent"] - (6 - power)) > 4 * found["stderr"]


def test_too_few_modes_have_no_exponent():
    assert _edge(np.ones((1, 1, 50)), np.ones((1, 1), dtype=bool), 0.05, 50)["exponent"] is None


def test_an_exponent_of_just_enough_modes_has_an_error():
    """20 modes of 10 samples, 18 of 9 of them: fewer than an exponent may be taken from, but not than its scatter."""
    omega = np.random.default_rng(3).power(3, size=(10, 4, 100))
    found = _edge(omega, np.ones((10, 4), dtype=bool), 0.005, 100)
    assert found["exponent"] is not None
    assert found["stderr"] == pytest.approx(3 / np.sqrt(20), rel=0.9)
    single = _edge(omega[:1], np.ones((1, 4), dtype=bool), 0.05, 100)
    assert single["exponent"] is not None
    assert single["stderr"] is None
    few = _edge(omega[:9], np.ones((9, 4), dtype=bool), 0.005, 100)
    assert (few["exponent"], few["stderr"]) == (None, None)


def test_scaling_of_the_lowest_eigenvalue():
    groups = [{"n": n, "lambda_min": {"mean": 3 * n**-0.6, "stderr": 0.01 * n**-0.6}} for n in (50, 100, 400)]
    assert _scaling(groups)["exponent"] == pytest.approx(-0.6)
    assert _scaling(groups[:1])["exponent"] is None
