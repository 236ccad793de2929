"""Heads that learn epoch by epoch, and how the epoch is chosen: on groups that they were not fitted on."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from classify.heads.base import Head
from classify.stream import Matrix, Stream
from evaluate.metrics import auc

Arrays = dict[str, np.ndarray]
Checkpoint = Callable[[int, Arrays], None]  # takes the number of an epoch and the weights after it


class Validation(NamedTuple):
    """Rows that the epoch is chosen on: of groups that are not fitted on."""

    X: ArrayLike  # or Stream
    y: ArrayLike
    sample_weight: ArrayLike | None = None


class EpochHead(Head):
    """A head with ``epochs``; a subclass gives ``_start``, ``_epoch``, ``_weights`` and ``_decide``.

    With ``validation`` the weights kept are those of the epoch of the lowest weighted loss there, and the search ends
    after ``patience`` epochs without a lower one. Without, they are those of the last epoch: a fit with the arguments
    ``chosen_`` takes the very same steps again.

    Of a `Stream` rows are read anew in every epoch, in the pools of `classify.heads.pools`, and validated block by
    block: memory does not grow with their number.

    Attributes
    ----------
    history_ : dict of list
        ``epoch``, ``lr``, ``train_loss``, and with validation ``validation_loss`` and ``validation_auc`` (of rows).
    best_epoch_ : int
        The epoch of the weights kept.
    chosen_ : dict
        Arguments that repeat this fit up to the epoch kept: ``epochs``, and ``lr`` where it changes between epochs.
    """

    fits_streams: ClassVar[bool] = True
    chooses_epochs: ClassVar[bool] = True
    score_meaning: ClassVar[str] = "probability: logistic function of the decision"

    epochs: int
    lr: float | Sequence[float]
    patience: int | None

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation: Validation | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Fit the head.

        Parameters
        ----------
        X : array-like or Stream, shape (n, D)
        y : array-like, shape (n,)
            Two classes.
        sample_weight : array-like, shape (n,), optional
        validation : Validation, optional
            Rows of groups that are not in ``X``.
        checkpoint : callable, optional
            Takes the weights after each epoch.
        """
        checked, codes, weights = self._validated(X, y, sample_weight)
        if self.epochs < 1:
            raise ValueError(f"epochs is 1 or more, not {self.epochs}")
        held = None if validation is None else self._held(validation)
        names = ["epoch", "lr", "train_loss", *(["validation_loss", "validation_auc"] if held else [])]
        self.history_: dict[str, list[float]] = {name: [] for name in names}
        self.converged_ = True  # the number of epochs is a parameter: there is no tolerance to meet
        self._start(checked, codes, np.ones(len(checked)) if weights is None else weights)
        best = np.inf
        for epoch in range(1, self.epochs + 1):
            lr = self._learning_rate(epoch)
            row = [epoch, lr, self._epoch(epoch, lr)]
            loss = -np.inf  # without validation the latest is the best
            if held:
                loss, area = _measured(self._decisions(held.X), held)
                row += [loss, area]
            for name, value in zip(names, row, strict=True):
                self.history_[name].append(value)
            if checkpoint:
                checkpoint(epoch, self._weights())
            if loss < best or not held:
                best, self.best_epoch_, kept = loss, epoch, self._weights()
            elif self.patience and epoch - self.best_epoch_ >= self.patience:
                break
        self._finish(kept)
        return self

    @property
    def chosen_(self) -> dict[str, Any]:
        """Arguments that repeat this fit up to the epoch kept."""
        rates = self.history_["lr"][: self.best_epoch_]
        return {"epochs": self.best_epoch_} if len(set(rates)) == 1 else {"epochs": self.best_epoch_, "lr": rates}

    def _learning_rate(self, epoch: int) -> float:
        """Step size of an epoch, counted from 1; a list gives each."""
        if isinstance(self.lr, Sequence | np.ndarray):
            if len(self.lr) < self.epochs:
                raise ValueError(f"lr has {len(self.lr)} values for {self.epochs} epochs")
            return float(self.lr[epoch - 1])
        return float(self.lr)

    def _held(self, validation: Validation) -> "_Held":
        streamed = isinstance(validation.X, Stream) and self.fits_streams
        X: Any = validation.X if streamed else np.asarray(validation.X, self.dtypes[0])
        weights = _check_sample_weight(validation.sample_weight, X)
        return _Held(X, np.searchsorted(self.classes_, np.asarray(validation.y)), weights)

    def _start(self, X: Matrix, codes: np.ndarray, weights: np.ndarray) -> None:
        """Take the training rows, and set ``n_parameters_`` and the first weights."""
        raise NotImplementedError

    def _epoch(self, epoch: int, lr: float) -> float:
        """Pass over the training rows once; the mean weighted loss. `_decide` then goes by the new weights."""
        raise NotImplementedError

    def _weights(self) -> Arrays:
        """A copy of all that is trained, by name."""
        raise NotImplementedError

    def _finish(self, kept: Arrays) -> None:
        """Go back to weights that `_weights` gave, and let go of the training rows."""
        raise NotImplementedError


class _Held(NamedTuple):
    X: Matrix
    codes: np.ndarray
    weights: np.ndarray


def _measured(decisions: np.ndarray, held: _Held) -> tuple[float, float]:
    """Weighted cross-entropy and weighted AUC of decisions."""
    signs = np.where(held.codes == 1, 1.0, -1.0)
    loss = float(np.average(np.logaddexp(0.0, -signs * decisions), weights=held.weights))
    return loss, auc(held.codes, decisions, held.weights)
