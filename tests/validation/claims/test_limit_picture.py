"""What is drawn of an approach to N -> infinity: every piece where the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from validation.claims.limit_picture import draw_limit, draw_sizes, draw_theories
from validation.predictions import THEORIES
from validation.statistics.finite_size import Limit, limit
from validation.verdicts.forms import GLASSY_ENERGY

SIZES = np.array([16.0, 32.0, 64.0, 128.0, 256.0])
MEANS, ERROR = -12 + 24 * SIZES ** (-2 / 3), 0.1


def averaged() -> Limit:
    found = limit(SIZES.astype(int).tolist(), MEANS.tolist(), [ERROR] * 5, GLASSY_ENERGY)
    assert found is not None
    return found


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_points_line_and_band(tilt: float) -> None:
    axes, found = Figure().subplots(), averaged()
    rows = [(int(n), float(mean), ERROR) for n, mean in zip(SIZES, MEANS, strict=True)]
    right = draw_sizes(axes, rows, found, 2 / 3, label="sizes", line_label="line", tilt=tilt)
    assert right == pytest.approx(1.06 * 16 ** (-2 / 3))
    line = next(one for one in axes.lines if one.get_label() == "line")
    x, y = line.get_xdata(), line.get_ydata()
    assert (x[0], x[-1]) == (0, pytest.approx(right))
    assert y[0] == pytest.approx(found.value)
    assert np.interp(SIZES[2] ** (-2 / 3), x, y) == pytest.approx(MEANS[2] - tilt * SIZES[2] ** (-2 / 3), abs=0.01)
    points = axes.containers[0]
    assert points.get_label() == "sizes"
    np.testing.assert_allclose(points.lines[0].get_xdata(), SIZES ** (-2 / 3))
    np.testing.assert_allclose(points.lines[0].get_ydata(), MEANS - tilt * SIZES ** (-2 / 3))
    bars = points.lines[2][0].get_segments()
    assert np.ptp(bars[0][:, 1]) == pytest.approx(2 * ERROR)
    # The band ends in the error of the limit.
    edge = axes.collections[0].get_paths()[0].vertices
    at_infinity = edge[np.abs(edge[:, 0]) < 1e-12, 1]
    assert np.ptp(at_infinity) == pytest.approx(2 * found.stderr)
    assert (at_infinity.min() + at_infinity.max()) / 2 == pytest.approx(found.value)


def test_without_a_limit_the_sizes_are_drawn() -> None:
    axes = Figure().subplots()
    draw_sizes(axes, [(16, 1.0, 0.1)], None, 1 / 3)
    assert len(axes.containers) == 1
    assert not [one for one in axes.collections if type(one).__name__ == "FillBetweenPolyCollection"]


def test_limit_and_theories() -> None:
    axes = Figure().subplots()
    draw_limit(axes, 0.0, -12.0, 0.3)
    segment = axes.containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(segment, [[0, -12.3], [0, -11.7]])
    values = {"rs": -12.45, "1rsb": -12.13, "frsb": -12.11}
    before = len(axes.lines)
    draw_theories(axes, values, ("1rsb", "frsb"))
    drawn = axes.lines[before:]
    assert [(one.get_ydata()[0], one.get_label()) for one in drawn] == [
        (values[name], THEORIES[name]) for name in ("1rsb", "frsb")
    ]
    draw_theories(axes, values, labelled=False)
    assert len(axes.lines) == before + 5
    assert not {one.get_label() for one in axes.lines[before + 2 :]} & set(THEORIES.values())
