"""What every head is: a binary scikit-learn classifier with weights, a decision function and a grid to search."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

# Not float32: the squared gradients that Adam keeps become denormal there, and an epoch takes ten times as long.
DTYPE = np.float64


class Head(ClassifierMixin, BaseEstimator):
    """A binary classifier on a feature matrix; a subclass gives ``_fit`` and ``_decide``.

    Attributes
    ----------
    GRID : dict of list
        Values to search by default, the strongest regularisation first.
    chooses_epochs : bool
        Whether ``fit`` takes ``validation`` and finds ``best_epoch_`` for the parameter ``epochs``.
    score_meaning : str
        What the logistic function of the decision is.
    classes_ : ndarray, shape (2,)
    n_features_in_ : int
    n_parameters_ : int
        Trainable numbers of the fitted head.
    converged_ : bool
        Whether the solver met its tolerance.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {}
    chooses_epochs: ClassVar[bool] = False
    score_meaning: ClassVar[str] = "squashed margin, no probability: logistic function of the decision"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> "Head":
        """Fit the head.

        Parameters
        ----------
        X : array-like, shape (n, D)
        y : array-like, shape (n,)
            Two classes.
        sample_weight : array-like, shape (n,), optional

        Raises
        ------
        ValueError
            Other than two classes, rows that do not agree, or values that are not finite.
        """
        self._fit(*self._validated(X, y, sample_weight))
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Signed distance from the decision, shape (n,); above 0 is ``classes_[1]``."""
        check_is_fitted(self)
        return self._decide(validate_data(self, X, dtype=DTYPE, reset=False))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Class of each row, shape (n,)."""
        decision = self.decision_function(X)  # first: it says so where the head is not fitted
        return self.classes_[(decision > 0).astype(int)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _validated(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Checked X, classes as 0 and 1, checked weights."""
        checked: np.ndarray
        checked, y = validate_data(self, X, y, dtype=DTYPE)
        check_classification_targets(y)
        if (kind := type_of_target(y, input_name="y")) != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, checked, dtype=checked.dtype)
        present = len(np.unique(codes if weights is None else codes[weights > 0]))
        if present < 2:
            raise ValueError(f"a head needs samples of two classes, not of {present} class")
        return checked, codes, weights

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        raise NotImplementedError

    def _decide(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError
