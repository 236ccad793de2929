"""The CLIP-Adapter head: a small residual network in front of the prompts' cosines."""

from collections.abc import Sequence
from typing import Any, ClassVar

from classify.heads.base import Prompts
from classify.heads.epochs import Arrays
from classify.heads.torch_head import TorchHead
from classify.heads.zero_shot import checked_prompts, class_embeddings


class CLIPAdapter(TorchHead):
    """Bend the image embedding so that its cosine to the prompts of its class grows.

    With A = D -> D/2 -> D (no bias, ReLU after both), an image x becomes ratio A(x) + (1 - ratio) x, of unit length.
    The decision is the encoder's logit scale times (cosine to the fake class - cosine to the real class). Prompts and
    logit scale are frozen. A has no bias, so that the length of x does not matter.

    Parameters
    ----------
    prompts : Prompts, optional
        From the cache. A class is the normalised mean of the embeddings of its prompts.
    ratio : float
        Share of the adapter's output, in [0, 1].
    lr : float, or sequence of float
        Step size of stochastic gradient descent, or that of each epoch. The first epoch takes 1e-5, then a cosine.
    batch_size : int
    epochs : int
        Passes over the training rows; with validation the most that are tried. The source: 20 on few images, else 2.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional

    References
    ----------
    Gao et al., CLIP-Adapter: Better Vision-Language Models with Feature Adapters, 2021.
    sfimediafutures/CLIPping-the-Deception, ``trainers/clip_adapter.py`` and ``configs/trainers/CoOp/vit_l14_ep2.yaml``.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"lr": [0.002, 0.02]}
    needs: ClassVar[tuple[str, ...]] = ("prompts",)
    optimiser = "sgd"
    weight_decay = 5e-4  # as Dassl, which the source builds on
    schedule = "cosine"
    warmup_epochs = 1

    def __init__(
        self,
        prompts: Prompts | None = None,
        ratio: float = 0.4,
        lr: float | Sequence[float] = 0.002,
        batch_size: int = 16,
        epochs: int = 20,
        patience: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.prompts = prompts
        self.ratio = ratio
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state

    def _build(self, D: int) -> Any:
        nn = self._torch().nn
        hidden = max(D // 2, 1)
        return nn.Sequential(nn.Linear(D, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, D, bias=False), nn.ReLU())

    def _constants(self, D: int) -> Arrays:
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"ratio is a share, from 0 to 1, not {self.ratio}")
        prompts = checked_prompts(self.prompts, D)
        real, fake = class_embeddings(prompts)
        return {"fake_less_real": prompts.logit_scale * (fake - real)}

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        bent = self.ratio * parts(X) + (1 - self.ratio) * X
        return self._torch().nn.functional.normalize(bent) @ frozen["fake_less_real"]
