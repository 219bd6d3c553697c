"""K steps of replica-symmetry breaking at T = 0 with all q_k, mu_k and C optimised.

    f = J0 p^2/2 + C q_K/2 + (1/4) sum_k mu_k (q_k^2 - q_{k-1}^2) - E[phi_0]

is stationary where q_k = E_{P_k}[(phi_k')^2], C = E_{P_K}[phi_K''] and, for every k = 1..K,

    df/dmu_k = (q_k^2 - q_{k-1}^2)/4 - E_{P_{k-1}}[<phi_k>_tilted - phi_{k-1}]/mu_k = 0

(Parisi's scheme with K steps for KH98 (5)-(8) in the limit beta -> infinity at fixed mu_k). Solutions are
continued from 1RSB (`meanfield.replicas.one_step_rsb`) one step at a time: for K -> infinity the q_k and mu_k sample
smooth functions, so each K predicts the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize

from meanfield.model import COARSE_STIFFNESS_NODES, STIFFNESS_NODES, Model, ParameterError
from meanfield.replicas.k_step_averages import KStepAverages, KStepFields
from meanfield.replicas.newton import Root, affine_newton
from meanfield.replicas.solution import Solution

Array = NDArray[np.float64]

# A residual of the stationarity conditions, relative, that counts as solved.
ACCEPT = 1e-8
# Newton's correction of the logarithms of the order parameters that counts as none. With many steps the
# equations determine their positions less well than they are satisfied; f is stationary in them.
ACCEPT_STEP = 1e-5
# The smallest q_0 without a mean field, in units of q_K/(2K + 1).
LEAST_Q_0 = 0.2


@dataclass(frozen=True)
class KStepPoint:
    """Solved order parameters with K steps.

    Attributes
    ----------
    x : array (2 K + 2,) or, with a mean field to be closed, (2 K + 3,)
        Unknowns, see `pack`; the last of the longer form is m in units of ``m_scale``.
    """

    steps: int
    x: Array
    residual: float
    iterations: int
    converged: bool


def pack(q: Array, C: float, mu: Array) -> Array:
    """Unknowns (ln q_K, ln((q_k - q_{k-1})/q_0) for k = 1..K, ln C, ln(mu_k q_K) for k = 1..K)."""
    return np.concatenate([[np.log(q[-1])], np.log(np.diff(q) / q[0]), [np.log(C)], np.log(mu * q[-1])])


def unpack(x: Array, steps: int) -> tuple[Array, float, Array]:
    """Inverse of `pack`: (q, C, mu)."""
    x = np.clip(x[: 2 * steps + 2], -60.0, 60.0)
    ratios = np.exp(x[1 : steps + 1])
    top = float(np.exp(x[0]))
    q = top / (1.0 + ratios.sum()) * np.concatenate([[1.0], 1.0 + np.cumsum(ratios)])
    q[-1] = top
    return q, float(np.exp(x[steps + 1])), np.exp(x[steps + 2 :]) / top


def free_energy(model: Model, a: KStepAverages, q: Array, C: float, mu: Array) -> float:
    """Replica free energy per site."""
    return 0.5 * model.j0 * a.p**2 + 0.5 * C * q[-1] + 0.25 * float(mu @ np.diff(q**2)) - a.phi0


def stationarity(a: KStepAverages, q: Array, C: float, mu: Array) -> Array:
    """Relative errors of the conditions for q_K, the differences q_k - q_{k-1}, C and mu_k."""
    return np.concatenate(
        [
            [a.q[-1] / q[-1] - 1.0],
            np.diff(a.q) / np.diff(q) - 1.0,
            [a.C / C - 1.0],
            4.0 * a.gain / (mu * np.diff(q**2)) - 1.0,
        ]
    )


@dataclass(frozen=True)
class KStep:
    """The K-step equations of one branch: unpolarised, polarised or in a field.

    Parameters
    ----------
    model : Model
    m : float
        Mean field of the branch: fixed where J0 m = 0, else where the search for it begins.
    stiffness_nodes : int
        Accuracy of averages over a2 (`LocalStiffness.rule`).
    temperature : float
    """

    model: Model
    m: float
    stiffness_nodes: int = STIFFNESS_NODES
    temperature: float = 0.0

    @property
    def coarse(self) -> KStep:
        """The same equations with fewer nodes for a2, to get near their solutions."""
        return replace(self, stiffness_nodes=COARSE_STIFFNESS_NODES)

    @property
    def closes_mean_field(self) -> bool:
        """Whether m = J0 p + F is solved for along with the order parameters."""
        return self.m != 0.0 and self.model.j0 != 0.0

    def fields(self, x: Array, steps: int, refine: float = 1.0) -> KStepFields:
        """Grid of fields at the unknowns ``x``; raises `ParameterError` where it would be absurd."""
        q, C, mu = unpack(x[: 2 * steps + 2], steps)
        m = self.m * float(x[-1]) if self.closes_mean_field else self.m
        stiffness = self.model.stiffness_rule(C, self.stiffness_nodes)
        return KStepFields.build(self.model, m, q, C, mu, stiffness, refine, self.temperature)

    def averages(self, fields: KStepFields) -> KStepAverages:
        """All averages, at T = 0 or T > 0."""
        return fields.averages()

    def residual(self, x: Array, steps: int) -> Array:
        """Relative errors of all conditions; infinite where the order parameters are absurd."""
        try:
            fields = self.fields(x, steps)
        except ParameterError:
            return np.full(x.size, np.inf)
        a = self.averages(fields)
        r = stationarity(a, fields.q, fields.C, fields.mu)
        if self.closes_mean_field:
            mismatch = fields.m - self.model.j0 * a.p - self.model.field
            r = np.append(r, mismatch / abs(self.m))
        return r

    def solve(self, start: Array, steps: int) -> KStepPoint:
        """Newton's iteration from ``start``."""
        root = affine_newton(lambda x: self.residual(x, steps), start, accept=ACCEPT_STEP)
        converged = root.converged and root.residual < ACCEPT and self._sensible(root, steps)
        return KStepPoint(steps, root.x, root.residual, root.iterations, converged)

    def _sensible(self, root: Root, steps: int) -> bool:
        """Refuse the branch of small q_0 (lower f), coinciding overlaps and mu_k that do not increase.

        Without a mean field q_0 is q_K/(2K + 1) at the transition, where q(x) is linear, and more below it.
        """
        q, _, mu = unpack(root.x, steps)
        least = 1e-8 if self.m != 0.0 else LEAST_Q_0 / (2 * steps + 1)
        return bool(q[0] > least * q[-1] and np.all(np.diff(q) > 1e-12 * q[-1]) and np.all(np.diff(mu) > 0))

    def ladder(self, first: Solution, most: int) -> Iterator[KStepPoint]:
        """Solutions with 1, 2, ..., ``most`` steps, from that with one; ends after one that failed."""
        start = pack(first.q, first.C, first.mu)
        if self.closes_mean_field:
            start = np.append(start, 1.0)
        point = self.solve(start, 1)
        yield point
        surprise = None
        for steps in range(2, most + 1):
            if not point.converged:
                return
            plain = self.finer(point, "singular")
            start = plain
            if surprise is not None:
                # How far the last prediction was off, a smooth function of k/K, shrinks as 1/K.
                start = plain + _stretch(surprise, steps - 1, steps) * (steps - 1) / steps
            following = self.solve(start, steps)
            if not following.converged:
                following = self.solve(self.finer(point, "regular"), steps)
            for shape in ("singular", "regular"):
                if not following.converged:
                    following = self.solve(self._maximised(self.finer(point, shape), steps), steps)
            point = following
            surprise = point.x - plain if steps > 2 else None
            yield point

    def _maximised(self, x: Array, steps: int) -> Array:
        """Unknowns after maximising f over q_0..q_{K-1} and mu_1..mu_K at fixed q_K, C and m.

        There f has a maximum (in C and q_K it is a saddle), with the gradient df/dq_k =
        (mu_{k+1} - mu_k)(E[(phi_k')^2] - q_k)/2, so that a quasi-Newton ascent cannot get lost
        where Newton's iteration does.
        """
        first = np.concatenate([x[1 : steps + 1], x[steps + 2 : 2 * steps + 2]])
        lower = np.arange(1, steps + 1)[None, :] <= np.arange(steps)[:, None]

        def unknowns(y: Array) -> Array:
            result = x.copy()
            result[1 : steps + 1], result[steps + 2 : 2 * steps + 2] = y[:steps], y[steps:]
            return result

        def negative(y: Array) -> tuple[float, Array]:
            if not np.max(np.abs(y - first)) < 2.0:
                return 1e10, np.zeros_like(y)
            try:
                fields = self.fields(unknowns(y), steps)
            except ParameterError:
                return 1e10, np.zeros_like(y)
            a = self.averages(fields)
            q, C, mu = fields.q, fields.C, fields.mu
            by_q = 0.5 * np.diff(mu, prepend=0.0) * (a.q[:-1] - q[:-1])
            by_mu = 0.25 * np.diff(q**2) - a.gain / mu
            # q_k = q_K (1 + r_1 + .. + r_k)/(1 + r_1 + .. + r_K), derivatives by ln r_j.
            share = np.exp(y[:steps]) * q[0] / q[-1]
            jacobian = q[-1] * lower * share - q[:-1, None] * share
            f = free_energy(self.model, a, q, C, mu) - 0.5 * self.model.j0 * a.p**2
            return -f / scale, -np.concatenate([by_q @ jacobian, by_mu * mu]) / scale

        scale = 1e-4 * float(np.exp(x[0])) * float(np.exp(x[steps + 1]))
        best = minimize(negative, first, jac=True, method="BFGS", options={"maxiter": 40, "gtol": 1e-6})
        return unknowns(best.x)

    def finer(self, point: KStepPoint, shape: str) -> Array:
        """Unknowns for K + 1 steps read off the smooth functions that K steps sample.

        Where v* jumps mu(q) diverges as 1/y at q_K, y = sqrt(1 - q/q_K): the shape "singular" takes y as
        a smooth function of k/K and mu y as one of y. At T > 0 the self-overlap q_K + T C replaces q_K.
        Without jumps mu(q) is "regular" and y^2 replaces y. Without a mean field q_0 vanishes as K grows,
        and so does mu at q = 0.
        """
        K = point.steps
        power = 2.0 if shape == "regular" else 1.0
        q, C, mu = unpack(point.x, K)
        top = float(q[-1]) + self.temperature * C
        y = np.sqrt(1.0 - q / top)[::-1] ** power
        new = _interpolate(np.arange(K + 2) / (K + 1), np.arange(K + 1) / K, y)
        if self.m == 0.0:
            # y of q_0 approaches 1 as 1/(1 + constant/K).
            new = y[0] + (new - y[0]) * ((K + 1) / (1.0 + K / y[-1]) - y[0]) / (y[-1] - y[0])
        new_q = top * (1.0 - new[::-1] ** (2.0 / power))
        middle = np.sqrt(1.0 - 0.5 * (q[1:] + q[:-1]) / top)[::-1]
        new_middle = np.sqrt(1.0 - 0.5 * (new_q[1:] + new_q[:-1]) / top)[::-1]
        exponent = 0.0 if shape == "regular" else 1.0
        strength = mu[::-1] * middle**exponent
        if K > 1:
            slope = (strength[1] - strength[0]) / (middle[1] - middle[0])
            at_zero = max(strength[0] - slope * middle[0], 0.3 * strength[0])
            middle, strength = np.append(0.0, middle), np.append(at_zero, strength)
        if self.m == 0.0:
            middle, strength = np.append(middle, 1.0), np.append(strength, 0.0)
        new_strength = _interpolate(np.clip(new_middle, middle[0], middle[-1]), middle, strength)
        x = pack(new_q, C, (new_strength / new_middle**exponent)[::-1])
        return np.append(x, point.x[-1]) if self.closes_mean_field else x

    def solution(self, point: KStepPoint, ansatz: str = "krsb") -> Solution:
        """Energies and stability at a solved point."""
        model, T = self.model, self.temperature
        fields = self.fields(point.x, point.steps)
        q, C, mu = fields.q, fields.C, fields.mu
        a = self.averages(fields)
        u = -0.5 * model.j0 * a.p**2 - model.field * a.p - C * q[-1] - 0.5 * float(mu @ np.diff(q**2)) + a.G
        f = free_energy(model, a, q, C, mu) + 0.25 * T * C**2
        u -= 0.5 * T * C**2
        ground_entropy = -0.25 * C**2 if model.potential == "ising" else float("nan")
        return Solution(
            ansatz=ansatz,
            model=model,
            temperature=T,
            free_energy=float(f),
            internal_energy=float(u),
            entropy=(u - f) / T if T > 0.0 else ground_entropy,
            p=a.p if self.m != 0.0 else 0.0,
            m=fields.m,
            C=C,
            q=q,
            q_diag=float(q[-1]) + T * C,
            mu=mu,
            C_reg=a.C_reg,
            replicon_sum=float(a.replicon_sums[-1]),
            replicons=1.0 - a.replicon_sums,
            converged=point.converged,
            residual=point.residual,
            iterations=point.iterations,
        )


def _interpolate(at: Array, x: Array, y: Array) -> Array:
    """Monotone cubic interpolation, linear between two points, constant for one."""
    if x.size <= 2:
        return np.interp(at, x, y)
    return PchipInterpolator(x, y)(at)


def _stretch(change: Array, steps: int, more: int) -> Array:
    """A change of the unknowns of ``steps`` steps as one for ``more`` steps."""
    old, new = (np.arange(steps) + 0.5) / steps, (np.arange(more) + 0.5) / more
    parts = [
        change[:1],
        np.interp(new, old, change[1 : steps + 1]),
        change[steps + 1 : steps + 2],
        np.interp(new, old, change[steps + 2 : 2 * steps + 2]),
        change[2 * steps + 2 :],
    ]
    return np.concatenate(parts)
