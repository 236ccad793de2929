"""Several feature files become one: the shards of an extraction, disjoint caches, or a cache and its additions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.identity import connected_groups
from cache.mapped import damage_told, file_kind
from cache.reader import Cache, open_cache
from cache.store import assemble, refuse_taken
from cache.subset import copy_rows, fingerprints


class Shard(NamedTuple):
    """The i-th of n shards of an extraction, and the slots it covers: start <= slot < stop."""

    start: int
    stop: int
    number: int
    total: int
    path: Path


def merge(paths: Sequence[Path], out: Path) -> int:
    """Join feature files into one cache; arrays are copied block by block.

    All shards of one extraction become, to the last byte, what the extraction in one go would have written. Other
    caches must be made alike in every respect and hold different samples; they follow one another in the order
    given, and groups are found anew over all of them. Additions are consolidated with the cache they were made for.

    Parameters
    ----------
    paths : sequence of Path
        Two or more: caches, or one cache and additions made for it.
    out : Path
        Must not exist.

    Returns
    -------
    int
        The number of samples.

    Raises
    ------
    InputError
        ``out`` exists, a file is no finished cache or addition, provenance, arrays or prompts differ (the message
        names the field and both values), samples stand twice, or a shard is missing or stands twice.
    """
    refuse_taken(out)
    if len(paths) < 2:
        raise InputError("merge joins two files or more: caches, shards, or a cache and its additions")
    kinds = {path: _kind(path) for path in paths}
    bases = [path for path in paths if kinds[path] == "cache"]
    additions = [path for path in paths if kinds[path] == "addition"]
    if additions and len(bases) != 1:
        raise InputError(
            f"{additions[0]} is an addition: merge it with the one cache it was made for"
            + (", then the caches with each other" if bases else "")
        )
    if additions:
        return _consolidate(open_cache(bases[0], additions), out)
    caches = [open_cache(path) for path in bases]
    for cache in caches[1:]:
        _refuse_unlike(caches[0], cache)
    if any(_shard_words(cache) for cache in caches):
        return _join_shards(caches, out)
    return _join_samples(caches, out)


def _kind(path: Path) -> str:
    """Kind of a file that can be merged."""
    unfinished = path if path.name.endswith(".work") else path.with_name(path.name + ".work")
    if unfinished.is_dir() and not path.is_file():
        raise InputError(f"{unfinished} is an extraction that is not finished; its own command line goes on with it")
    kind = file_kind(path)
    if kind not in ("cache", "addition"):
        raise InputError(f"{path} is a {kind} of an extraction that is not finished; its command line joins the parts")
    return kind


def _consolidate(cache: Cache, out: Path) -> int:
    kept = {name: getattr(cache, name) for name in ("plan", "settings", "slots", "rows_at_once")}
    attributes = {name: value for name, value in kept.items() if cache.plan and value}
    copy_rows(cache, out, None, {**attributes, "merged_of": fingerprints([cache, *cache.additions])})
    return len(cache)


def _join_samples(caches: Sequence[Cache], out: Path) -> int:
    """Join caches of different samples: a link that any of them knows, or that joins them, makes one group."""
    ids = pd.Series(np.concatenate([cache.column("sample_id") for cache in caches]))
    if len(repeated := ids[ids.duplicated()]):
        raise InputError(
            f"{len(repeated)} samples stand twice, {repeated.iloc[0]!r} first; merged files hold different samples"
        )
    tables = [{name: cache.column(name) for name in ("identities", "group")} for cache in caches]
    links = pd.concat([pd.DataFrame(table) for table in tables], ignore_index=True)
    # a group bears the name of an identity, perhaps of one whose own pictures are not here: it links like one
    groups = connected_groups([(*names.split(), group) for names, group in links.itertuples(index=False)])
    out.parent.mkdir(parents=True, exist_ok=True)
    paths = [cache.path for cache in caches]
    return assemble(out, paths, attributes={"merged_of": fingerprints(caches)}, groups=groups)


def _join_shards(caches: Sequence[Cache], out: Path) -> int:
    """Join all shards of one extraction in the order of their slots."""
    first = caches[0]
    for cache in caches:
        if not _shard_words(cache) or cache.plan != first.plan:
            raise InputError(
                f"{first.path} and {cache.path} are not shards of one extraction; merge all shards of each extraction "
                "first, then the results"
            )
    shards = sorted(_shard(cache) for cache in caches)
    _refuse_gaps(shards)
    attributes: dict[str, Any] = {"plan": first.plan}
    attributes["settings"] = json.dumps({**json.loads(first.settings), "shard": None})
    if halved := [cache.rows_at_once for cache in caches if cache.rows_at_once]:
        attributes["rows_at_once"] = min(halved)
    out.parent.mkdir(parents=True, exist_ok=True)
    return assemble(out, [shard.path for shard in shards], attributes=attributes)


def _shard_words(cache: Cache) -> str:
    """Which shard of its extraction a cache is, as i/n; empty where it is none."""
    with damage_told(cache.path):
        return json.loads(cache.settings).get("shard") or ""


def _shard(cache: Cache) -> Shard:
    try:
        number, total = (int(word) for word in _shard_words(cache).split("/"))
        start, stop = (int(word) for word in cache.slots.split("-"))
    except ValueError:
        raise InputError(f"{cache.path} says neither which shard it is nor which slots it covers") from None
    return Shard(start, stop, number, total, cache.path)


def _refuse_gaps(shards: Sequence[Shard]) -> None:
    """Refuse shards that are not all of one extraction: half a data set would look whole."""
    total = shards[0].total
    if odd := [shard for shard in shards if shard.total != total]:
        raise InputError(f"{shards[0].path} is one of {total} shards, {odd[0].path} one of {odd[0].total}")
    numbers = [shard.number for shard in shards]
    for shard in shards:
        if numbers.count(shard.number) > 1:
            raise InputError(f"shard {shard.number}/{total} stands twice; give each shard once")
    if missing := [f"{number}/{total}" for number in range(1, total + 1) if number not in numbers]:
        raise InputError(f"missing shards: {', '.join(missing)}; half a data set would look whole")
    for before, after in zip([Shard(0, 0, 0, total, Path()), *shards], shards, strict=False):
        if before.stop != after.start:
            raise InputError(f"{after.path} begins at slot {after.start} where {before.stop} is due; extract it again")


def _refuse_unlike(mine: Cache, theirs: Cache) -> None:
    """Refuse to put two caches into one file unless all that makes their numbers is the same."""
    for name in mine.spaces:
        if name in theirs.spaces and (differences := theirs.provenance(name).differences(mine.provenance(name))):
            raise InputError(
                f"space {name!r} of {theirs.path} was made otherwise than that of {mine.path}: {'; '.join(differences)}"
            )
    ours, others = _layout(mine), _layout(theirs)
    for name in [*ours, *others]:
        if name not in others or name not in ours:
            lacking, having = (theirs, mine) if name in ours else (mine, theirs)
            raise InputError(f"{having.path} has {name}, {lacking.path} has not; merged files hold the same")
        if ours[name] != others[name]:
            raise InputError(f"{name} is {ours[name]} in {mine.path} and {others[name]} in {theirs.path}")


def _layout(cache: Cache) -> dict[str, Any]:
    """What a cache holds beside its tables, by a name to tell the user, so that it can be compared."""
    found: dict[str, Any] = {"thumbnails": "there"} if cache.has_thumbnails else {}
    for name in cache.spaces:
        space = cache.space(name)
        for key, array in space.arrays.items():
            found[f"{name}/{key}"] = f"{array.dtype} {'x'.join(map(str, array.shape[1:]))}"
        for key, prompts in space.prompts.items():
            labelled = zip(prompts.texts, prompts.labels.tolist(), strict=True)
            found[f"prompt set {key} of {name}"] = [f"{text} ({label})" for text, label in labelled]
    return found
