r"""One sample of the glass: its couplings, its on-site potentials, and the energy landscape they make.

    U(v) = -1/2 sum_{i != j} J_ij v_i v_j + (1/gamma) sum_i G_i(v_i) - F sum_i v_i        [KH98 (2), with a field F]
    G_i(v) = a2_i v^2/2 + a4 v^4/24                                                       [KH98 (3)]

Displacements come as columns: ``v`` has shape (N,) for one state or (N, R) for R states of the same sample, and
everything that J touches is one matrix product for all of them. Energies are totals here, not per site.
Units: the variance 1/N of the couplings sets those of energy (E0) and displacement (v0); k_B = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nsim.run_sections import GaussianStiffness, Model, UniformStiffness
from nsim.sample import couplings
from nsim.sample.coupling_matrix import CouplingMatrix, WholeMatrix
from nsim.streams import Purpose, generator


@dataclass(frozen=True)
class Glass:
    """A sample: everything quenched.

    Parameters
    ----------
    couplings
        J [E0/v0^2], symmetric with zero diagonal: an array of shape (N, N), or an operator that knows where J lives.
    a2
        Harmonic stiffness of each site, shape (N,).
    a4, gamma, field
        Quartic coefficient, strength of the couplings against G, uniform field [E0/v0].
    """

    couplings: CouplingMatrix
    a2: np.ndarray
    a4: float
    gamma: float
    field: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.couplings, np.ndarray):
            object.__setattr__(self, "couplings", WholeMatrix(self.couplings))

    @classmethod
    def draw(
        cls,
        model: Model,
        seed: int,
        n: int,
        sample: int,
        J: np.ndarray | CouplingMatrix | None = None,
        dtype: type = np.float64,
    ) -> Glass:
        """Sample number ``sample`` of size n; ``J`` replaces the couplings drawn, in precision ``dtype``."""
        if J is None:
            J = couplings.draw(seed, n, sample, model.j0, dtype)
        if isinstance(J, np.ndarray):
            J = WholeMatrix(J)
        return cls(J, draw_stiffness(model, seed, n, sample), model.a4, model.gamma, model.field)

    @property
    def n(self) -> int:
        """Number of sites."""
        return self.couplings.n

    @property
    def J(self) -> np.ndarray:  # noqa: N802 - its name
        """The couplings as a matrix, shape (N, N), in double or single precision; only where this rank has it whole."""
        if self.couplings.whole is None:
            raise TypeError("the couplings are spread over several ranks: there is no whole matrix here")
        return self.couplings.whole

    def _a2(self, v: np.ndarray) -> np.ndarray:
        return self.a2 if v.ndim == 1 else self.a2[:, None]

    def local_field(self, v: np.ndarray) -> np.ndarray:
        """Raw local field l_i = F + sum_j J_ij v_j, shape of v [E0/v0]."""
        return self.couplings @ v + self.field

    def on_site(self, v: np.ndarray) -> np.ndarray:
        """G_i(v_i)/gamma, shape of v [E0]."""
        return (self._a2(v) / 2 + self.a4 / 24 * v**2) * v**2 / self.gamma

    def on_site_slope(self, v: np.ndarray) -> np.ndarray:
        """G_i'(v_i)/gamma, shape of v [E0/v0]."""
        return (self._a2(v) + self.a4 / 6 * v**2) * v / self.gamma

    def on_site_curvature(self, v: np.ndarray) -> np.ndarray:
        """G_i''(v_i)/gamma, shape of v [E0/v0^2]."""
        return (self._a2(v) + self.a4 / 2 * v**2) / self.gamma

    def energy(self, v: np.ndarray) -> np.ndarray:
        """Total energy U, shape () or (R,) [E0]."""
        # 1/2 (l + F) v counts each pair once and the field once.
        return (self.on_site(v) - 0.5 * (self.local_field(v) + self.field) * v).sum(axis=0)

    def gradient(self, v: np.ndarray) -> np.ndarray:
        """dU/dv_i = -l_i + G_i'(v_i)/gamma, shape of v [E0/v0]."""
        return self.on_site_slope(v) - self.local_field(v)

    def hessian(self, v: np.ndarray) -> np.ndarray:
        """M = diag(G_i''(v_i))/gamma - J of one state, shape (N, N) [E0/v0^2]."""
        M = np.negative(self.J, dtype=np.float64)
        M[np.diag_indices_from(M)] += self.on_site_curvature(v)
        return M


def draw_stiffness(model: Model, seed: int, n: int, sample: int) -> np.ndarray:
    """Harmonic stiffness a2_i of every site, shape (n,); constant unless the model has local disorder."""
    stream = generator(seed, n, sample, Purpose.STIFFNESS)
    match model.a2:
        case GaussianStiffness(mean=mean, std=std):
            return mean + std * stream.standard_normal(n)
        case UniformStiffness(low=low, high=high):
            return stream.uniform(low, high, n)
        case number:
            return np.full(n, float(number))
