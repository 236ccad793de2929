"""Sources -> the frozen plan: which frames are wanted, who belongs together, in which order."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import groupby, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.identity import connected_groups
from cache.ledger import INPUT_COLUMNS
from cache.schema import FAKE, REAL
from extract.archives import size_and_time
from extract.images import Unreadable
from extract.layouts.base import Source, file_path, refuse_one_sample_twice, sample_key
from extract.video import Sampling, count_slots, spread

Placed = tuple[str, Source]  # a root and a source below it

SOURCE_COLUMNS = tuple(field.name for field in fields(Source))
DESCRIBED = ("manipulation", "video", "label", "group", "split")  # what a table of the data set may say otherwise


def plan_inputs(
    listings: Mapping[Path, Sequence[Source]], sampling: Sampling, limit: int | None = None
) -> pd.DataFrame:
    """The inputs of an extraction in the order of their slots, which is that of their keys, whatever the roots.

    Parameters
    ----------
    listings : mapping of Path to sequence of Source
        The sources below each root.
    sampling : Sampling
        Frames of each video; of a folder of frames, the same number spread evenly.
    limit : int, optional
        At most so many videos of each manipulation.

    Returns
    -------
    DataFrame
        Columns `cache.ledger.INPUT_COLUMNS`.

    Raises
    ------
    InputError
        Two roots have the same sample, one root lies in another, or a rate is asked for of pictures.
    """
    roots = _distinct_roots(listings)
    placed = [(root, source) for root, sources in zip(roots, listings.values(), strict=True) for source in sources]
    placed.sort(key=lambda pair: sample_key(pair[1]))
    if len(roots) > 1:
        refuse_one_sample_twice([source for _, source in placed], [f"{root}/{source.path}" for root, source in placed])
    videos = [list(frames) for _, frames in groupby(placed, key=lambda pair: video_id(pair[1]))]
    if limit is not None:
        videos = _first_of_each_manipulation(videos, limit)
    chosen = [pair for frames in videos for pair in _spread_frames(frames, sampling)]
    kept = [source for _, source in chosen]
    paths = [file_path(root, source.path) for root, source in chosen]
    columns: dict[str, list[Any]] = {name: [getattr(source, name) for source in kept] for name in SOURCE_COLUMNS}
    columns["root"] = [root for root, _ in chosen]
    columns["identities"] = [" ".join(source.identities) for source in kept]
    columns["group"] = connected_groups([source.identities for source in kept])
    columns["slots"] = [_slots(path, source, sampling) for path, source in zip(paths, kept, strict=True)]
    columns["byte_size"] = [size_and_time(path)[0] for path in paths]
    return pd.DataFrame(columns)[list(INPUT_COLUMNS)]


def missing_originals(inputs: pd.DataFrame) -> str:
    """A sentence on the fakes whose original is not among the reals of a plan; "" where there are none."""
    fakes = inputs[inputs["label"] == FAKE].drop_duplicates(["dataset", "compression", "manipulation", "video"])
    named = fakes[fakes["scene"] != fakes["dataset"] + "/" + fakes["video"]]
    absent = named[~named["scene"].isin(inputs.loc[inputs["label"] == REAL, "scene"])]
    if absent.empty:
        return ""
    first = absent.iloc[0]
    return (
        f"of {len(named)} fake videos whose original is known, it is absent for {len(absent)}"
        f" ({first['path']}, made from {first['scene']})"
    )


def _distinct_roots(roots: Iterable[Path]) -> list[str]:
    """Full names of roots, of which none holds another: its files would be there twice."""
    full = [root.resolve() for root in roots]
    for one, other in permutations(full, 2):
        if one.is_relative_to(other):
            raise InputError(f"{one} is {other} or lies in it; name each root once")
    return [str(root) for root in full]


def video_id(source: Source) -> str:
    """dataset/compression/manipulation/video."""
    return f"{source.dataset}/{source.compression}/{source.manipulation}/{source.video}"


def _first_of_each_manipulation(videos: list[list[Placed]], limit: int) -> list[list[Placed]]:
    seen: dict[tuple[str, str, str], int] = {}
    kept = []
    for frames in videos:
        key = sample_key(frames[0][1])[:3]
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= limit:
            kept.append(frames)
    return kept


def _spread_frames(frames: list[Placed], sampling: Sampling) -> list[Placed]:
    first = frames[0][1]
    if first.is_video:
        return frames
    if sampling.fps is not None:
        raise InputError(f"--fps needs video files, but {first.path} is a picture; choose frames of it with --frames N")
    if sampling.frames is None:
        return frames
    return [frames[index] for index in spread(len(frames), sampling.frames)]


def _slots(path: Path, source: Source, sampling: Sampling) -> int:
    if not source.is_video:
        return 1
    try:
        return count_slots(path, sampling)
    except Unreadable:
        return 1  # one slot, so that reading it lists the failure


def listing_differences(now: pd.DataFrame, then: pd.DataFrame) -> list[str]:
    """Sentences on inputs that came, went or changed since the plan was frozen."""
    old, new = (table.drop_duplicates(["root", "path"]).set_index(["root", "path"]) for table in (then, now))
    both = old.index.intersection(new.index)
    gone, came = old.index.difference(both), new.index.difference(both)
    old, new = old.loc[both], new.loc[both]
    described = [name for name in DESCRIBED if (old[name] != new[name]).any()]
    relabelled = (old[described] != new[described]).any(axis=1) if described else pd.Series(False, both)
    kinds = (
        (came, "new, not part of it"),
        (gone, "gone"),
        (both[old["byte_size"] != new["byte_size"]], "of another size"),
        (both[relabelled], f"of another {', '.join(described)} (as frozen, they go on)"),
    )
    found = [(sorted(path for _, path in keys), what) for keys, what in kinds]
    return [f"inputs since the plan was frozen: {len(paths)} {what} ({paths[0]})" for paths, what in found if paths]


def rewritten(inputs: pd.DataFrame, moment: float) -> list[tuple[str, str]]:
    """(root, path) of inputs that were written to after a moment (since the epoch), though their size is the same."""
    found = []
    for root, name, size in inputs[["root", "path", "byte_size"]].itertuples(index=False):
        with contextlib.suppress(OSError):  # gone: told elsewhere
            size_now, written = size_and_time(file_path(root, name))
            if written > moment and size_now == size:
                found.append((root, name))
    return found


def slot_numbers(inputs: pd.DataFrame) -> np.ndarray:
    """Number of each slot within its video, a file or neighbouring pictures, shape (slots,)."""
    counts = inputs["slots"].to_numpy()
    keys = inputs[["dataset", "compression", "manipulation", "video", "is_video"]]
    begins = inputs["is_video"].to_numpy(bool) | (keys != keys.shift()).to_numpy().any(axis=1)
    firsts = (np.cumsum(counts) - counts)[begins]  # slot with which each video begins
    starts = np.repeat(firsts[np.cumsum(begins) - 1], counts)
    return np.arange(counts.sum()) - starts
