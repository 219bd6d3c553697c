"""Double wells of the landscape: local potentials, held flips, Schur saddles, and pairs of minima, against plain peers.

Peers: numpy's inverse for the local potentials; scipy's L-BFGS-B for every flip (others relaxed, then all), one at a
time; for a pair the climbing nudged elastic band as it is commonly written (improved tangents, springs, FIRE on all
images, converged to a force of 1e-3 or 5000 steps), which gives a barrier of one pair but no proof of its index.

A pair of nsim is a state and one of the minima nearest in energy that flips have found: elastic bands, all their tops
refined to saddles of index 1, both sides of each followed down the gradient flow until the arrival is proved, the path
and its quantum problem, again until saddles connect the two or four bands have failed. A pair from a well starts at the
top of a double well of U_eff,i instead (Schur complement, or eigenvector following where that fails). The bound of a
pair is the arithmetic asked for at the speed of the bare kernels: products with J, factorisations, lowest eigenvectors.
A candidate is any push tried: a flip, the top of a well, a soft mode; most fall back and cost little.
Processor time, so that a busy machine distorts little.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize
from scipy.linalg import eigh, lapack

from nsim.descent.relaxation import relax
from nsim.landscape import elastic_band, gradient_flow, known_landscape, saddle_newton
from nsim.landscape.held_flips import held_flips
from nsim.landscape.neighbouring_minima import BAND_ROUNDS, Effort, Neighbourhood
from nsim.landscape.schur_saddle import schur_saddle, top_of_response
from nsim.run_sections import Model
from nsim.sample.cavity_field import cavity_field, localisation, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.hessian import resolvent
from nsim.sample.local_wells import local_wells, top_of_well

N, STATES = 256, 24
PAIR_STATES, PEER_FLIPS, PEER_PAIRS = 8, 6, 6
LONGEST = 0.2  # move of a step of the peer's band


def seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """The least processor time of some repeats."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def plain_flip(glass: Glass, v: np.ndarray, site: int) -> np.ndarray:
    """A held flip by two calls of scipy's minimiser."""
    free = np.arange(glass.n) != site
    x = np.where(free, v, -v)

    def held(y: np.ndarray) -> tuple[float, np.ndarray]:
        x[free] = y
        return float(glass.energy(x)), glass.gradient(x)[free]

    options = {"gtol": 1e-8, "ftol": 0, "maxiter": 20_000, "maxfun": 20_000}
    x[free] = optimize.minimize(held, x[free], jac=True, method="L-BFGS-B", options=options).x
    whole = optimize.minimize(
        lambda y: (float(glass.energy(y)), glass.gradient(y)),
        x,
        jac=True,
        method="L-BFGS-B",
        options=options | {"gtol": 1e-10},
    )
    return whole.x


def plain_band(glass: Glass, a: np.ndarray, b: np.ndarray, images: int = 11, steps: int = 5_000) -> float:
    """Barrier above ``a`` by a climbing nudged elastic band with FIRE, image by image."""
    path = [a + (b - a) * x for x in np.linspace(0, 1, images)]
    velocity, dt, alpha, uphill_free, spring = [np.zeros_like(a) for _ in path], 0.05, 0.1, 0, 1.0
    energies = [float(glass.energy(v)) for v in path]
    for _ in range(steps):
        gradients = [glass.gradient(v) for v in path]
        energies = [float(glass.energy(v)) for v in path]
        top = int(np.argmax(energies[1:-1])) + 1
        forces = [np.zeros_like(a) for _ in path]
        for k in range(1, images - 1):
            up, down = path[k + 1] - path[k], path[k] - path[k - 1]
            tangent = up if energies[k + 1] > energies[k - 1] else down
            tangent = tangent / np.linalg.norm(tangent)
            along = gradients[k] @ tangent
            if k == top:
                forces[k] = -gradients[k] + 2 * along * tangent
            else:
                forces[k] = -gradients[k] + (along + spring * (np.linalg.norm(up) - np.linalg.norm(down))) * tangent
        F, w = np.concatenate(forces), np.concatenate(velocity)
        if np.abs(F).max() < 1e-3:
            break
        if F @ w > 0:
            w = (1 - alpha) * w + alpha * np.linalg.norm(w) * F / np.linalg.norm(F)
            uphill_free += 1
            if uphill_free > 5:
                dt, alpha = min(1.1 * dt, 0.5), 0.99 * alpha
        else:
            w, dt, alpha, uphill_free = np.zeros_like(w), 0.5 * dt, 0.1, 0
        w = w + dt * F
        velocity = list(w.reshape(images, -1))
        move = dt * w
        move *= min(1.0, LONGEST / np.linalg.norm(move))  # as ASE's FIRE does
        path = [v + u for v, u in zip(path, move.reshape(images, -1), strict=True)]
    return max(energies) - energies[0]


