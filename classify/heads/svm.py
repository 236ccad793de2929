"""The SVM head: a margin in the feature space of a Gaussian kernel."""

from typing import Any, ClassVar

import numpy as np
from sklearn.svm import SVC

from classify.heads.base import Head


class SVM(Head):
    """Support vector machine with a Gaussian (RBF) kernel; the time to fit grows with the square of the rows.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    relative_gamma : float
        Narrowness of the kernel exp(-gamma |a - b|^2): gamma in units of 1 / (total variance of the training
        features). scikit-learn's "scale" takes the variance of all entries as one list instead, which is far too
        narrow or too wide for embeddings whose mean is longer than their spread.
    random_state : int, optional
        Unused: without probabilities the solver draws nothing.

    References
    ----------
    scikit-learn, ``SVC`` (libsvm).
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"relative_gamma": [0.1, 1.0], "C": [1.0, 10.0, 100.0]}

    def __init__(self, C: float = 10.0, relative_gamma: float = 0.1, random_state: int | None = None) -> None:
        self.C = C
        self.relative_gamma = relative_gamma
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        spread = X.var(axis=0).sum()
        gamma = self.relative_gamma / (spread if spread > 0 else 1.0)
        self.model_ = SVC(C=self.C, gamma=gamma, cache_size=1000).fit(X, codes, weights)
        self.converged_ = self.model_.fit_status_ == 0
        self.n_parameters_ = self.model_.dual_coef_.size + 1  # one weight a support vector, and the intercept

    def _decide(self, X: np.ndarray) -> np.ndarray:
        return self.model_.decision_function(X)
