"""Pictures of adiabatic scans: a site moved out and back, with its avalanches, beside what linear response foretold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from nsim.figure_style import BLUE, GREY, INK, ORANGE, RED, figure, nothing, save
from nsim.landscape.hysteresis import LOOPS
from nsim.sample.glass import Glass

CLOSED = LOOPS.index("closed")
CURVES = 24  # scans in the picture of C_eff
STEEP = 3.0  # times the largest C_i, where curves of C_eff are cut: at a fold it is infinite
Tables = dict[str, np.ndarray]


def loop_picture(path: Path, arrays: Tables, glasses: dict[int, Glass]) -> None:
    """One scan, both directions: U_i(x) and the force on the site, out and back, beside U_eff,i."""
    made, (left, right) = figure(2, 10.0, 4.3)
    chosen = telling(arrays)
    if chosen is None:
        for axes in (left, right):
            nothing(axes, "no site was scanned")
        save(made, path)
        return
    sample, number = int(arrays["scan_sample"][chosen]), _number(arrays, chosen)
    glass, site, home = glasses[sample], int(arrays["scan_site"][chosen]), float(arrays["scan_home"][chosen])
    own = (arrays["step_sample"] == sample) & (arrays["step_scan"] == number) & (arrays["step_passage"] < 2)
    names = {0: "out", 1: "back"}
    for (_, passage, _), x, energy, field in _curves(arrays, own, "energy", "local_field"):
        out = passage == 0
        look = {"color": BLUE if out else ORANGE, "linestyle": "solid" if out else (0, (4, 2)), "zorder": 3 - passage}
        force = slope(glass, site, x) - field
        left.plot(*_smooth(x, energy, force), **look, label=names.pop(int(passage), None))
        right.plot(x, force, **look)
    _avalanches(left, right, arrays, glass, site, sample, number)
    begin, end = left.get_xlim()
    x = np.linspace(begin, end, 400)
    h, C = float(arrays["scan_cavity_field"][chosen]), float(arrays["scan_reaction_coefficient"][chosen])
    expected = potential(glass, site, x, h, C) - potential(glass, site, np.array([home]), h, C)
    top = left.get_ylim()[1]
    left.plot(x, np.where(expected < top, expected, np.nan), color=GREY, label="linear response, $U_{eff,i}$", zorder=1)
    force = slope(glass, site, x) - h - C * x
    low, high = right.get_ylim()
    right.plot(x, np.where((force > low) & (force < high), force, np.nan), color=GREY, zorder=1)
    right.axhline(0.0, color=INK, linewidth=0.6)
    left.plot([home], [0.0], "o", color=INK, markersize=5, label="the state", zorder=5)
    right.plot([home], [0.0], "o", color=INK, markersize=5, zorder=5)
    left.set(xlabel="displacement $x$ of the site [$v_0$]", ylabel="$U_i(x) - U$(state) [$E_0$]")
    right.set(xlabel="displacement $x$ of the site [$v_0$]", ylabel="force $U_i'(x)$ [$E_0/v_0$]")
    loops = [LOOPS[int(arrays[f"scan_loop_{side}"][chosen])] for side in ("up", "down")]
    lost = np.nansum([arrays[f"scan_dissipated_{side}"][chosen] for side in ("up", "down")])
    made.suptitle(
        f"N = {glass.n}, sample {sample}, site {site}; upwards {loops[0]}, downwards {loops[1]}; "
        f"dissipated {lost:.3g} $E_0$",
        fontsize=10,
    )
    made.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    save(made, path)


def reaction_picture(path: Path, arrays: Tables) -> None:
    """C_eff on the branch through the state against the displacement from it, for many scans, coloured by S2."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    made, axes = figure(1, 6.4, 4.3)
    scans = len(arrays["scan_site"])
    if not scans:
        nothing(axes, "no site was scanned")
        save(made, path)
        return
    chosen = np.unique(np.linspace(0, scans - 1, CURVES).astype(int))
    spread = arrays["scan_localisation"][chosen]
    scale = ScalarMappable(LogNorm(spread.min() / 1.01, spread.max() * 1.01), "viridis")
    limit = STEEP * arrays["scan_reaction_coefficient"][chosen].max()
    for k in chosen:
        own = (arrays["step_sample"] == arrays["scan_sample"][k]) & (arrays["step_scan"] == _number(arrays, k))
        own &= (arrays["step_passage"] == 0) & (arrays["step_branch"] == 0)
        colour = scale.to_rgba(arrays["scan_localisation"][k])
        for (direction, _, _), x, C in _curves(arrays, own, "C_eff"):
            shift = x - arrays["scan_home"][k]
            shown = np.isfinite(C) & (limit > C)
            axes.plot(shift[shown], C[shown], color=colour, linewidth=1)
            fold = arrays[f"scan_fold_{'up' if direction > 0 else 'down'}"][k]
            if np.isfinite(fold) and shown.any():
                axes.plot(shift[shown][-1], C[shown][-1], "x", color=colour, markersize=5)
        axes.plot(0.0, arrays["scan_reaction_coefficient"][k], "o", color=colour, markersize=3)
    made.colorbar(scale, ax=axes, label="$S2_i$ of the site")
    axes.set(
        xlabel="displacement from the state, $x - v_i$ [$v_0$]",
        ylabel="$C_{eff}(x) = dl_i/dx$ [$E_0/v_0^2$]",
        ylim=(0, limit),
        title="dots: $C_i$ of linear response; crosses: towards an avalanche",
    )
    save(made, path)


