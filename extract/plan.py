"""Sources -> the frozen plan: which frames are wanted, who belongs together, in which order."""

import contextlib
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.identity import connected_groups
from cache.ledger import INPUT_COLUMNS
from extract.images import Unreadable
from extract.layouts.base import Source, file_path
from extract.video import Sampling, count_slots, spread

SOURCE_COLUMNS = tuple(field.name for field in fields(Source))
DESCRIBED = ("manipulation", "video", "label", "group", "split")  # what a table of the data set may say otherwise


def plan_inputs(root: Path, sources: Sequence[Source], sampling: Sampling, limit: int | None = None) -> pd.DataFrame:
    """The inputs of an extraction in the order of their slots.

    Parameters
    ----------
    sources : sequence of Source
        In the layout's order.
    sampling : Sampling
        Frames of each video; of a folder of frames, the same number spread evenly.
    limit : int, optional
        At most so many videos of each manipulation.

    Returns
    -------
    DataFrame
        Columns `cache.ledger.INPUT_COLUMNS`.
    """
    videos = [list(frames) for _, frames in groupby(sources, key=video_id)]
    if limit is not None:
        videos = _first_of_each_manipulation(videos, limit)
    kept = [source for frames in videos for source in _spread_frames(frames, sampling)]
    paths = [file_path(root, source.path) for source in kept]
    columns: dict[str, list[Any]] = {name: [getattr(source, name) for source in kept] for name in SOURCE_COLUMNS}
    columns["identities"] = [" ".join(source.identities) for source in kept]
    columns["group"] = connected_groups([source.identities for source in kept])
    columns["slots"] = [_slots(path, source, sampling) for path, source in zip(paths, kept, strict=True)]
    columns["byte_size"] = [path.stat().st_size for path in paths]
    return pd.DataFrame(columns)[list(INPUT_COLUMNS)]


def video_id(source: Source) -> str:
    """dataset/compression/manipulation/video."""
    return f"{source.dataset}/{source.compression}/{source.manipulation}/{source.video}"


def _first_of_each_manipulation(videos: list[list[Source]], limit: int) -> list[list[Source]]:
    seen: dict[tuple[str, str, str], int] = {}
    kept = []
    for frames in videos:
        key = (frames[0].dataset, frames[0].compression, frames[0].manipulation)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= limit:
            kept.append(frames)
    return kept


def _spread_frames(frames: list[Source], sampling: Sampling) -> list[Source]:
    if frames[0].is_video:
        return frames
    if sampling.fps is not None:
        raise InputError(
            f"--fps needs video files, but {frames[0].path} is a picture; choose frames of it with --frames N"
        )
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
    old, new = (table.drop_duplicates("path").set_index("path") for table in (then, now))
    both = old.index.intersection(new.index)
    old, new = old.loc[both], new.loc[both]
    described = [name for name in DESCRIBED if (old[name] != new[name]).any()]
    relabelled = (old[described] != new[described]).any(axis=1) if described else pd.Series(False, both)
    kinds = (
        (now["path"][~now["path"].isin(both)], "new, not part of it"),
        (then["path"][~then["path"].isin(both)], "gone"),
        (both[old["byte_size"] != new["byte_size"]], "of another size"),
        (both[relabelled], f"of another {', '.join(described)} (as frozen, they go on)"),
    )
    found = [(sorted(paths), what) for paths, what in kinds]
    return [f"inputs since the plan was frozen: {len(paths)} {what} ({paths[0]})" for paths, what in found if paths]


def rewritten(root: Path | str, inputs: pd.DataFrame, moment: float) -> list[str]:
    """Paths of inputs that were written to after a moment (seconds since the epoch), though their size is the same."""
    found = []
    for name, size in inputs[["path", "byte_size"]].itertuples(index=False):
        with contextlib.suppress(OSError):  # gone: told elsewhere
            status = file_path(root, name).stat()
            if status.st_mtime > moment and status.st_size == size:
                found.append(name)
    return found


def slot_numbers(inputs: pd.DataFrame) -> np.ndarray:
    """Number of each slot within its input, shape (slots,)."""
    counts = inputs["slots"].to_numpy()
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(counts.sum()) - starts
