"""The folder of the figures: pictures, data and captions; drawn from theory and whatever simulations there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import numpy as np

from validation.figures import double_well_figure, heat, phase_planes, spectra
from validation.figures.drawing import Drawn
from validation.figures.own_runs import Runs, label
from validation.figures.theory import Theories
from validation.plot_style import SETTINGS
from validation.site_ensembles import SiteEnsemble

FIGURES = {
    "1a": "phase diagram at T = 0",
    "1b": "glass temperature",
    "2": "double wells: asymmetry, tunnelling parameter, both together",
    "3a": "levels in a field",
    "3b": "density of states",
    "4a": "specific heat without local disorder",
    "4b": "specific heat with local disorder",
    "contributions": "tunnelling and excitations within wells, entropy",
    "normal-modes": "collective modes and single sites (needs simulated states)",
}
FORMATS = ("png", "pdf")
PAPER: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Written:
    """What was drawn.

    Attributes
    ----------
    figures : by name: title, caption, files, numbers
    converged : whether every solution behind them converged
    """

    figures: dict[str, dict[str, Any]]
    converged: bool


def draw(
    names: Iterable[str], runs: Runs, hbar2_over_m: float, out: Path, command: str, say: Callable[[str], None]
) -> Written:
    """Draw the figures ``names`` and write them into ``out``, each with its data; captions.md and figures.json last."""
    theories = Theories(hbar2_over_m)
    ensembles: list[tuple[str, SiteEnsemble]] = []

    def glasses() -> list[tuple[str, SiteEnsemble]]:
        if not ensembles:
            ensembles.extend((label(one), SiteEnsemble.of(one)) for one in runs.glasses)
        return ensembles

    def disordered() -> dict[str, SiteEnsemble]:
        return {reading: SiteEnsemble.of(one) for reading, one in runs.disordered.items()}

    makers: dict[str, Callable[[], Drawn]] = {
        "1a": lambda: phase_planes.plane_at_zero_temperature(runs),
        "1b": lambda: phase_planes.glass_temperature_line(runs),
        "2": lambda: double_well_figure.double_wells(theories, glasses()),
        "3a": lambda: spectra.levels_in_a_field(theories, glasses()),
        "3b": lambda: spectra.density_of_excitations(theories, glasses()),
        "4a": lambda: heat.without_local_disorder(theories, glasses()),
        "4b": lambda: heat.with_local_disorder(hbar2_over_m, disordered()),
        "contributions": lambda: heat.contributions(theories, glasses()),
        "normal-modes": lambda: heat.normal_modes(theories, glasses()),
    }
    written: dict[str, dict[str, Any]] = {}
    converged = True
    with mpl.rc_context({**SETTINGS, **PAPER}):
        for name in names:
            if name == "normal-modes" and not runs.glasses:
                say("figure normal-modes needs simulated states: not drawn")
                continue
            say(f"figure {name}")
            drawn = makers[name]()
            written[name] = write(drawn, out)
            converged = converged and bool(drawn.numbers.get("converged", True))
    write_captions(written, out, command)
    return Written(written, converged and theories.converged)


def write(drawn: Drawn, out: Path) -> dict[str, Any]:
    """Pictures and data of one figure; returns what is to be said of it."""
    stem = f"figure_{drawn.name}"
    for ending in FORMATS:
        # No date: the same figure gives the same file.
        metadata = {"CreationDate": None} if ending == "pdf" else None
        drawn.figure.savefig(out / f"{stem}.{ending}", dpi=200, metadata=metadata)
    with h5py.File(out / f"{stem}.h5", "w") as file:
        file.attrs["title"], file.attrs["caption"] = drawn.title, drawn.caption
        for name, values in drawn.data.items():
            group = file.create_group(name)
            for column, value in values.items():
                if np.ndim(value):
                    group[column] = np.asarray(value)
                else:
                    group.attrs[column] = value
    files = [f"{stem}.{ending}" for ending in (*FORMATS, "h5")]
    return {"title": drawn.title, "caption": drawn.caption, "files": files, **drawn.numbers}


def write_captions(written: dict[str, dict[str, Any]], out: Path, command: str) -> None:
    """captions.md for people and figures.json for programs; figures of earlier calls keep their places."""
    record = out / "figures.json"
    try:
        earlier = json.loads(record.read_text())["figures"]
    except (OSError, ValueError, KeyError):
        earlier = {}
    known = {**earlier, **plain({name: {**one, "command": command} for name, one in written.items()})}
    known = {name: known[name] for name in FIGURES if name in known}
    lines = ["# Figures", ""]
    for name, one in known.items():
        picture, *_, data = one["files"]
        lines += [f"## Figure {name}: {one['title']}", "", f"![{one['title']}]({picture})", "", one["caption"], ""]
        lines += [f"Data: `{data}`. Drawn by `{one.get('command', '')}`.", ""]
    (out / "captions.md").write_text("\n".join(lines))
    record.write_text(json.dumps({"figures": known}, indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Numbers, lists and dictionaries for JSON; undefined or infinite numbers are None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
