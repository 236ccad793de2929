"""The feature matrix: blocks of a cache side by side, in float32, whole or read as it is used."""

from collections.abc import Sequence

import numpy as np

from cache.errors import InputError
from cache.reader import Cache
from cache.widen import widen
from classify.normalize import Blocks
from classify.stream import Matrix, Stream, parts

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
    sources = [_source(cache, name, prompt_set, space) for name in features]
    blocks = tuple((name, source.shape[1]) for name, source in zip(features, sources, strict=True))
    ends = np.cumsum([width for _, width in blocks])
    places = [slice(end - width, end) for end, (_, width) in zip(ends, blocks, strict=True)]

    def fill(some: np.ndarray, out: np.ndarray) -> bool:
        finite = [widen(source, out[:, place], some) for source, place in zip(sources, places, strict=True)]
        return all(finite)  # once every place is filled

    def read(some: np.ndarray) -> np.ndarray:
        block = np.empty((len(some), ends[-1]), np.float32)
        fill(some, block)
        return block

    stream = Stream(read, rows, int(ends[-1]))
    held = None if len(rows) * stream.shape[1] * 4 > LARGE else np.empty(stream.shape, np.float32)
    for part in parts(len(rows)):
        block = np.empty((len(rows[part]), ends[-1]), np.float32) if held is None else held[part]
        if not fill(rows[part], block):
            raise _not_finite(cache, rows[part], block)
    return (stream if held is None else held), blocks


def _source(cache: Cache, name: str, prompt_set: str | None, space: str | None) -> np.ndarray:
    """All rows of a feature, as a memory map."""
    return cache.similarity(prompt_set, space=space) if name == "prompts" else cache.array(name, space=space)


def _not_finite(cache: Cache, rows: np.ndarray, block: np.ndarray) -> InputError:
    first = rows[~np.isfinite(block).all(axis=1)][:1]
    return InputError(
        f"{cache.path}: features of {cache.column('sample_id', first)[0]} are not finite; "
        "`cache verify` counts all such rows"
    )
