r"""Heat bath: every visit draws v_i afresh from its conditional distribution at the present local field l_i.

    P(v) ~ exp(-F(v)),    F(v) = A v^4 + B v^2 - h v,    A = beta a4/(24 gamma),  B = beta a2_i/(2 gamma),  h = beta l_i

The draw is exact, by rejection under one Gaussian, or two where the site has two wells:

One well.    A (v^2 - c)^2 >= 0 bounds F from below by the parabola (B + 2 A c) v^2 - h v - A c^2 for any c. A draw from
             its Gaussian, of precision p = 2 (B + 2 A c) and mean h/p, is accepted with probability
             exp(-A (v^2 - c)^2). The best c is the second moment of that Gaussian, c = 1/p + h^2/p^2; with B >= 0 more
             than half of the draws are accepted.
Two wells.   On either side of v = 0, for w of the same sign as v,
             F(v) - F(w) - F'(w) (v - w) = (v - w)^2 [B + A (v^2 + 2 w v + 3 w^2)] >= (v - w)^2 (B + 3 A w^2).
             One of the two Gaussians is chosen by its mass; a draw beyond v = 0 is rejected.

How well c and w are chosen decides how many draws are rejected, never what is sampled.
"""

from __future__ import annotations

import numba
import numpy as np

from nsim.dynamics.monte_carlo import Chain, spread
from nsim.parallel.checkpoint import State
from nsim.sample.glass import Glass

PAGE = 2048  # trials whose random numbers are drawn at once, for each replica
BARRIER = 0.6  # [T] at h = 0, from which the two-well envelope accepts more than the one-well envelope
STUCK = 20  # pages in a row without an accepted trial: something is infinite
NEWTON_STEPS = 3  # for c and w, from above: enough to be within a per cent


class HeatBathChain(Chain):
    """Heat-bath sweeps; a site's new value does not depend on its old one, and every visit counts as accepted.

    A trial takes one normal and one uniform number of the replica's stream, which comes in pages: normal numbers, then
    uniform ones. Parameters are those of `Chain`.
    """

    def __init__(self, glass: Glass, v: np.ndarray, streams: list[np.random.Generator]) -> None:
        super().__init__(glass, v, streams)
        replicas = self.v.shape[1]
        self._normal = np.empty((replicas, PAGE))
        self._uniform = np.empty((replicas, PAGE))
        self._used = np.full(replicas, PAGE)

    def state(self) -> State:
        """See `Chain`."""
        pages = {"normal": self._normal.copy(), "uniform": self._uniform.copy(), "used": self._used.copy()}
        return super().state() | pages

    def restore(self, state: State) -> None:
        """See `Chain`."""
        super().restore(state)
        self._normal[:], self._uniform[:], self._used[:] = state["normal"], state["uniform"], state["used"]

    def _begin_sweep(self) -> None:
        """Pages are turned when they run out, in the midst of a sweep."""

    def _visit(
        self, block: slice, field: np.ndarray, beta: np.ndarray, accepted: np.ndarray, moved: np.ndarray
    ) -> None:
        glass = self.glass
        site, replica, pages = 0, 0, 0
        while site < len(moved):
            pages += 1
            if pages > STUCK * (len(moved) * len(beta) + 1):
                raise FloatingPointError("heat bath: no value can be drawn; is a displacement infinite, or beta zero?")
            for r in np.flatnonzero(self._used == PAGE):
                self.streams[r].standard_normal(out=self._normal[r])
                self.streams[r].random(out=self._uniform[r])
                self._used[r] = 0
            site, replica = _visit_block(
                self.v[block],
                field,
                glass.J,
                block.start,
                glass.a2[block],
                glass.a4,
                glass.gamma,
                beta,
                self._normal,
                self._uniform,
                self._used,
                moved,
                site,
                replica,
            )
        accepted += len(moved)


