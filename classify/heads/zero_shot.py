"""The zero-shot head: an ensemble of prompts of each class, and no training."""

from typing import Any, ClassVar

import numpy as np
from sklearn.preprocessing import normalize

from classify.heads.base import Head, Prompts


class ZeroShot(Head):
    """Compare an image with the mean prompt of each class; what is given to ``fit`` is only looked at for mistakes.

    The decision is the encoder's logit scale times (cosine to the fake class - cosine to the real class), whose
    logistic function is CLIP's own softmax over the two. 1 of the two classes of ``y``, in order, is fake.

    Parameters
    ----------
    prompts : Prompts, optional
        From the cache. A class is the normalised mean of the embeddings of its prompts.
    random_state : int, optional
        Unused: nothing is drawn.

    References
    ----------
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021, section 3.1.4.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {}
    needs: ClassVar[tuple[str, ...]] = ("prompts",)
    score_meaning: ClassVar[str] = "probability by the encoder's own logit scale, uncalibrated"

    def __init__(self, prompts: Prompts | None = None, random_state: int | None = None) -> None:
        self.prompts = prompts
        self.random_state = random_state

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        prompts = checked_prompts(self.prompts, X.shape[1])
        self.class_embeddings_ = class_embeddings(prompts)
        self.logit_scale_ = float(prompts.logit_scale)
        self.n_parameters_ = 0
        self.converged_ = True

    def _decide(self, X: np.ndarray) -> np.ndarray:
        real, fake = self.class_embeddings_.astype(np.float64)
        return self.logit_scale_ * (normalize(X) @ (fake - real))


def checked_prompts(prompts: Prompts | None, D: int) -> Prompts:
    """The prompts, if a head for images of ``D`` numbers can use them.

    Raises
    ------
    ValueError
        There are none, none of one class, or their embeddings are of another length.
    """
    if prompts is None:
        raise ValueError("the head compares images with prompts, and was given none")
    if (found := set(np.unique(prompts.labels).tolist())) != {0, 1}:
        raise ValueError(f"prompts describe real (0) and fake (1) pictures, both; found labels {sorted(found)}")
    if prompts.embeddings.shape[1] != D:
        raise ValueError(f"prompts of {prompts.embeddings.shape[1]} numbers cannot be compared with images of {D}")
    return prompts


def class_embeddings(prompts: Prompts) -> np.ndarray:
    """Normalised mean of the embeddings of each class's prompts: real, then fake.

    Returns
    -------
    ndarray of float32, shape (2, D)
    """
    means = [prompts.embeddings[prompts.labels == label].mean(axis=0, dtype=np.float64) for label in (0, 1)]
    return normalize(means).astype(np.float32)
