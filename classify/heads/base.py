"""What every head is: a binary scikit-learn classifier with weights, a decision function and a grid to search."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

from classify.stream import Matrix, Stream

FROM_THE_CACHE = ("prompts", "text_tower")  # arguments that no user gives: a head that takes one gets it when fitted


class Prompts(NamedTuple):
    """The prompts of a set in the space of the image embeddings, as a cache holds them.

    Attributes
    ----------
    texts : tuple of str, length P
    labels : ndarray of int, shape (P,)
        0 where the prompt describes a real picture, 1 where a fake one; declared, never inferred.
    embeddings : ndarray of float32, shape (P, D)
        Unit length.
    logit_scale : float
        What the encoder multiplies cosines with.
    """

    texts: tuple[str, ...]
    labels: np.ndarray
    embeddings: np.ndarray
    logit_scale: float


class Head(ClassifierMixin, BaseEstimator):
    """A binary classifier on a feature matrix; a subclass gives ``_fit`` and ``_decide``.

    Every head scores a `Stream` block by block. One that does not fit from it in blocks makes one array of it first.

    Everything that ``_decide`` reads is a fitted attribute whose name ends in "_": numbers, texts, arrays, fitted
    heads, and lists and dicts of them. That is what a saved model consists of (`classify.models`).

    Attributes
    ----------
    GRID : dict of list
        Values to search by default, the strongest regularisation first.
    needs : tuple of str
        Which of `FROM_THE_CACHE` the head takes. Such a head works on the embedding alone, of any length: it takes
        cosines itself.
    needs_to_score : tuple of str
        Which of them it takes to score, too.
    dtypes : list of type
        Precisions that the head computes in; a matrix of another one is converted to the first.
    fits_streams : bool
        Whether ``_fit`` takes a `Stream` as it is.
    chooses_epochs : bool
        Whether ``fit`` takes ``validation`` and finds ``chosen_``, as `classify.heads.epochs.EpochHead`.
    in_threads : bool
        Whether several fits may run in threads of one process and still repeat bit for bit.
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
    needs: ClassVar[tuple[str, ...]] = ()
    needs_to_score: ClassVar[tuple[str, ...]] = ()
    dtypes: ClassVar[list[type]] = [np.float64, np.float32]
    fits_streams: ClassVar[bool] = False
    chooses_epochs: ClassVar[bool] = False
    in_threads: ClassVar[bool] = True
    score_meaning: ClassVar[str] = "squashed margin, no probability: logistic function of the decision"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the head.

        Parameters
        ----------
        X : array-like or Stream, shape (n, D)
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

    @classmethod
    def fit_each(
        cls,
        candidates: Sequence[Mapping[str, Any]],
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **options: Any,
    ) -> list[Self]:
        """Fit one head for each candidate on the same rows; heads that can share work between them do.

        Parameters
        ----------
        candidates : sequence of dict
            Arguments of the head.
        X, y, sample_weight
            As `fit` takes them.
        **options
            What else `fit` takes.
        """
        return [cls(**candidate).fit(X, y, sample_weight, **options) for candidate in candidates]

    @classmethod
    def check_installed(cls) -> None:
        """Refuse to begin where a library that the head needs is missing.

        Raises
        ------
        InputError
            Naming it and how to install it.
        """

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Signed distance from the decision, shape (n,); above 0 is ``classes_[1]``."""
        check_is_fitted(self)
        if not isinstance(X, Stream):
            return self._decide(validate_data(self, X, dtype=self.dtypes, reset=False))
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features, but {type(self).__name__} knows {self.n_features_in_}")
        return self._decisions(X)

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
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Checked X, classes as 0 and 1, checked weights; whoever made a stream has seen that it is finite."""
        checked: Any = X
        if isinstance(X, Stream) and self.fits_streams:
            check_consistent_length(X, y)
            self.n_features_in_ = X.shape[1]
        else:
            checked, y = validate_data(self, X, y, dtype=self.dtypes)
        codes, weights = self._validated_rows(checked, np.asarray(y), sample_weight)
        return checked, codes, weights

    @classmethod
    def _validated_once(
        cls, candidates: Sequence[Mapping[str, Any]], X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[list[Self], Any, np.ndarray, np.ndarray | None]:
        """Heads of several candidates that know the same rows, and these rows, looked at once."""
        heads = [cls(**candidate) for candidate in candidates]
        rows = heads[0]._validated(X, y, sample_weight)
        known = {name: value for name, value in vars(heads[0]).items() if name.endswith("_")}
        for head in heads:
            head.__dict__.update(known)
        return heads, *rows

    def _validated_rows(
        self, X: Matrix, y: np.ndarray, sample_weight: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Classes as 0 and 1, and checked weights, of rows whose number ``X`` gives."""
        check_classification_targets(y)
        if (kind := type_of_target(y, input_name="y")) != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, codes = np.unique(y, return_inverse=True)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        present = len(np.unique(codes if weights is None else codes[weights > 0]))
        if present < 2:
            raise ValueError(f"a head needs samples of two classes, not of {present} class")
        return codes, weights

    def _decisions(self, X: Matrix) -> np.ndarray:
        """Decision of each row of a checked matrix; of a stream block by block."""
        if not isinstance(X, Stream):
            return self._decide(X)
        return np.concatenate([self._decide(block) for _, block in X.blocks()])

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        raise NotImplementedError

    def _decide(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError
