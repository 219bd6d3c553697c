"""The negative controls: a wrong variance told as another model, exactly, in simulation and in theory."""

from __future__ import annotations

import numpy as np
import pytest

import meanfield
from meanfield import Model
from nsim.run_sections import Model as SimulatedModel
from nsim.sample import couplings
from nsim.sample.glass import Glass
from validation.claims.finding import agree, check, differ
from validation.claims.wrong_couplings import VARIANCE, energies, wrong_couplings


def test_the_equivalent_model_has_the_same_energies() -> None:
    """U of J = sqrt(c) J' at gamma, J0, F is sqrt(c) times U of J' at the equivalent parameters, state by state."""
    stream = np.random.default_rng(1)
    n, j0 = 20, 1.5
    model = Model(gamma=4.0, j0=j0, field=0.7)
    wrong = wrong_couplings(model)
    right_mean = couplings.draw(3, n, 0, 0.0)
    scattered = np.sqrt(VARIANCE) * right_mean + j0 / n * (1 - np.eye(n))
    equivalent = right_mean + wrong.model.j0 / n * (1 - np.eye(n))
    one = Glass.draw(SimulatedModel(gamma=4.0, field=0.7), 3, n, 0, scattered)
    own = SimulatedModel(gamma=wrong.model.gamma, field=wrong.model.field)
    other = Glass.draw(own, 3, n, 0, equivalent)
    for v in 4 * stream.standard_normal((5, n)):
        assert one.energy(v) == pytest.approx(wrong.scale * other.energy(v), rel=1e-12)


def test_theory_notices_the_mistake() -> None:
    """At gamma = 4 five percent of variance move the energy by about six percent."""
    model = Model(gamma=4.0)
    right = meanfield.solve(model, "rs").internal_energy
    wrong = wrong_couplings(model)
    found = energies({"rs": meanfield.solve(wrong.model, "rs")}, wrong.scale)["rs"]
    assert found is not None
    assert found[0] == pytest.approx(right * 1.058, rel=2e-3)
    # The glass temperature scales as the equivalence says.
    assert wrong.temperature(30.0) == pytest.approx(30.0 / np.sqrt(VARIANCE))


def test_a_control_passes_only_if_the_mistake_is_rejected() -> None:
    def control(value: float, stderr: float) -> str:
        return check(
            "energy",
            "e",
            "",
            None,
            value,
            stderr,
            {"frsb": (-12.81, 0.0)},
            {"frsb": differ("wrong", 0.7)},
            1000,
            control=True,
        ).check.verdict

    assert control(-12.11, 0.02) == "pass"
    assert control(-12.80, 0.02) == "fail"
    assert control(-12.50, 0.5) == "not tested"
    own = check("energy", "e", "", None, -12.1, 0.02, {"frsb": (-12.106, 0.0)}, {"frsb": agree("exact")}, 1000)
    assert own.check.verdict == "pass"
    assert own.to_dict()["negative_control"] is False
