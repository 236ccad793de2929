"""The feature matrix: blocks of a cache side by side, in float32, whole or read as it is used."""

from collections.abc import Callable, Sequence

import numpy as np

from cache.errors import InputError
from cache.reader import Cache
from classify.normalize import Blocks
from classify.stream import Matrix, Stream

FEATURES = ("embedding", "cls", "prompts")
LARGE = 2**30  # bytes in float32; a larger matrix is read anew, block by block, whenever it is used


def feature_matrix(
    cache: Cache,
    rows: np.ndarray,
    features: Sequence[str] = ("embedding",),
    prompt_set: str | None = None,
    space: str | None = None,
) -> tuple[Matrix, Blocks]:
    """Features of some rows of a cache, side by side in the order asked for.

    Parameters
    ----------
    cache : Cache
    rows : ndarray of int, shape (n,)
    features : sequence of {"embedding", "cls", "prompts"}
        ``prompts`` are the cosine similarities to each prompt of a set.
    prompt_set : str, optional
        Needed where the cache holds several.
    space : str, optional
        The view to take them from; the cache's default one else.

    Returns
    -------
    X : ndarray of float32, shape (n, D), or Stream
        A stream where the matrix takes more than 1 GiB.
    blocks : tuple of (str, int)
        Name and width of each block.

    Raises
    ------
    InputError
        An unknown or repeated feature, one that the cache does not hold, or values that are not finite.
    """
    if unknown := [name for name in features if name not in FEATURES]:
        raise InputError(f"unknown feature {unknown[0]!r}; known: {', '.join(FEATURES)}")
    if not features or len(set(features)) != len(features):
        raise InputError(f"name each feature once, not {', '.join(features) or 'none'}; known: {', '.join(FEATURES)}")
    gather = [_source(cache, name, prompt_set, space) for name in features]
    blocks = tuple((name, take(rows[:1]).shape[1]) for name, take in zip(features, gather, strict=True))

    def read(some: np.ndarray) -> np.ndarray:
        return np.concatenate([take(some) for take in gather], axis=1, dtype=np.float32)

    stream = Stream(read, rows, sum(width for _, width in blocks))
    held = None if len(rows) * stream.shape[1] * 4 > LARGE else np.empty(stream.shape, np.float32)
    for part, block in stream.blocks():
        _check_finite(cache, rows[part], block)
        if held is not None:
            held[part] = block
    return (stream if held is None else held), blocks


def _source(cache: Cache, name: str, prompt_set: str | None, space: str | None) -> Callable[[np.ndarray], np.ndarray]:
    if name == "prompts":
        return lambda rows: cache.similarity(prompt_set, rows, space)
    return lambda rows: cache.array(name, rows, space)


def _check_finite(cache: Cache, rows: np.ndarray, block: np.ndarray) -> None:
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        first = rows[~finite][0]
        raise InputError(
            f"{cache.path}: features of {cache.samples['sample_id'].iloc[first]} are not finite; "
            "`cache verify` counts all such rows"
        )
