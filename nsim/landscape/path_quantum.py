r"""The one-dimensional quantum problem along a minimum-energy path.

With all masses equal the mass-weighted path coordinate is the arc length s [v0], and

    H = -(X/2) d^2/ds^2 + V(s),    X = hbar^2/m [E0 v0^2]

The points of the gradient flow from the saddle and its direction there give the path to fourth order (Hermite), along
which U is known exactly; V is interpolated with its slope, |dV/ds| = |grad U|. Beyond the two minima the path goes on
straight, up a wall. Levels and splittings come from `nsim.landscape.tunnel_doublet`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from nsim.landscape.tunnel_doublet import Tunnelling, grid_points, two_level_system
from nsim.sample.glass import Glass

CLOSE = 1e-3  # of the distance between saddle and minimum: points closer to either are left out of a path
PIECES = 48  # of a path between saddle and minimum, at least


@dataclass(frozen=True)
class Path:
    """A minimum-energy path from one minimum over a saddle to another."""

    s: np.ndarray  # (P,) arc length, 0 at the first minimum [v0]
    potential: np.ndarray  # (P,) U at these points [E0]
    slope: np.ndarray  # (P,) dU/ds [E0/v0]
    v: np.ndarray  # (P, N)

    @property
    def length(self) -> float:
        """From minimum to minimum [v0]."""
        return float(self.s[-1])


def join(glass: Glass, saddle: np.ndarray, first: np.ndarray, second: np.ndarray) -> Path:
    """The path made of two descents (P1, N) and (P2, N) from a saddle (N,), to the first and the second minimum."""
    there, back = _arm(glass, saddle, first)[::-1], _arm(glass, saddle, second)
    v = np.concatenate([there, back[1:]])
    s = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(v, axis=0) ** 2).sum(axis=1)))])
    columns = np.ascontiguousarray(v.T)
    field = glass.local_field(columns)
    potential = (glass.on_site(columns) - 0.5 * (field + glass.field) * columns).sum(axis=0)
    slope = np.sqrt(((glass.on_site_slope(columns) - field) ** 2).sum(axis=0))
    slope[len(there) - 1 :] *= -1
    return Path(s, potential, slope, v)


def _arm(glass: Glass, saddle: np.ndarray, descent: np.ndarray) -> np.ndarray:
    """One side of the path, from the saddle to the minimum, with points added where those of the flow are far apart."""
    v = np.concatenate([saddle[None], _thinned(saddle, descent)])
    chord = np.diff(v, axis=0)
    length = np.sqrt((chord**2).sum(axis=1))
    direction = -glass.gradient(v.T).T
    direction /= np.sqrt((direction**2).sum(axis=1))[:, None] + 1e-300
    direction[0], direction[-1] = chord[0] / length[0], chord[-1] / length[-1]  # at rest the flow has none
    pieces = np.ceil(length / (length.sum() / PIECES)).astype(int)
    k = np.repeat(np.arange(len(pieces)), pieces)
    t = (np.arange(len(k)) - np.repeat(np.cumsum(pieces) - pieces, pieces))[:, None] / pieces[k, None]
    # cubic Hermite polynomials
    between = v[k] + chord[k] * (t * t * (3 - 2 * t))
    between += length[k, None] * (t * (1 - t)) * ((1 - t) * direction[k] - t * direction[k + 1])
    return np.concatenate([between, v[-1:]])


def _thinned(saddle: np.ndarray, descent: np.ndarray) -> np.ndarray:
    """A descent without the points so close to either end that rounding and the flow's own error decide their order."""
    close = CLOSE * np.linalg.norm(descent[-1] - saddle)
    between = descent[1:-1]
    to_end = np.sqrt(((between - descent[-1]) ** 2).sum(axis=1))
    to_saddle = np.sqrt(((between - saddle) ** 2).sum(axis=1))
    return np.concatenate([between[(to_end > close) & (to_saddle > close)], descent[-1:]])


def potential_on_grid(
    glass: Glass, path: Path, hbar2_over_m: float, points: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Equidistant s, shape (points,), and V there, from wall to wall; by default as many points as the waves need.

    The walls stand where V exceeds the saddle by 0.6 of its height above the lower minimum and by ten zero-point
    energies: of a box of that length, or of a well of curvature 1.
    """
    height = path.potential.max() - path.potential.min()
    zero_point = hbar2_over_m / path.length**2
    enough = path.potential.max() + 0.6 * height + 10 * max(zero_point, np.sqrt(hbar2_over_m))
    walls = [_Wall(glass, path.v[0], path.v[1]), _Wall(glass, path.v[-1], path.v[-2])]
    reach = [wall.reach(enough) for wall in walls]
    if points is None:
        whole = reach[0] + path.length + reach[1]
        points = grid_points(whole, enough - path.potential.min(), hbar2_over_m)
    s = np.linspace(-reach[0], path.length + reach[1], points)
    inside = CubicHermiteSpline(path.s, path.potential, path.slope)
    V = inside(np.clip(s, 0, path.length))
    left, right = s < 0, s > path.length
    V[left], V[right] = walls[0](-s[left]), walls[1](s[right] - path.length)
    return s, V


class _Wall:
    """V beyond a minimum of the path: U straight on, or the parabola of the minimum where U falls below it.

    A straight line out of a soft minimum may lead down into a third basin, which is none of this pair's.
    """

    def __init__(self, glass: Glass, end: np.ndarray, before: np.ndarray) -> None:
        outward = (end - before) / np.linalg.norm(end - before)
        bend = glass.on_site_curvature(end) * outward - glass.couplings @ outward
        # U is a quartic of the distance; its slope at the minimum is rounding.
        self._second = 0.5 * float(outward @ bend)
        self._third = glass.a4 / (6 * glass.gamma) * float(end @ outward**3)
        self._fourth = glass.a4 / (24 * glass.gamma) * float((outward**4).sum())
        self._bottom = float(glass.energy(end))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """V at the distances x from the minimum, shape of x."""
        beyond = (self._third + self._fourth * x) * x
        return self._bottom + (self._second + np.maximum(beyond, 0.0)) * x**2

    def reach(self, enough: float) -> float:
        """A distance at which V exceeds ``enough``."""
        x = 0.1
        while self(np.array(x)) < enough and x < 1e6:
            x *= 1.3
        return x


def tunnelling(glass: Glass, path: Path, hbar2_over_m: float) -> Tunnelling:
    """Splitting and Delta_0 of the path's double well."""
    s, V = potential_on_grid(glass, path, hbar2_over_m)
    crest = path.s[np.argmax(path.potential)]
    return two_level_system(s, V, hbar2_over_m, float(crest), path.length)
