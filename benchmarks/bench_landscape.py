"""Double wells of the landscape: held flips, Schur saddles, and pairs of minima with their saddle, against plain peers.

Peers: scipy's L-BFGS-B for every flip (others relaxed, then all), one at a time; for a pair the climbing nudged elastic
band as it is commonly written (improved tangents, springs, FIRE on all images, converged to a force of 1e-3), which
gives a barrier of one pair but no proof of its index. nsim's pair is a Schur saddle from a linear-response well with
its proof, both sides descended. The descents follow the gradient flow faithfully (a thousand products J v), which costs
more than the peer's band between minima that it is given; the search for the saddle is the "Schur search".
"""

import time

import numpy as np
from scipy import optimize

from nsim.descent.relaxation import relax
from nsim.landscape.gradient_flow import both_sides
from nsim.landscape.held_flips import held_flips
from nsim.landscape.schur_saddle import schur_saddle, top_of_response
from nsim.run_file import Model
from nsim.sample.cavity_field import cavity_field, localisation, reaction_coefficient
from nsim.sample.glass import Glass
from nsim.sample.local_wells import local_wells, top_of_well

N, STATES = 256, 24
PEER_FLIPS, PEER_PAIRS = 6, 2


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


def plain_band(glass: Glass, a: np.ndarray, b: np.ndarray, images: int = 11, steps: int = 20_000) -> float:
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
        path = [v + dt * u for v, u in zip(path, velocity, strict=True)]
    return max(energies) - energies[0]


def main() -> None:
    """Print milliseconds per flip, per Schur saddle and per proved pair, and the peers' beside them."""
    glass = Glass.draw(Model(gamma=4.0), 1, N, 0)
    start = Model(gamma=4.0).length * np.random.default_rng(0).standard_normal((N, STATES))
    states = relax(glass, start).v
    held_flips(glass, states[:, 0], np.arange(2))
    flips, saddles, wells, proofs = 0.0, 0.0, 0, []
    for v in states.T:
        began = time.perf_counter()
        held_flips(glass, v)
        flips += time.perf_counter() - began
        Gr = np.linalg.inv(glass.hessian(v))
        C = reaction_coefficient(glass, v, np.diagonal(Gr))
        h = cavity_field(glass.local_field(v), C, v)
        exists = local_wells(h, C, v, glass.a2, glass.a4, glass.gamma, 1.0).exists
        tops = top_of_well(h, C, glass.a2, glass.a4, glass.gamma)
        began = time.perf_counter()
        for i in np.flatnonzero(exists & (localisation(Gr) < 1)):
            wells += 1
            found = schur_saddle(glass, top_of_response(v, Gr[:, i], int(i), float(tops[i])), int(i))
            proofs += [found.v] if found.index_one else []
        saddles += time.perf_counter() - began
    began = time.perf_counter()
    pairs = [both_sides(glass, saddle) for saddle in proofs]
    descents = time.perf_counter() - began

    began = time.perf_counter()
    for site in range(PEER_FLIPS):
        plain_flip(glass, states[:, 0], site)
    peer_flip = (time.perf_counter() - began) / PEER_FLIPS
    began = time.perf_counter()
    for (first, second), saddle in list(zip(pairs, proofs, strict=True))[:PEER_PAIRS]:
        barrier = plain_band(glass, first.v, second.v)
        exact = float(glass.energy(saddle) - glass.energy(first.v))
        print(f"barrier by the plain band {barrier:.6f}, of the saddle {exact:.6f}")
    peer_pair = (time.perf_counter() - began) / min(PEER_PAIRS, len(pairs))

    flip, saddle_time = flips / (N * STATES), saddles / max(wells, 1)
    pair = saddle_time + descents / max(len(pairs), 1)
    print(f"N = {N}, {STATES} quenched states; {wells} wells with S2 < 1, {len(proofs)} of them proved saddles")
    print(f"{'':>24} {'nsim ms':>9} {'peer ms':>9} {'ratio':>7}")
    print(f"{'held flip':>24} {1e3 * flip:9.2f} {1e3 * peer_flip:9.2f} {peer_flip / flip:7.1f}")
    print(f"{'Schur search':>24} {1e3 * saddle_time:9.2f} {'':>9} {'':>7}")
    print(f"{'pair, both sides proved':>24} {1e3 * pair:9.2f} {1e3 * peer_pair:9.2f} {peer_pair / pair:7.1f}")
    print(f"pairs per second: {1 / pair:.0f} (peer {1 / peer_pair:.2f})")


if __name__ == "__main__":
    main()
