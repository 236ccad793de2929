"""The MLP head: a small network whose number of epochs is chosen on held-out groups."""

from collections.abc import Sequence
from math import ceil
from typing import Any, ClassVar

import numpy as np
from sklearn import config_context
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state

from classify.heads.epochs import Arrays, EpochHead
from classify.heads.pools import pools
from classify.stream import Matrix

STEPS, SMALLEST, LARGEST = 32, 100, 600  # steps in an epoch; rows in a batch
TINY = 1e-20  # its root is far below the 1e-8 that Adam adds to a step's divisor


class MLP(EpochHead):
    """Multi-layer perceptron with ReLU, trained by Adam on the weighted cross-entropy.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
    alpha : float
        L2 penalty, divided by the weight of a batch.
    lr : float, or sequence of float
        Step size of Adam, or that of each epoch.
    batch_size : int, optional
        Default: a thirty-second of the rows, at least 100 and at most 600.
    epochs : int
        Passes over the training rows; with validation the most that are tried.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional

    References
    ----------
    scikit-learn, ``MLPClassifier``, stepped epoch by epoch: its own early stopping cuts videos.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"alpha": [0.1, 0.01]}
    dtypes: ClassVar[list[type]] = [np.float32, np.float64]

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (64,),
        alpha: float = 0.1,
        lr: float | Sequence[float] = 3e-3,
        batch_size: int | None = None,
        epochs: int = 100,
        patience: int | None = 10,
        random_state: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alpha = alpha
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state

    def _start(self, X: Matrix, codes: np.ndarray, weights: np.ndarray) -> None:
        self._rows = X, codes, weights
        # a generator, not a number: each step would begin the same shuffling anew
        self._draws = check_random_state(self.random_state)
        # as many steps in an epoch whatever the number of rows: epochs chosen on a fold then suit all rows
        self._batch_size = min(self.batch_size or min(max(len(X) // STEPS, SMALLEST), LARGEST), len(X))
        self._model = MLPClassifier(
            self.hidden_layer_sizes,
            alpha=self.alpha,
            learning_rate_init=self._learning_rate(1),
            batch_size=self._batch_size,
            random_state=self._draws,
        )

    def _epoch(self, epoch: int, lr: float) -> float:
        X, codes, weights = self._rows
        if epoch > 1:
            self._model._optimizer.learning_rate_init = lr
        loss = 0.0
        for rows, pool in pools(X, codes, self._draws.permutation):
            if len(pool) < len(X):  # batches alike: a small one at the end of every pool would be a step at random
                self._model.batch_size = ceil(len(pool) / ceil(len(pool) / self._batch_size))
            with config_context(assume_finite=True):  # `fit` has looked
                self._model.partial_fit(pool, codes[rows], sample_weight=weights[rows], classes=[0, 1])
            loss += float(self._model.loss_) * (len(pool) / len(X))
            self._flush()
        self.coefs_, self.intercepts_ = self._model.coefs_, self._model.intercepts_
        self.n_parameters_ = sum(array.size for array in [*self.coefs_, *self.intercepts_])
        return loss

    def _flush(self) -> None:
        """Set to 0 what is on its way there: of units that no row excites any more, all weights and moments decay.

        In float32 they become denormal after some epochs, and the processor takes twenty times as long for an epoch.
        """
        optimizer = self._model._optimizer
        for array in [*self._model.coefs_, *self._model.intercepts_, *optimizer.ms, *optimizer.vs]:
            array[np.abs(array) < TINY] = 0

    def _weights(self) -> Arrays:
        layers = {f"weight_{i}": array.copy() for i, array in enumerate(self.coefs_)}
        return {**layers, **{f"bias_{i}": array.copy() for i, array in enumerate(self.intercepts_)}}

    def _finish(self, kept: Arrays) -> None:
        self.coefs_ = [array for name, array in kept.items() if name.startswith("weight")]
        self.intercepts_ = [array for name, array in kept.items() if name.startswith("bias")]
        del self._model, self._rows, self._draws, self._batch_size

    def _decide(self, X: np.ndarray) -> np.ndarray:
        *hidden, last = zip(self.coefs_, self.intercepts_, strict=True)
        for weights, bias in hidden:
            X = np.maximum(X @ weights + bias, 0)
        return (X @ last[0] + last[1])[:, 0]
