"""Predictions: the one table that classify writes and evaluate reads, and the step from frames to videos."""

from pathlib import Path

import pandas as pd

from cache.errors import InputError

COLUMNS = (
    "sample_id",
    "dataset",
    "compression",
    "manipulation",
    "video_id",
    "group",
    "split",
    "label",
    "score",
    "predicted",
)
VIDEO_COLUMNS = tuple(name for name in COLUMNS if name != "sample_id") + ("frames",)


def to_videos(frames: pd.DataFrame) -> pd.DataFrame:
    """Mean score of each video, one row a video and split, in order of first appearance.

    ``predicted`` is left out: a video has a threshold of its own.

    Parameters
    ----------
    frames : DataFrame
        With the columns `COLUMNS` (``predicted`` optional).

    Raises
    ------
    InputError
        Frames of one video carry two labels.
    """
    grouped = frames.groupby(["video_id", "split"], sort=False)
    if (grouped["label"].nunique() > 1).any():
        video = grouped["label"].nunique().idxmax()[0]
        raise InputError(f"frames of video {video!r} carry different labels; a video is real or fake as a whole")
    first = ["dataset", "compression", "manipulation", "group", "label"]
    videos = grouped.agg({**dict.fromkeys(first, "first"), "score": "mean", "sample_id": "size"}).reset_index()
    videos = videos.rename(columns={"sample_id": "frames"})
    return videos[[name for name in VIDEO_COLUMNS if name != "predicted"]]


def write(path: Path, table: pd.DataFrame) -> None:
    """Write predictions as CSV; scores with 17 digits, so that they come back bit for bit."""
    table.to_csv(path, index=False, float_format="%.17g")


def read(path: Path) -> pd.DataFrame:
    """Read predictions written by `write`.

    Raises
    ------
    InputError
        The file is missing, is no CSV, or lacks a column.
    """
    try:
        text = dict.fromkeys(COLUMNS[:7], str)
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"score": [""]})
    except (OSError, pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"cannot read predictions from {path}: {error}") from error
    missing = [name for name in COLUMNS if name not in table and name != "sample_id"]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; predictions have {', '.join(COLUMNS)}")
    return table
