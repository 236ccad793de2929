"""The MLP head: a small network whose number of epochs is chosen on held-out groups."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state

from classify.heads.base import DTYPE, Head


class Validation(NamedTuple):
    """Rows that the epoch is chosen on."""

    X: ArrayLike
    y: ArrayLike
    sample_weight: ArrayLike | None = None


class MLP(Head):
    """Multi-layer perceptron with ReLU, trained by Adam on the weighted cross-entropy.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
    alpha : float
        L2 penalty, divided by the weight of a batch.
    lr : float
        Step size of Adam.
    batch_size : int
    epochs : int
        Passes over the training rows; with ``validation`` the most that are tried.
    random_state : int, optional

    Attributes
    ----------
    history_ : dict of list
        ``epoch``, ``train_loss``, and with validation ``validation_loss``.
    best_epoch_ : int
        The epoch of the weights kept: that of the lowest validation loss, or the last.

    References
    ----------
    scikit-learn, ``MLPClassifier``, stepped epoch by epoch: its own early stopping cuts videos.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"alpha": [0.1, 0.01]}
    score_meaning: ClassVar[str] = "probability: logistic function of the decision"
    chooses_epochs: ClassVar[bool] = True

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (64,),
        alpha: float = 0.1,
        lr: float = 3e-3,
        batch_size: int = 100,
        epochs: int = 100,
        random_state: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alpha = alpha
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation: Validation | None = None,
    ) -> "MLP":
        """Fit the network; with ``validation`` keep the epoch of the lowest weighted loss there.

        Parameters
        ----------
        X : array-like, shape (n, D)
        y : array-like, shape (n,)
        sample_weight : array-like, shape (n,), optional
        validation : Validation, optional
            Rows of groups that are not in ``X``.
        """
        checked, codes, weights = self._validated(X, y, sample_weight)
        if self.epochs < 1:
            raise ValueError(f"epochs is 1 or more, not {self.epochs}")
        model = MLPClassifier(
            self.hidden_layer_sizes,
            alpha=self.alpha,
            learning_rate_init=self.lr,
            batch_size=min(self.batch_size, len(checked)),
            # a generator, not a number: each step would begin the same shuffling anew
            random_state=check_random_state(self.random_state),
        )
        self.history_: dict[str, list[float]] = {"epoch": [], "train_loss": []}
        if validation is not None:
            self.history_["validation_loss"] = []
        for epoch in range(1, self.epochs + 1):
            model.partial_fit(checked, codes, sample_weight=weights, classes=[0, 1])
            self.history_["epoch"].append(epoch)
            self.history_["train_loss"].append(float(model.loss_))
            if validation is not None:
                losses = self.history_["validation_loss"]
                losses.append(self._loss(model, validation))
                if min(losses[:-1], default=np.inf) <= losses[-1]:
                    continue
            self._keep(model, epoch)
        self.converged_ = True  # the number of epochs is a parameter: there is no tolerance to meet
        self.n_parameters_ = sum(array.size for array in [*self.coefs_, *self.intercepts_])
        return self

    def _loss(self, model: MLPClassifier, validation: Validation) -> float:
        """Weighted cross-entropy on the validation rows."""
        X = np.asarray(validation.X, DTYPE)
        codes = np.searchsorted(self.classes_, validation.y)
        probabilities = model.predict_proba(X)[:, 1]  # (n,), of the fake class
        return float(log_loss(codes, probabilities, sample_weight=validation.sample_weight, labels=[0, 1]))

    def _keep(self, model: MLPClassifier, epoch: int) -> None:
        self.best_epoch_ = epoch
        self.coefs_ = [array.copy() for array in model.coefs_]  # training goes on in place
        self.intercepts_ = [array.copy() for array in model.intercepts_]

    def _decide(self, X: np.ndarray) -> np.ndarray:
        *hidden, last = zip(self.coefs_, self.intercepts_, strict=True)
        for weights, bias in hidden:
            X = np.maximum(X @ weights + bias, 0)
        return (X @ last[0] + last[1])[:, 0]
