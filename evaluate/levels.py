"""All figures of one table of predictions, counted by frames, by videos or by groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cache.errors import choose
from cache.predictions import to_groups, to_videos
from evaluate.bootstrap import bootstrap
from evaluate.calibration import Calibration, apply
from evaluate.curve import check_labels, roc
from evaluate.decisions import confusion, majority_baseline
from evaluate.intervals import FEW_GROUPS, GroupDraws, exact_interval, group_draws, interval, lost_draws
from evaluate.metrics import EER_CONVENTIONS, METRICS
from evaluate.transfer import transfer

LEVELS = ("frame", "video")  # each has a threshold and a calibration of its own
UNNAMED = "fake"  # the manipulation of fakes that nobody named
RATES = {"accuracy": (0, 1), "recall": (1,), "specificity": (0,)}  # shares of the rows of these classes
MEASURED = {
    "frame": "every frame counts once",
    "video": "every video counts once",
    "group": "every group counts once a class, by the mean score of its videos, at the threshold of videos",
}


def at_level(
    frames: pd.DataFrame, level: str, calibration: Calibration | None = None, aggregate: str = "mean"
) -> pd.DataFrame:
    """Predictions with one row a frame, one row a video, or one row a group and class.

    Parameters
    ----------
    frames : DataFrame
        Predictions, one row a frame.
    level : {"frame", "video", "group"}
        A name in `MEASURED`.
    calibration : dict, optional
        Of videos: applied to a video's score before groups are made of it; the score of a frame comes calibrated.
    aggregate : {"mean", "median", "max"}
        How a video's score is made from those of its frames.
    """
    choose(MEASURED, level, "level")
    if level == "frame":
        return frames
    videos = to_videos(frames, aggregate)
    videos = videos.assign(score=apply(calibration, videos["score"].to_numpy()))
    return to_groups(videos) if level == "group" else videos


def measure(
    table: pd.DataFrame, threshold: dict[str, Any], *, draws: GroupDraws | None = None, probabilities: bool = False
) -> dict[str, Any]:
    """Every metric of one set of predictions at one level, with what it was counted on.

    Parameters
    ----------
    table : DataFrame
        Predictions as `at_level` gives them (``predicted`` is not read).
    threshold : dict
        ``value``: a score at or above it means fake; ``source``: where it comes from.
    draws : GroupDraws, optional
        Behind ``low`` and ``high``; made from these rows where not given. Those of a larger table let several cells
        share the same draws of the same groups.
    probabilities : bool
        Whether the scores are meant as probabilities; the metrics that read these have no value else.

    Returns
    -------
    dict
        For each name in `evaluate.metrics.METRICS`, and ``fpr`` and ``fnr``, ``{"value", "low", "high"}`` (the ends are
        None where draws tell none, as `evaluate.intervals.interval` says; exact for a rate of 0 or 1;
        ``{"value": None}`` alone where scores are no probabilities); ``eer_conventions`` (the EER by each of
        `evaluate.metrics.EER_CONVENTIONS`); ``transfer`` (as `evaluate.transfer.transfer`, its ``cost`` with an
        interval against the best threshold of these rows, the same one in every draw); ``majority_baseline``,
        ``confusion``, ``threshold``, ``errors`` (by kind: count, mean score, mean distance from the threshold), ``n``
        (rows, frames, videos, classes, groups), ``one_class_draws`` (left out of the intervals) and ``few_groups`` (the
        intervals cannot be trusted).

    Raises
    ------
    InputError
        One class is missing, or a score is not finite, or not in 0 to 1 where it is meant as a probability.
    """
    labels, scores, cut = table["label"].to_numpy(), table["score"].to_numpy(), threshold["value"]
    predicted = (scores >= cut).astype(int)
    named = [name for name, metric in METRICS.items() if probabilities or metric.reads != "probabilities"]
    groups = table["group"]
    draws = draws or group_draws(groups, labels)
    drawn = bootstrap(labels, scores, groups, draws, [name for name in named if METRICS[name].drawn], cut)
    moved = transfer(labels, scores, cut)
    fpr, tpr, _ = roc(labels, scores)
    best = bootstrap(labels, scores, groups, draws, ("balanced_accuracy",), moved["best_threshold"])
    costs = interval(best["balanced_accuracy"] - drawn["balanced_accuracy"])
    moved["cost"] |= {end: None if cost is None else max(0.0, cost) for end, cost in costs.items()}
    return {
        **_figures(table, predicted, named, drawn),
        "eer_conventions": {name: of(fpr, tpr) for name, of in EER_CONVENTIONS.items()},
        "transfer": moved,
        "majority_baseline": majority_baseline(labels),
        "confusion": confusion(labels, predicted),
        "threshold": dict(threshold),
        "errors": errors(labels, scores, cut),
        "n": counts(table),
        "one_class_draws": lost_draws(drawn["auc"]),
        "few_groups": has_few_groups(table),
    }


def _figures(
    table: pd.DataFrame, predicted: np.ndarray, named: Sequence[str], drawn: dict[str, np.ndarray]
) -> dict[str, Any]:
    labels, scores = table["label"].to_numpy(), table["score"].to_numpy()
    given = {"scores": scores, "decisions": predicted, "probabilities": scores}
    figures: dict[str, Any] = {name: {"value": None} for name in METRICS}
    for name in named:
        metric = METRICS[name]
        value = metric.function(labels, given[metric.reads])
        figures[name] = {"value": value, **_ends(table, name, value, drawn.get(name))}
    return figures | {"fpr": _rest(figures["specificity"]), "fnr": _rest(figures["recall"])}


def _ends(table: pd.DataFrame, name: str, value: float, drawn: np.ndarray | None) -> dict[str, Any]:
    """The interval of a metric of these rows."""
    if name in RATES and value in (0, 1):
        return {**exact_interval(value, table.loc[table["label"].isin(RATES[name]), "group"].nunique())}
    return {"low": None, "high": None} if drawn is None else interval(drawn, value)


def _rest(figure: dict[str, float | None]) -> dict[str, float | None]:
    """What is left to 1, interval and all."""
    ends = {"value": figure["value"], "low": figure["high"], "high": figure["low"]}
    return {end: None if value is None else 1 - value for end, value in ends.items()}


def counts(table: pd.DataFrame) -> dict[str, Any]:
    """What a number rests on: rows at its level, frames, videos, classes, and groups of each class."""
    fake = table["label"] == 1
    if "videos" in table:  # one row a group and class
        videos, frames = int(table["videos"].sum()), int(table["frames"].sum())
        ends = [int(table["fewest"].min()), int(table["most"].max())]
    else:
        per_video = table["frames"] if "frames" in table else table.groupby("video_id").size()
        videos, frames = len(per_video), int(per_video.sum())
        ends = [int(per_video.min()), int(per_video.max())]
    return {
        "samples": len(table),
        "frames": frames,
        "videos": videos,
        "frames_per_video": ends,
        "real": int((~fake).sum()),
        "fake": int(fake.sum()),
        "groups": int(table["group"].nunique()),
        "groups_real": int(table.loc[~fake, "group"].nunique()),
        "groups_fake": int(table.loc[fake, "group"].nunique()),
    }


def has_few_groups(table: pd.DataFrame) -> bool:
    """Whether a class has so few groups that its intervals cannot be trusted."""
    return bool(table.groupby("label")["group"].nunique().min() < FEW_GROUPS)


def errors(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, dict[str, Any]]:
    """Reals called fake and fakes called real: how many, their mean score and mean distance from the threshold.

    The means are None where there is no such error.

    Examples
    --------
    >>> errors(np.array([0, 0, 1]), np.array([0.25, 0.75, 0.875]), 0.5)["false_positive"]
    {'count': 1, 'mean_score': 0.75, 'mean_margin': 0.25}
    """
    check_labels(labels)
    fake = scores >= threshold
    wrong = {"false_positive": fake & (labels == 0), "false_negative": ~fake & (labels == 1)}
    return {kind: _error(scores[rows], threshold) for kind, rows in wrong.items()}


def _error(scores: np.ndarray, threshold: float) -> dict[str, Any]:
    mean_score = float(scores.mean()) if len(scores) else None
    mean_margin = float(np.abs(scores - threshold).mean()) if len(scores) else None
    return {"count": len(scores), "mean_score": mean_score, "mean_margin": mean_margin}


def worst_videos(videos: pd.DataFrame, threshold: float, count: int = 5) -> list[dict[str, Any]]:
    """The misjudged videos that lie furthest on the wrong side of the threshold, worst first.

    Parameters
    ----------
    videos : DataFrame
        Predictions, one row a video.
    threshold : float
    count : int

    Returns
    -------
    list of dict
        ``video_id``, ``manipulation``, ``label``, ``score``, ``frames``.
    """
    fake = videos["score"] >= threshold
    wrong = videos[fake != (videos["label"] == 1)]
    ranked = wrong.assign(margin=(wrong["score"] - threshold).abs())
    ranked = ranked.sort_values(["margin", "video_id"], ascending=[False, True]).head(count)
    columns = ["video_id", "manipulation", "label", "score", "frames"]
    return ranked[columns].to_dict("records")


def cells(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Test rows by manipulation: its fakes with the reals of their data set and compression.

    A manipulation of several data sets or compressions is one cell for each of these, named after it: reals of
    another data set would be told apart by the data set.

    Returns
    -------
    dict of DataFrame
        By name, in order of first appearance; ``FaceSwap``, or ``FaceSwap (FF++/c23)`` where there are several.
    """
    fakes = table[table["label"] == 1]
    origins = fakes[["manipulation", "dataset", "compression"]].drop_duplicates()
    several = origins["manipulation"].duplicated(keep=False)
    found = {}
    for origin, ambiguous in zip(origins.itertuples(index=False), several, strict=True):
        same = (table["dataset"] == origin.dataset) & (table["compression"] == origin.compression)
        mine = (table["label"] == 0) | (table["manipulation"] == origin.manipulation)
        place = f" ({origin.dataset}/{origin.compression})" if ambiguous else ""
        rows = same & mine
        found[f"{origin.manipulation}{place}"] = table if rows.all() else table[rows]
    return found


def is_seen(cell: pd.DataFrame, train: Sequence[str] | None) -> bool | None:
    """Whether the manipulation of a cell is one of those in ``train``, which may name their data set: FF++/FaceSwap.

    None where nobody knows what was trained on, or what the fakes are: `UNNAMED` may be any of those in ``train``.
    """
    if train is None:
        return None
    fakes = cell.loc[cell["label"] == 1, ["dataset", "manipulation"]].drop_duplicates()
    unseen = [name for dataset, name in fakes.itertuples(index=False) if not {name, f"{dataset}/{name}"} & set(train)]
    return None if set(unseen) == {UNNAMED} else not unseen
