"""The nearest-neighbour head: a bank of real and a bank of fake embeddings."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.extmath import row_norms

from cache.errors import choose
from classify.heads.base import Head

SIMILARITIES = 2**25  # held at once: 128 MB in single precision
GROUPS = 16  # of columns: what one pass over them leaves to select from
TIE = 1e-3  # what similarity may add to a vote: less than any vote of up to 1,000
VOTES = {"banks": "mean similarity of the nearest fakes, less that of the nearest reals", "votes": "share of fakes"}


class KNN(Head):
    """Nearest neighbours by cosine similarity; a row of weight 2 is two rows, one of weight 0 none.

    Parameters
    ----------
    k : float
        Weight of the nearest rows that have a say; where rows weigh 1, their number.
    vote : {"banks", "votes"}
        "banks": mean cosine similarity to the k nearest fakes less that to the k nearest reals, finer than any count.
        "votes": of the k nearest of both banks, fakes less reals as a share; ties are broken by similarity. With k = 1
        both decide as UniversalFakeDetect does.
    random_state : int, optional
        Unused: nothing is drawn.

    Attributes
    ----------
    bank_ : ndarray, shape (m, D)
        Rows of positive weight, of unit length: the fakes, then the reals.
    bank_weight_ : ndarray of float64, shape (m,)
    n_fakes_ : int
    n_parameters_ : int
        0: nothing is trained.

    References
    ----------
    U. Ojha, Y. Li, Y. J. Lee, Towards universal fake image detectors that generalize across generative models, CVPR
    2023, section 4.2: one bank for each class, cosine distance, k of 1 to 9. Its code was never published.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"k": [100.0, 30.0, 10.0, 3.0, 1.0]}
    dtypes: ClassVar[list[type]] = [np.float32, np.float64]
    score_meaning: ClassVar[str] = "squashed difference of similarities, no probability: logistic function of it"

    def __init__(self, k: float = 10.0, vote: str = "banks", random_state: int | None = None) -> None:
        self.k = k
        self.vote = vote
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        choose(VOTES, self.vote, "vote")
        if not self.k > 0:
            raise ValueError(f"k is above 0, not {self.k}")
        weights = np.ones(len(X)) if weights is None else weights
        fakes, reals = (np.flatnonzero((codes == code) & (weights > 0)) for code in (1, 0))
        rows = np.concatenate([fakes, reals])
        self.bank_, self.bank_weight_, self.n_fakes_ = _unit(X[rows]), weights[rows], len(fakes)
        self.n_parameters_ = 0
        self.converged_ = True

    def _decide(self, X: np.ndarray) -> np.ndarray:
        decide = self._by_banks if self.vote == "banks" else self._by_votes
        rows = max(1, SIMILARITIES // len(self.bank_))
        # one buffer for all blocks: fresh memory for each would cost as much as a third of the products
        buffer = np.empty((min(rows, len(X)), len(self.bank_)), self.bank_.dtype)
        decisions = np.empty(len(X))
        for start in range(0, len(X), rows):
            unit = _unit(X[start : start + rows])
            similarities = np.matmul(unit, self.bank_.T, out=buffer[: len(unit)])
            decisions[start : start + rows] = decide(similarities)
        return decisions

    def _by_banks(self, similarities: np.ndarray) -> np.ndarray:
        means = []
        for bank in (slice(self.n_fakes_), slice(self.n_fakes_, None)):
            similarity, _, weight = nearest(similarities[:, bank], self.bank_weight_[bank], self.k)
            means.append((similarity * weight).sum(axis=1) / weight.sum(axis=1))
        return means[0] - means[1]

    def _by_votes(self, similarities: np.ndarray) -> np.ndarray:
        similarity, column, weight = nearest(similarities, self.bank_weight_, self.k)
        votes = weight * (1 + TIE * similarity)
        return np.where(column < self.n_fakes_, votes, -votes).sum(axis=1) / votes.sum(axis=1)


def nearest(similarities: np.ndarray, weights: np.ndarray, k: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The most similar columns of each row, as many as weigh k together; the last may count in part.

    Parameters
    ----------
    similarities : ndarray, shape (n, m)
    weights : ndarray of float64, shape (m,)
        Of the columns; positive.
    k : float
        All columns count where they weigh less together.

    Returns
    -------
    similarity, column, weight : ndarray, shape (n, c)
        Of the columns that count, the most similar first, padded with columns of weight 0.

    Examples
    --------
    >>> similarity, column, weight = nearest(np.array([[0.1, 0.9, 0.5]]), np.array([1.0, 1.0, 2.0]), 2.0)
    >>> column.tolist(), weight.tolist()
    ([[1, 2]], [[1.0, 1.0]])
    """
    size = min(len(weights), int(np.ceil(k * len(weights) / weights.sum())))
    while True:
        column, absent = _most_similar(similarities, size)
        own = np.where(absent, 0.0, weights[column])
        if size == len(weights) or own.sum(axis=1).min() >= k:
            break
        size = min(len(weights), max(1, 2 * size))  # somewhere the nearest weigh less than is usual
    similarity = np.take_along_axis(similarities, column, axis=1).astype(float)
    order = np.argsort(np.where(absent, np.inf, -similarity), axis=1, kind="stable")
    similarity, column, own = (np.take_along_axis(array, order, axis=1) for array in (similarity, column, own))
    before = np.cumsum(own, axis=1) - own
    return similarity, column, np.clip(k - before, 0, own)


def _most_similar(similarities: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns of each row among which are its ``size`` most similar, (n, c), and which of them are mere padding."""
    rows, columns = similarities.shape
    width = columns // GROUPS
    if width < 4 * size:
        return _partitioned(similarities, size)
    best = similarities[:, :width].copy()
    for group in range(1, GROUPS):
        np.maximum(best, similarities[:, group * width : (group + 1) * width], out=best)
    # Each group has a best, so that at least `size` columns reach the size-th of these, and hardly more do.
    least = np.partition(best, -size, axis=1)[:, -size, None]
    row, column = np.divmod(np.flatnonzero(similarities >= least), columns)  # ten times as fast as nonzero
    counts = np.bincount(row, minlength=rows)
    if counts.max() > 8 * size:  # many equals
        return _partitioned(similarities, size)
    found = np.zeros((rows, counts.max()), int)
    found[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = column
    return found, np.arange(counts.max()) >= counts[:, None]


def _partitioned(similarities: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    found = np.argpartition(similarities, -size, axis=1)[:, -size:]
    return found, np.zeros(found.shape, bool)


def _unit(X: np.ndarray) -> np.ndarray:
    norms = row_norms(X)[:, None]
    return X / np.where(norms > 0, norms, 1)
