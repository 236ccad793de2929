"""Sealed parts: finished ranges of an extraction's slots, each a small feature file that is whole or not there."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from cache.schema import Space
from cache.sealed import is_intact
from cache.store import write_cache

PATTERN = re.compile(r"part-(\d{12})-(\d{12})\.h5")


class Part(NamedTuple):
    """A sealed part and the slots it covers: start <= slot < stop."""

    start: int
    stop: int
    path: Path


def write_part(
    folder: Path,
    start: int,
    stop: int,
    samples: pd.DataFrame,
    spaces: dict[str, Space],
    failures: pd.DataFrame,
    thumbnails: Sequence[bytes] | None = None,
    attributes: dict[str, Any] | None = None,
    rows: np.ndarray | None = None,
) -> Part:
    """Seal the results of the slots ``start`` to ``stop``; slots without a result leave no row.

    Parameters
    ----------
    rows : ndarray of int, optional
        As `cache.store.write_cache` takes them.
    """
    path = folder / f"part-{start:012d}-{stop:012d}.h5"
    write_cache(path, samples, spaces, failures, kind="part", thumbnails=thumbnails, attributes=attributes, rows=rows)
    return Part(start, stop, path)


def sealed_parts(folder: Path) -> tuple[list[Part], list[Path]]:
    """The verified parts of a folder in the order of their slots, and the damaged files beside them."""
    parts, damaged = [], []
    for path in sorted(folder.glob("part-*.h5")):
        match = PATTERN.fullmatch(path.name)
        if match and is_intact(path):
            parts.append(Part(int(match[1]), int(match[2]), path))
        else:
            damaged.append(path)
    return parts, damaged


def read_attribute(part: Part, name: str) -> float:
    """A number that was written with a part; infinity where it was not."""
    with h5py.File(part.path, "r") as file:
        return file.attrs.get(name, math.inf)


def missing_ranges(parts: Sequence[Part], start: int, stop: int, rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most ``rows`` slots from ``start`` to ``stop`` that no part covers, in order.

    Examples
    --------
    >>> list(missing_ranges([Part(4, 8, Path("a"))], start=0, stop=14, rows=4))
    [(0, 4), (8, 12), (12, 14)]
    """
    position = start
    for first, last in [*((part.start, part.stop) for part in parts), (stop, stop)]:
        while position < first:
            yield position, min(position + rows, first)
            position = min(position + rows, first)
        position = max(position, last)
