"""The hard tests: where RS is exact simulation must agree with it, and wrong couplings must be found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from validation.finite_size import study
from validation.simulation import Simulation
from validation.verdicts.checks import Check
from validation.verdicts.comparison import Comparison, compare_run


def extrapolated(comparison: Comparison) -> dict[str, Check]:
    return {check.observable: check for check in comparison.checks if check.n is None}


@pytest.fixture(scope="module")
def exact(polarised: Path) -> Comparison:
    return compare_run(Simulation.open(polarised))


def test_rs_is_exact_in_the_polarised_phase(exact: Comparison) -> None:
    assert exact.regime.rs_exact
    assert exact.verdict == "pass"
    checks = extrapolated(exact)
    for name in ("energy", "p", "q", "C", "replicon_sum"):
        check = checks[name]
        assert check.verdict == "pass", check
        assert check.expected == {"rs": "agree", "1rsb": "agree", "frsb": "agree"}
        assert check.stderr is not None
        assert check.prediction["rs"] is not None
        assert check.stderr < 0.01 * abs(check.prediction["rs"])


def test_couplings_with_five_percent_too_much_variance_fail(polarised_too_random: Path, exact: Comparison) -> None:
    wrong = compare_run(Simulation.open(polarised_too_random))
    assert wrong.verdict == "fail"
    checks = extrapolated(wrong)
    failed = {name for name, check in checks.items() if check.verdict == "fail"}
    assert {"energy", "q", "C", "field_variance"} <= failed  # each more than ten errors off; others have larger errors
    assert [size.samples for size in wrong.simulation.sizes] == [size.samples for size in exact.simulation.sizes]


def test_finite_sizes_are_shifted_and_not_judged(exact: Comparison) -> None:
    smallest = min(size.n for size in exact.simulation.sizes)
    check = next(check for check in exact.checks if check.n == smallest and check.observable == "energy")
    assert check.verdict == "not tested"
    assert check.z["rs"] is not None
    assert check.z["rs"] > 5  # the 1/N shift is there


def test_rs_fails_in_the_glass_as_it_must(glassy: Comparison) -> None:
    assert glassy.regime.glassy
    assert glassy.verdict == "pass"
    checks = extrapolated(glassy)
    for name in ("double_well_fraction", "small_field_weight"):
        check = checks[name]
        assert check.expected == {"rs": "differ", "1rsb": "differ", "frsb": None}
        assert check.verdict == "pass", check
        assert check.z["rs"] is not None
        assert check.z["rs"] < -3
    assert checks["energy"].expected == {"rs": "differ", "1rsb": None, "frsb": None}
    assert checks["energy"].verdict in ("pass", "not tested")
    # Each step of symmetry breaking raises the energy; full RSB, -12.1064, is what true ground states have.
    energies = [checks["energy"].prediction[name] for name in ("rs", "1rsb", "frsb")]
    assert energies == pytest.approx([-12.453637, -12.133105, -12.10639], abs=2e-5)
    assert checks["p"].expected == {"rs": "agree", "1rsb": "agree", "frsb": "agree"}
    assert checks["p"].verdict == "pass"


def test_no_theory_is_excluded_by_a_choice_of_exponent(glassy: Comparison) -> None:
    """C with powers between 1/3 and 1 covers what full RSB has, near 0.33: they scatter by more than the noise."""
    check = extrapolated(glassy)["C"]
    found = glassy.limits["C"]
    by_power = {fit.exponents: fit.value for fit in found.fits if fit.dropped == 0 and len(fit.exponents) == 1}
    assert by_power[(1 / 3,)] < by_power[(2 / 3,)] < by_power[(1.0,)]
    assert found.spread > found.best.stderr
    assert check.simulation is not None
    assert check.stderr is not None
    assert abs(check.simulation - 0.3307) < 3 * check.stderr


def test_the_report_and_the_finite_size_study_are_one_mechanism(glass: Path, glassy: Comparison) -> None:
    other = study([glass])
    for name, found in glassy.limits.items():
        if name != "p":  # zero by symmetry, which only a report tells
            same = other.observables[name].limit
            assert same is not None
            assert same.to_dict() == found.to_dict(), name


def test_one_number_for_the_variance_where_p_vanishes_by_symmetry(glassy: Comparison, exact: Comparison) -> None:
    assert "displacement_variance" not in {check.observable for check in glassy.checks}
    assert "displacement_variance" in {check.observable for check in exact.checks}


def test_predictions_compare_like_with_like(glassy: Comparison) -> None:
    """The inverse Hessian has no jumps: its mean stands against C_reg, 0.341 in RS, not against C = 0.884."""
    rs = glassy.mean_field.theories["rs"]
    assert rs.values["C"] == pytest.approx(0.341, abs=1e-3)
    assert rs.values["energy"] == pytest.approx(-12.453637, abs=1e-5)
    assert rs.values["q"] == pytest.approx(32.81862, abs=1e-4)
    assert rs.values["field_variance"] == pytest.approx(rs.values["q"], rel=1e-6)
    window = glassy.mean_field.window
    assert window is not None
    # A Gaussian of width 1 has this weight within 0.05.
    assert rs.values["small_field_weight"] == pytest.approx(0.0398776, rel=1e-4)


def test_averages_are_taken_over_samples(glass: Path, glassy: Comparison) -> None:
    """By hand with xarray: states of a sample first, then samples."""
    import xarray

    with xarray.open_datatree(glass / "results.h5", engine="h5netcdf") as tree:
        by_sample = {size.n: tree[f"n{size.n}"]["q"].mean("replica").values for size in glassy.simulation.sizes}
    for n, q in by_sample.items():
        found = glassy.simulation.averages(n, None, folded=False)["q"]  # before control variates
        assert found.mean == pytest.approx(q.mean(), rel=1e-12)
        assert found.stderr == pytest.approx(q.std(ddof=1) / np.sqrt(len(q)), rel=1e-12)


def test_simulated_local_potentials_are_those_of_the_states(glass: Path, glassy: Comparison) -> None:
    """The ensemble built from sites has the double wells and the responses that were measured state by state."""
    simulation = glassy.simulation
    sites = simulation.sites(64, folded=False)
    model = simulation.run.model
    ensemble = sites.local_potentials(model.a4, model.gamma)
    assert len(ensemble) == sites.h.size
    averages = glassy.averages[64]
    assert ensemble.double_well_fraction() == pytest.approx(averages["double_well_fraction"].mean, rel=1e-9)
    # v is the global minimum of U_eff at nearly every site.
    same = np.abs(ensemble.minima() - sites.v.ravel()) < 1e-6
    assert same.mean() > 0.98
    response = ensemble.responses()[same].mean()
    assert response == pytest.approx(averages["C"].mean, rel=0.1)
