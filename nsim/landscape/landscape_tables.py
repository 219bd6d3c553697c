"""What the tables of a landscape say: names, units and meanings of their columns, and of what is counted."""

from __future__ import annotations

from nsim.landscape.scan_search import SCAN_COUNTS

SOURCES = ("flips", "scans", "walks")  # of neighbouring minima
FOUND_BY = (
    "schur",
    "following",
    "mode",
    "band",
    "scan",
)  # of saddles; `found_by` is the place here
COUNTS = {
    "states": "states explored",
    "repeated_states": "states that were a known minimum (or its mirror image)",
    "wells": "double wells of U_eff,i",
    "wells_near_singular": "... of states with an eigenvalue below 0.03",
    "wells_by_schur": "... whose saddle the Schur complement proved",
    "wells_by_following": "... whose saddle only eigenvector following found",
    "wells_without_saddle": "... from whose top no saddle was found",
    "modes": "searches along soft modes",
    "modes_without_saddle": "... that found no saddle, or a line without a top",
    "flips": "sites pushed over",
    "flips_returned": "... that fell back",
    "flips_unconverged": "... that did not converge",
    "flips_mirrored": "... that ended in the mirror image of the state",
    **SCAN_COUNTS,
    "walks": "thermal walks",
    "walks_returned": "... that fell back",
    "walks_unconverged": "... that did not converge",
    "walks_mirrored": "... that ended in the mirror image of the state",
    "new_by_flips": "minima that flips were the first to meet",
    "new_by_scans": "minima that scans were the first to meet",
    "new_by_walks": "minima that walks were the first to meet",
    "pairs": "pairs of a state and a minimum that flips, scans or walks found, given to an elastic band",
    "pairs_direct": "... that one saddle joins",
    "pairs_by_steps": "... that only a path over several saddles joins",
    "pairs_open": "... that no path found joins",
    "bands_without_saddle": "maxima of bands that could not be refined to a saddle",
    "saddles_again": "searches that ended on a known saddle",
    "descents_failed": "saddles with a side whose descent did not arrive",
    "saddles_to_mirror": "saddles that join a minimum to its own mirror image",
    "saddles_to_self": "saddles both of whose sides lead to the same minimum",
    "saddles_parallel": "saddles beyond the first of the same two minima",
    "near_singular": "minima with an eigenvalue below 0.03",
}
# Counters of what the search failed at, in words that need no line before them.
FAILURES = {
    "wells_without_saddle": "double wells of U_eff,i from whose top no saddle was found",
    "modes_without_saddle": "soft modes along which no saddle was found",
    "flips_unconverged": "sites pushed over whose state did not converge",
    "scans_lost": "scans that could not be followed to their end",
    "scan_points_unproved": "stationary points passed by scans that could not be refined",
    "scan_releases_unconverged": "sites released after an avalanche whose state did not converge",
    "walks_unconverged": "thermal walks whose state did not converge",
    "bands_without_saddle": "maxima of bands that could not be refined to a saddle",
    "descents_failed": "saddles with a side whose descent did not arrive",
}

# Columns: name -> (unit, meaning)
SYSTEM = {
    "asymmetry": ("E0", "energy difference of the two minima a saddle joins"),
    "barrier_upper": ("E0", "saddle above the upper minimum"),
    "barrier_lower": ("E0", "saddle above the lower minimum"),
    "path_length": ("v0", "length of the minimum-energy path"),
    "distance": ("v0", "distance between the two minima"),
    "participation": ("1", "(sum d^2)^2/sum d^4 of the displacement d between the two minima"),
    "saddle_eigenvalue": ("E0/v0^2", "the negative eigenvalue of the Hessian at the saddle"),
    "splitting": ("E0", "E_1 - E_0 along the path"),
    "delta0": ("E0", "smallest splitting Delta_0 a tilt can reach; NaN: no level of either well below the barrier"),
    "log_delta0": ("1", "ln(Delta_0/E0), also where Delta_0 is below the range of floating point"),
    "found_by": (
        "1",
        "0: Schur complement, 1: following from a well, 2: a soft mode, 3: elastic band, 4: a scan",
    ),
}
PAIR = {
    "state": ("1", "number of the minimum, a state of the run"),
    "other": ("1", "number of a minimum met from it"),
    "mirrored": ("1", "1: it was the mirror image of that minimum"),
    "by_flips": ("1", "1: met by pushing a site over"),
    "by_scans": ("1", "1: met by a scan"),
    "by_walks": ("1", "1: met by a thermal walk"),
    "banded": ("1", "1: given to an elastic band"),
    "asymmetry": ("E0", "U(other) - U(state)"),
    "barrier": ("E0", "highest saddle on the lowest path known, above the state; NaN: no path known"),
    "saddles": ("1", "fewest saddles on such a path; 0: no path known"),
}
WELL = {
    "state": ("1", "number of the minimum"),
    "replica": ("1", "replica whose state it is"),
    "site": ("1", "site i of the double well of U_eff,i"),
    "near_singular": ("1", "1: the state has an eigenvalue below 0.03, and the well may be spurious"),
    "localisation": ("1", "S2_i = sum_{j != i} (Gr_ji/Gr_ii)^2"),
    "well_asymmetry": ("E0", "U_eff,i(other minimum) - U_eff,i(v_i)"),
    "well_barrier": ("E0", "top of U_eff,i above its upper minimum"),
    "well_climb": ("E0", "top of U_eff,i above the state"),
    "well_log_delta0": ("1", "ln(Delta_0/E0) of U_eff,i; NaN: its wells hold no level each"),
    "well_distance": ("v0", "distance of the minima of U_eff,i"),
    "well_saddle": ("1", "number of the saddle found from the well's top; -1: none"),
    "schur": ("1", "1: proved by the Schur complement of site i"),
    "connected": ("1", "1: that saddle joins the state to another minimum"),
    "true_asymmetry": ("E0", "U(other minimum) - U(state); NaN: not connected"),
    "true_barrier": ("E0", "saddle above the upper of the two minima; NaN: not connected"),
    "true_climb": ("E0", "saddle above the state; NaN: not connected"),
    "true_distance": ("v0", "between the two minima, all sites counted; NaN: not connected"),
    "true_participation": ("1", "how many sites move; NaN: not connected"),
    "true_log_delta0": ("1", "ln(Delta_0/E0) of the minimum-energy path; NaN: not connected, or no two wells"),
}
TRUE_WELL = tuple(name for name in WELL if name.startswith("true_"))
TRUE_OF_SYSTEM = ("distance", "participation", "log_delta0")  # columns of `SYSTEM` among these
