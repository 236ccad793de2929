"""The ROC is full, exact with ties, and the same for weights as for repeated rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from cache.errors import InputError
from evaluate.curve import roc, roc_area, roc_crossing

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(-4, 4), st.integers(0, 3)), min_size=2, max_size=30).filter(
    lambda rows: all(any(label == kind and weight for label, _, weight in rows) for kind in (0, 1))
)


def arrays(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    return labels, scores / 4, weights


def test_hand_worked_with_a_tie() -> None:
    fpr, tpr, thresholds = roc(np.array([0, 1, 0, 1]), np.array([0.2, 0.5, 0.5, 0.9]))
    assert fpr.tolist() == [0, 0, 0.5, 1]
    assert tpr.tolist() == [0, 0.5, 1, 1]
    assert thresholds.tolist() == [np.inf, 0.9, 0.5, 0.2]


@given(ROWS)
def test_agrees_with_scikit_learn_on_the_full_curve(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, weights = arrays(rows)
    mine = roc(labels, scores, weights)
    kept = weights > 0  # scikit-learn gives thresholds of weightless rows a point of their own or none
    theirs = roc_curve(labels[kept], scores[kept], sample_weight=weights[kept], drop_intermediate=False)
    points = set(zip(mine[0].round(12), mine[1].round(12), strict=True))
    assert points == set(zip(theirs[0].round(12), theirs[1].round(12), strict=True))


@given(ROWS)
def test_weights_are_repeated_rows(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, weights = arrays(rows)
    weighted = roc(labels, scores, np.stack([weights, 2 * weights]))
    repeated = roc(np.repeat(labels, weights), np.repeat(scores, weights))
    for statistic in (roc_area, roc_crossing):
        expected = statistic(*repeated[:2])
        assert statistic(*weighted[:2]) == pytest.approx([expected, expected], abs=1e-12)


def test_crossing_lies_on_the_line_between_points() -> None:
    fpr, tpr = np.array([0, 0.2, 0.6, 1]), np.array([0, 0.6, 0.8, 1])
    assert roc_crossing(fpr, tpr) == pytest.approx(0.2 + 0.4 * 0.2 / 0.6)


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([1, 1], [0.1, 0.2], "0 real and 2 fake"),
        ([], [], "0 real and 0 fake"),
        ([0, -1], [0.1, 0.2], "only 0"),
        ([0, 1], [0.1, np.nan], "1 scores are not finite"),
        ([0, 1], [0.1], "needs both"),
    ],
)
def test_what_cannot_be_ranked_is_refused(labels: list[int], scores: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        roc(np.array(labels), np.array(scores))


def test_a_class_without_weight_is_refused() -> None:
    with pytest.raises(InputError, match="weight 0"):
        roc(np.array([0, 1]), np.array([0.1, 0.2]), np.array([1, 0]))
