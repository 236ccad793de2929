"""The CoOp head: context vectors learned in front of the names of the classes, the same for every picture."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from classify.heads.epochs import Arrays
from classify.heads.torch_head import TorchHead


class PromptLearner(TorchHead):
    """What CoOp and CoCoOp share: prompts that the frozen text tower reads; a subclass gives ``_beginnings``.

    A prompt is the start token, the context vectors, the name of a class, a full stop and the end token. The decision
    is the difference of two logits: ``logit_scale`` times the cosine of a picture to the prompt of the fake class,
    less that to the prompt of the real one.
    """

    needs: ClassVar[tuple[str, ...]] = ("text_tower",)
    optimiser = "sgd"
    weight_decay = 5e-4  # that and the momentum of .9 stand in the library that the authors trained with
    schedule = "cosine"
    warmup_epochs = 1

    context: int | str
    real: str
    fake: str
    text_tower: Any

    def _beginnings(self, parts: Any, frozen: dict[str, Any], units: Any) -> Any:
        """Token embeddings in front of the names, (1 or B, S, width), for pictures of unit length (B, D)."""
        raise NotImplementedError

    def _constants(self, D: int) -> Arrays:
        tower = self._tower()
        if tower.embed_dim != D:
            raise ValueError(
                f"the text tower of {tower.model_name} makes embeddings of {tower.embed_dim} numbers, the features have"
                f" {D}: prompts are learned on the encoder's embedding alone"
            )
        for name in (self.real, self.fake):
            if not isinstance(name, str) or not name.strip():
                raise ValueError(f"the name of a class is a text, not {name!r}")
        real, fake = (tower.embed_tokens(f"{name}.").numpy() for name in (self.real, self.fake))
        scale = np.array(tower.logit_scale, np.float32)
        return {"start": real[:1], "real": real[1:], "fake": fake[1:], "logit_scale": scale, "words": self._words()}

    def _words(self) -> np.ndarray:
        """Context vectors before the first step, float32 (n, width): of the words given, or drawn."""
        tower = self._tower()
        if isinstance(self.context, str) and self.context.strip():
            return tower.embed_tokens(self.context).numpy()[1:-1]
        if isinstance(self.context, int) and self.context > 0:
            return 0.02 * self._torch().randn(self.context, tower.width).numpy()
        raise ValueError(f"context is a number of vectors, 1 or more, or words to start from, not {self.context!r}")

    def _tower(self) -> Any:
        if self.text_tower is None:
            raise ValueError("prompts are read by the text tower of the encoder: set text_tower")
        return self.text_tower

    def _build(self, D: int) -> Any:
        return self._torch().nn.ParameterDict({"context": self._tensor(self.frozen_["words"]).clone()})

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        units = self._torch().nn.functional.normalize(X)
        real, fake = self._prompts(parts, frozen, units).unbind(dim=1)
        return frozen["logit_scale"] * (units * (fake - real)).sum(dim=1)

    def _prompts(self, parts: Any, frozen: dict[str, Any], units: Any) -> Any:
        """Embeddings of the prompts of both classes, unit length, (1 or B, 2, D)."""
        beginnings = self._beginnings(parts, frozen, units)
        embeddings = self._tower().encode(beginnings, [frozen["real"], frozen["fake"]])
        return self._torch().nn.functional.normalize(embeddings, dim=-1)


class CoOp(PromptLearner):
    """Context Optimization: one prompt for all pictures, so that the text tower runs once a step for both classes.

    Fitted, the two text embeddings are constants: scoring needs neither torch nor the text tower.

    Parameters
    ----------
    context : int or str
        How many context vectors to draw, or words to start from, one vector for each of their tokens.
    real, fake : str
        Names of the two classes.
    lr : float, or sequence of float
        Step size of SGD, falling along a cosine after one epoch at 1e-5, or that of each epoch.
    batch_size : int
    epochs : int
        Passes over the training rows; with validation the most that are tried.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional
    text_tower : extract.text_tower.TextTower, optional
        Of the encoder that made the features; to be fitted the head cannot do without.

    Attributes
    ----------
    class_embeddings_ : ndarray of float32, shape (2, D)
        Of the learned prompts of the real and the fake class, unit length.

    References
    ----------
    Zhou, Yang, Loy and Liu, "Learning to Prompt for Vision-Language Models", IJCV 2022; KaiyangZhou/CoOp,
    ``trainers/coop.py`` with the class token at the end; in 2 epochs and batches of 16 as in CLIPping.
    """

    def __init__(
        self,
        context: int | str = 16,
        real: str = "real",
        fake: str = "fake",
        lr: float | Sequence[float] = 2e-3,
        batch_size: int = 16,
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
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state
        self.text_tower = text_tower

    def _beginnings(self, parts: Any, frozen: dict[str, Any], units: Any) -> Any:
        return self._torch().cat([frozen["start"], parts["context"]])[None]

    def _epoch(self, epoch: int, lr: float) -> float:
        loss = super()._epoch(epoch, lr)
        self._embed_classes()
        return loss

    def _finish(self, kept: Arrays) -> None:
        super()._finish(kept)
        self._embed_classes()

    def _embed_classes(self) -> None:
        nothing = np.zeros((1, self.n_features_in_), np.float32)  # the prompts are the same for any picture
        frozen = self._frozen()
        self.class_embeddings_ = self._scored(nothing, lambda parts, X: self._prompts(parts, frozen, X)[0])

    def _decide(self, X: np.ndarray) -> np.ndarray:
        real, fake = self.frozen_["logit_scale"] * self.class_embeddings_
        lengths = np.maximum(np.linalg.norm(X, axis=1), np.finfo(np.float32).tiny)
        return (X @ (fake - real) / lengths).astype(np.float64)
