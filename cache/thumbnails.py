"""Small JPEGs of the samples, one after the other in a feature file: written, and read one by one."""

from collections.abc import Sequence
from typing import overload

import h5py
import numpy as np

from cache.errors import InputError

ROWS = 4096  # thumbnails joined in memory at a time


class Thumbnails(Sequence[bytes]):
    """The thumbnails of a cache, read when they are asked for.

    Parameters
    ----------
    lengths : ndarray of int, shape (N,)
        Bytes of each.
    data : ndarray of uint8, shape (total bytes,)
        All of them, one after the other.

    Raises
    ------
    InputError
        The lengths do not add up to the data.
    """

    def __init__(self, lengths: np.ndarray, data: np.ndarray) -> None:
        self._ends = np.cumsum(lengths, dtype=np.int64)
        total = int(self._ends[-1]) if len(lengths) else 0
        if total != len(data) or (np.asarray(lengths) < 0).any():
            raise InputError(f"the thumbnails are damaged: {total} bytes by their lengths, {len(data)} in the file")
        self._data = data

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> list[bytes]: ...
    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        start = self._ends[row - 1] if row else 0
        return self._data[start : self._ends[row]].tobytes()


def write_thumbnails(file: h5py.File, thumbnails: Sequence[bytes], rows: np.ndarray) -> None:
    """Write the thumbnails of ``rows`` into a feature file; memory stays that of one block of them."""
    lengths = np.array([len(thumbnails[int(row)]) for row in rows], np.int32)
    file.create_dataset("thumbnails/length", data=lengths)
    data = file.create_dataset("thumbnails/data", shape=(int(lengths.sum(dtype=np.int64)),), dtype=np.uint8)
    start = 0
    for first in range(0, len(rows), ROWS):
        block = b"".join(thumbnails[int(row)] for row in rows[first : first + ROWS])
        data[start : start + len(block)] = np.frombuffer(block, np.uint8)
        start += len(block)