def telling(arrays: Tables) -> int | None:
    """The scan to be shown: of those with a closed loop and no worse one, that which dissipates most."""
    if not len(arrays["scan_site"]):
        return None
    loops = np.stack([arrays["scan_loop_up"], arrays["scan_loop_down"]])
    cost = np.nan_to_num(arrays["scan_dissipated_up"]) + np.nan_to_num(arrays["scan_dissipated_down"])
    worst = loops.max(axis=0)
    order = np.lexsort((-cost, worst > CLOSED, worst != CLOSED))
    return int(order[0])


def potential(glass: Glass, site: int, x: np.ndarray, h: float, C: float) -> np.ndarray:
    """U_eff,i(x) = -h x - C x^2/2 + G_i(x)/gamma, shape of x."""
    return (glass.a2[site] / 2 + glass.a4 / 24 * x**2) * x**2 / glass.gamma - h * x - C * x**2 / 2


def slope(glass: Glass, site: int, x: np.ndarray) -> np.ndarray:
    """G_i'(x)/gamma, shape of x."""
    return (glass.a2[site] + glass.a4 / 6 * x**2) * x / glass.gamma


def _number(arrays: Tables, row: int) -> int:
    """Number within its sample of the scan in a row of the table."""
    return int((arrays["scan_sample"][:row] == arrays["scan_sample"][row]).sum())


def _curves(arrays: Tables, own: np.ndarray, *columns: str) -> list[tuple[Any, ...]]:
    """For each branch: (direction, passage, branch), its x, and the columns there."""
    keys = np.stack([arrays[f"step_{name}"][own] for name in ("direction", "passage", "branch")], axis=1)
    found = []
    for key in np.unique(keys, axis=0):
        here = (keys == key).all(axis=1)
        found.append((tuple(key), *(arrays[f"step_{name}"][own][here] for name in ("x", *columns))))
    return found


def _avalanches(left: Any, right: Any, arrays: Tables, glass: Glass, site: int, sample: int, number: int) -> None:
    """Arrows from where the others gave way to where they landed."""
    own = (arrays["avalanche_sample"] == sample) & (arrays["avalanche_scan"] == number)
    label: str | None = "avalanche"
    for k in np.flatnonzero(own & (arrays["avalanche_passage"] < 2)):
        at, drop, jump = (float(arrays[f"avalanche_{name}"][k]) for name in ("x", "drop", "field_jump"))
        step = own_steps(arrays, sample, number, int(k))
        here = step[np.abs(arrays["step_x"][step] - at) < 1e-6 * max(1.0, abs(at))]
        if not len(here):
            continue
        before = here[np.argmax(arrays["step_energy"][here])]
        energy, field = float(arrays["step_energy"][before]), float(arrays["step_local_field"][before])
        force = float(slope(glass, site, np.array([at]))[0]) - field
        for axes, start, end in ((left, energy, energy - drop), (right, force, force - jump)):
            axes.plot([at, at], [start, end], color=RED, linewidth=1.2, zorder=4, label=label if axes is left else None)
            axes.plot([at], [end], "v" if end < start else "^", color=RED, markersize=4, zorder=4)
        label = None


def _smooth(x: np.ndarray, y: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of a curve whose slopes are known, close enough to be drawn with straight lines."""
    order = np.argsort(x)
    order = order[np.append(True, np.diff(x[order]) > 0)]
    if len(order) < 2:
        return x, y
    fine = np.linspace(x[order[0]], x[order[-1]], 200)
    return fine, CubicHermiteSpline(x[order], y[order], slopes[order])(fine)


def own_steps(arrays: Tables, sample: int, number: int, avalanche: int) -> np.ndarray:
    """Points of the leg that an avalanche belongs to."""
    here = (arrays["step_sample"] == sample) & (arrays["step_scan"] == number)
    for name in ("direction", "passage"):
        here &= arrays[f"step_{name}"] == arrays[f"avalanche_{name}"][avalanche]
    return np.flatnonzero(here)
