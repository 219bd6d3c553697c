"""All about one potential: levels with errors, the gap, its double well in every definition of tunnelling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from meanfield.model import require_finite, require_positive
from meanfield.quantum.levels import levels, reduced_levels
from meanfield.quantum.reduced_potential import ReducedPotentials
from meanfield.quantum.tunnel_splitting import ground_gaps, log_splitting
from meanfield.sites.double_wells import double_wells


def site_spectrum(
    h: float, C: float, a2: float, a4: float, gamma: float, hbar2_over_m: float, n: int
) -> dict[str, Any]:
    """Plain numbers for JSON.

    Returns
    -------
    dict
        ``levels`` (absolute), ``minimum`` of U_eff, ``heights`` above it, their ``errors``, ``gap`` E_1 - E_0 with
        a small relative error even where levels cannot tell (None for n = 1), and ``double_well``: asymmetry,
        barriers, distance, lambda of KH98 (barrier above the upper minimum, prefactor 1/2), WKB exponent, KH98's
        Delta_0 and splitting, and ln of the exact splitting of the same well at h = 0. None for a single well.
    """
    h, C, a2 = (require_finite(name, value) for name, value in (("h", h), ("C", C), ("a2", a2)))
    a4, gamma = require_positive("a4", a4), require_positive("gamma", gamma)
    spectrum = levels(h, C, a2, a4, gamma, hbar2_over_m=hbar2_over_m, n=n, estimate_error=True)
    assert spectrum.error is not None
    result: dict[str, Any] = {
        "gamma": gamma,
        "C": C,
        "h": h,
        "a2": a2,
        "a4": a4,
        "hbar2_over_m": hbar2_over_m,
        "levels": spectrum.absolute[0].tolist(),
        "minimum": float(spectrum.minimum[0]),
        "heights": spectrum.heights[0].tolist(),
        "errors": spectrum.error[0].tolist(),
        "gap": None,
        "double_well": None,
    }
    reduced = ReducedPotentials.build(h, C, a2, a4, gamma, hbar2_over_m)
    if n > 1:
        heights = reduced_levels(reduced.k, reduced.f, 2)
        result["gap"] = float(reduced.energy[0] * ground_gaps(reduced.k, reduced.f, heights)[0])
    wells = double_wells([h], C, a2, a4, gamma)
    if wells.exists[0]:
        values = {
            "asymmetry": wells.asymmetry,
            "barrier_upper": wells.barrier,
            "barrier_lower": wells.barrier + wells.asymmetry,
            "distance": wells.distance,
            "lambda_kh98": wells.tunnelling(hbar2_over_m),
            "wkb_exponent": wells.wkb(hbar2_over_m),
            "delta_0_kh98": wells.tunnel_energy(hbar2_over_m),
            "splitting_kh98": wells.splitting(hbar2_over_m),
            "log_splitting_at_zero_field": log_splitting(reduced),
        }
        numbers = {name: float(np.ravel(value)[0]) for name, value in values.items()}
        result["double_well"] = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return result
