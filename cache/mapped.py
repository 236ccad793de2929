"""Where the datasets of a feature file lie: memory maps of them, their rows in memory, and what damage looks like."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from cache.attributes import read_attributes
from cache.errors import InputError
from cache.sealed import read_block
from cache.widen import widen

Place = tuple[h5py.File, Path]  # the file that a dataset lies in, and where that is


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Say of a file that does not read as it must that it is damaged, whatever its reader stumbled over."""
    try:
        yield
    except InputError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError) as error:
        raise InputError(f"{path} is damaged: {error}; `cache verify` proves it, copy it anew") from error


def file_kind(path: Path | str) -> str:
    """What a feature file says it is: ``cache``, ``addition`` or ``part``.

    Raises
    ------
    InputError
        It is missing, foreign, truncated, or of a newer format.
    """
    read_block(Path(path))
    with damage_told(Path(path)), h5py.File(path, "r") as file:
        return str(read_attributes(file)["kind"])


def dataset_names(file: h5py.File) -> list[str]:
    """Names of all datasets of a file, groups before them included."""
    names: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            names.append(name)

    file.visititems(note)
    return names


def memory_map(place: Place, name: str) -> np.ndarray:
    """Read-only memory map of a contiguous dataset; HDF5 counts its offset from the start of the file."""
    file, path = place
    with damage_told(path):
        dataset = file[name]
        if dataset.size == 0:
            return np.empty(dataset.shape, dataset.dtype)
        return np.memmap(path, dataset.dtype, "r", dataset.id.get_offset(), dataset.shape)


def check_map(place: Place, name: str) -> None:
    """Prove by row 0 that the memory map reads what h5py reads."""
    file, path = place
    left, right = np.asarray(memory_map(place, name)[0]), np.asarray(file[name][0])
    if not np.array_equal(left, right, equal_nan=right.dtype.kind == "f"):
        raise InputError(f"{path}: row 0 of {name} differs between memory map and HDF5; copy the file anew")


def in_memory(mapped: np.ndarray, rows: np.ndarray | None = None, dtype: DTypeLike | None = None) -> np.ndarray:
    """A copy of rows of a memory map, all by default, as stored or in float32.

    Raises
    ------
    InputError
        ``dtype`` is another.
    """
    if dtype is None or np.dtype(dtype) == mapped.dtype:
        if rows is None and isinstance(mapped, np.memmap):  # read, not mapped page by page
            whole = np.fromfile(str(mapped.filename), mapped.dtype, mapped.size, offset=mapped.offset)
            return whole.reshape(mapped.shape)
        return np.array(mapped) if rows is None else np.asarray(mapped[rows])  # which is a copy already
    if np.dtype(dtype) != np.float32:
        raise InputError(f"an array of {mapped.dtype} is read as it is or as float32, not as {np.dtype(dtype)}")
    out = np.empty((len(mapped) if rows is None else len(rows), *mapped.shape[1:]), np.float32)
    widen(mapped, out, rows)
    return out
