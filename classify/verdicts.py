"""Pictures and videos that a user wants judged: a model's scores of them, as records and as lines to print."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cache.reader import Cache
from classify.models import Model
from classify.predict import score_frames, score_videos

VERDICTS = ("real", "fake")
NO_FACE = "no face"
COLUMNS = ("verdict", "score", "threshold", "frames", "path", "note")  # of the table; a record has more
LEVEL = {"picture": "frame", "video": "video"}


class Unit(Protocol):
    """A picture or a video, as `extract.named.Unit` has it."""

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def video_id(self) -> str: ...
    @property
    def failed(self) -> str: ...
    @property
    def note(self) -> str: ...


def judge(model: Model, cache: Cache, units: Iterable[Unit]) -> list[dict[str, Any]]:
    """The verdict on each picture and video by the threshold of its level.

    A frame that was taken whole because it has no face gets no score: it would be a guess.

    Parameters
    ----------
    model : Model
    cache : Cache
        The frames of all units.
    units : iterable of Unit

    Returns
    -------
    list of dict
        One for each unit, in their order: ``path``, ``kind``, ``verdict`` ("real", "fake", or why there is none),
        ``score`` and ``threshold`` (None without), ``frames`` scored, ``note``, and of a video ``frame_scores``, each
        ``{"frame", "score"}`` with the number of the frame in the video.
    """
    frames = cache.samples.assign(split="test", score=score_frames(model, cache))
    faceless = ~_has_face(cache)
    left_out = frames["video_id"][faceless].value_counts()
    by_video = dict(iter(frames[~faceless].groupby("video_id")))
    return [_record(model, unit, by_video.get(unit.video_id), int(left_out.get(unit.video_id, 0))) for unit in units]


def lines(records: Sequence[dict[str, Any]]) -> list[str]:
    """Records as a table."""
    shown = [{**record, **{name: _rounded(record[name]) for name in ("score", "threshold")}} for record in records]
    rows = [COLUMNS, *([str(record[name]) for name in COLUMNS] for record in shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _rounded(number: float | None) -> str:
    return "" if number is None else f"{number:.4f}"


def _has_face(cache: Cache) -> np.ndarray:
    return cache.array("face/count") > 0 if "face/count" in cache.arrays() else np.ones(len(cache), bool)


def _record(model: Model, unit: Unit, frames: pd.DataFrame | None, faceless: int) -> dict[str, Any]:
    """The record of a unit whose scored frames are ``frames``; None where there are none."""
    known: dict[str, Any] = {"path": unit.path, "kind": unit.kind}
    notes = [unit.note] if unit.note else []
    if faceless and unit.kind == "video":
        notes.append(f"{faceless} frame{'s' * (faceless > 1)}: {NO_FACE}")
    if frames is None:
        verdict = unit.failed or NO_FACE
        return {**known, "verdict": verdict, "score": None, "threshold": None, "frames": 0, "note": "; ".join(notes)}
    level = LEVEL[unit.kind]
    scored = score_videos(model, frames) if level == "video" else frames
    score = float(scored["score"].iloc[0])
    record = {
        **known,
        "verdict": VERDICTS[int(score >= model.threshold(level))],
        "score": score,
        "threshold": model.threshold(level),
        "frames": len(frames),
        "note": "; ".join(notes),
    }
    if level == "video":
        ordered = frames.sort_values("frame")
        pairs = zip(ordered["frame"].tolist(), ordered["score"].tolist(), strict=True)
        record["frame_scores"] = [{"frame": frame, "score": value} for frame, value in pairs]
    return record
