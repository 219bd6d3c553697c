"""Phase boundaries: exact lines, known limits, and the solver itself on either side of every line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.optimize import fsolve

from meanfield import LocalStiffness, Model, ParameterError, glass_temperature, solve
from meanfield.phases import phase_picture
from meanfield.phases.broken_lines import limit_of_onsets
from meanfield.phases.phase_diagram import phase_diagram
from meanfield.replicas.replica_symmetric import averages


@pytest.fixture(scope="module")
def ground():
    """The plane of KH98 Fig. 1b."""
    return phase_diagram(Model(), points=20)


def joined(diagram, name):
    """All points of the lines of one name."""
    lines = [line for line in diagram.lines if line.name == name]
    assert lines
    return {key: np.concatenate([line.points[key] for line in lines]) for key in lines[0].points}


def test_exact_lines_at_zero_temperature(ground):
    glass = joined(ground, "ergodic-glass")
    np.testing.assert_allclose(1.0 / glass["gamma"], 2.0, rtol=1e-12)
    np.testing.assert_allclose([glass["j0"].min(), glass["j0"].max()], [0.0, 1.0], atol=1e-12)
    polarised = joined(ground, "ergodic-polarised")
    np.testing.assert_allclose(1.0 / polarised["gamma"], polarised["j0"] + 1.0 / polarised["j0"], rtol=1e-12)
    np.testing.assert_allclose([polarised["j0"].min(), polarised["j0"].max()], [1.0, 3.0], atol=1e-12)
    assert ground.converged
    assert ground.seconds < 30


def test_all_lines_meet_where_three_phases_do(ground):
    for name in ("ergodic-glass", "ergodic-polarised", "glass-polarised", "almeida-thouless"):
        points = joined(ground, name)
        corner = np.argmin(np.hypot(points["j0"] - 1.0, points["gamma"] - 0.5))
        assert points["j0"][corner] == pytest.approx(1.0, abs=1e-10)
        assert points["gamma"][corner] == pytest.approx(0.5, abs=1e-10)


def inner(points, count=4):
    """Some points that are no ends, as dictionaries."""
    chosen = np.linspace(0, points["p"].size - 1, count + 2).round().astype(int)[1:-1]
    return [{key: float(values[k]) for key, values in points.items()} for k in chosen]


def test_replica_symmetry_breaks_on_its_line(ground):
    for at in inner(joined(ground, "almeida-thouless")):
        below, above = (solve(Model(gamma=at["gamma"] * s, j0=at["j0"]), "rs") for s in (1 - 1e-8, 1 + 1e-8))
        assert below.stable
        assert not above.stable
        assert below.p == pytest.approx(at["p"], rel=1e-6)


def test_double_wells_begin_on_their_line(ground):
    for at in inner(joined(ground, "double-wells"), 6):
        below, above = (solve(Model(gamma=at["gamma"] * s, j0=at["j0"]), "rs") for s in (1 - 1e-8, 1 + 1e-8))
        assert below.double_well_fraction == 0.0
        assert above.double_well_fraction > 0.0


def test_glass_polarises_on_its_line(ground):
    for at in inner(joined(ground, "glass-polarised"), 3):
        below, above = (solve(Model(gamma=at["gamma"], j0=at["j0"] * s), "rs") for s in (1 - 1e-6, 1 + 1e-6))
        assert (below.phase, below.solutions) == ("glassy", ())
        assert above.p > 0
        # Continuous: p vanishes like the root of the distance, while f falls below that of the glass.
        assert above.p < 0.1
        assert above.free_energy < above.solutions[0].free_energy
        assert at["j0"] * at["C"] == pytest.approx(1.0, rel=1e-12)


def test_glass_temperature_line():
    diagram = phase_diagram(Model(), "gamma-temperature", ranges={"gamma": (0.25, 8.0)}, points=12)
    line = diagram.line("ergodic-glass")
    order = np.argsort(line.points["gamma"])
    gamma, T = line.points["gamma"][order], line.points["temperature"][order]
    # KH98 Fig. 1a: T_g grows from zero at gamma = 1/2.
    assert gamma[0] == pytest.approx(0.5, abs=1e-12)
    assert T[0] == 0.0
    assert np.all(np.diff(T) > 0)
    for k in (2, gamma.size // 2, gamma.size - 1):
        assert T[k] == pytest.approx(glass_temperature(Model(gamma=float(gamma[k]))), rel=1e-9)
    wells = joined(diagram, "double-wells")
    # At T_g C = 1: double wells begin there at gamma = a2; at T = 0 at 1.0781.
    assert np.min(np.hypot(wells["gamma"] - 1.0, wells["temperature"] - np.interp(1.0, gamma, T))) < 0.1
    assert wells["gamma"][np.argmin(wells["temperature"])] == pytest.approx(1.0781, abs=5e-5)


def test_polarised_plane_of_temperatures():
    diagram = phase_diagram(Model(j0=1.5), "gamma-temperature", ranges={"gamma": (0.25, 5.0)}, points=8)
    at = inner(joined(diagram, "almeida-thouless"), 1)[0]
    assert at["temperature"] == pytest.approx(glass_temperature(Model(gamma=at["gamma"], j0=1.5)), rel=1e-9)
    ends = joined(diagram, "ergodic-polarised")
    assert 1.0 / ends["gamma"][np.argmin(ends["temperature"])] == pytest.approx(1.5 + 1 / 1.5, rel=1e-10)


def test_ising_plane_has_its_published_lines():
    """Sherrington and Kirkpatrick (1975), de Almeida and Thouless (1978)."""
    diagram = phase_diagram(
        Model(potential="ising"), "j0-temperature", ranges={"j0": (0.0, 4.5), "temperature": (0.0, 5.0)}, points=20
    )
    np.testing.assert_allclose(joined(diagram, "ergodic-glass")["temperature"], 1.0, rtol=1e-12)
    ferro = joined(diagram, "ergodic-polarised")
    np.testing.assert_allclose(ferro["temperature"], ferro["j0"], rtol=1e-12)
    onset = joined(diagram, "glass-polarised")
    assert onset["j0"][np.argmin(onset["temperature"])] == pytest.approx(np.sqrt(np.pi / 2), rel=1e-10)
    line = joined(diagram, "almeida-thouless")
    far = np.argmax(line["j0"])
    # At large J0: T = 4/(3 sqrt(2 pi)) exp(-J0^2/2); m = J0 (1 - ...) leaves corrections of a few percent.
    asymptotic = 4 / (3 * np.sqrt(2 * np.pi)) * np.exp(-(line["j0"][far] ** 2) / 2)
    assert line["j0"][far] > 3
    assert line["temperature"][far] == pytest.approx(asymptotic, rel=0.05)


def test_two_kinds_of_sites():
    a2, weight = np.array([1.0, 6.0]), np.array([0.5, 0.5])
    diagram = phase_diagram(Model(a2=LocalStiffness.discrete((1.0, 6.0), (0.5, 0.5))), points=10)

    def marginal(x):
        chi = 1.0 / (a2 / x[0] - x[1])
        return [weight @ chi - x[1], weight @ chi**2 - 1.0]

    gamma, C = fsolve(marginal, [0.65, 0.75], xtol=1e-14)
    line = joined(diagram, "ergodic-glass")
    np.testing.assert_allclose(line["gamma"], gamma, rtol=1e-9)
    assert line["j0"].max() == pytest.approx(1.0 / C, rel=1e-9)


def test_continuous_disorder_loses_replica_symmetry_with_the_first_double_well():
    diagram = phase_diagram(Model(a2=LocalStiffness.uniform(0.5, 2.0)), ranges={"j0": (0.0, 2.5)}, points=10)
    line = diagram.line("almeida-thouless")
    assert line.converged
    assert set(line.ends) == {"j0 = 2.5", "m -> 0"}
    # From the corner, where the replicon vanishes first, to the border, where the first double well comes first.
    assert line.points["j0"].max() == pytest.approx(2.5)
    assert line.points["C"].min() < 0.3
    for at in inner(line.points, 3):
        below, above = (
            solve(Model(gamma=at["gamma"] * s, j0=at["j0"], a2=LocalStiffness.uniform(0.5, 2.0)), "rs")
            for s in (1 - 1e-7, 1 + 1e-7)
        )
        assert below.stable != above.stable  # the line turns back near J0 = 1.28


def test_plane_in_a_field():
    diagram = phase_diagram(Model(field=0.3), ranges={"j0": (-1.0, 1.0)}, points=10)
    assert {line.name for line in diagram.lines} == {"almeida-thouless", "double-wells"}
    at = inner(diagram.line("almeida-thouless").points, 1)[0]
    below, above = (solve(Model(gamma=at["gamma"] * s, j0=at["j0"], field=0.3), "rs") for s in (1 - 1e-8, 1 + 1e-8))
    assert below.stable
    assert not above.stable


@pytest.mark.parametrize("kappa", [-1e-2, -1e-6, -1e-12, 1e-9])
def test_replicon_where_double_wells_are_about_to_appear(kappa):
    m, q, C = 2.0, 3.0, 0.7
    model = Model(gamma=1.0 / (C - kappa))
    kappa, u = C - 1.0 / model.gamma, model.quartic  # after rounding
    v0, width = np.sqrt(max(kappa, 0.0) / u), np.sqrt(abs(kappa) / (3.0 * u))

    def integrand(t):
        # v = v0 + width sinh t resolves the peak of 1/U_eff'' at v0.
        x = width * np.sinh(t)
        v = v0 + x
        slope = 3 * u * x * (v + v0) + 2 * max(kappa, 0.0) - min(kappa, 0.0)
        h = v * (u * x * (v + v0) - min(kappa, 0.0))
        weight = np.exp(-((h - m) ** 2) / (2 * q)) + np.exp(-((h + m) ** 2) / (2 * q))
        return weight / np.sqrt(2 * np.pi * q) / slope * width * np.cosh(t)

    edges = np.linspace(0.0, np.arcsinh((8.0 + v0) / width), 41)
    exact = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in pairwise(edges))
    assert averages(model, 0.0, m, q, C).replicon_sum == pytest.approx(exact, rel=1e-11)


def test_bad_input():
    with pytest.raises(ParameterError, match="plane"):
        phase_diagram(Model(), "gamma-j0")
    with pytest.raises(ParameterError, match="low < high"):
        phase_diagram(Model(), ranges={"j0": (1.0, 1.0)})
    with pytest.raises(ParameterError, match="gamma must be positive"):
        phase_diagram(Model(), ranges={"gamma": (-1.0, 1.0)})
    with pytest.raises(ParameterError, match="Ising"):
        phase_diagram(Model(potential="ising"))
    with pytest.raises(ParameterError, match="beyond RS"):
        phase_diagram(Model(field=1.0), ansatze=("1rsb",))


@pytest.fixture(scope="module")
def one_step_ground():
    """Lines of one step of symmetry breaking at T = 0."""
    ranges = {"j0": (0.0, 1.15), "gamma": (0.4, 4.0)}
    return phase_diagram(Model(), ansatze=("1rsb",), ranges=ranges, points=8)


def test_double_wells_begin_on_the_line_of_one_step(one_step_ground):
    line = one_step_ground.line("double-wells", "1rsb")
    assert line.converged
    assert line.points["gamma"][0] == pytest.approx(1.4306, abs=5e-5)
    np.testing.assert_allclose(line.points["gamma"] * line.points["C"], 1.0, rtol=1e-8)
    assert line.points["j0"][-1] == pytest.approx(1.15, abs=1e-9)
    # The solver, at given gamma and J0, on either side: in the glass and in the mixed phase.
    for k in (0, line.points["p"].size - 1):
        gamma, j0 = (float(line.points[name][k]) for name in ("gamma", "j0"))
        below, above = (solve(Model(gamma=gamma * s, j0=j0), "1rsb") for s in (1 - 1e-5, 1 + 1e-5))
        assert below.double_well_fraction == 0.0
        assert above.double_well_fraction > 0.0
        assert above.p == pytest.approx(line.points["p"][k], abs=1e-3)


def test_one_step_polarises_on_its_line(one_step_ground):
    line = one_step_ground.line("glass-polarised", "1rsb")
    assert line.converged
    k = line.points["p"].size // 3
    gamma, j0 = float(line.points["gamma"][k]), float(line.points["j0"][k])
    # Between the exact J0 = 1 and the line of RS.
    assert 1.0 < j0 < 1.0 / solve(Model(gamma=gamma), "rs").C
    below, above = (solve(Model(gamma=gamma, j0=j0 * s), "1rsb") for s in (1 - 1e-3, 1 + 1e-3))
    assert below.p == 0.0
    assert above.p > 0.0
    assert (line.points["gamma"][-1], line.points["j0"][-1]) == (0.5, 1.0)


def test_limit_of_full_breaking_on_a_known_sequence():
    K = np.arange(1, 10)
    value, error = limit_of_onsets(2.5 - 3.0 / (K[:6] + 2.5))
    assert value == pytest.approx(2.5, abs=1e-9)
    assert error < 1e-6
    # Another power: outside the assumption, inside the error.
    value, error = limit_of_onsets(2.5 - 3.0 / (K[:6] + 2.5) ** 1.3)
    assert abs(value - 2.5) <= error * 1.001
    # The sequence of the model: what six steps say must hold what nine say.
    onsets = np.array([1.430602, 1.640652, 1.782503, 1.885621, 1.964250, 2.026293, 2.076541, 2.118084, 2.153016])
    (six, error), (nine, smaller) = limit_of_onsets(onsets[:6]), limit_of_onsets(onsets)
    assert abs(six - nine) < error
    assert smaller < 0.3 * error


@pytest.mark.slow
def test_full_breaking_lines():
    diagram = phase_diagram(Model(), ansatze=("frsb",), points=8)
    np.testing.assert_array_equal(diagram.line("glass-polarised", "frsb").points["j0"], 1.0)
    wells = diagram.line("double-wells", "frsb").points
    assert 2.0 < wells["gamma"][0] < 2.7
    assert 0.005 < wells["error"][0] < 0.1


def test_every_colour_has_its_entry_in_the_legend():
    axes = Figure().subplots()
    for colour in ("black", "red", "red"):
        axes.plot([0.0, 1.0], color=colour, label="replica symmetry breaks")
    phase_picture._unique_legend(axes)
    entries = axes.get_legend().get_lines()
    assert [line.get_color() for line in entries] == ["black", "red"]


def test_the_picture_names_phases_clear_of_lines_and_has_no_two_entries_alike():
    axes = phase_picture.figure(phase_diagram(Model(), points=6)).axes[0]
    axes.figure.canvas.draw()
    assert {text.get_text() for text in axes.texts} == {"ergodic", "glass", "polarised", "mixed"}
    for text in axes.texts:
        assert text.get_bbox_patch() is None
        for line in axes.lines:
            path = line.get_transform().transform_path(line.get_path())
            assert not path.intersects_bbox(text.get_window_extent(), filled=False), (text, line)
    legend = axes.get_legend()
    looks = [(line.get_color(), line.get_linestyle()) for line in legend.get_lines()]
    assert len(looks) == len(set(looks))
    assert sum("ergodic to glass" in text.get_text() for text in legend.get_texts()) == 1
