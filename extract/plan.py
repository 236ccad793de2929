"""Sources -> the frozen plan: which frames are wanted, who belongs together, in which order."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.identity import connected_groups
from cache.ledger import INPUT_COLUMNS
from extract.images import Unreadable
from extract.layouts.base import Source, file_path
from extract.video import Sampling, count_slots, spread


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
    table = pd.DataFrame([_row(root, source, sampling) for source in kept])
    table["group"] = connected_groups([source.identities for source in kept])
    return table[list(INPUT_COLUMNS)].reset_index(drop=True)


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


def _row(root: Path, source: Source, sampling: Sampling) -> dict[str, object]:
    path = file_path(root, source.path)
    row = asdict(source)
    row["identities"] = " ".join(source.identities)
    row["slots"] = _slots(path, source, sampling)
    row["byte_size"] = path.stat().st_size
    return row


def _slots(path: Path, source: Source, sampling: Sampling) -> int:
    if not source.is_video:
        return 1
    try:
        return count_slots(path, sampling)
    except Unreadable:
        return 1  # one slot, so that reading it lists the failure


def listing_differences(now: pd.DataFrame, then: pd.DataFrame) -> list[str]:
    """Sentences on inputs that came, went or changed size since the plan was frozen."""
    sizes_now = dict(zip(now["path"], now["byte_size"], strict=True))
    sizes_then = dict(zip(then["path"], then["byte_size"], strict=True))
    came = sorted(sizes_now.keys() - sizes_then.keys())
    went = sorted(sizes_then.keys() - sizes_now.keys())
    changed = sorted(path for path in sizes_now.keys() & sizes_then.keys() if sizes_now[path] != sizes_then[path])
    kinds = ((came, "new, not part of it"), (went, "gone"), (changed, "of another size"))
    return [f"inputs since the plan was frozen: {len(paths)} {what} ({paths[0]})" for paths, what in kinds if paths]


def slot_numbers(inputs: pd.DataFrame) -> np.ndarray:
    """Number of each slot within its input, shape (slots,)."""
    counts = inputs["slots"].to_numpy()
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(counts.sum()) - starts
