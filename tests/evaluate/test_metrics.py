"""Every metric against a hand-worked example, scikit-learn, its own laws, and published figures."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from cache.errors import InputError
from cache.identity import connected_groups
from evaluate import metrics
from evaluate.bootstrap import bootstrap
from evaluate.decisions import balanced_accuracy
from evaluate.intervals import group_draws, interval
from evaluate.metrics import METRICS

# Five videos: of the reals one scores above a fake.
LABELS = np.array([0, 0, 0, 1, 1])
SCORES = np.array([0.1, 0.2, 0.7, 0.6, 0.9])
BY_HAND = {
    "auc": 5 / 6,  # of six pairs only (0.7, 0.6) is in the wrong order
    "eer": 1 / 3,  # at FPR 1/3 the TPR jumps from 1/2 to 1: FNR = FPR on the way
    "average_precision": 0.5 * 1 + 0.5 * 2 / 3,
    "tpr_at_fpr_1": 0.5,
    "tpr_at_fpr_5": 0.5,
    "accuracy": 4 / 5,
    "balanced_accuracy": (2 / 3 + 1) / 2,
    "precision": 2 / 3,
    "recall": 1.0,
    "specificity": 2 / 3,
    "f1": 0.8,
    "log_loss": -(np.log(0.9 * 0.8 * 0.3) / 6 + np.log(0.6 * 0.9) / 4),  # a real weighs 1/6, a fake 1/4
    "brier_score": (0.1**2 + 0.2**2 + 0.7**2) / 6 + (0.4**2 + 0.1**2) / 4,
    "ece": (0.1 + 0.2 + 0.7) / 6 + (0.4 + 0.1) / 4,  # every video has a bin of its own
}
PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(-5, 5)), min_size=2, max_size=40).filter(
    lambda pairs: len({label for label, _ in pairs}) == 2
)
RANKING = [name for name, metric in METRICS.items() if metric.reads == "scores"]


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = (np.array(column) for column in zip(*pairs, strict=True))
    return labels, scores.astype(float)


@pytest.mark.parametrize("name", METRICS)
def test_hand_worked(name: str) -> None:
    metric = METRICS[name]
    given_ = SCORES >= 0.5 if metric.reads == "decisions" else SCORES
    assert metric.function(LABELS, given_) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", METRICS)
def test_one_class_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="0 real and 3 fake"):
        METRICS[name].function(np.ones(3, int), np.array([0, 1, 1]))


@pytest.mark.parametrize("name", METRICS)
def test_perfect_and_inverted(name: str) -> None:
    labels = np.array([0, 0, 1, 1])
    best, worst = (0.0, 1.0) if name == "eer" or METRICS[name].reads == "probabilities" else (1.0, 0.0)
    assert METRICS[name].function(labels, labels) == pytest.approx(best, abs=1e-12)
    if name == "log_loss":
        assert METRICS[name].function(labels, 1 - labels) > 30  # finite, or no JSON could hold it
    elif name != "average_precision":  # precision never falls to 0
        assert METRICS[name].function(labels, 1 - labels) == worst


@pytest.mark.parametrize("name", RANKING)
@given(pairs=PAIRS)
def test_ranking_depends_on_order_alone(name: str, pairs: list[tuple[int, int]]) -> None:
    labels, scores = arrays(pairs)
    value = METRICS[name].function(labels, scores)
    assert METRICS[name].function(labels, np.exp(scores) - 7) == value
    assert METRICS[name].function(labels[::-1], scores[::-1]) == pytest.approx(value, abs=1e-12)
    assert 0 <= value <= 1


@given(PAIRS)
def test_swapping_classes_and_signs(pairs: list[tuple[int, int]]) -> None:
    labels, scores = arrays(pairs)
    area, rate = metrics.auc(labels, scores), metrics.eer(labels, scores)
    assert metrics.auc(1 - labels, -scores) == pytest.approx(area)
    assert metrics.auc(labels, -scores) == pytest.approx(1 - area)
    assert metrics.eer(1 - labels, -scores) == pytest.approx(rate)
    assert metrics.eer(labels, -scores) == pytest.approx(1 - rate)


@settings(max_examples=40)
@given(PAIRS)
def test_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, scores = arrays(pairs)
    assert metrics.auc(labels, scores) == pytest.approx(sk.roc_auc_score(labels, scores))
    assert metrics.average_precision(labels, scores) == pytest.approx(sk.average_precision_score(labels, scores))
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    for bound in (0.01, 0.05, 0.5):
        assert metrics.tpr_at_fpr(labels, scores, bound) == pytest.approx(tpr[fpr <= bound].max())


@given(PAIRS)
def test_conventions_of_the_eer_enclose_each_other(pairs: list[tuple[int, int]]) -> None:
    labels, scores = arrays(pairs)
    fpr, tpr, _ = metrics.roc(labels, scores)
    at = np.argmin(np.abs(fpr + tpr - 1))
    assert metrics.eer(labels, scores, "nearest") == fpr[at]
    assert metrics.eer(labels, scores, "mean") == pytest.approx((fpr[at] + 1 - tpr[at]) / 2)
    rates = sorted((fpr[at], 1 - tpr[at]))
    between = metrics.eer(labels, scores)
    step = np.diff(fpr).max() + np.diff(tpr).max()
    assert rates[0] - step <= between <= rates[1] + step


def test_unknown_convention() -> None:
    with pytest.raises(InputError, match="known: interpolated, mean, nearest"):
        metrics.eer(LABELS, SCORES, "nearst")


def test_tpr_at_fpr_never_interpolates() -> None:
    labels = np.array([0] * 10 + [1] * 10)
    scores = np.concatenate([np.arange(10), np.arange(10) + 0.5])
    assert metrics.tpr_at_fpr(labels, scores, 0.1) == 0.2  # one real flagged: fakes at 8.5 and 9.5
    assert metrics.tpr_at_fpr(labels, scores, 0.0999) == 0.1
    assert metrics.tpr_at_fpr(labels, scores, 0.3) == 0.4


@example([(0, 1), (0, 1), (0, 1), (0, 1), (0, 2), (1, 0)])
@given(PAIRS)
def test_eer_conventions_are_told_apart_and_the_first_is_ours(pairs: list[tuple[int, int]]) -> None:
    labels, scores = arrays(pairs)
    found = {name: metrics.eer(labels, scores, name) for name in metrics.EER_CONVENTIONS}
    assert list(found) == ["interpolated", "nearest", "mean"]
    assert METRICS["eer"].function(labels, scores) == found["interpolated"]
    assert all(0 <= value <= 1 for value in found.values())


@given(PAIRS)
def test_balanced_threshold_is_the_best_there_is(pairs: list[tuple[int, int]]) -> None:
    labels, scores = arrays(pairs)
    threshold = metrics.balanced_threshold(labels, scores)
    reached = balanced_accuracy(labels, scores >= threshold)
    others = [balanced_accuracy(labels, scores >= cut) for cut in (*scores, np.inf)]
    assert reached == pytest.approx(max(others))
    assert metrics.best_balanced_accuracy(labels, scores) == pytest.approx(max(others))
    moved = np.exp(scores)
    assert ((moved >= metrics.balanced_threshold(labels, moved)) == (scores >= threshold)).all()


def test_balanced_threshold_heeds_weights_and_neighbours() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    assert metrics.balanced_threshold(labels, scores, np.array([1, 1, 9, 1])) == pytest.approx(0.35)
    assert metrics.balanced_threshold(labels, scores, np.array([9, 9, 1, 1])) == pytest.approx(0.15)
    labels, scores = np.arange(6) % 2, np.arange(6.0)
    assert metrics.balanced_threshold(labels, scores) == 2.5  # 0.5 and 4.5 are as good; the middle one is taken
    low = 0.5
    high = np.nextafter(low, 1)  # nothing lies between the two
    assert metrics.balanced_threshold(np.array([0, 1]), np.array([low, high])) == high


STRATIFIED = {  # 95 % intervals of the AUC of videos, as another program drew them
    "seed004_baseline_clip_linear": (0.48, 0.72),
    "seed004_AI-Generated_vs_Authentic": (0.68, 0.91),
    "seed004_AI-Generated_face_vs_Authentic_face": (0.78, 0.93),
}


@pytest.mark.parametrize("name", STRATIFIED)
def test_intervals_of_published_scores(name: str, real_data: Path) -> None:
    videos = pd.DataFrame(json.loads((real_data / "scores" / f"{name}.video.json").read_text()))
    labels, scores = videos["label"].to_numpy(), videos["avg_score"].to_numpy()
    groups = np.array(connected_groups([tuple(video.split("_")) for video in videos["video_id"]]))
    kinds = pd.Series(labels).groupby(groups).agg(frozenset).value_counts()
    assert kinds.to_dict() == {frozenset({1}): 91, frozenset({0}): 17, frozenset({0, 1}): 3}
    drawn = bootstrap(labels, scores, groups, group_draws(groups, labels))["auc"]
    for value in (None, metrics.auc(labels, scores)):  # the middle 95 %, and BCa
        assert list(interval(drawn, value).values()) == pytest.approx(STRATIFIED[name], abs=0.02)
