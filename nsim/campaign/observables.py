r"""What is measured of every relaxed state, and what the names mean.

`VARIABLES` is the one table of their names: it gives the dimensions, type, unit and meaning of each, and says which of
them `nsim summary` averages. To add an observable, add a row and compute it in `measure`.
Units: E0 and v0 are the units of energy and displacement set by the variance of the couplings.
"""

from __future__ import annotations

import numpy as np

from nsim.descent.relaxation import Relaxed
from nsim.sample.cavity_field import cavity_field, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.hessian import NotAMinimumError, cholesky, lowest_eigenvalues, resolvent_diagonal_and_localisation
from nsim.sample.local_wells import local_wells
from nsim.sample.normal_modes import modes_of, normal_modes
from nsim.variables import STATE, Variable

MODE = ("sample", "replica", "mode")
SITE = ("sample", "replica", "site")
SAMPLE_SITE = ("sample", "site")


VARIABLES: dict[str, Variable] = {
    "energy": Variable(STATE, "E0", "energy per site U/N", averaged=True),
    "p": Variable(STATE, "v0", "mean displacement (1/N) sum v_i", averaged=True),
    "q": Variable(STATE, "v0^2", "mean squared displacement (1/N) sum v_i^2", averaged=True),
    "C": Variable(
        STATE,
        "v0^2/E0",
        "linear response without jumps, (1/N) sum Gr_ii, Gr = inverse Hessian",
        averaged=True,
    ),
    "replicon_sum": Variable(STATE, "v0^4/E0^2", "(1/N) sum Gr_ii^2; below 1 in a stable state", averaged=True),
    "lambda_min": Variable(STATE, "E0/v0^2", "lowest eigenvalue of the Hessian", averaged=True),
    "double_well_fraction": Variable(STATE, "1", "fraction of sites whose U_eff,i has two minima", averaged=True),
    "eigenvalue": Variable(MODE, "E0/v0^2", "lowest eigenvalues of the Hessian, ascending"),
    "max_gradient": Variable(STATE, "E0/v0", "max_i |dU/dv_i| after relaxation"),
    "iterations": Variable(STATE, "1", "conjugate-gradient steps of the relaxation", "i8"),
    "converged": Variable(STATE, "1", "1: gradient below tolerance and Hessian positive definite", "i1"),
    "v": Variable(SITE, "v0", "displacement v_i"),
    "local_field": Variable(SITE, "E0/v0", "raw local field l_i = F + sum_j J_ij v_j"),
    "reaction_coefficient": Variable(SITE, "E0/v0^2", "C_i = G_i''(v_i)/gamma - 1/Gr_ii"),
    "cavity_field": Variable(SITE, "E0/v0", "effective field h_i = l_i - C_i v_i"),
    "localisation": Variable(SITE, "1", "S2_i = sum_{j != i} (Gr_ji/Gr_ii)^2: how far the others move with site i"),
    "well_asymmetry": Variable(SITE, "E0", "U_eff,i(other minimum) - U_eff,i(v_i); NaN: single well"),
    "well_barrier": Variable(SITE, "E0", "barrier of U_eff,i above its upper minimum; NaN: single well"),
    "well_distance": Variable(SITE, "v0", "distance between the minima of U_eff,i; NaN: single well"),
    "well_tunnelling": Variable(SITE, "1", "lambda = (d/2) sqrt(2 m V/hbar^2) with V the barrier; NaN: single well"),
    "a2": Variable(SAMPLE_SITE, "E0/v0^2", "harmonic stiffness a2_i"),
}
NORMAL_MODE = ("sample", "replica", "normal_mode")
# With output.spectrum:
SPECTRUM: dict[str, Variable] = {
    "spectrum": Variable(NORMAL_MODE, "E0/v0^2", "eigenvalues of the Hessian, ascending; of large systems the lowest"),
    "participation": Variable(NORMAL_MODE, "1", "p_k = 1/sum_i e_ik^4: how many sites a normal mode moves"),
}


