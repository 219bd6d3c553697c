"""The observables a report compares: their symbols, units and meaning, one table for tables, plots and JSON.

To compare another observable, add a row here, its average over a state in `validation.simulation`, its mean-field
value in `validation.predictions`, and what is expected of it in `validation.verdicts.expectations`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """One compared observable; E0 and v0 are the units of energy and displacement set by the couplings' variance."""

    symbol: str
    unit: str
    meaning: str
    rare: bool = False  # a fraction of sites that may be found in few samples only
    label: str = ""  # name for people where the key alone could be taken for something else


QUANTITIES: dict[str, Quantity] = {
    "energy": Quantity("e", "E0", "energy per site, mean over states"),
    "lowest_energy": Quantity("e_low", "E0", "energy per site, lowest state of each sample"),
    "p": Quantity("p", "v0", "mean displacement"),
    "q": Quantity("q", "v0^2", "mean squared displacement"),
    "displacement_variance": Quantity("q - p^2", "v0^2", "variance of the displacement over sites"),
    "field_variance": Quantity("var h", "E0^2/v0^2", "variance of the cavity field over sites"),
    "C": Quantity("C_reg", "v0^2/E0", "response without jumps, mean of 1/U_eff''", label="C (response without jumps)"),
    "replicon_sum": Quantity("R", "v0^4/E0^2", "mean of (1/U_eff'')^2, below 1 in a stable state"),
    "lambda_min": Quantity("lambda_min", "E0/v0^2", "lowest eigenvalue of the Hessian"),
    "double_well_fraction": Quantity("n_dw", "1", "fraction of sites whose U_eff has two minima", rare=True),
    "small_field_weight": Quantity("w_0", "1", "fraction of sites with a cavity field |h| < h0", rare=True),
}


def label(observable: str) -> str:
    """Name of an observable for people: that of the JSON file, unless it could be misunderstood."""
    return (observable in QUANTITIES and QUANTITIES[observable].label) or observable


# Half-width h0 of the window around h = 0, in standard deviations of the RS field distribution: well inside the
# pseudogap of a glass, and wide enough to find sites in at a few hundred particles.
WINDOW = 0.05
