"""A model on a cache: the score of every frame and video, and a folder of them that can be measured."""

import json
import shutil
import uuid
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cache import predictions
from cache.errors import InputError
from cache.reader import Cache
from cache.schema import REAL, UNKNOWN
from cache.store import refuse_taken
from classify.acceptance import check_prompts, check_provenance, group_column, made_with, split_of, trained_groups
from classify.features import feature_matrix
from classify.fit import scores
from classify.models import Model
from classify.record import FORMAT, software, write_json
from classify.views import score_views, view_names, write_views
from evaluate import calibration
from evaluate.caveats import LEAK

ROWS = 65_536  # scored at a time
OF_THE_MODEL = (
    "head", "train", "trained_on", "train_groups", "features", "normalize", "prompt_set", "parameters",
    "trainable_parameters", "trainable_share", "weighting", "score", "seed", "cache", "thresholds", "calibration",
)  # fmt: skip


class Predictions(NamedTuple):
    """What a model says of a cache.

    Attributes
    ----------
    frames : DataFrame
        Columns `cache.predictions.COLUMNS`, split "test"; scores are calibrated where the model is.
    videos : DataFrame
        Columns `cache.predictions.VIDEO_COLUMNS`.
    told : list of str
        Sentences on what has to be known beside the scores.
    """

    frames: pd.DataFrame
    videos: pd.DataFrame
    told: list[str]


def predict_cache(model: Model, cache: Cache, *, differ: Collection[str] = (), allow_leak: bool = False) -> Predictions:
    """Score every sample of a cache, labelled or not.

    Parameters
    ----------
    model : Model
        With its text tower where it runs one (`give_text_tower`).
    cache : Cache
    differ : collection of {"crop", "view"}
        What may differ from the features that the model was trained on.
    allow_leak : bool
        Go on where groups of the training are in the cache.

    Raises
    ------
    InputError
        The features were made by another encoder, otherwise, or of other prompts; the model was trained on some of
        the groups.
    """
    told = check_provenance(model, cache.provenance(), differ)
    leaking = trained_groups(model, cache.samples)
    if leaking and not allow_leak:
        raise InputError(
            f"{cache.path}: {leaking}; predict others (`cache subset` takes them out), or go on with --allow-leak, "
            "which every report will state"
        )
    samples = cache.samples.assign(split="test", score=score_frames(model, cache))
    samples["group"] = samples[group_column(model)]
    samples["predicted"] = is_fake(model, samples["score"], "frame")
    frames = samples[list(predictions.COLUMNS)]
    return Predictions(frames, score_videos(model, frames), [*([leaking] if leaking else []), *told])


def write_predictions(
    model: Model,
    cache: Cache,
    out: Path,
    *,
    differ: Collection[str] = (),
    allow_leak: bool = False,
    command: str = "",
) -> list[str]:
    """Predict a cache into a folder that `evaluate` takes; it appears when it is whole.

    Parameters
    ----------
    model, cache, differ, allow_leak
        As `predict_cache` takes them.
    out : Path
        Nothing may be there.
    command : str
        For ``run.json``.

    Returns
    -------
    list of str
        Sentences for the user.
    """
    refuse_taken(out)
    made = predict_cache(model, cache, differ=differ, allow_leak=allow_leak)
    views, unscored = _view_scores(model, cache)
    record = _record(model, cache, made, allow_leak=allow_leak, command=command)
    record["views"] = view_names(views)
    record["caveats"] += unscored
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        draft.mkdir(parents=True)
        predictions.write(draft / "predictions.csv", made.frames)
        predictions.write(draft / "video_predictions.csv", made.videos)
        write_views(draft, views)
        write_json(draft / "run.json", record)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    labels = set(made.frames["label"])
    if UNKNOWN in labels or len(labels) < 2:
        found = "rows without a label" if UNKNOWN in labels else "one class only"
        return [*made.told, *unscored, f"{out} holds {found}: there is nothing that `evaluate` could measure"]
    return [*made.told, *unscored]


