"""The prompt-fusion head: an adapted image embedding beside six numbers that the prompts say of the image."""

from collections.abc import Sequence
from typing import Any, ClassVar

from classify.heads.base import Prompts
from classify.heads.epochs import Arrays
from classify.heads.torch_head import TorchHead
from classify.heads.zero_shot import checked_prompts

SCALARS = 6


class PromptFusion(TorchHead):
    """A network on the embedding, and on six statistics of its cosines to the prompts.

    The unit embedding goes through D -> 256 -> 128 (ReLU, dropout .1); the statistics join it: the mean over the real
    prompts, over the fake ones and over all, real less fake, the standard deviation and the maximum over all. The 134
    numbers go through 256 -> 64 -> 2 (ReLU, dropout .2 and .1). Prompts are frozen; a prompt counts by its declared
    class, not by its place. 215,362 trainable numbers at D = 512.

    Parameters
    ----------
    prompts : Prompts, optional
        From the cache.
    lr : float, or sequence of float
        Step size of AdamW, or that of each epoch; a single one falls along a cosine.
    batch_size : int
    epochs : int
        Passes over the training rows; with validation the most that are tried.
    patience : int, optional
        With validation: epochs without a lower loss after which no more are tried.
    random_state : int, optional
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"lr": [1e-4, 1e-3]}
    needs: ClassVar[tuple[str, ...]] = ("prompts",)
    weight_decay = 1e-4
    schedule = "cosine"
    clip_norm = 1.0

    def __init__(
        self,
        prompts: Prompts | None = None,
        lr: float | Sequence[float] = 1e-4,
        batch_size: int = 32,
        epochs: int = 15,
        patience: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.prompts = prompts
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state

    def _build(self, D: int) -> Any:
        nn = self._torch().nn
        adapter = [nn.Linear(D, 256), nn.ReLU(), nn.Dropout(0.1), nn.Linear(256, 128), nn.ReLU()]
        fusion = [nn.Linear(128 + SCALARS, 256), nn.ReLU(), nn.Dropout(0.2)]
        fusion += [nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 2)]
        return nn.ModuleDict({"adapter": nn.Sequential(*adapter), "fusion": nn.Sequential(*fusion)})

    def _constants(self, D: int) -> Arrays:
        prompts = checked_prompts(self.prompts, D)
        return {"prompts": prompts.embeddings, "labels": prompts.labels}

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        torch = self._torch()
        unit = torch.nn.functional.normalize(X)  # (B, D)
        said = prompt_statistics(torch, unit @ frozen["prompts"].T, frozen["labels"])
        both = parts["fusion"](torch.cat([parts["adapter"](unit), said], dim=1))  # (B, 2): real, fake
        return both[:, 1] - both[:, 0]


def prompt_statistics(torch: Any, cosines: Any, labels: Any) -> Any:
    """What the cosines to P prompts say of each image, in six numbers.

    Parameters
    ----------
    torch : module
    cosines : Tensor of float32, shape (B, P)
    labels : Tensor of float32, shape (P,)
        0 real, 1 fake.

    Returns
    -------
    Tensor of float32, shape (B, 6)
        Mean(real), mean(fake), mean(all), real - fake, std(all), max(all).
    """
    real = cosines @ ((1 - labels) / (1 - labels).sum())
    fake = cosines @ (labels / labels.sum())
    every = [real, fake, cosines.mean(1), real - fake, cosines.std(1), cosines.amax(1)]
    return torch.stack(every, dim=1)
