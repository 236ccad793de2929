"""The logistic head: a linear probe whose score is a probability."""

from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression

from classify.heads.base import Head

MAX_ITER = 2000


class Logistic(Head):
    """L2-regularised logistic regression.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    random_state : int, optional
        Unused: the solver is deterministic.

    References
    ----------
    scikit-learn, ``LogisticRegression`` with the lbfgs solver.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"C": [0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0, 10000.0]}
    score_meaning: ClassVar[str] = "probability: logistic function of the decision"

    def __init__(self, C: float = 10.0, random_state: int | None = None) -> None:
        self.C = C
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        self.model_ = LogisticRegression(C=self.C, max_iter=MAX_ITER).fit(X, codes, weights)
        self.converged_ = bool(self.model_.n_iter_.max() < MAX_ITER)
        self.n_parameters_ = X.shape[1] + 1

    def _decide(self, X: np.ndarray) -> np.ndarray:
        return self.model_.decision_function(X)
