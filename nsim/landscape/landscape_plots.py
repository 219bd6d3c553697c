"""Pictures of an energy landscape: of a whole tiny one, and of what surrounds the states of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nsim.campaign.run_directory import RunDirectory
from nsim.campaign.tasks import glass_of
from nsim.figure_style import COLOURS, GREY, INK, LIGHT, ORANGE, figure, nothing, plain_ticks, save, style
from nsim.landscape import path_quantum
from nsim.landscape.disconnectivity_plot import tree_of_run
from nsim.landscape.gradient_flow import both_sides
from nsim.landscape.landscape_run import read_landscape
from nsim.landscape.scan_plots import loop_picture, reaction_picture
from nsim.sample.glass import Glass

PATHS = 6  # profiles in one picture
DECADES = (-100, -1, 0, 1, 100)  # labelled on symmetric logarithmic axes
PICTURES = ("wells", "participation", "paths", "scan", "reaction", "disconnectivity")
FOUND_BY = ("Schur complement", "following a well", "soft mode", "elastic band", "scan")


def plot_run(directory: Path) -> list[Path]:
    """Draw what landscape.h5 of a run holds, into its folder ``landscape``; returns the files written."""
    run = RunDirectory(directory).run()
    written: list[Path] = []
    for n, arrays in read_landscape(directory / "landscape.h5"):
        folder = directory / "landscape"
        files = {name: folder / f"n{n}-{name}.png" for name in PICTURES}
        glasses = {int(sample): glass_of(run, n, int(sample)) for sample in arrays["sample"]}
        with style():
            _wells(files["wells"], arrays)
            _participation(files["participation"], arrays)
            _paths(files["paths"], arrays, glasses)
            loop_picture(files["scan"], arrays, glasses)
            reaction_picture(files["reaction"], arrays)
        tree_of_run(files["disconnectivity"], arrays, n)
        written += files.values()
    return written


def _wells(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """What U_eff,i foretells against what the landscape has: asymmetry Delta and barrier V, coloured by S2."""
    from matplotlib.colors import LogNorm

    made, panels = figure(2, 9.6, 4.3)
    true = arrays["well_connected"] == 1
    sound = arrays["well_near_singular"] == 0
    colour = np.clip(arrays["well_localisation"], 1e-2, 10)
    shown = None
    for axes, name, words in zip(panels, ("asymmetry", "barrier"), ("asymmetry $\\Delta$", "barrier $V$"), strict=True):
        scale = {"linthresh": 0.1} if name == "asymmetry" else {}
        axes.set_xscale("symlog" if scale else "log", **scale)
        axes.set_yscale("symlog" if scale else "log", **scale)
        x, y = arrays[f"well_{name}"], arrays[f"well_true_{name}"]
        usable = true if scale else true & (x > 0) & (y > 0)
        if not usable.any():
            nothing(axes, "no linear-response well is a true one here")
            continue
        limits = [min(x[usable].min(), y[usable].min()), max(x[usable].max(), y[usable].max())]
        axes.plot(limits, limits, color=GREY, linewidth=1, zorder=1)
        for marker, some, label in (("o", sound, None), ("s", ~sound, "near-singular state")):
            which = usable & some
            if which.any():
                drawn = axes.scatter(
                    x[which],
                    y[which],
                    c=colour[which],
                    norm=LogNorm(1e-2, 10),
                    cmap="viridis",
                    s=28,
                    marker=marker,
                    edgecolors=INK,
                    linewidths=0.4,
                    zorder=3,
                    label=label,
                )
                shown = drawn if shown is None else shown
        # What has no true well stands as ticks along the lower edge.
        without = ~true & (arrays[f"well_{name}"] > (-np.inf if scale else 0))
        axes.plot(x[without], np.full(without.sum(), 0.02), "|", color=ORANGE, transform=axes.get_xaxis_transform())
        axes.set(xlabel=f"{words} of $U_{{eff,i}}$ [$E_0$]", ylabel=f"{words} found [$E_0$]")
        if scale:
            axes.set_xticks(DECADES)
            axes.set_yticks(DECADES)
        axes.margins(0.08)
    if (true & ~sound).any():
        panels[0].legend(loc="upper left")
    if shown is not None:
        made.colorbar(shown, ax=panels, label="localisation $S2_i$")
    made.suptitle(
        f"{int(true.sum())} double wells of linear response are true ones, {int((~true).sum())} are not (ticks)",
        fontsize=10,
    )
    save(made, path)


def _participation(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """How many sites move: in two-level systems against their barrier, in avalanches against their energy drop."""
    made, (left, right) = figure(2, 9.6, 4.3)
    good = arrays["saddle_participation"] > 0
    for number, name in enumerate(FOUND_BY):
        own = good & (arrays["saddle_found_by"] == number)
        if own.any():
            left.loglog(
                arrays["saddle_barrier_upper"][own],
                arrays["saddle_participation"][own],
                "o",
                color=COLOURS[number],
                markersize=4,
                alpha=0.8,
                label=name,
            )
    left.set(xlabel="barrier above the upper minimum [$E_0$]", ylabel="sites that move (participation number)")
    if good.any():
        left.legend(title="saddle found by")
        plain_ticks(left.yaxis)
    else:
        nothing(left, "no two-level system was found")
    if len(arrays["avalanche_drop"]):
        right.loglog(
            arrays["avalanche_drop"], arrays["avalanche_participation"], "o", color=COLOURS[3], markersize=3, alpha=0.5
        )
        plain_ticks(right.yaxis)
    else:
        nothing(right, "no avalanche was met")
    right.set(xlabel="energy drop of the avalanche [$E_0$]", ylabel="sites that move (participation number)")
    left.set_title("two-level systems")
    right.set_title("avalanches of adiabatic scans")
    save(made, path)


def _paths(path: Path, arrays: dict[str, np.ndarray], glasses: dict[int, Glass]) -> None:
    """Energy along the minimum-energy paths with the lowest barriers, walls included."""
    made, axes = figure(1, 6.8, 4.3)
    usable = np.flatnonzero(arrays["saddle_path_length"] > 0)
    chosen = usable[np.argsort(arrays["saddle_barrier_lower"][usable])][:PATHS]
    for k, colour in zip(chosen, COLOURS, strict=False):
        here, saddle = glasses[int(arrays["saddle_sample"][k])], arrays["saddle_v"][k]
        ((first, second),) = both_sides(here, saddle[:, None])
        found = path_quantum.join(here, saddle, first.path, second.path)
        middle, zero = found.s[np.argmax(found.potential)], found.potential.max()
        s, V = path_quantum.potential_on_grid(here, found, 1e-4)
        shown = zero + 0.5 * (zero - found.potential.min()) > V
        label = f"{arrays['saddle_participation'][k]:.1f} sites, $\\Delta$ = {arrays['saddle_asymmetry'][k]:.2g}"
        axes.plot(s[shown] - middle, V[shown] - zero, color=colour, label=label)
        axes.plot(found.s[[0, -1]] - middle, found.potential[[0, -1]] - zero, "o", color=colour, markersize=4.5)
    axes.plot([0.0], [0.0], "x", color=INK, markersize=6, label="saddle")
    axes.axvline(0.0, color=LIGHT, linewidth=0.8, zorder=0)
    axes.set(xlabel="arc length from the saddle [$v_0$]", ylabel="$U - U$(saddle) [$E_0$]")
    if len(chosen):
        made.legend(loc="outside right upper", title="lowest barriers")
    else:
        nothing(axes, "no two-level system was found")
    save(made, path)
