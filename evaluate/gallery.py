"""Which frames of a run are worth a look: its worst errors and its most confident hits, with their pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import InputError
from cache.reader import Cache
from evaluate.folders import Run
from evaluate.pictures import find_cache, pictures, rows_of
from evaluate.wording import CLASS

KINDS = {  # kind -> the class, and what it was called; errors first, they are what a reader looks for
    "false_positive": (0, 1),
    "false_negative": (1, 0),
    "true_positive": (1, 1),
    "true_negative": (0, 0),
}


def choose(frames: pd.DataFrame, threshold: float, count: int = 6) -> pd.DataFrame:
    """The frames furthest from the threshold, of each kind of error and of hit.

    A video is shown once: by its worst error where that is among those chosen, else by its most confident hit.

    Parameters
    ----------
    frames : DataFrame
        Predictions, one row a frame (``predicted`` is not read).
    threshold : float
        A score at or above it means fake.
    count : int
        The most of each kind.

    Returns
    -------
    DataFrame
        Rows of ``frames`` with a column ``kind``, in the order of `KINDS`, each kind from the furthest on; of equally
        far ones the first by ``sample_id``.
    """
    scores = frames["score"].to_numpy()
    is_fake, called, margin = frames["label"].to_numpy() == 1, scores >= threshold, np.abs(scores - threshold)
    video = pd.factorize(frames["video_id"])[0]
    parts: list[pd.DataFrame] = []
    shown: set[str] = set()
    for kind, (label, said) in KINDS.items():
        rows = np.flatnonzero((is_fake == label) & (called == said))
        rows = rows[_furthest(margin[rows], video[rows], count + len(shown))]
        ranked = frames.iloc[rows].assign(margin=margin[rows])
        ranked = ranked[~ranked["video_id"].isin(shown)]
        ranked = ranked.sort_values(["margin", "sample_id"], ascending=[False, True])
        part = ranked.drop_duplicates("video_id").head(count)
        parts.append(part.assign(kind=kind))
        shown.update(part["video_id"])
    return pd.concat(parts, ignore_index=True).drop(columns="margin")


def _furthest(margin: np.ndarray, video: np.ndarray, most: int) -> np.ndarray:
    """Places, rising, of the rows that one of the first ``most`` videos in falling order of margin may be shown by."""
    if not len(margin):
        return np.arange(0)
    best = np.full(1 + video.max(), -1.0)
    np.maximum.at(best, video, margin)
    nearest = np.sort(best)[-min(most, len(best))]
    return np.flatnonzero(margin >= max(nearest, 0.0))


def gallery(run: Run, cache: Path | None = None, root: Path | None = None) -> list[dict[str, Any]]:
    """The test frames that `choose` shows at the run's own frame threshold, with picture and prompts as far as known.

    Parameters
    ----------
    run : Run
    cache : Path, optional
        The cache of the test samples, where it no longer lies where ``run.json`` says.
    root : Path, optional
        Folder of the data set: pictures are then made from it, and thumbnails show what it lacks.

    Returns
    -------
    list of dict
        ``kind``, ``sample_id``, ``video_id``, ``manipulation``, ``label``, ``score``; ``picture``, a data URI or None;
        ``note``, why there is none, or None; ``prompts``, of each prompt of the run's set (else of the cache's only
        one) its text, its class ("real", "fake") and its cosine with the frame; empty where there are none.

    Raises
    ------
    InputError
        ``cache`` or ``root`` cannot be used, or ``cache`` is not that of the run.
    """
    chosen = choose(run.rows("test"), run.threshold("frame")["value"])
    names = chosen["sample_id"].tolist()
    opened, why = find_cache(run.config, cache)
    shown = pictures(names, opened, root)
    prompts = _prompts(names, opened, run.config.get("prompt_set"))
    facts = chosen[["kind", "sample_id", "video_id", "manipulation", "label", "score"]].to_dict("records")
    return [
        {
            **fact,
            "picture": shown[name].uri,
            "note": why if opened is None and root is None else shown[name].why,
            "prompts": prompts.get(name, []),
        }
        for name, fact in zip(names, facts, strict=True)
    ]


def missing_pictures(rows: Sequence[dict[str, Any]]) -> str:
    """A sentence on the rows of a gallery that have no picture, with the reason of the first; empty where all have."""
    notes = [row["note"] for row in rows if row["picture"] is None]
    if not notes:
        return ""
    which = "No sample has a picture" if len(notes) == len(rows) else f"{len(notes)} of {len(rows)} have no picture"
    return f"{which}: {'' if len(set(notes)) == 1 else 'the first because '}{notes[0]}."


def _prompts(sample_ids: Sequence[str], cache: Cache | None, prompt_set: str | None) -> dict[str, list[list[Any]]]:
    """By sample: text, class and similarity of each prompt."""
    if cache is None:
        return {}
    try:
        found = cache.prompts(prompt_set)
    except InputError:  # none, several, or the run's own lies in an addition
        return {}
    classes = [CLASS[label] for label in found.labels.tolist()]
    return {
        name: [[*of, float(value)] for *of, value in zip(found.texts, classes, found.similarity[row], strict=True)]
        for name, row in zip(sample_ids, rows_of(cache, sample_ids).tolist(), strict=True)
        if row >= 0
    }
