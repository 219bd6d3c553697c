r"""Langevin and molecular dynamics of the classical model, all replicas of one sample at once.

    dv/dt = p/m,    dp/dt = -dU/dv - friction p + sqrt(2 friction m T) noise(t)

Time steps are those of BAOAB [Leimkuhler, Matthews, J. Chem. Phys. 138, 174102 (2013), arXiv:1304.3269]: half a kick B
by the force, half a drift A, the exact Ornstein-Uhlenbeck step O of the momenta, half a drift, half a kick.
Averages over displacements are wrong by O(dt^2), and exact for harmonic wells. Without friction O does nothing, and
BAOAB is velocity Verlet: symplectic, time-reversible, its energy wrong by O(dt^2) and without drift. A step costs one
matrix product for all replicas.

Units: E0 and v0 as ever, and the mass; time is in v0 sqrt(m/E0) for mass 1.
"""

from __future__ import annotations

import numba
import numpy as np

from nsim.parallel.checkpoint import State
from nsim.run_sections import LARGEST
from nsim.sample.glass import Glass

CHUNK = 2**18  # normal numbers drawn ahead per batch (2 MB)


class LangevinDynamics:
    """R replicas of one sample in motion.

    Parameters
    ----------
    glass
        The sample.
    v
        Starting displacements, shape (N, R).
    streams
        One generator per replica: first its momenta are drawn, from the Maxwell distribution, then its noise.
    temperature
        Of the bath and of the first momenta [E0], a number or shape (R,).
    time_step
        dt [v0 sqrt(m/E0)].
    friction
        Rate at which momenta forget [1/time]; 0: molecular dynamics at constant energy.
    mass
        m.
    """

    def __init__(
        self,
        glass: Glass,
        v: np.ndarray,
        streams: list[np.random.Generator],
        temperature: float | np.ndarray,
        time_step: float,
        friction: float = 1.0,
        mass: float = 1.0,
    ) -> None:
        self.glass, self.streams = glass, streams
        self.time_step, self.mass = time_step, mass
        self.steps = 0
        # Replica by replica in memory: the fast layout of the product, and every stream fills its own row.
        self._v = np.array(v.T, dtype=float, order="C")
        width = np.broadcast_to(np.sqrt(mass * np.asarray(temperature, dtype=float)), len(self._v))
        self._p = np.stack([s * stream.standard_normal(glass.n) for s, stream in zip(width, streams, strict=True)])
        self._keep = float(np.exp(-friction * time_step))  # of the momenta in O
        self._kick = np.sqrt(-np.expm1(-2 * friction * time_step)) * width  # width of what O adds to them, (R,)
        ahead = max(1, CHUNK // self._v.size) if friction > 0 else 0
        self._noise = np.empty((len(self._v), ahead, glass.n))
        self._field, self._force = np.empty_like(self._v), np.empty_like(self._v)
        self._find_force(kick=0.0)

    @property
    def v(self) -> np.ndarray:
        """Displacements, shape (N, R); a view that follows the motion."""
        return self._v.T

    @property
    def p(self) -> np.ndarray:
        """Momenta, shape (N, R); a view that follows the motion."""
        return self._p.T

    def run(self, steps: int) -> None:
        """Move on by a number of time steps; raises `FloatingPointError` if the motion has become unstable."""
        for _ in range(steps):
            half = 0.5 * self.time_step
            _kick_drift_fluctuate_drift(
                self._v, self._p, self._force, half, self.mass, self._keep, self._kick, self._next_noise()
            )
            self._find_force(kick=half)
            self.steps += 1
        if not (np.abs(self._v) < LARGEST).all():
            raise FloatingPointError(f"time_step = {self.time_step:g} is too long: displacements grow without bound")

    def state(self) -> State:
        """All that the future of the motion depends on, beside the sample; copied."""
        return {
            "v": self._v.copy(),
            "p": self._p.copy(),
            "field": self._field.copy(),
            "force": self._force.copy(),
            "noise": self._noise.copy(),
            "steps": self.steps,
            "streams": [stream.bit_generator.state for stream in self.streams],
        }

    def restore(self, state: State) -> None:
        """Go on from a state, bit for bit as the motion it was taken from."""
        self._v[:], self._p[:], self._noise[:] = state["v"], state["p"], state["noise"]
        self._field[:], self._force[:], self.steps = state["field"], state["force"], state["steps"]
        for stream, at in zip(self.streams, state["streams"], strict=True):
            stream.bit_generator.state = at

    def potential_energy(self) -> np.ndarray:
        """Total energies U of the present displacements, without another product; shape (R,) [E0]."""
        return (self.glass.on_site(self.v) - 0.5 * (self._field.T + self.glass.field) * self.v).sum(axis=0)

    def kinetic_energy(self) -> np.ndarray:
        """Sum of p_i^2/2m, shape (R,) [E0]."""
        return (self._p**2).sum(axis=1) / (2 * self.mass)

    def _find_force(self, kick: float) -> None:
        glass = self.glass
        with np.errstate(over="ignore", invalid="ignore"):  # `run` says what happened
            if glass.J.dtype == np.float64:
                np.matmul(self._v, glass.J, out=self._field)  # J is symmetric
            else:  # its product knows how to do without a copy of J in double precision
                self._field[:] = (glass.couplings @ np.ascontiguousarray(self._v.T)).T
        _force_and_kick(self._v, self._p, self._field, self._force, kick, glass.a2, glass.a4, glass.gamma, glass.field)

    def _next_noise(self) -> np.ndarray:
        """Normal numbers of the next step, shape (R, N); how many are drawn ahead does not change them."""
        ahead = self._noise.shape[1]
        if ahead == 0:
            return self._p  # not used
        if self.steps % ahead == 0:
            for stream, noise in zip(self.streams, self._noise, strict=True):
                stream.standard_normal(out=noise)
        return self._noise[:, self.steps % ahead]


@numba.njit(cache=True, error_model="numpy")
def _kick_drift_fluctuate_drift(
    v: np.ndarray,
    p: np.ndarray,
    force: np.ndarray,
    half: float,
    mass: float,
    keep: float,
    kick: np.ndarray,
    noise: np.ndarray,
) -> None:
    """B, A, O and A of a step; arrays (R, N), kick (R,). Without friction (keep = 1) the noise is not looked at."""
    replicas, sites = v.shape
    for r in range(replicas):
        for i in range(sites):
            momentum = p[r, i] + half * force[r, i]
            middle = v[r, i] + half * momentum / mass
            if keep < 1.0:
                momentum = keep * momentum + kick[r] * noise[r, i]
            p[r, i] = momentum
            v[r, i] = middle + half * momentum / mass


@numba.njit(cache=True, error_model="numpy")
def _force_and_kick(
    v: np.ndarray,
    p: np.ndarray,
    field: np.ndarray,
    force: np.ndarray,
    half: float,
    a2: np.ndarray,
    a4: float,
    gamma: float,
    uniform: float,
) -> None:
    """Force l_i - G_i'(v_i)/gamma, then B; ``field`` comes in as J v and becomes l. Arrays (R, N), a2 (N,)."""
    replicas, sites = v.shape
    for r in range(replicas):
        for i in range(sites):
            x = v[r, i]
            field[r, i] += uniform
            force[r, i] = field[r, i] - (a2[i] + a4 / 6 * x * x) * x / gamma
            p[r, i] += half * force[r, i]
