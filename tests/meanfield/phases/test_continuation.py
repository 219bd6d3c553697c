"""Continuation on curves that are known: a circle, a fold, an end on a condition."""

from __future__ import annotations

import numpy as np

from meanfield.phases.continuation import trace


def circle(y):
    return np.array([y[0] ** 2 + y[1] ** 2 - 1.0])


def test_closed_curve_comes_back():
    curve = trace(circle, np.array([1.0, 0.0]), {}, np.ones(2), 0.1)
    assert (curve.begins, curve.ends) == ("closed", "closed")
    np.testing.assert_allclose(np.linalg.norm(curve.y, axis=1), 1.0, atol=1e-12)
    angle = np.unwrap(np.arctan2(curve.y[:, 1], curve.y[:, 0]))
    assert abs(angle[-1] - angle[0]) == np.float64(2.0 * np.pi) or abs(abs(angle[-1] - angle[0]) - 2 * np.pi) < 1e-9
    assert np.all(np.linalg.norm(np.diff(curve.y, axis=0), axis=1) < 0.15)


def test_curve_turns_back_and_ends_on_conditions():
    # y = x^3 - x in the unknowns (x, y): three values of x at one y, two folds on the way.
    def cubic(z):
        return np.array([z[0] ** 3 - z[0] - z[1]])

    ends = {"low": lambda z: z[1] + 2.0, "high": lambda z: 1.0 - z[1]}
    curve = trace(cubic, np.array([0.0, 0.0]), ends, np.ones(2), 0.1)
    assert {curve.begins, curve.ends} == {"low", "high"}
    at = {curve.begins: curve.y[0], curve.ends: curve.y[-1]}
    np.testing.assert_allclose([at["low"][1], at["high"][1]], [-2.0, 1.0], atol=1e-12)
    assert np.any(np.diff(curve.y[:, 1]) > 0)
    assert np.any(np.diff(curve.y[:, 1]) < 0)
    assert curve.residual < 1e-12
