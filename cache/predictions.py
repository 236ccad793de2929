"""Predictions: the one table that classify writes and evaluate reads, and the steps to videos and to groups."""

from pathlib import Path

import pandas as pd

from cache.errors import InputError, choose

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
OF_VIDEOS = ("dataset", "compression", "manipulation", "group", "label")  # alike in all frames of a video
VIDEO_COLUMNS = tuple(name for name in COLUMNS if name != "sample_id") + ("frames",)
AGGREGATES = {
    "mean": "the mean score of its frames",
    "median": "the median score of its frames",
    "max": "the highest score of its frames",
}


def to_videos(frames: pd.DataFrame, aggregate: str = "mean") -> pd.DataFrame:
    """One score for each video, one row a video and split, in order of first appearance.

    ``predicted`` is left out: a video has a threshold of its own.

    Parameters
    ----------
    frames : DataFrame
        With the columns `COLUMNS` (``predicted`` optional).
    aggregate : {"mean", "median", "max"}
        How a video's score is made from those of its frames: a name in `AGGREGATES`.

    Raises
    ------
    InputError
        Unknown aggregate, or frames of one video carry two labels, manipulations, groups, data sets or compressions.
    """
    choose(AGGREGATES, aggregate, "aggregate")
    _check_videos(frames)
    grouped = frames.groupby(["video_id", "split"], sort=False)
    of_frames = {"score": aggregate, "sample_id": "size"}
    videos = grouped.agg({**dict.fromkeys(OF_VIDEOS, "first"), **of_frames}).reset_index()
    videos = videos.rename(columns={"sample_id": "frames"})
    return videos[[name for name in VIDEO_COLUMNS if name != "predicted"]]


def _check_videos(frames: pd.DataFrame) -> None:
    """Refuse a video whose frames disagree on what it is: one name for several, which must not become one."""
    kinds = frames[["video_id", "split", *OF_VIDEOS]].drop_duplicates()
    several = kinds[kinds.duplicated(["video_id", "split"], keep=False)]
    if several.empty:
        return
    (video, _), kinds = next(iter(several.groupby(["video_id", "split"], sort=False)))
    name = next(name for name in reversed(OF_VIDEOS) if kinds[name].nunique(dropna=False) > 1)
    found = ", ".join(map(str, kinds[name].unique()))
    if name == "label":
        raise InputError(f"frames of video {video!r} carry different labels; a video is real or fake as a whole")
    raise InputError(
        f"frames of video {video!r} carry more than one {name} ({found}): different videos need different names, as "
        "a folder in front of them makes"
    )


def to_groups(videos: pd.DataFrame) -> pd.DataFrame:
    """Mean score of the videos of each group and class, in order of first appearance.

    A group that holds reals and fakes has a row of each. What a group may hold several of (manipulation, data set) is
    left out.

    Parameters
    ----------
    videos : DataFrame
        As `to_videos` gives them.

    Returns
    -------
    DataFrame
        ``group``, ``split``, ``label``, ``score``, ``videos`` and ``frames`` (how many it is made of), ``fewest`` and
        ``most`` (frames of a video).
    """
    grouped = videos.groupby(["group", "split", "label"], sort=False)
    frames = {"frames": ("frames", "sum"), "fewest": ("frames", "min"), "most": ("frames", "max")}
    return grouped.agg(score=("score", "mean"), videos=("score", "size"), **frames).reset_index()


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
