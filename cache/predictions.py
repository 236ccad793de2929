"""Predictions: the one table that classify writes and evaluate reads, and the steps to videos and to groups."""

from pathlib import Path
from typing import NoReturn

import numpy as np
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
FILES = ("predictions.csv", "predictions.parquet")  # of a run folder; the first that is there counts
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
    video = _numbers(frames)
    size = np.bincount(video)
    first = np.empty(len(size), int)
    first[video[::-1]] = np.arange(len(video))[::-1]
    for name in OF_VIDEOS:
        kind = pd.factorize(frames[name])[0]
        if (kind[first][video] != kind).any():
            _refuse(frames)
    videos = frames[["video_id", "split", *OF_VIDEOS]].iloc[first].reset_index(drop=True)
    scores = frames["score"].groupby(video).agg(aggregate).to_numpy()
    videos = videos.assign(score=scores, frames=size)
    return videos[[name for name in VIDEO_COLUMNS if name != "predicted"]]


def _numbers(frames: pd.DataFrame) -> np.ndarray:
    """Number of the video and split of each frame, (n,), by order of first appearance."""
    video, split = (pd.factorize(frames[name])[0] for name in ("video_id", "split"))
    return pd.factorize(video * (1 + split.max(initial=0)) + split)[0]


def _refuse(frames: pd.DataFrame) -> NoReturn:
    """Refuse a video whose frames disagree on what it is: one name for several, which must not become one."""
    kinds = frames[["video_id", "split", *OF_VIDEOS]].drop_duplicates()
    several = kinds[kinds.duplicated(["video_id", "split"], keep=False)]
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
    """Write predictions as CSV, or as Parquet where the path ends so; scores come back bit for bit."""
    if path.suffix == ".parquet":
        return table.to_parquet(path, index=False)
    table.to_csv(path, index=False, float_format="%.17g")


def read(path: Path) -> pd.DataFrame:
    """Read predictions written by `write`.

    Raises
    ------
    InputError
        The file is missing, is no CSV (no Parquet, where its name ends so), or lacks a column.
    """
    text = dict.fromkeys(COLUMNS[:7], str)
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            table = table.astype({name: kind for name, kind in text.items() if name in table})
        else:
            table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"score": [""]})
    except (OSError, pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"cannot read predictions from {path}: {error}") from error
    missing = [name for name in COLUMNS if name not in table and name != "sample_id"]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; predictions have {', '.join(COLUMNS)}")
    return table
