"""The CoCoOp head: context vectors that a small network moves by what the picture shows."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from classify.heads.coop import PromptLearner

LARGE = 10_000_000  # parameters of a text tower that all cores run together; ViT-B-32's has 38 million
ROWS_AT_ONCE = 64  # through the text tower: on a CPU more are slower


class CoCoOp(PromptLearner):
    """Conditional Context Optimization: each picture has prompts of its own, read when it is fitted and when scored.

    A network of two layers (D to D / 16 to the width of the text tower) turns the embedding of a picture, at unit
    length, into one vector that is added to every context vector. Scoring needs torch and the text tower.

    Parameters
    ----------
    context : int or str
        How many context vectors to draw, or words to start from, one vector for each of their tokens.
    real, fake : str
        Names of the two classes.
    lr : float, or sequence of float
        Step size of SGD, falling along a cosine, or that of each epoch. The recipe's .002 for each picture of a batch.
    batch_size : int
    warmup_epochs : int
        First epochs, with a step size of 1e-5.
    epochs : int
        Passes over the training rows; with validation the most that are tried.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional
    text_tower : extract.text_tower.TextTower, optional
        Of the encoder that made the features; the head cannot do without. No part of a saved model.

    References
    ----------
    Zhou, Yang, Loy and Liu, "Conditional Prompt Learning for Vision-Language Models", CVPR 2022; KaiyangZhou/CoOp,
    ``trainers/cocoop.py``: ``lr`` .002, batches of 1, 10 epochs, the first of them as a warm-up.
    """

    needs_to_score: ClassVar[tuple[str, ...]] = ("text_tower",)

    def __init__(
        self,
        context: int | str = "a photo of a",
        real: str = "real",
        fake: str = "fake",
        lr: float | Sequence[float] = 0.064,
        batch_size: int = 32,
        warmup_epochs: int = 0,
        epochs: int = 2,
        patience: int | None = None,
        random_state: int | None = None,
        text_tower: Any = None,
    ) -> None:
        self.context = context
        self.real = real
        self.fake = fake
        self.lr = lr
        self.batch_size = batch_size
        self.warmup_epochs = warmup_epochs
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state
        self.text_tower = text_tower

    def _threads(self, torch: Any) -> AbstractContextManager[None]:
        large = self.text_tower is not None and self.text_tower.n_parameters > LARGE
        return nullcontext() if large else super()._threads(torch)

    def _build(self, D: int) -> Any:
        nn, hidden, width = self._torch().nn, max(D // 16, 1), self.frozen_["words"].shape[1]
        meta_net = nn.Sequential(nn.Linear(D, hidden), nn.ReLU(), nn.Linear(hidden, width))
        return nn.ModuleDict({"words": super()._build(D), "meta_net": meta_net})

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        block = super()._logits
        return self._torch().cat([block(parts, frozen, rows) for rows in X.split(ROWS_AT_ONCE)])

    def _beginnings(self, parts: Any, frozen: dict[str, Any], units: Any) -> Any:
        context = parts["words"]["context"] + parts["meta_net"](units)[:, None]  # (B, n, width)
        start = frozen["start"].expand(len(units), 1, -1)
        return self._torch().cat([start, context], dim=1)
