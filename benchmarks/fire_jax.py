"""FIRE for a batch in JAX, compiled, on the CPU: a peer of `nsim.descent.fire` with the same parameters."""

import time
from typing import Any

import numpy as np

from nsim.descent.fire import ALPHA, ALPHA_DECAY, GROW, LARGEST_MOVE, N_MIN, SHRINK
from nsim.sample.glass import Glass

MOST_STEPS = 100_000


def relax(glass: Glass, start: np.ndarray, tolerance: float) -> tuple[float, np.ndarray]:
    """Seconds (without compilation) and states."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    J, a2, a4, gamma = jnp.asarray(glass.J), jnp.asarray(glass.a2)[:, None], glass.a4, glass.gamma

    def force(v: Any) -> Any:
        return J @ v + glass.field - (a2 + a4 / 6 * v**2) * v / gamma

    def open_(state: Any) -> Any:
        return (jnp.abs(state[1]).max() > tolerance) & (state[-1] < MOST_STEPS)

    def step(state: Any) -> Any:
        v, f, w, dt, dt_max, alpha, free, count = state
        downhill = (f * w).sum(axis=0) > 0
        turn = alpha * jnp.sqrt((w * w).sum(axis=0) / (f * f).sum(axis=0))
        w = jnp.where(downhill, (1 - alpha) * w + turn * f, 0.0)
        free = jnp.where(downhill, free + 1, 0)
        faster = free > N_MIN
        dt = jnp.where(downhill, jnp.where(faster, jnp.minimum(GROW * dt, dt_max), dt), SHRINK * dt)
        alpha = jnp.where(downhill, jnp.where(faster, ALPHA_DECAY * alpha, alpha), ALPHA)
        w = w + dt * f
        move = dt * w
        v = v + move * jnp.minimum(1.0, LARGEST_MOVE / jnp.abs(move).max(axis=0))
        return v, force(v), w, dt, dt_max, alpha, free, count + 1

    @jax.jit
    def run(v: Any) -> Any:
        curvature = jnp.abs(a2 + a4 / 2 * v**2) / gamma
        dt = 0.5 / jnp.sqrt(2 + curvature.max(axis=0))
        columns = v.shape[1]
        begin = (v, force(v), jnp.zeros_like(v), dt, 10 * dt)
        return jax.lax.while_loop(
            open_, step, (*begin, jnp.full(columns, ALPHA), jnp.zeros(columns, dtype=int), jnp.int64(0))
        )[0]

    begin = jnp.asarray(start)
    compiled = run.lower(begin).compile()
    began = time.perf_counter()
    v = compiled(begin).block_until_ready()
    return time.perf_counter() - began, np.asarray(v)
