"""Where the datasets of a feature file lie: memory maps of them, their rows in memory, and what damage looks like."""

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from cache.attributes import read_attributes
from cache.errors import InputError
from cache.sealed import read_block
from cache.widen import widen

THREADS = 4  # more find no more memory to read
FEWEST = 4096  # rows of a thread

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
    if dtype is not None and np.dtype(dtype) not in (mapped.dtype, np.float32):
        raise InputError(f"an array of {mapped.dtype} is read as it is or as float32, not as {np.dtype(dtype)}")
    if dtype is not None and np.dtype(dtype) != mapped.dtype:
        out = np.empty((len(mapped) if rows is None else len(rows), *mapped.shape[1:]), np.float32)
        _in_threads(len(out), lambda part: _widened(mapped, out, rows, part))
        return out
    if rows is not None:
        return np.asarray(mapped[rows])  # which is a copy already
    if not isinstance(mapped, np.memmap):
        return np.array(mapped)
    whole = np.empty(mapped.shape, mapped.dtype)
    _in_threads(len(whole), lambda part: _read(mapped, whole, part))
    return whole


def _widened(mapped: np.ndarray, out: np.ndarray, rows: np.ndarray | None, part: slice) -> None:
    if rows is None:
        widen(mapped[part], out[part])
    else:
        widen(mapped, out[part], rows[part])


def _read(mapped: np.memmap, whole: np.ndarray, part: slice) -> None:
    """Rows read, not mapped page by page."""
    row = mapped.nbytes // len(mapped)
    with open(str(mapped.filename), "rb", buffering=0) as file:
        file.seek(mapped.offset + part.start * row)
        left = whole[part].reshape(-1).view(np.uint8).data
        while left:
            count = file.readinto(left)
            if not count:
                raise InputError(f"{mapped.filename} has become shorter while it was read; copy it anew")
            left = left[count:]


def _in_threads(rows: int, work: Callable[[slice], None]) -> None:
    """Work on some rows in each of a few threads: most of the time goes by while the system finds fresh pages."""
    step = max(-(-rows // min(THREADS, os.cpu_count() or 1)), FEWEST)
    parts = [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
    with ThreadPoolExecutor(max(len(parts), 1)) as threads:
        list(threads.map(work, parts))
