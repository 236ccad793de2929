"""The contrastive head: features drawn together by class, then a linear SVM on them."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.svm import LinearSVC

from classify.heads.epochs import Arrays
from classify.heads.torch_head import TorchHead

MAX_ITER = 2000  # of the SVM's solver


class Contrastive(TorchHead):
    """A projection trained by the supervised contrastive loss, and a linear SVM on what it puts out.

    The projection is D -> ``hidden`` -> ``dimension`` with ReLU between. The loss compares its output at unit length;
    the SVM takes the output as it is. With validation the epoch is chosen by the cross-entropy of the SVM's decision,
    fitted anew for each epoch.

    Parameters
    ----------
    hidden, dimension : int
        Widths of the projection.
    temperature : float
        What cosines are divided by in the loss.
    C : float
        Inverse strength of the SVM's regularisation.
    lr : float, or sequence of float
        Step size of AdamW, or that of each epoch.
    batch_size : int
        A row is compared with the others of its batch.
    epochs : int
        Passes over the training rows; with validation the most that are tried.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional

    References
    ----------
    Khosla et al., Supervised Contrastive Learning, 2020, equation 2.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {}
    fits_streams: ClassVar[bool] = False  # the SVM takes all rows at once
    score_meaning: ClassVar[str] = "squashed margin, no probability: logistic function of the decision"

    def __init__(
        self,
        hidden: int = 256,
        dimension: int = 128,
        temperature: float = 0.07,
        C: float = 1.0,
        lr: float | Sequence[float] = 1e-3,
        batch_size: int = 128,
        epochs: int = 10,
        patience: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.hidden = hidden
        self.dimension = dimension
        self.temperature = temperature
        self.C = C
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state

    def _build(self, D: int) -> Any:
        if not self.temperature > 0 or self.hidden < 1 or self.dimension < 1:
            raise ValueError("temperature is above 0, and hidden and dimension are 1 or more")
        nn = self._torch().nn
        return nn.Sequential(nn.Linear(D, self.hidden), nn.ReLU(), nn.Linear(self.hidden, self.dimension))

    def _loss(self, parts: Any, frozen: dict[str, Any], X: Any, y: Any, weights: Any) -> Any:
        torch = self._torch()
        unit = torch.nn.functional.normalize(parts(X))
        return supervised_contrastive_loss(torch, unit, y, weights, self.temperature)

    def _decide(self, X: np.ndarray) -> np.ndarray:
        if hasattr(self, "_rows"):  # between two epochs
            self._fit_svm()
        return self._project(X) @ self.coef_ + self.intercept_

    def _finish(self, kept: Arrays) -> None:
        self.state_ = kept
        self._fit_svm()
        self.n_parameters_ += len(self.coef_) + 1
        super()._finish(kept)

    def _project(self, X: np.ndarray) -> np.ndarray:
        """Output of the projection, in float64: there it does not depend on the other rows of a block."""
        return self._scored(X, lambda parts, rows: parts.double()(rows.double()))

    def _fit_svm(self) -> None:
        X, y, weights = (values.numpy() for values in self._rows)
        # The dual solver draws from one generator for the whole process; fits would not repeat.
        svm = LinearSVC(C=self.C, dual=False, max_iter=MAX_ITER).fit(self._project(X), y, weights)
        self.coef_, self.intercept_ = svm.coef_[0], float(svm.intercept_[0])
        self.converged_ = bool(svm.n_iter_ < MAX_ITER)


def supervised_contrastive_loss(torch: Any, unit: Any, labels: Any, weights: Any, temperature: float) -> Any:
    """How far rows stand from those of their class, compared with all others of the batch.

    A row counts by its weight wherever it stands: for itself, as one of its class, and as one of the others. A row
    that is alone of its class counts nothing.

    Parameters
    ----------
    torch : module
    unit : Tensor of float32, shape (B, d)
        Of unit length.
    labels, weights : Tensor of float32, shape (B,)
    temperature : float

    Returns
    -------
    Tensor of float32, a scalar
        Mean over the rows of weight times loss.
    """
    itself = torch.eye(len(unit), dtype=torch.bool)
    # finite, so that a row alone in its batch has a gradient, of zero
    logits = (unit @ unit.T / temperature).masked_fill(itself, -1e9)
    log_share = logits - (logits + weights.log()).logsumexp(dim=1, keepdim=True)
    alike = (labels[:, None] == labels) * weights * ~itself  # (B, B)
    total = alike.sum(dim=1)
    losses = -(alike * log_share).sum(dim=1) / total.clamp_min(torch.finfo(total.dtype).tiny)
    return (weights * losses).mean()
