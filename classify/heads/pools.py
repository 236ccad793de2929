"""A pass over the training rows in shuffled pools: of a matrix larger than memory, one pool is held at a time."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from classify.stream import Stream

BLOCK = 64  # neighbouring rows that are read together: some two videos
POOL = 32_768  # rows held at once: of 768 columns 100 MB

Permutation = Callable[[int], np.ndarray]  # a number of rows -> these numbers in an order drawn


def pools(X: Any, codes: np.ndarray, permutation: Permutation) -> Iterator[tuple[Any, Any]]:
    """Rows of a matrix, each once, in pools; the caller shuffles each pool and cuts its batches.

    An array is one pool, and so is a stream of up to `POOL` rows. The rows of a longer one are dealt out, in blocks of
    neighbours: as many neighbouring blocks as there are pools, one for each pool, by chance, and so on through the
    real rows and then the fake ones. A pool thus holds each class, manipulation and part of the cache in the share that
    they have of all rows; were it off by a few hundredths, a weak signal would be lost in what follows from pool to
    pool. Frames of a video lie side by side and stay together, in pools of a thousand videos or more.

    Parameters
    ----------
    X : ndarray, Tensor or Stream, shape (n, D)
    codes : ndarray of int, shape (n,)
        0 or 1.
    permutation : callable
        Draws what is left to chance; not called where one pool suffices.

    Yields
    ------
    rows : slice or ndarray of int, shape (m,)
        Which rows these are, ascending.
    features : as ``X``, or ndarray of float32, shape (m, D)

    References
    ----------
    L. Xu et al., In-database machine learning with CorgiPile: stochastic gradient descent without full data shuffle,
    SIGMOD 2022: blocks are drawn into a buffer, and rows shuffled in it; there without a balance of the buffers.
    """
    if not isinstance(X, Stream):
        yield slice(None), X
        return
    count = -(-len(X) // POOL)
    for rows in [np.arange(len(X))] if count == 1 else _dealt(codes, count, permutation):
        yield rows, np.asarray(X.take(rows))


def _dealt(codes: np.ndarray, count: int, permutation: Permutation) -> Iterator[np.ndarray]:
    """The rows of each pool, ascending."""
    by_class = np.argsort(codes == 1, kind="stable")
    rounds = -(-len(codes) // (BLOCK * count))
    chance = permutation(rounds * count).reshape(rounds, count).argsort(axis=1)
    for blocks in (chance + count * np.arange(rounds)[:, None]).T:
        places = (BLOCK * blocks[:, None] + np.arange(BLOCK)).ravel()
        yield np.sort(by_class[places[places < len(codes)]])
