"""The logistic head: a linear probe whose score is a probability."""

from typing import Any, ClassVar

from classify.heads.linear_head import LinearHead
from classify.heads.linear_solver import log_loss


class Logistic(LinearHead):
    """L2-regularised logistic regression.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    random_state : int, optional
        Unused: the solver is deterministic.

    References
    ----------
    scikit-learn, ``LogisticRegression``: the same objective, and the same coefficients to its tolerance.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"C": [0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0, 10000.0]}
    score_meaning: ClassVar[str] = "probability: logistic function of the decision"
    loss = staticmethod(log_loss)

    def __init__(self, C: float = 10.0, random_state: int | None = None) -> None:
        self.C = C
        self.random_state = random_state
