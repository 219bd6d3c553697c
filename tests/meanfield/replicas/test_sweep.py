"""Sweeps: the same numbers as single points, files that xarray opens, points that do not converge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import meanfield.replicas.sweep as sweep_function
from meanfield import LocalStiffness, Model, ParameterError, solve
from meanfield.replicas import solver
from meanfield.replicas.sweep import sweep


@pytest.mark.parametrize(
    ("ansatz", "model", "T"),
    [
        ("rs", Model(), 0.0),
        ("rs", Model(j0=1.2), 0.0),
        ("rs", Model(a2=LocalStiffness.gaussian(1.0, 1.0)), 0.0),
        ("rs", Model(), 1.0),
        ("1rsb", Model(), 0.0),
    ],
)
def test_points_do_not_depend_on_their_neighbours(ansatz, model, T):
    gamma = (0.4, 0.51, 0.7, 1.5, 6.0, 0.9)  # through transitions, and back in a leap
    result = sweep(model, ansatz, gamma, (T,))
    assert result.converged
    for value, s in zip(gamma, result.solutions, strict=True):
        alone = solve(replace(model, gamma=value), ansatz, T)
        assert s.phase == alone.phase
        assert s.free_energy == pytest.approx(alone.free_energy, rel=1e-11, abs=1e-14)
        np.testing.assert_allclose(s.q, alone.q, rtol=1e-8)
        assert len(s.solutions) == len(alone.solutions)


def test_continuing_saves_iterations(monkeypatch):
    gamma = tuple(np.linspace(2.0, 3.0, 6))
    continued = sweep(Model(), "1rsb", gamma)

    def anew(model, ansatz, T, steps, previous):
        return solve(model, ansatz, T, steps)

    monkeypatch.setattr(sweep_function, "solve", anew)
    alone = sweep(Model(), "1rsb", gamma)
    assert sum(s.iterations for s in continued.solutions) < sum(s.iterations for s in alone.solutions)


def test_file_has_labelled_arrays(tmp_path):
    result = sweep(Model(), "1rsb", (0.4, 2.0), (0.0,), (0.0, 1.3))
    result.save(tmp_path / "sweep.h5")
    with xr.open_dataset(tmp_path / "sweep.h5", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"point": 4, "level": 2, "step": 1}
        assert set(data.coords) == {"gamma", "temperature", "j0"}
        np.testing.assert_array_equal(data["j0"], [0.0, 1.3, 0.0, 1.3])
        np.testing.assert_array_equal(data["free_energy"], [s.free_energy for s in result.solutions])
        np.testing.assert_array_equal(data["q"][2], result.solutions[2].q)
        assert list(data["phase"].values) == [s.phase for s in result.solutions]
        assert data["C"].attrs["units"] == "v0^2/E0"


def test_points_that_fail_are_kept(monkeypatch):
    def fragile(model, ansatz, T, steps, previous):
        s = solver.solve(model, ansatz, T, steps, previous)
        return replace(s, converged=False) if model.gamma == 2.0 else s

    monkeypatch.setattr(sweep_function, "solve", fragile)
    result = sweep(Model(), "rs", (1.0, 2.0, 3.0))
    assert [s.converged for s in result.solutions] == [True, False, True]
    assert not result.converged
    assert [point["converged"] for point in result.to_dict()["points"]] == [True, False, True]


def test_bad_values_are_refused_before_work():
    done = []
    with pytest.raises(ParameterError, match="gamma"):
        sweep(Model(), "rs", (1.0, -2.0), progress=done.append)
    assert not done
