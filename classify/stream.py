"""A feature matrix larger than memory: read, converted and normalised block by block."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import DTypeLike

BLOCK = 4096  # rows at a time: few enough to stay in the processor's cache from one product to the next

Read = Callable[[np.ndarray], np.ndarray]  # row numbers -> float32 block


class Stream:
    """A matrix of float32 whose rows are made when they are asked for, and forgotten again.

    Parameters
    ----------
    read : callable
        Takes row numbers, ndarray of int, shape (m,); gives their features, ndarray of float32, shape (m, columns).
    rows : ndarray of int, shape (n,)
        The row numbers that this matrix consists of.
    columns : int
    """

    dtype = np.dtype(np.float32)

    def __init__(self, read: Read, rows: np.ndarray, columns: int) -> None:
        self._read = read
        self._rows = rows
        self.shape = (len(rows), columns)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: np.ndarray) -> "Stream":
        """The stream of some rows, by number or mask; no feature is read."""
        return Stream(self._read, self._rows[rows], self.shape[1])

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "Stream":
        """The stream of what a function makes of each block; it keeps rows, columns and float32."""
        read = self._read
        return Stream(lambda rows: function(read(rows)), self._rows, self.shape[1])

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Consecutive rows: where they lie, and their features."""
        return ((part, self._read(self._rows[part])) for part in parts(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a stream becomes an array by a copy only")
        whole = np.empty(self.shape, dtype or self.dtype)
        for part, block in self.blocks():
            whole[part] = block
        return whole


Matrix = np.ndarray | Stream


def parts(rows: int) -> Iterator[slice]:
    """Slices that cover so many rows, `BLOCK` at a time."""
    return (slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))


def blocks_of(X: Matrix) -> Iterator[tuple[slice, np.ndarray]]:
    """Consecutive rows of a matrix: where they lie, and their features; views where it is an array."""
    return X.blocks() if isinstance(X, Stream) else ((part, X[part]) for part in parts(len(X)))


def take(X: Matrix, rows: np.ndarray) -> Matrix:
    """Some rows of a matrix, by number or mask; of a stream nothing is read."""
    return X[rows] if isinstance(X, np.ndarray) else X.take(rows)
