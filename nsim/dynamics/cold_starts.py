"""Cold starts of ladders: replicas annealed to the cold end before they climb, blocks of columns side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nsim.dynamics.annealing import Cooling
from nsim.parallel.checkpoint import Checkpoint, Report, State
from nsim.parallel.rank_group import Group
from nsim.sample.glass import Glass


@dataclass
class Block:
    """Columns of a batch at their start.

    Parameters
    ----------
    v, streams
        Starting states, shape (N, R), and a generator for each.
    cold
        Those among the columns that are to be annealed.
    """

    v: np.ndarray
    streams: list[np.random.Generator]
    cold: list[int]


def cool(
    glass: Glass, blocks: Sequence[Block], width: int, schedule: np.ndarray, group: Group, checkpoint: Checkpoint
) -> None:
    """Anneal the cold columns of this rank's blocks, in place; all ranks of the group take their sweeps together.

    ``width`` is the number of all blocks of the group: they keep their order, whatever rank has them.
    """
    coolings = [
        Cooling(glass, block.v[:, block.cold], [block.streams[at] for at in block.cold], schedule)
        if block.cold
        else None
        for block in blocks
    ]
    done = 0

    def state() -> State:
        own = [None if cooling is None else cooling.state() for cooling in coolings]
        return {"sweeps": done, "blocks": [state for states in group.gather(own) for state in states]}

    def report() -> Report:
        return {"share": 0.0}

    if (held := checkpoint.load()) is not None:
        done = held["sweeps"]
        first = width * group.rank // group.size
        for cooling, kept in zip(coolings, held["blocks"][first : first + len(blocks)], strict=True):
            if cooling is not None:
                cooling.restore(kept)
    while done < len(schedule):
        for cooling in coolings:
            if cooling is not None:
                cooling.sweep()
        done += 1
        checkpoint.pause(state, report)
    for block, cooling in zip(blocks, coolings, strict=True):
        if cooling is not None:
            block.v[:, block.cold] = cooling.v


def _cooling(glass: Glass, block: Block, schedule: np.ndarray) -> Cooling | None:
    if not block.cold:
        return None
    return Cooling(glass, block.v[:, block.cold], [block.streams[at] for at in block.cold], schedule)
