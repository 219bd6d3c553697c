"""Figures: what their curves must obey, where runs belong, and simulations that are continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meanfield.quantum.density_of_states import solution_density_of_states
from nsim.errors import InputError
from nsim.parallel.ranks import SerialRanks
from nsim.parallel.stop_requests import stop_requests
from validation.figures import own_runs
from validation.figures.own_runs import Runs, phase_of
from validation.figures.theory import Theories
from validation.simulation import Simulation

X = 0.1


@pytest.fixture(scope="module")
def theories() -> Theories:
    return Theories(X)


@pytest.mark.parametrize("ansatz", ["rs", "1rsb"])
def test_densities_of_wells_integrate_to_their_fraction(theories: Theories, ansatz: str) -> None:
    fraction = theories.solution(ansatz).double_well_fraction
    for x, P in (theories.asymmetry_density(ansatz), theories.tunnelling_density(ansatz)):
        assert abs(np.trapezoid(P.value, x)) == pytest.approx(fraction, rel=5e-3)
        assert np.all(P.error == 0)


def test_full_breaking_comes_with_errors(theories: Theories) -> None:
    """Energies of given numbers of excitations are extrapolated; errors cover the step to the largest K."""
    edges = np.concatenate([[0.0], np.geomspace(1e-3, 15.0, 801)])
    E, density = theories.density_of_states("frsb", edges, 3)
    assert np.all(density.error > 0)
    some = (E > 0.7) & (E < 1.6)
    found = solution_density_of_states(theories.solution("frsb"), X, edges, 3).total
    middle = np.sqrt(np.maximum(edges[:-1], 1e-9) * edges[1:])
    np.testing.assert_allclose(density.value[some], np.interp(E[some], middle, found), rtol=0.15)
    heat = theories.thermodynamics("frsb", np.array([1e-3, 0.1, 1.0]))["specific_heat"]
    assert heat.value[0] < 1e-6 * theories.thermodynamics("1rsb", np.array([1e-3]))["specific_heat"].value[0]
    assert 0 < heat.error[2] < 0.01 * heat.value[2]


def test_runs_go_where_they_belong(polarised: Path, quenched: Path) -> None:
    runs = Runs.given([quenched, polarised])
    assert [one.path for one in runs.glasses] == [quenched]
    assert [one.path for one in runs.plane] == [polarised]
    assert phase_of(Simulation.open(polarised)) == "polarised"
    assert phase_of(Simulation.open(quenched)) == "glassy"


def test_own_runs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = {"n": 12, "samples": 3, "replicas": 1, "sweeps": [5]}
    monkeypatch.setattr(own_runs, "SIZES", {"quick": tiny})

    def made(wanted: tuple[str, ...]) -> Runs:
        with stop_requests() as requests:
            return Runs.made(tmp_path, "quick", wanted, SerialRanks(), requests, lambda g: 5.0, lambda text: None)

    runs = made(("4a", "4b"))
    assert [own_runs.label(one) for one in runs.glasses] == ["quenched", "annealed, 5 sweeps"]
    assert set(runs.disordered) == {"std", "variance"}
    results = tmp_path / "quench" / "results.h5"
    before = results.stat().st_mtime_ns
    assert len(made(("4a",)).glasses) == 2
    assert results.stat().st_mtime_ns == before


def test_a_run_that_fits_nothing_is_named(tmp_path: Path) -> None:
    from nsim import run_file
    from nsim.campaign.campaign import run_campaign

    record = {"seed": 1, "model": {"gamma": 4.0, "field": 1.0}, "ensemble": {"n": 8}, "protocol": {"kind": "quench"}}
    run_campaign(run_file.parse(record), tmp_path / "odd", SerialRanks())
    with pytest.raises(InputError, match="odd: fits no figure"):
        Runs.given([tmp_path / "odd"])
