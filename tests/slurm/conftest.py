"""One Slurm for all tests of this folder, or the reason why there is none."""

import tempfile
from pathlib import Path

import pytest

from tests.slurm.controller import Slurm, missing


@pytest.fixture(scope="session")
def slurm():
    reason = missing()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:  # a short path: sockets' names are limited
        cluster = Slurm(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
