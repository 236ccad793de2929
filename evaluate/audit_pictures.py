"""What the audit reads beside the sample table: features, prompts, failures and small pictures, of one cache or two."""

import io
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd

from cache.reader import Cache
from cache.schema import PromptScores

SIDE = 32  # of the grey pictures that are compared, in pixels


class Pictures:
    """Features of samples by the rows of their table: those of the training cache, then those of another test cache.

    Parameters
    ----------
    train : Cache
    test : Cache, optional
        The training cache itself by default.
    """

    def __init__(self, train: Cache, test: Cache | None = None) -> None:
        self.caches = [train] if test is None or test is train else [train, test]
        self._starts = np.cumsum([0, *map(len, self.caches)])

    def has(self, name: str, space: str | None = None) -> bool:
        """Whether all caches have an array."""
        return all((space is None or space in cache.spaces) and name in cache.arrays(space) for cache in self.caches)

    def array(self, name: str, rows: np.ndarray, space: str | None = None) -> np.ndarray:
        """Rows of one array, in the order asked for."""
        if len(self.caches) == 1:
            return self.caches[0].array(name, rows, space)
        of = np.searchsorted(self._starts, rows, side="right") - 1
        parts = [
            cache.array(name, rows[of == at] - self._starts[at], space) for at, cache in enumerate(self.caches)
        ]  # fmt: skip
        whole = np.empty((len(rows), *parts[0].shape[1:]), parts[0].dtype)
        for at, part in enumerate(parts):
            whole[of == at] = part
        return whole

    def prompts(self) -> dict[str, PromptScores]:
        """The prompt sets that all caches have, with the similarity of all rows."""
        first = self.caches[0]
        names = [name for name in first.prompt_sets() if all(name in cache.prompt_sets() for cache in self.caches)]
        found = {}
        for name in names:
            sets = [cache.prompts(name) for cache in self.caches]
            if len({(*one.texts, *one.labels.tolist()) for one in sets}) == 1:  # one name may stand for two sets
                similarity = [one.similarity for one in sets]  # of one cache: its memory map
                found[name] = replace(sets[0], similarity=np.concatenate(similarity) if sets[1:] else similarity[0])
        return found

    @property
    def manipulations(self) -> np.ndarray:
        """The manipulation of every sample, (N,)."""
        return np.concatenate([cache.column("manipulation") for cache in self.caches])

    @property
    def failures(self) -> pd.DataFrame:
        """What could not be read."""
        return pd.concat([cache.failures for cache in self.caches], ignore_index=True)

    def grey(self, row: int) -> np.ndarray | None:
        """A grey picture of `SIDE` x `SIDE`, from a sample's thumbnail or its picture's own file; None without either.

        Frames of videos have no file of their own.
        """
        at = int(np.searchsorted(self._starts, row, side="right")) - 1
        cache, local = self.caches[at], row - int(self._starts[at])
        try:
            if cache.has_thumbnails:
                return _small(matplotlib.image.imread(io.BytesIO(cache.thumbnail(local)), format="jpeg"))
            root, path = self._places[at]
            return _small(matplotlib.image.imread(Path(root[local]) / path[local]))
        except (OSError, ValueError, SyntaxError):  # not there, a video, or a picture that is not read here
            return None

    @cached_property
    def _places(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(cache.column("root"), cache.column("path")) for cache in self.caches]


def _small(pixels: np.ndarray) -> np.ndarray | None:
    """Means over a grid of `SIDE` x `SIDE`; None for a picture that is smaller."""
    grey = pixels[..., :3].mean(axis=2) if pixels.ndim == 3 else pixels
    if min(grey.shape) < SIDE:
        return None
    edges = [np.linspace(0, length, SIDE + 1).astype(int) for length in grey.shape]
    sums = np.add.reduceat(np.add.reduceat(grey.astype(float), edges[0][:-1], axis=0), edges[1][:-1], axis=1)
    return sums / np.outer(*map(np.diff, edges))
