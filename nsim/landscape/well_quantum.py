r"""The quantum problem of a double well of U_eff,i, solved as that of a path: what linear response foretells of it."""

from __future__ import annotations

import numpy as np

from nsim.landscape.tunnel_doublet import Tunnelling, grid_points, two_level_system
from nsim.sample.local_wells import stationary_points


def well_tunnelling(h: float, C: float, a2: float, a4: float, gamma: float, hbar2_over_m: float) -> Tunnelling:
    """Splitting and Delta_0 of U_eff(x) = -h x - C x^2/2 + (a2 x^2/2 + a4 x^4/24)/gamma [KH98 (10)] with two minima."""
    points = stationary_points(np.asarray(h), np.asarray(C), np.asarray(a2), a4, gamma)
    right, top, left = map(float, points)

    def potential(x: np.ndarray) -> np.ndarray:
        return ((a4 / 24 * x * x + a2 / 2) / gamma - C / 2) * x * x - h * x

    bottom, crest = potential(np.array([left, right])).min(), float(potential(np.array(top)))
    # The walls, as those of a path.
    enough = crest + 0.6 * (crest - bottom) + 10 * max(hbar2_over_m / (right - left) ** 2, np.sqrt(hbar2_over_m))
    ends = []
    for minimum, outward in ((left, -1.0), (right, 1.0)):
        reach = 0.1
        while potential(np.array(minimum + outward * reach)) < enough:
            reach *= 1.3
        ends.append(minimum + outward * reach)
    x = np.linspace(ends[0], ends[1], grid_points(ends[1] - ends[0], enough - bottom, hbar2_over_m))
    return two_level_system(x, potential(x), hbar2_over_m, top, right - left)
