"""The linear-probe head: one linear layer trained by AdamW, in the two recipes that are published."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import Tags

from classify.heads.torch_head import BLOCK, TorchHead


class LinearProbe(TorchHead):
    """One linear layer on the features, trained by AdamW on the weighted cross-entropy.

    The defaults are a published recipe for unit embeddings of CLIP ViT-B/32. On few rows its three epochs at 1e-4 leave
    the layer about where it began, so the search tries longer steps; `logistic` finds the best layer of this kind.
    UniversalFakeDetect's recipe, for embeddings of ViT-L/14 as they are (``normalize="none"``), is ``outputs=1,
    batch_size=256, weight_decay=0, schedule="plateau", lr_min=1e-6, epochs=100, patience=15``.

    Parameters
    ----------
    outputs : {2, 1}
        2: a logit for each class, whose difference is the decision, and cross-entropy over both. 1: the decision
        itself, and binary cross-entropy. The loss is the same; by AdamW the difference of two logits moves twice as
        far in a step, so that ``outputs=2`` equals ``outputs=1`` with twice the ``lr`` and half the ``weight_decay``.
    lr : float, or sequence of float
        Step size of AdamW, or that of each epoch.
    weight_decay : float
    batch_size : int
    schedule : {"cosine", "plateau", "constant"}
        How a single ``lr`` moves: along a cosine over the epochs; to a tenth after every 5 epochs without a lower
        validation loss; not at all.
    lr_min : float
        The least step size of a schedule.
    epochs : int
        Passes over the training rows; with validation the most that are tried.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional

    Attributes
    ----------
    coef_ : ndarray of float64, shape (D,)
    intercept_ : float

    References
    ----------
    Ojha, Li and Lee, Towards Universal Fake Image Detectors that Generalize Across Generative Models, 2023;
    WisconsinAIVision/UniversalFakeDetect, ``train.py`` and ``options/train_options.py``.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"lr": [1e-4, 1e-3, 1e-2, 1e-1]}

    def __init__(
        self,
        outputs: int = 2,
        lr: float | Sequence[float] = 1e-4,
        weight_decay: float = 0.01,
        batch_size: int = 32,
        schedule: str = "cosine",
        lr_min: float = 0.0,
        epochs: int = 3,
        patience: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.outputs = outputs
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.schedule = schedule
        self.lr_min = lr_min
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state

    @property
    def coef_(self) -> np.ndarray:
        """Weight of each feature in the decision."""
        return _fake_less_real(self.state_["weight"].astype(np.float64))

    @property
    def intercept_(self) -> float:
        """The decision of a row of zeros."""
        return float(_fake_less_real(self.state_["bias"].astype(np.float64)))

    def _build(self, D: int) -> Any:
        if self.outputs not in (1, 2):
            raise ValueError(f"outputs is 1 or 2, not {self.outputs}")
        return self._torch().nn.Linear(D, self.outputs)

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        return _fake_less_real(parts(X).T)

    def _decide(self, X: np.ndarray) -> np.ndarray:
        decisions = np.empty(len(X))
        for first in range(0, len(X), BLOCK):  # by blocks: float64 sums do not depend on the other rows, but take room
            rows = slice(first, first + BLOCK)
            decisions[rows] = X[rows].astype(np.float64) @ self.coef_ + self.intercept_
        return decisions

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # of the recipe, on a few rows
        return tags


def _fake_less_real(logits: Any) -> Any:
    """Decision from the logits of two classes, or from the only one; logits are in rows."""
    return logits[1] - logits[0] if len(logits) == 2 else logits[0]
