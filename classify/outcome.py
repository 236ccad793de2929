"""From out-of-fold scores to calibration and thresholds, at the level of frames and of videos."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from classify.folds import FOLDS, row_weights
from evaluate import calibration
from evaluate.metrics import balanced_threshold

BY_FOLDS = f"balanced accuracy of out-of-fold scores, {FOLDS} grouped folds"
BY_DEFAULT = "default: too few training groups to choose"
BY_USER = "fixed by the user"
LEVELS = ("frame", "video")


class Chosen(NamedTuple):
    """What follows from out-of-fold scores.

    Attributes
    ----------
    out_of_fold : ndarray of float64, shape (n,), or None
        Of frames; where asked for calibrated, on the other folds.
    calibration : dict or None
        ``{"method", "frame", "video"}``, from all folds.
    thresholds : dict
        ``{"value", "source"}`` of each level.
    """

    out_of_fold: np.ndarray | None
    calibration: dict[str, Any] | None
    thresholds: dict[str, dict[str, Any]]


def choose_outcome(
    scores: np.ndarray | None,
    y: np.ndarray,
    video: np.ndarray,
    folds: np.ndarray | None,
    method: str | None = None,
    threshold: float | None = None,
) -> Chosen:
    """Calibrate out-of-fold scores and choose a threshold at each level.

    A video's score is the mean of its frames' calibrated scores, calibrated once more as a video's. What is chosen on
    the scores of a fold is calibrated on the other folds.

    Parameters
    ----------
    scores : ndarray of float, shape (n,), or None
        Out-of-fold scores of frames; None where nothing could be chosen.
    y, folds : ndarray of int, shape (n,)
    video : ndarray of str, shape (n,)
    method : {"platt", "isotonic"}, optional
    threshold : float, optional
        Of the user, for both levels.
    """
    if scores is None or folds is None:
        value, source = (0.5, BY_DEFAULT) if threshold is None else (threshold, BY_USER)
        return Chosen(None, None, {level: {"value": value, "source": source} for level in LEVELS})
    made: dict[str, Any] = {"method": method}
    reached: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    weights = row_weights(y, video)
    if method:
        made["frame"] = calibration.fit(method, scores, y, weights)
        scores = cross_fitted(method, scores, y, weights, folds)
    reached["frame"] = y, scores
    labels, means, of_videos = by_video(y, video, folds, scores)
    if method:
        even = row_weights(labels, np.arange(len(labels)))
        made["video"] = calibration.fit(method, means, labels, even)
        means = cross_fitted(method, means, labels, even, of_videos)
    reached["video"] = labels, means
    thresholds = {
        level: {"value": balanced_threshold(*pair), "source": BY_FOLDS}
        if threshold is None
        else {"value": threshold, "source": BY_USER}
        for level, pair in reached.items()
    }
    return Chosen(scores, made if method else None, thresholds)


def cross_fitted(method: str, scores: np.ndarray, y: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Scores calibrated fold by fold, each on the scores of the other folds."""
    found = np.empty(len(scores))
    for fold in np.unique(folds):
        held = folds == fold
        fitted = calibration.fit(method, scores[~held], y[~held], weights[~held])
        found[held] = calibration.apply(fitted, scores[held])
    return found


def by_video(
    y: np.ndarray, video: np.ndarray, folds: np.ndarray, frame_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, mean score and fold of each video, in order of first appearance."""
    codes, _ = pd.factorize(video)
    counts = np.bincount(codes)
    first = np.unique(codes, return_index=True)[1]
    return y[first], np.bincount(codes, frame_scores) / counts, folds[first]
