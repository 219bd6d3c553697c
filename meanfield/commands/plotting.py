"""One figure of a solution: the distribution of effective fields and single-site potentials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from meanfield.replicas.overlap_distribution import overlap_distribution
from meanfield.replicas.solution import Solution
from meanfield.sites.single_site import critical_field, effective_potential, global_minimum


def figure(solution: Solution) -> Figure:
    """P(h), U_eff(v; h) at a few fields up to twice the typical one, and q(x) where the symmetry is fully broken."""
    model = solution.model
    # An Agg figure of its own: no display is needed and pyplot's global state stays untouched.
    overlaps = overlap_distribution(solution)
    panels = 2 if overlaps is None else 3
    result = Figure(figsize=(4.5 * panels, 3.6), layout="constrained")
    FigureCanvasAgg(result)
    fields_axis, potential_axis, *others = result.subplots(1, panels)
    width = float(np.sqrt(solution.q[-1]))
    if width > 0:
        h = abs(solution.m) + 4.5 * width
        grid = np.linspace(-h, h, 400)
        fields_axis.plot(grid, solution.field_density(grid))
    else:
        fields_axis.axvline(solution.m)
    fields_axis.set(xlabel="effective field h", ylabel="P(h)", title=_title(solution))
    if model.potential == "quartic":
        parameters = (solution.C, model.a2.mean, model.a4, model.gamma)
        h_c = float(critical_field(*parameters))
        if h_c > 0:
            fields_axis.axvspan(-h_c, h_c, alpha=0.15, label="double wells")
            fields_axis.legend(frameon=False)
        v_max = 1.3 * float(global_minimum(abs(solution.m) + 2.0 * width + h_c, *parameters)) + 0.5
        v = np.linspace(-v_max, v_max, 300)
        for scale in (0.0, 0.5, 1.0, 2.0):
            h_here = solution.m + scale * width
            potential_axis.plot(v, effective_potential(v, h_here, *parameters), label=f"h = {h_here:.3g}")
        potential_axis.set(xlabel="v", ylabel="U_eff(v; h)", title="mean a2")
        potential_axis.legend(frameon=False)
    else:
        potential_axis.set_axis_off()
    if overlaps is not None:
        T = overlaps.temperature
        axis, scale = others[0], T if T > 0.0 else 1.0
        axis.errorbar(scale * overlaps.mu, overlaps.q.value, overlaps.q.error)
        axis.axhline(float(overlaps.largest.value), linestyle=":", label="q_EA")
        axis.set(xlabel="x" if T > 0.0 else "mu = x/T", ylabel="q", title="overlaps, K to infinity")
        axis.legend(frameon=False)
    return result


def _title(solution: Solution) -> str:
    model = solution.model
    state = f"T = {solution.temperature:g}, J0 = {model.j0:g}"
    if model.potential == "quartic":
        state = f"gamma = {model.gamma:g}, {state}"
    return f"{solution.ansatz}, {state}"


def save(solution: Solution, path: str | Path) -> None:
    """Write the figure of ``solution``; the file's ending chooses the format."""
    figure(solution).savefig(path, dpi=150)
