"""The simulations behind the figures: the user's runs, or small ones of their own, kept and continued.

Three ways to a glass at gamma = 4: a quench and annealings at two rates or more, so that the effect of the cooling rate
on the linear term of C(T) shows; the glass of Fig. 4b with local disorder in both readings of "variance sigma = 5"; a
mesh of relaxed states and ladders of temperatures for the phase diagrams.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nsim import run_file
from nsim.campaign.campaign import run_campaign
from nsim.errors import ExitStatus, InputError
from nsim.parallel.ranks import Ranks
from nsim.parallel.stop_requests import StopRequests
from nsim.run_file import RunFile
from nsim.run_sections import GaussianStiffness
from validation.figures.theory import GAMMA
from validation.simulation import Simulation

Size = Literal["quick", "full"]

SEED = 1998
SPREADS = {"std": 5.0, "variance": math.sqrt(5.0)}  # readings of KH98's spread: standard deviation of a2
# Sizes: particles, samples, states of each, sweeps of the annealings.
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n": 128, "samples": 384, "replicas": 2, "sweeps": [30, 3000]},
    "full": {"n": 256, "samples": 200, "replicas": 8, "sweeps": [30, 1000, 30_000]},
}
MESH_J0 = (0.25, 0.75, 1.25, 1.75, 2.25)
MESH_INVERSE_GAMMA = (0.25, 0.75, 1.25, 1.75, 2.25, 2.75)
LADDER_GAMMAS = (1.0, 2.0, 4.0, 6.0)
LADDER = (1.25, 1.1, 1.0, 0.9, 0.8)  # temperatures of a ladder in units of T_g of the theory


class StoppedError(Exception):
    """A run was asked to stop; what is done is kept."""


@dataclass(frozen=True)
class Recipe:
    """A run by name, and the figures that it is for."""

    name: str
    figures: frozenset[str]
    record: dict[str, Any]


GLASS_FIGURES = frozenset({"2", "3a", "3b", "4a", "contributions", "normal-modes"})


def recipes(size: Size, glass_temperature: Callable[[float], float]) -> list[Recipe]:
    """All runs of their own, the fastest cooling first; ``glass_temperature`` of a gamma places ladders."""
    given = SIZES[size]
    ensemble = {name: given[name] for name in ("n", "samples", "replicas")}
    protocols: dict[str, dict[str, Any]] = {"quench": {"kind": "quench"}}
    for sweeps in given["sweeps"]:
        protocols[f"anneal-{sweeps}"] = {"kind": "anneal", "sweeps": sweeps, "t_start": 40.0, "t_end": 0.02}
    found = [
        Recipe(name, GLASS_FIGURES, _record({"gamma": GAMMA}, ensemble, protocol))
        for name, protocol in protocols.items()
    ]
    slow = {"kind": "anneal", "sweeps": 1000}
    for reading, std in SPREADS.items():
        model = {"gamma": 1.0, "a2": {"mean": 1.0, "std": std}}
        found.append(Recipe(f"local-disorder-{reading}-5", frozenset({"4b"}), _record(model, ensemble, slow)))
    small = {"n": 64, "samples": 8} if size == "quick" else {"n": 256, "samples": 16}
    for j0 in MESH_J0:
        for inverse in MESH_INVERSE_GAMMA:
            record = _record({"gamma": 1.0 / inverse, "j0": j0}, small, {"kind": "anneal", "sweeps": 100})
            found.append(Recipe(f"plane/j0-{j0:g}-inverse-gamma-{inverse:g}", frozenset({"1a"}), record))
    small = {"n": 64, "samples": 16, "replicas": 2} if size == "quick" else {"n": 256, "samples": 32, "replicas": 2}
    for gamma in LADDER_GAMMAS:
        T = [round(factor * glass_temperature(gamma), 6) for factor in LADDER]
        protocol = {"kind": "tempering", "temperatures": T, "sweeps": 500 if size == "quick" else 4000}
        found.append(Recipe(f"ladder/gamma-{gamma:g}", frozenset({"1b"}), _record({"gamma": gamma}, small, protocol)))
    return found


def _record(model: dict[str, Any], ensemble: dict[str, Any], protocol: dict[str, Any]) -> dict[str, Any]:
    return {"seed": SEED, "model": model, "ensemble": ensemble, "protocol": protocol}


@dataclass
class Runs:
    """Simulations for the figures.

    Attributes
    ----------
    glasses : states at gamma = 4, J0 = 0, the fastest cooled first
    disordered : Fig. 4b, by reading of the spread
    plane, ladders : for Fig. 1, by nothing
    """

    glasses: list[Simulation]
    disordered: dict[str, Simulation]
    plane: list[Simulation]
    ladders: list[Simulation]

    @classmethod
    def given(cls, paths: Iterable[Path]) -> Runs:
        """Runs of the user, each put where it belongs; one that fits no figure is refused."""
        runs = cls([], {}, [], [])
        for path in paths:
            simulation = Simulation.open(path)
            runs._sort_in(simulation)
        runs.glasses.sort(key=_slowness)
        return runs

    def _sort_in(self, simulation: Simulation) -> None:
        model = simulation.run.model
        plain = (model.field, model.a4) == (0.0, 1.0) and simulation.run.couplings.file is None
        if plain and model.j0 == 0 and isinstance(model.a2, GaussianStiffness) and model.gamma == 1.0:
            for reading, std in SPREADS.items():
                if model.a2.mean == 1.0 and abs(model.a2.std - std) < 1e-3:
                    self.disordered[reading] = simulation
                    return
        if plain and model.a2 == 1.0:
            if model.j0 == 0 and model.gamma == GAMMA and simulation.run.protocol.kind in ("quench", "anneal"):
                self.glasses.append(simulation)
                return
            if simulation.run.protocol.kind == "tempering" and model.j0 == 0:
                self.ladders.append(simulation)
                return
            self.plane.append(simulation)
            return
        raise InputError(
            f"{simulation.path}: fits no figure; they are of a2 = a4 = 1 without field, and of gamma = 1 with Gaussian "
            "a2 of mean 1 and standard deviation 5 or sqrt(5)"
        )

    @classmethod
    def made(
        cls,
        folder: Path,
        size: Size,
        figures: Iterable[str],
        ranks: Ranks,
        requests: StopRequests,
        glass_temperature: Callable[[float], float],
        say: Callable[[str], None],
    ) -> Runs:
        """Runs of their own for the wanted ``figures``, under ``folder``; what is there already is not made again."""
        wanted = [recipe for recipe in recipes(size, glass_temperature) if recipe.figures & set(figures)]
        paths = []
        for number, recipe in enumerate(wanted):
            say(f"simulation {number + 1} of {len(wanted)}: {recipe.name}")
            path = folder / recipe.name
            path.parent.mkdir(parents=True, exist_ok=True)
            run: RunFile = run_file.parse(recipe.record)
            outcome = run_campaign(run, path, ranks, say=lambda line: None, requests=requests)
            if outcome.stopped:
                raise StoppedError
            if outcome.status == ExitStatus.FAILED:
                raise InputError(f"{path}: {next(iter(outcome.failures.values()))}")
            paths.append(path)
        return cls.given(paths) if ranks.rank == 0 else cls([], {}, [], [])


def _slowness(simulation: Simulation) -> float:
    protocol = simulation.run.protocol
    return 0.0 if protocol.kind == "quench" else float(protocol.sweeps)


def label(simulation: Simulation) -> str:
    """How the states were made, for legends."""
    protocol = simulation.run.protocol
    return "quenched" if protocol.kind == "quench" else f"annealed, {protocol.sweeps} sweeps"


def phase_of(simulation: Simulation) -> str:
    """Phase of relaxed states: all at rest; aligned (p^2 above half of q); or frozen at random."""
    n = max(size.n for size in simulation.sizes)
    found = simulation.averages(n, None, folded=True)
    q = found["q"].mean
    if q < 1e-9:
        return "ergodic"
    return "polarised" if found["displacement_variance"].mean < 0.5 * q else "glassy"


def crossing_temperature(simulation: Simulation) -> tuple[int, float, float] | None:
    """Size N, the temperature where [<v^2>] = T, and its error; None where it is not crossed.

    In the ergodic phase <v^2>/T is the local susceptibility C, which reaches one at T_g.
    """
    n = max(size.n for size in simulation.sizes)
    thermal = simulation.thermal(n, ["thermal_q"])
    if thermal is None:
        return None
    T = thermal.temperatures
    rows = thermal.per_sample["thermal_q"] / T
    rows = rows[np.all(np.isfinite(rows), axis=1)]
    if len(rows) < 2:
        return None
    mean, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / math.sqrt(len(rows))
    order = np.argsort(T)
    T, mean, error = T[order], mean[order], error[order]
    below = np.flatnonzero((mean[:-1] >= 1.0) & (mean[1:] < 1.0))
    if below.size == 0:
        return None
    i = int(below[0])
    slope = (mean[i + 1] - mean[i]) / (T[i + 1] - T[i])
    crossing = T[i] + (1.0 - mean[i]) / slope
    return n, float(crossing), float(max(error[i], error[i + 1]) / abs(slope))
