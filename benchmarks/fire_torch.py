"""FIRE for a batch in torch on the CPU: a peer of `nsim.descent.fire` with the same parameters."""

import time

import numpy as np

from nsim.descent.fire import ALPHA, ALPHA_DECAY, GROW, LARGEST_MOVE, N_MIN, SHRINK
from nsim.sample.glass import Glass

MOST_STEPS = 100_000


def relax(glass: Glass, start: np.ndarray, tolerance: float) -> tuple[float, np.ndarray]:
    """Seconds and states."""
    import torch

    torch.set_num_threads(1)
    J, a2 = torch.from_numpy(glass.J), torch.from_numpy(glass.a2)[:, None]

    def force(v):
        return J @ v + glass.field - (a2 + glass.a4 / 6 * v**2) * v / glass.gamma

    began = time.perf_counter()
    with torch.no_grad():
        v = torch.from_numpy(start)
        f, w = force(v), torch.zeros_like(v)
        dt = 0.5 / torch.sqrt(2 + (torch.abs(a2 + glass.a4 / 2 * v**2) / glass.gamma).amax(dim=0))
        dt_max, alpha = 10 * dt, torch.full_like(dt, ALPHA)
        free = torch.zeros_like(dt, dtype=torch.int64)
        for _ in range(MOST_STEPS):
            if float(torch.abs(f).max()) <= tolerance:
                break
            downhill = (f * w).sum(dim=0) > 0
            turn = alpha * torch.sqrt((w * w).sum(dim=0) / (f * f).sum(dim=0))
            w = torch.where(downhill, (1 - alpha) * w + turn * f, 0.0)
            free = torch.where(downhill, free + 1, 0)
            faster = free > N_MIN
            dt = torch.where(downhill, torch.where(faster, torch.minimum(GROW * dt, dt_max), dt), SHRINK * dt)
            alpha = torch.where(downhill, torch.where(faster, ALPHA_DECAY * alpha, alpha), ALPHA)
            w = w + dt * f
            move = dt * w
            v = v + move * torch.clamp(LARGEST_MOVE / torch.abs(move).amax(dim=0), max=1.0)
            f = force(v)
    return time.perf_counter() - began, v.numpy()
