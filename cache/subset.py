"""Some rows of a cache as a cache of their own, with all that is aligned with them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cache.errors import InputError
from cache.reader import Cache
from cache.schema import Provenance, Space
from cache.store import refuse_taken, write_cache
from cache.table import select


def subset(cache: Cache, out: Path, where: Sequence[str]) -> int:
    """Write the samples that fulfil all conditions, additions joined in, as a cache of their own.

    Groups stay as they are: what the whole file kept together stays together, and a split made for the whole holds
    for the subset. Of the failures those of the manipulations that are kept go along.

    Parameters
    ----------
    cache : Cache
        With its additions.
    out : Path
        Must not exist.
    where : sequence of str
        Conditions as `cache.table.select` takes them: ``column=value1,value2``.

    Returns
    -------
    int
        The number of samples kept.

    Raises
    ------
    InputError
        No sample is left, a condition cannot be read, or ``out`` exists.
    """
    refuse_taken(out)
    if not where:
        raise InputError("a subset needs a condition, as --where compression=c23")
    rows = select(cache.samples, where)
    attributes = {"subset_of": cache.fingerprint, "where": json.dumps(list(where))}
    if cache.additions:
        attributes["merged_of"] = fingerprints([cache, *cache.additions])
    copy_rows(cache, out, rows, attributes)
    return len(rows)


def copy_rows(cache: Cache, out: Path, rows: np.ndarray | None, attributes: dict[str, Any]) -> None:
    """Write rows of a cache, all by default, with the additions joined to it; arrays are copied block by block."""
    samples, failures = cache.samples, cache.failures
    if rows is not None:
        samples = samples.iloc[rows]
        failures = failures[failures["manipulation"].isin(set(samples["manipulation"]))]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_cache(
        out,
        samples,
        {name: _joined(cache, name) for name in cache.spaces},
        failures,
        attributes=attributes,
        thumbnails=cache.thumbnails,
        rows=rows,
    )


def fingerprints(caches: Iterable[Cache]) -> str:
    """Hashes of the files that something was made from, as a JSON list."""
    return json.dumps([cache.fingerprint for cache in caches])


def _joined(cache: Cache, name: str) -> Space:
    """A space whose provenance names what the additions brought."""
    space = cache.space(name)
    sources = [space.provenance, *(one.provenance(name) for one in cache.additions if name in one.spaces)]
    space.provenance = replace(space.provenance, prompts=_words(sources, "prompts"), tokens=_words(sources, "tokens"))
    return space


def _words(sources: Sequence[Provenance], field: str) -> str:
    words = dict.fromkeys(word for source in sources for word in getattr(source, field).split())
    return " ".join(word for word in words if word != "none") or "none"