class Counted:
    """How much arithmetic the search asks for, while it lasts."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self._old: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> "Counted":
        self._watch(gradient_flow._Descents, "_step", "columns", lambda self, v, slope, width, n: n * v.shape[1])
        self._watch(elastic_band, "_downhill", "columns", lambda v, *rest: v[0].size)
        self._watch(saddle_newton, "negative_eigenvalues", "symmetric factors", lambda *rest: 1)
        for module in (saddle_newton, gradient_flow):
            self._watch(module, "eigh", "lowest eigenvectors", lambda *rest, **options: 1)
        self._watch(known_landscape.Basins, "ask", "Cholesky factors", lambda *rest: 1)
        self._watch(known_landscape.Basins, "learn", "Cholesky factors", lambda *rest: 1)
        return self

    def __exit__(self, *error: object) -> None:
        for owner, name, old in self._old:
            setattr(owner, name, old)

    def _watch(self, owner: Any, name: str, what: str, amount: Callable[..., int]) -> None:
        old = getattr(owner, name)

        def watched(*given: Any, **options: Any) -> Any:
            self.count[what] += amount(*given, **options)
            return old(*given, **options)

        self._old.append((owner, name, old))
        setattr(owner, name, watched)

    def bound(self, glass: Glass, v: np.ndarray) -> float:
        """Seconds of the bare kernels."""
        M = glass.hessian(v)
        block = np.repeat(v[:, None], 128, axis=1)
        kernel = {
            "columns": seconds(lambda: glass.J @ block) / 128,
            "symmetric factors": seconds(lambda: lapack.dsytrf(M.T, lower=True)),
            "Cholesky factors": seconds(lambda: lapack.dpotrf(M.T, lower=True)),
            "lowest eigenvectors": seconds(lambda: eigh(M, subset_by_index=[0, 2], check_finite=False)),
        }
        return sum(kernel[what] * amount for what, amount in self.count.items())


def pairs_of(glass: Glass, states: np.ndarray) -> tuple[Neighbourhood, list[Any]]:
    """Candidate pairs: each state with the minima nearest in energy that flips have found."""
    search = Neighbourhood(glass, Effort(modes=0, scans=0, walks=0))
    fresh = [(v, search.known.minimum(v)) for v in states.T]
    for v, here in fresh:
        search._meet(v, here, 0)
    return search, search._pairs


def connect(search: Neighbourhood, pairs: list[Any]) -> None:
    """Look for saddles between candidate pairs."""
    search._pairs = pairs
    for attempt in range(BAND_ROUNDS):
        search._connect(attempt)
        search._enter()
    search._count_pairs()


def main() -> None:
    """Print milliseconds for each piece, and the peers' beside them."""
    glass = Glass.draw(Model(gamma=4.0), 1, N, 0)
    start = Model(gamma=4.0).length * np.random.default_rng(0).standard_normal((N, STATES))
    states = relax(glass, start).v
    held_flips(glass, states[:, 0], np.arange(2))
    M = glass.hessian(states[:, 0])
    potentials = seconds(lambda: resolvent(glass.hessian(states[:, 0])))
    bare = seconds(lambda: lapack.dpotri(lapack.dpotrf(M.T, lower=True)[0], lower=True))
    plain = seconds(lambda: np.linalg.inv(M))

    flips, saddles, wells, proofs = 0.0, 0.0, 0, 0
    for v in states.T:
        began = time.process_time()
        held_flips(glass, v)
        flips += time.process_time() - began
        Gr = resolvent(glass.hessian(v))
        C = reaction_coefficient(glass, v, np.diagonal(Gr))
        h = cavity_field(glass.local_field(v), C, v)
        exists = local_wells(h, C, v, glass.a2, glass.a4, glass.gamma, 1.0).exists
        tops = top_of_well(h, C, glass.a2, glass.a4, glass.gamma)
        began = time.process_time()
        for i in np.flatnonzero(exists & (localisation(Gr) < 1)):
            wells += 1
            proofs += schur_saddle(glass, top_of_response(v, Gr[:, i], int(i), float(tops[i])), int(i)).index_one
        saddles += time.process_time() - began

    search, pairs = pairs_of(glass, states[:, -1:])  # compile
    connect(search, pairs[:1])
    search, pairs = pairs_of(glass, states[:, :PAIR_STATES])
    peers = [tuple(map(search.known.at, pair)) for pair in pairs[:: max(1, len(pairs) // PEER_PAIRS)]][:PEER_PAIRS]
    with Counted() as counted:
        began = time.process_time()
        connect(search, pairs)
        connecting = time.process_time() - began
    found, counts = len(search.known.saddles), search.counts
    share = counted.bound(glass, states[:, 0]) / connecting

    by_wells = Neighbourhood(glass, Effort())
    fresh = [(number, v, by_wells.known.minimum(v)) for number, v in enumerate(states.T)]
    began = time.process_time()
    for number, v, here in fresh:
        by_wells._climb_wells(v, here, number)
    by_wells._enter_wells()
    climbing = (time.process_time() - began) / max(len(by_wells.known.saddles), 1)

    whole = Neighbourhood(glass, Effort(scans=0, walks=0))
    began = time.process_time()
    whole.explore([*enumerate(states.T[:PAIR_STATES])])
    exploring = time.process_time() - began
    candidates = sum(whole.counts[name] for name in ("flips", "wells", "modes"))

    began = time.process_time()
    for site in range(PEER_FLIPS):
        plain_flip(glass, states[:, 0], site)
    peer_flip = (time.process_time() - began) / PEER_FLIPS
    began = time.process_time()
    for first, last in peers:
        plain_band(glass, first, last)
    peer_pair = (time.process_time() - began) / len(peers)

    flip, saddle_time, pair = flips / (N * STATES), saddles / max(wells, 1), connecting / len(pairs)
    print(f"N = {N}, {STATES} quenched states; {wells} wells with S2 < 1, {proofs} of them proved saddles")
    print(
        f"{len(pairs)} pairs: {counts['pairs_direct']} joined by one saddle, {counts['pairs_by_steps']} by several, "
        f"{counts['pairs_open']} open; {found} saddles, each with both its minima, path and splitting"
    )
    print(f"{'processor time':>28} {'nsim ms':>9} {'peer ms':>9} {'ratio':>7}")
    rows = (
        ("inverse Hessian of a state", potentials, plain),
        ("held flip", flip, peer_flip),
        ("Schur search", saddle_time, None),
        ("pair from a well, all in", climbing, peer_pair),
        ("pair by bands, all in", pair, peer_pair),
        ("saddle by bands, all in", connecting / max(found, 1), None),
    )
    for name, own, peer in rows:
        beside = f"{1e3 * peer:9.2f} {peer / own:7.1f}" if peer else ""
        print(f"{name:>28} {1e3 * own:9.2f} {beside}")
    print(f"inverse Hessian: {bare / potentials:.0%} of bare dpotrf and dpotri")
    print(
        f"pairs per second: {1 / climbing:.0f} from wells, {1 / pair:.0f} by bands ({share:.0%} of the bound), peer "
        f"{1 / peer_pair:.2f}; 10 000 pairs in {1e4 * climbing / 60:.1f} and {1e4 * pair / 60:.1f} minutes"
    )
    print(
        f"whole search of {PAIR_STATES} states: {candidates} candidates (flips, wells, modes), {exploring:.1f} s, "
        f"{len(whole.known.saddles)} proved saddles; 10 000 candidates in "
        f"{1e4 * exploring / candidates / 60:.1f} minutes"
    )


if __name__ == "__main__":
    main()
