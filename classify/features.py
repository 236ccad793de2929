"""The feature matrix: blocks of a cache side by side, in float32."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cache.errors import InputError
from cache.reader import Cache
from classify.normalize import Blocks

FEATURES = ("embedding", "cls", "prompts")
ROWS = 16_384  # rows gathered and converted at a time


def feature_matrix(
    cache: Cache, rows: np.ndarray, features: Sequence[str] = ("embedding",), prompt_set: str | None = None
) -> tuple[np.ndarray, Blocks]:
    """Features of some rows of a cache, side by side in the order asked for.

    Parameters
    ----------
    cache : Cache
    rows : ndarray of int, shape (n,)
    features : sequence of {"embedding", "cls", "prompts"}
        ``prompts`` are the cosine similarities to each prompt of a set.
    prompt_set : str, optional
        Needed where the cache holds several.

    Returns
    -------
    X : ndarray of float32, shape (n, D)
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
    gather = {name: _source(cache, name, prompt_set) for name in features}
    blocks = tuple((name, gather[name](rows[:1]).shape[1]) for name in features)
    X = np.empty((len(rows), sum(width for _, width in blocks)), np.float32)
    for part in _parts(len(rows)):
        stop = 0
        for name, width in blocks:
            start, stop = stop, stop + width
            X[part, start:stop] = gather[name](rows[part])
        finite = np.isfinite(X[part]).all(axis=1)
        if not finite.all():
            first = rows[part][~finite][0]
            raise InputError(
                f"{cache.path}: features of {cache.samples['sample_id'].iloc[first]} are not finite; "
                "`cache verify` counts all such rows"
            )
    return X, blocks


def prompt_set_used(cache: Cache, features: Sequence[str], prompt_set: str | None) -> str | None:
    """Name of the prompt set that the features take, or None where they take none: then none may be named."""
    if "prompts" not in features:
        if prompt_set is not None:
            raise InputError(f"--prompt-set is for --features prompts, not for {', '.join(features)}")
        return None
    cache.similarity(prompt_set, np.array([], int))  # says what is known where the name is not
    return prompt_set or cache.prompt_sets()[0]


def _source(cache: Cache, name: str, prompt_set: str | None) -> Callable[[np.ndarray], np.ndarray]:
    if name == "prompts":
        return lambda rows: cache.similarity(prompt_set, rows)
    return lambda rows: cache.array(name, rows)


def _parts(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + ROWS, rows)) for start in range(0, rows, ROWS))
