"""Batches on their way through the encoder, beside everything else, and smaller ones where its memory ends."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

import numpy as np

from cache.errors import InterruptedWork
from extract.prompts import PromptSet
from extract.square import Preprocessing

Arrays = dict[str, np.ndarray]


class Encoder(Protocol):
    """What an extraction needs of a model: `extract.encoder.Encoder`, or anything like it."""

    model_name: str
    architecture: str
    weights: str
    precision: str
    software: str
    preprocessing: Preprocessing
    tokens: tuple[str, ...]
    n_parameters: int
    logit_scale: float
    logit_bias: float | None
    lanes: int  # how many threads may call `embed_images` at a time

    def embed_images(self, pixels: np.ndarray) -> Arrays:
        """uint8 (B, h, w, 3) -> float32 arrays (B, ...), ``embedding`` among them; MemoryError where B is too large."""

    def embed_prompts(self, prompts: PromptSet) -> np.ndarray:
        """Unit text embeddings, float32 (P, D)."""

    def fitting_batch_size(self) -> int:
        """How many frames to embed at a time where nobody says."""


class Device(AbstractContextManager["Device"]):
    """Embeds batches in ``encoder.lanes`` threads, so that the next one is prepared, copied and launched meanwhile.

    Attributes
    ----------
    rows : int
        How many frames are embedded at a time: the batch size, halved each time that the memory does not suffice.
    """

    def __init__(self, encoder: Encoder, batch_size: int) -> None:
        self._encoder = encoder
        self._threads = ThreadPoolExecutor(encoder.lanes)
        self.rows = batch_size

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)

    def submit(self, pixels: np.ndarray) -> Future[list[Arrays]]:
        """Embed uint8 (B, V, h, w, 3): the arrays of each view, float32 (B, ...)."""
        return self._threads.submit(self._embed_views, pixels)

    def _embed_views(self, pixels: np.ndarray) -> list[Arrays]:
        return [self._embed(pixels[:, view]) for view in range(pixels.shape[1])]

    def _embed(self, pixels: np.ndarray) -> Arrays:
        while True:
            rows = self.rows
            try:
                starts = range(0, len(pixels), rows)
                return _joined([self._encoder.embed_images(pixels[start : start + rows]) for start in starts])
            except MemoryError as error:
                if rows == 1:
                    raise InterruptedWork("the device's memory does not suffice for a single frame") from error
                self.rows = min(self.rows, rows // 2)  # another thread may have halved it already


def _joined(blocks: Sequence[Arrays]) -> Arrays:
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
