"""Feature blocks brought to one scale, by what the training rows show."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.preprocessing import normalize as to_unit_length
from sklearn.utils.validation import check_is_fitted, validate_data

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
        X : array-like, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Raises
        ------
        ValueError
            Unknown method, or blocks whose widths do not add up to D.
        """
        checked: np.ndarray = validate_data(self, X, dtype=[np.float32, np.float64])
        if self.method not in METHODS:
            raise ValueError(f"unknown normalisation {self.method!r}; known: {', '.join(METHODS)}")
        scaler = StandardScaler().fit(checked, sample_weight=sample_weight)
        self.center_, self.scale_ = np.zeros(checked.shape[1]), np.ones(checked.shape[1])
        for name, columns in self._columns():
            if self.method == "standard" or (self.method == "l2" and name == "prompts"):
                self.center_[columns], self.scale_[columns] = scaler.mean_[columns], scaler.scale_[columns]
            if self.method == "l2" and name == "prompts":
                self.scale_[columns] *= np.sqrt(columns.stop - columns.start)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Scaled copy of ``X``, in its precision; a row of zeros stays as it is."""
        check_is_fitted(self)
        checked: np.ndarray = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        scaled = (checked - self.center_.astype(checked.dtype)) / self.scale_.astype(checked.dtype)
        if self.method == "l2":
            for name, columns in self._columns():
                if name != "prompts":
                    scaled[:, columns] = to_unit_length(scaled[:, columns])
        return scaled

    def _columns(self) -> list[tuple[str, slice]]:
        """Name and columns of each block."""
        blocks = self.blocks or (("embedding", self.n_features_in_),)
        stops = np.cumsum([width for _, width in blocks]).tolist()
        if stops[-1] != self.n_features_in_:
            raise ValueError(f"the blocks {blocks} hold {stops[-1]} columns where X has {self.n_features_in_}")
        return [(name, slice(stop - width, stop)) for (name, width), stop in zip(blocks, stops, strict=True)]
