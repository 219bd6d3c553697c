"""Files that hold a matrix of couplings: numpy's ``.npy``, or HDF5 with a dataset ``J`` or a single one of any name.

What a file is shows in its first bytes, not in its name. Nothing is read but what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from nsim.errors import InputError, reason

NAME = "J"  # of the dataset, if the file has several
Stored = Any  # ndarray or dataset: both have ``shape`` and ``dtype``, and are read by slices


@contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """The array in a file, as it is; raises `InputError` for what cannot be read or is not one array."""
    try:
        is_hdf5 = path.is_file() and h5py.is_hdf5(path)
        if not is_hdf5:
            yield _npy(path)
            return
        with h5py.File(path, "r") as file:
            yield _dataset(file, path)
    except OSError as error:  # of a damaged HDF5 file also later, when it is read
        raise InputError(f"couplings file {path}: {reason(error)}") from None


def _npy(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        with path.open("rb") as file:
            is_npy = file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
        what = f"a .npy file that cannot be read: {error}" if is_npy else "neither a .npy file nor HDF5"
        raise InputError(f"couplings file {path}: {what}") from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"couplings file {path}: a square matrix is needed, found several arrays")
    return array


def _dataset(file: h5py.File, path: Path) -> h5py.Dataset:
    found: list[h5py.Dataset] = []
    file.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    named = [dataset for dataset in found if dataset.name == f"/{NAME}"] or found
    if not named:
        raise InputError(f"couplings file {path}: has no dataset")
    if len(named) > 1:
        names = ", ".join(str(dataset.name) for dataset in named[:6]) + (", ..." if len(named) > 6 else "")
        raise InputError(f"couplings file {path}: has the datasets {names}: call the couplings {NAME}")
    return named[0]
