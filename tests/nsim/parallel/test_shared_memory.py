"""Leftovers of killed ranks in shared memory are removed, and nothing else."""

import mmap
import os
import time

from nsim.parallel.shared_memory import remove_leftovers


def aged(path, age=1000.0):
    path.write_bytes(bytes(8192))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_only_old_unused_files_of_that_name_are_removed(tmp_path):
    left = [aged(tmp_path / name) for name in ("mpich_shm_41dee9d0_0", "mpich_shar_tmpAbC12d")]
    young = aged(tmp_path / "mpich_shm_00000001_0", age=30.0)
    foreign = [
        aged(tmp_path / name) for name in ("sem.mine", "mpich_shm_41dee9d0_0.txt", "psm_41dee9d0", "xmpich_shm_1_0")
    ]
    opened, mapped = aged(tmp_path / "mpich_shm_00000002_0"), aged(tmp_path / "mpich_shm_00000003_0")
    with mapped.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 8192)
    with opened.open("rb"):
        assert sorted(remove_leftovers(tmp_path)) == sorted(left)
        assert sorted(tmp_path.iterdir()) == sorted([young, *foreign, opened, mapped])
    memory.close()
    assert sorted(remove_leftovers(tmp_path)) == sorted([opened, mapped])
    assert remove_leftovers(tmp_path / "not here") == []
