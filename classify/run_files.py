"""Predictions of a fitted head as tables, and the files of its run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache import predictions
from classify.fitted import Fitted
from classify.record import log_lines, write_json
from classify.views import write_views
from evaluate.calibration import apply

Side = tuple[str, np.ndarray, np.ndarray | float]  # "val" or "test", rows, their scores


def frame_table(samples: pd.DataFrame, key: str, sides: Sequence[Side], fitted: Fitted) -> pd.DataFrame:
    """Predictions of frames, columns `cache.predictions.COLUMNS`.

    Parameters
    ----------
    samples : DataFrame
        Its index holds the row numbers.
    key : str
        The column that stands as ``group``.
    sides : sequence of (str, ndarray of int, ndarray of float)
        Name of the side, its rows and their calibrated scores.
    fitted : Fitted
        Gives the threshold.
    """
    table = prediction_rows(samples, key, sides)
    table["predicted"] = _predicted(table["score"], fitted, "frame")
    return table[list(predictions.COLUMNS)]


def prediction_rows(samples: pd.DataFrame, key: str, sides: Sequence[Side]) -> pd.DataFrame:
    """The same without ``predicted``, whose threshold is a head's; parameters as of `frame_table`."""
    known = [name for name in dict.fromkeys((*predictions.COLUMNS, key)) if name in samples]
    parts = [samples.loc[rows, known].assign(split=side, score=score) for side, rows, score in sides]
    table = pd.concat(parts, ignore_index=True)
    table["group"] = table[key]
    return table[[name for name in predictions.COLUMNS if name != "predicted"]]


def video_table(frames: pd.DataFrame, fitted: Fitted) -> pd.DataFrame:
    """Predictions of videos, columns `cache.predictions.VIDEO_COLUMNS`, from those of their frames."""
    videos = predictions.to_videos(frames)
    videos["score"] = apply(fitted.map_of("video"), videos["score"].to_numpy())
    videos["predicted"] = _predicted(videos["score"], fitted, "video")
    return videos[list(predictions.VIDEO_COLUMNS)]


def write_tables(
    folder: Path, record: dict[str, Any], fitted: Fitted, frames: pd.DataFrame, views: pd.DataFrame
) -> None:
    """Write a run's predictions of frames, videos and other views, its history, its log and ``run.json``."""
    predictions.write(folder / "predictions.csv", frames)
    predictions.write(folder / "video_predictions.csv", video_table(frames, fitted))
    write_views(folder, views)
    if fitted.history is not None:
        fitted.history.to_csv(folder / "history.csv", index=False)
    (folder / "run.log").write_text("\n".join(log_lines(record)) + "\n", encoding="utf-8")
    write_json(folder / "run.json", record)


def _predicted(score: pd.Series, fitted: Fitted, level: str) -> pd.Series:
    return (score >= fitted.thresholds[level]["value"]).astype(int)