def measure(
    glass: Glass, relaxed: Relaxed, eigenvalues: int, hbar2_over_m: float, inverse: bool = True, modes: bool = False
) -> dict[str, np.ndarray]:
    """All observables of a batch of relaxed states.

    Parameters
    ----------
    glass
        The sample.
    relaxed
        R states of it, shape (N, R), with their convergence.
    eigenvalues
        How many of the lowest eigenvalues of the Hessian are kept.
    hbar2_over_m
        hbar^2/m [E0 v0^2], for the tunnelling parameter.
    inverse
        Whether the Hessian is inverted, which takes an N x N array in double precision on this rank; else the response
        and what follows from it (C_i, h_i, wells) are NaN, and positive definiteness rests on the lowest eigenvalue.
    modes
        Whether the normal modes are found, too.

    Returns
    -------
    dict
        Every name of `VARIABLES`, and with ``modes`` those of `SPECTRUM`; a leading axis of length R where the
        variable has the dimension ``replica``.
        What the inverse Hessian gives is NaN for a state that is not a minimum.
    """
    v = relaxed.v
    response, localisation = np.full(v.shape, np.nan), np.full(v.shape, np.nan)
    eigenvalue = np.full((v.shape[1], eigenvalues), np.nan)
    for r in range(v.shape[1]):
        eigenvalue[r], found = _response(glass, v[:, r], eigenvalues, inverse)
        if found is not None:  # else its response stays undefined, and the state counts as not converged
            response[:, r], localisation[:, r] = found
    # The relaxation looked at the Hessian a Newton step away; here is the last word.
    positive = ~np.isnan(response).any(axis=0) if inverse else eigenvalue[:, 0] > 0
    l = glass.local_field(v)  # noqa: E741 - the field's name in the literature
    C = reaction_coefficient(glass, v, response)
    h = cavity_field(l, C, v)
    wells = local_wells(h, C, v, glass.a2[:, None], glass.a4, glass.gamma, hbar2_over_m)
    return (_modes(glass, v, positive) if modes else {}) | {
        "energy": glass.energy(v) / glass.n,
        "p": v.mean(axis=0),
        "q": (v**2).mean(axis=0),
        "C": response.mean(axis=0),
        "replicon_sum": (response**2).mean(axis=0),
        "lambda_min": eigenvalue[:, 0],
        "double_well_fraction": np.where(np.isnan(response).any(axis=0), np.nan, wells.exists.mean(axis=0)),
        "eigenvalue": eigenvalue,
        "max_gradient": relaxed.max_gradient,
        "iterations": relaxed.iterations,
        "converged": (relaxed.converged & positive).astype(np.int8),
        "v": v.T,
        "local_field": l.T,
        "reaction_coefficient": C.T,
        "cavity_field": h.T,
        "localisation": localisation.T,
        "well_asymmetry": wells.asymmetry.T,
        "well_barrier": wells.barrier.T,
        "well_distance": wells.distance.T,
        "well_tunnelling": wells.tunnelling.T,
        "a2": glass.a2,
    }


def _response(
    glass: Glass, v: np.ndarray, eigenvalues: int, inverse: bool
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """Lowest eigenvalues of one state; Gr_ii and S2_i, None without ``inverse`` or where the state is no minimum.

    A function of its own, so that no factor of one state is held beside the Hessian of the next.
    """
    try:
        factor = cholesky(glass.hessian(v)) if inverse else None
    except NotAMinimumError:
        factor = None
    lowest = lowest_eigenvalues(glass, v, eigenvalues, factor)
    return lowest, None if factor is None else resolvent_diagonal_and_localisation(factor)


def _modes(glass: Glass, v: np.ndarray, positive: np.ndarray) -> dict[str, np.ndarray]:
    """The variables of `SPECTRUM`; NaN for states that are not minima."""
    found = {name: np.full((v.shape[1], modes_of(glass.n)), np.nan) for name in SPECTRUM}
    for r in np.flatnonzero(positive):
        modes = normal_modes(glass, v[:, r])
        found["spectrum"][r], found["participation"][r] = modes.eigenvalue, modes.participation
    return found