@numba.njit(cache=True, error_model="numpy")
def _visit_block(
    v: np.ndarray,
    field: np.ndarray,
    J: np.ndarray,
    first: int,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    beta: np.ndarray,
    normal: np.ndarray,
    uniform: np.ndarray,
    used: np.ndarray,
    moved: np.ndarray,
    site: int,
    replica: int,
) -> tuple[int, int]:
    """Heat-bath visit from (site, replica) on, until done, (B, 0), or until the page of a replica runs out there."""
    sites, replicas = v.shape
    for i in range(site, sites):
        for r in range(replica, replicas):
            A, B, h = beta[r] * a4 / (24 * gamma), beta[r] * a2[i] / (2 * gamma), beta[r] * field[i, r]
            new, used[r] = draw(A, B, h, normal[r], uniform[r], used[r])
            if np.isnan(new):
                return i, r
            moved[i, r] = new - v[i, r]
            v[i, r] = new
        replica = 0
        spread(i, J, first, moved, field)
    return sites, 0


@numba.njit(cache=True, error_model="numpy")
def draw(A: float, B: float, h: float, normal: np.ndarray, uniform: np.ndarray, used: int) -> tuple[float, int]:
    """A draw from exp(-A v^4 - B v^2 + h v), from trial number ``used`` of a page on.

    Returns the value and the number of the next trial; the value is NaN where the page ended before a trial was
    accepted (go on with the next page: rejected trials leave no trace).
    """
    if B < 0.0 and B * B > 4 * BARRIER * A and abs(h) < -4 * B / 3 * np.sqrt(-B / (6 * A)):
        return _draw_from_two_wells(A, B, h, normal, uniform, used)
    # p^3 - 2 B p^2 - 4 A p - 4 A h^2 = 0, from above its one positive root.
    p = 2 * max(B, 0.0) + 2 * np.sqrt(A) + (4 * A * h * h) ** (1 / 3)
    for _ in range(NEWTON_STEPS):
        p -= (((p - 2 * B) * p - 4 * A) * p - 4 * A * h * h) / ((3 * p - 4 * B) * p - 4 * A)
    mean, width = h / p, 1 / np.sqrt(p)
    c = (p - 2 * B) / (4 * A) if A > 0.0 else 0.0
    while used < len(normal):
        v = mean + width * normal[used]
        gap = v * v - c
        used += 1
        if uniform[used - 1] < np.exp(-A * gap * gap):
            return v, used
    return np.nan, used


@numba.njit(cache=True, error_model="numpy")
def _draw_from_two_wells(
    A: float, B: float, h: float, normal: np.ndarray, uniform: np.ndarray, used: int
) -> tuple[float, int]:
    """The same where F has two minima. In the mirror image with h >= 0 the well at v > 0 is the deep one."""
    side = 1.0 if h >= 0.0 else -1.0
    h *= side
    v0 = np.sqrt(-B / (2 * A))
    # The deep well touches at its minimum, the shallow one at -v0, where F' = -h.
    deep = 1.155 * v0
    for _ in range(NEWTON_STEPS):
        deep -= ((4 * A * deep * deep + 2 * B) * deep - h) / (12 * A * deep * deep + 2 * B)
    slope = (4 * A * deep * deep + 2 * B) * deep - h
    k_deep, k_shallow = B + 3 * A * deep * deep, -0.5 * B
    mean_deep, mean_shallow = deep - slope / (2 * k_deep), -v0 + h / (2 * k_shallow)
    # Logarithm of the ratio of the masses under the two Gaussians.
    ratio = (A * v0 * v0 + B) * v0 * v0 + h * v0 - ((A * deep * deep + B) * deep * deep - h * deep)
    ratio += slope * slope / (4 * k_deep) - h * h / (4 * k_shallow) + 0.5 * np.log(k_shallow / k_deep)
    share = 1 / (1 + np.exp(-ratio))
    while used < len(normal):
        x = uniform[used]
        used += 1
        # Below the share x chooses the deep well; what is left of x is uniform again.
        if x < share:
            w, mean, k, left = deep, mean_deep, k_deep, x / share
        else:
            w, mean, k, left = -v0, mean_shallow, k_shallow, (x - share) / (1 - share)
        v = mean + normal[used - 1] / np.sqrt(2 * k)
        if v * w > 0.0 and left < np.exp(-A * (v - w) ** 2 * (v + 2 * w) * v):
            return side * v, used
    return np.nan, used
