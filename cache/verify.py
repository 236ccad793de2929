"""Prove that a feature file is whole: every byte as it was sealed, every array as long as the sample table."""

from pathlib import Path

import numpy as np

from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.sealed import is_intact, read_block
from cache.store import row_blocks
from cache.widen import all_finite


def verify(path: Path) -> list[str]:
    """What is wrong with a feature file (a cache or an addition): one sentence each, none if it is sound.

    Every flipped byte is found: of the HDF5 part by its xxh3-128, of the user block by comparison with the only block
    that its length and hash allow.
    """
    try:
        read_block(path)
    except InputError as error:
        return [str(error)]
    if not is_intact(path):
        return [f"{path}: its bytes are not those that were sealed; copy it anew or extract again"]
    try:
        cache = open_cache(path)
    except InputError as error:
        try:
            Cache(path, "addition")
        except InputError:
            return [str(error)]
        return []
    return _duplicates(cache) + _not_finite(cache)


def _duplicates(cache: Cache) -> list[str]:
    ids = cache.table(["sample_id"])["sample_id"]
    repeated = ids[ids.duplicated()]
    return [f"{len(repeated)} sample ids stand twice, {repeated.iloc[0]!r} first"] if len(repeated) else []


def _not_finite(cache: Cache) -> list[str]:
    problems = []
    for space in cache.spaces:
        for name in cache.arrays(space):
            array = cache.array(name, space=space)
            bad = sum(_count_not_finite(array[block]) for block in row_blocks(len(array)))
            if bad:
                problems.append(f"{bad} rows of {space}/{name} are not finite")
    return problems


def _count_not_finite(rows: np.ndarray) -> int:
    if all_finite(rows):
        return 0
    return int((~np.isfinite(rows)).reshape(len(rows), -1).any(axis=1).sum())
