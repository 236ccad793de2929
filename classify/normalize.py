"""Feature blocks brought to one scale, by what the training rows show."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.extmath import row_norms
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from classify.stream import Matrix, Stream, blocks_of

METHODS = ("l2", "standard", "none")
Blocks = tuple[tuple[str, int], ...]  # (name, columns) of each feature block, from left to right


class Normalize(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bring the blocks of a feature matrix to one scale.

    Parameters
    ----------
    method : {"l2", "standard", "none"}
        ``l2``: rows of ``embedding`` and ``cls`` to unit length; ``prompts`` standardised and divided by the root of
        their number, so that the block as a whole weighs what a unit embedding weighs. ``standard``: every column to
        mean 0 and variance 1. ``none``: as they are.
    blocks : tuple of (str, int), optional
        Name and width of each block, from left to right; one embedding by default.

    Attributes
    ----------
    center_, scale_ : ndarray of float64, shape (D,)
        What is subtracted and divided by, from the weighted training rows.
    """

    def __init__(self, method: str = "l2", blocks: Blocks | None = None) -> None:
        self.method = method
        self.blocks = blocks

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> "Normalize":
        """Learn centre and scale.

        Parameters
        ----------
        X : array-like, shape (n, D), or Stream
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Raises
        ------
        ValueError
            Unknown method, or blocks whose widths do not add up to D.
        """
        matrix = self._checked(X, reset=True)
        if self.method not in METHODS:
            raise ValueError(f"unknown normalisation {self.method!r}; known: {', '.join(METHODS)}")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, matrix)
        self.center_, self.scale_ = np.zeros(matrix.shape[1]), np.ones(matrix.shape[1])
        for name, columns in self._columns():
            if self._standardises(name):
                scaler = _scaler(matrix, columns, weights)
                self.center_[columns], self.scale_[columns] = scaler.mean_, scaler.scale_
            if self.method == "l2" and name == "prompts":
                self.scale_[columns] *= np.sqrt(columns.stop - columns.start)
        return self

    def transform(self, X: ArrayLike) -> Matrix:
        """Scaled copy of ``X``, in its precision, or a stream of it; a row of zeros stays as it is."""
        check_is_fitted(self)
        matrix = self._checked(X, reset=False)
        if isinstance(matrix, Stream):
            return matrix.map(self._scaled)
        scaled = np.empty_like(matrix)
        for part, block in blocks_of(matrix):
            scaled[part] = self._scaled(block)
        return scaled

    def _checked(self, X: ArrayLike, reset: bool) -> Matrix:
        """A matrix, or a stream as it is: whoever made it has seen that it is finite."""
        if not isinstance(X, Stream):
            return validate_data(self, X, dtype=[np.float32, np.float64], reset=reset)
        if reset:
            self.n_features_in_ = X.shape[1]
        elif X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features where {self.n_features_in_} were fitted")
        return X

    def _standardises(self, name: str) -> bool:
        return self.method == "standard" or (self.method == "l2" and name == "prompts")

    def _scaled(self, block: np.ndarray) -> np.ndarray:
        scaled = block.copy()
        for name, columns in self._columns():
            part = scaled[:, columns]
            if self._standardises(name):
                part -= self.center_[columns].astype(block.dtype)
                part /= self.scale_[columns].astype(block.dtype)
            elif self.method == "l2":
                lengths = row_norms(part)[:, None]
                part /= np.where(lengths > 0, lengths, 1)
        return scaled

    def _columns(self) -> list[tuple[str, slice]]:
        """Name and columns of each block."""
        blocks = self.blocks or (("embedding", self.n_features_in_),)
        stops = np.cumsum([width for _, width in blocks]).tolist()
        if stops[-1] != self.n_features_in_:
            raise ValueError(f"the blocks {blocks} hold {stops[-1]} columns where X has {self.n_features_in_}")
        return [(name, slice(stop - width, stop)) for (name, width), stop in zip(blocks, stops, strict=True)]


def _scaler(X: Matrix, columns: slice, weights: np.ndarray | None) -> StandardScaler:
    """Mean and deviation of some columns, block by block."""
    scaler = StandardScaler()
    for part, block in blocks_of(X):
        if weights is None or weights[part].any():  # scikit-learn refuses rows that all weigh nothing
            scaler.partial_fit(block[:, columns], sample_weight=None if weights is None else weights[part])
    return scaler
