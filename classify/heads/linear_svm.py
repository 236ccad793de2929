"""The linear SVM head: a linear probe with a margin."""

from typing import Any, ClassVar

import numpy as np
from sklearn.svm import LinearSVC

from classify.heads.base import Head

MAX_ITER = 2000


class LinearSVM(Head):
    """Linear support vector machine with squared hinge loss.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    random_state : int, optional
        Unused: the primal solver is deterministic.

    References
    ----------
    scikit-learn, ``LinearSVC`` (liblinear).
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"C": [0.01, 0.1, 1.0, 10.0, 100.0]}

    def __init__(self, C: float = 1.0, random_state: int | None = None) -> None:
        self.C = C
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        # The dual solver draws from one generator for the whole process; fits in threads would not repeat.
        self.model_ = LinearSVC(C=self.C, dual=False, max_iter=MAX_ITER).fit(X, codes, weights)
        self.converged_ = bool(self.model_.n_iter_ < MAX_ITER)
        self.n_parameters_ = X.shape[1] + 1

    def _decide(self, X: np.ndarray) -> np.ndarray:
        return self.model_.decision_function(X)
