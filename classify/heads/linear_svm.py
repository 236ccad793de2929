"""The linear SVM head: a linear probe with a margin."""

from typing import Any, ClassVar

from classify.heads.linear_head import LinearHead
from classify.heads.linear_solver import squared_hinge


class LinearSVM(LinearHead):
    """Linear support vector machine with squared hinge loss.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    random_state : int, optional
        Unused: the solver is deterministic.

    References
    ----------
    scikit-learn, ``LinearSVC(dual=False)``: the same objective, but for the intercept, which liblinear penalises like
    a coefficient and we do not; it comes to ours with a large ``intercept_scaling``.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"C": [0.01, 0.1, 1.0, 10.0, 100.0]}
    loss = staticmethod(squared_hinge)

    def __init__(self, C: float = 1.0, random_state: int | None = None) -> None:
        self.C = C
        self.random_state = random_state
