"""What the environment tells of the launcher that started this process; for use before numpy and MPI are imported."""

from __future__ import annotations

import os

LAUNCHER_MARKS = (
    "PMI_SIZE",
    "PMI_RANK",
    "PMIX_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "MPI_LOCALNRANKS",
    "PALS_RANKID",
)
RANK_MARKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PALS_RANKID", "SLURM_PROCID")


def first_rank_by_environment() -> bool:
    """Whether this process is rank 0 as far as the launcher's environment tells."""
    return all(os.environ.get(mark, "0") == "0" for mark in RANK_MARKS)