def give_text_tower(model: Model, name: str | None, pretrained: str | None) -> None:
    """Give the heads that run a text tower the one of the model's encoder, named as for ``extract``."""
    if takers := model.takers_of_the_tower:
        from classify.text_tower import load_text_tower

        tower = load_text_tower(made_with(model), name, pretrained)
        for head in takers:
            head.text_tower = tower


def score_frames(model: Model, cache: Cache, view: str | None = None) -> np.ndarray:
    """Calibrated score of every frame of a cache, in its default view or another; float64, shape (n,)."""
    names, prompt_set = model.meta["features"], _prompt_set(model)
    if prompt_set:
        check_prompts(model, cache, prompt_set)
    stated = [tuple(block) for block in model.meta["blocks"]]
    found = [np.empty(0)]
    for rows in _parts(len(cache)):
        X, blocks = feature_matrix(cache, rows, names, prompt_set, view)
        if list(blocks) != stated:
            raise InputError(f"{cache.path} has the features {blocks}, the model goes by {stated}")
        found.append(scores(model.pipeline, X))
    return calibration.apply(model.calibration("frame"), np.concatenate(found))


def _view_scores(model: Model, cache: Cache) -> tuple[pd.DataFrame, list[str]]:
    """Calibrated scores of all frames in other views, and why a view has none."""
    ids = cache.samples["sample_id"]
    return score_views(cache, ids, lambda view: score_frames(model, cache, view), _prompt_set(model))


def _prompt_set(model: Model) -> str | None:
    """The prompts whose similarities are features."""
    return model.meta["prompt_set"] if "prompts" in model.meta["features"] else None


def score_videos(model: Model, frames: pd.DataFrame) -> pd.DataFrame:
    """Videos of scored frames: the mean of their calibrated scores, calibrated as a video's."""
    videos = predictions.to_videos(frames)
    videos["score"] = calibration.apply(model.calibration("video"), videos["score"].to_numpy())
    videos["predicted"] = is_fake(model, videos["score"], "video")
    return videos[list(predictions.VIDEO_COLUMNS)]


def is_fake(model: Model, score: pd.Series, level: str) -> pd.Series:
    """Whether scores of a level reach the model's threshold, as 0 and 1."""
    return (score >= model.threshold(level)).astype(int)


def _record(model: Model, cache: Cache, made: Predictions, *, allow_leak: bool, command: str) -> dict[str, Any]:
    """``run.json`` of predictions."""
    frames = made.frames
    one, other = model.meta["cache"]["path"], str(cache.path)
    seen = [told for told in model.meta["caveats"] if not told.startswith(LEAK)]  # a leak of other test rows
    record = {
        "format": FORMAT,
        "kind": "prediction",
        **{name: model.meta.get(name) for name in OF_THE_MODEL},
        "model": model.fingerprint,
        "test": sorted(frames.loc[frames["label"] != REAL, "manipulation"].unique()),
        "test_cache": {
            "path": other,
            "fingerprint": cache.fingerprint,
            "additions": [addition.fingerprint for addition in cache.additions],
            "table": cache.table_hash,
            "provenance": asdict(cache.provenance()),
        },
        "split": {
            **{name: split_of(model).get(name) for name in ("disjoint", "drop_crossing")},
            "method": "prediction",
            "allow_leak": allow_leak,
            "groups": {"test": int(frames["group"].nunique())},
            "videos": {"test": int(frames["video_id"].nunique())},
        },
        "command": command,
        "versions": software(),
        "caveats": [f"predicted on {other} by a model that was fitted before, on {one}", *made.told, *seen],
    }
    return json.loads(json.dumps(record))


def _parts(rows: int) -> Iterator[np.ndarray]:
    return (np.arange(start, min(start + ROWS, rows)) for start in range(0, rows, ROWS))
