"""Calibration and thresholds: by level, and never by the scores that they are applied to."""

import numpy as np
import pytest

from classify.folds import row_weights
from classify.outcome import BY_USER, by_video, choose_outcome, cross_fitted
from evaluate import calibration
from evaluate.metrics import balanced_threshold

FRAMES = 2


def scored(n: int = 400, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Overconfident scores of videos of two frames, in five folds."""
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.integers(0, 2, n), FRAMES)
    video = np.repeat([f"v{k}" for k in range(n)], FRAMES).astype(object)
    decision = 3 * (1.5 * (y - 0.5) + np.repeat(rng.normal(size=n), FRAMES) + 0.3 * rng.normal(size=len(y)))
    folds = np.repeat(rng.permutation(np.arange(n) % 5), FRAMES)
    return 1 / (1 + np.exp(-decision)), y, video, folds


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


@pytest.mark.parametrize("method", calibration.METHODS)
def test_a_fold_is_calibrated_by_the_other_folds_alone(method: str) -> None:
    scores, y, video, folds = scored()
    weights = row_weights(y, video)
    found = cross_fitted(method, scores, y, weights, folds)
    wrong = np.where(folds == 2, 1 - y, y)  # other labels in a fold change the other folds, not this one
    changed = cross_fitted(method, scores, wrong, weights, folds)
    assert np.array_equal(found[folds == 2], changed[folds == 2])
    assert not np.array_equal(found[folds != 2], changed[folds != 2])


@pytest.mark.parametrize("method", calibration.METHODS)
def test_calibration_brings_overconfident_scores_to_probabilities(method: str) -> None:
    scores, y, video, folds = scored()
    chosen = choose_outcome(scores, y, video, folds, method)
    assert chosen.out_of_fold is not None and chosen.calibration is not None
    assert chosen.calibration["method"] == method
    assert log_loss(y, chosen.out_of_fold) < log_loss(y, scores) - 0.05
    labels, means, of_videos = by_video(y, video, folds, chosen.out_of_fold)
    again = cross_fitted(method, means, labels, row_weights(labels, np.arange(len(labels))), of_videos)
    assert log_loss(labels, again) < log_loss(labels, means) + 0.01
    assert chosen.thresholds["frame"]["value"] == balanced_threshold(y, chosen.out_of_fold)
    assert chosen.thresholds["video"]["value"] == balanced_threshold(labels, again)


def test_without_a_method_scores_stay() -> None:
    scores, y, video, folds = scored(60)
    chosen = choose_outcome(scores, y, video, folds)
    assert chosen.calibration is None and chosen.out_of_fold is scores
    labels, means, _ = by_video(y, video, folds, scores)
    assert chosen.thresholds["video"]["value"] == balanced_threshold(labels, means)


def test_a_threshold_of_the_user_is_taken_and_named() -> None:
    scores, y, video, folds = scored(60)
    for found in (
        choose_outcome(scores, y, video, folds, threshold=0.25),
        choose_outcome(None, y, video, None, None, 0.25),
    ):
        assert found.thresholds == {level: {"value": 0.25, "source": BY_USER} for level in ("frame", "video")}


def test_videos_by_hand() -> None:
    y, video = np.array([0, 1, 0, 1]), np.array(["b", "a", "b", "a"], object)
    labels, means, folds = by_video(y, video, np.array([3, 4, 3, 4]), np.array([0.0, 0.5, 0.5, 1.0]))
    assert (labels.tolist(), means.tolist(), folds.tolist()) == ([0, 1], [0.25, 0.75], [3, 4])
