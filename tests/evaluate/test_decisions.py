"""Metrics of decisions against scikit-learn and their own laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from cache.errors import InputError
from evaluate import decisions
from evaluate.metrics import METRICS

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda pairs: len({label for label, _ in pairs}) == 2
)


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, called = (np.array(column) for column in zip(*pairs, strict=True))
    return labels, called


@settings(max_examples=40)
@given(PAIRS)
def test_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, called = arrays(pairs)
    assert decisions.accuracy(labels, called) == pytest.approx(sk.accuracy_score(labels, called))
    assert decisions.balanced_accuracy(labels, called) == pytest.approx(sk.balanced_accuracy_score(labels, called))
    assert decisions.precision(labels, called) == pytest.approx(sk.precision_score(labels, called, zero_division=0))
    assert decisions.recall(labels, called) == pytest.approx(sk.recall_score(labels, called))
    assert decisions.specificity(labels, called) == pytest.approx(sk.recall_score(labels, called, pos_label=0))
    assert decisions.f1(labels, called) == pytest.approx(sk.f1_score(labels, called))
    counts = decisions.confusion(labels, called)
    assert list(counts.values()) == sk.confusion_matrix(labels, called, labels=[0, 1]).ravel().tolist()


@given(PAIRS)
def test_swapping_classes(pairs: list[tuple[int, int]]) -> None:
    labels, called = arrays(pairs)
    for name in ("accuracy", "balanced_accuracy"):
        swapped = METRICS[name].function(1 - labels, 1 - called)
        assert swapped == pytest.approx(METRICS[name].function(labels, called))
    assert decisions.specificity(labels, called) == decisions.recall(1 - labels, 1 - called)
    counts, swapped_counts = decisions.confusion(labels, called), decisions.confusion(1 - labels, 1 - called)
    assert (counts["tp"], counts["fp"]) == (swapped_counts["tn"], swapped_counts["fn"])


@given(PAIRS)
def test_the_opposite_decisions_have_what_is_left(pairs: list[tuple[int, int]]) -> None:
    labels, called = arrays(pairs)
    for name in ("accuracy", "balanced_accuracy", "recall", "specificity"):
        rest = METRICS[name].function(labels, 1 - called)
        assert METRICS[name].function(labels, called) == pytest.approx(1 - rest)


@given(PAIRS)
def test_f1_is_the_harmonic_mean(pairs: list[tuple[int, int]]) -> None:
    labels, called = arrays(pairs)
    both = decisions.precision(labels, called), decisions.recall(labels, called)
    mean = 2 * both[0] * both[1] / sum(both) if sum(both) else 0.0
    assert decisions.f1(labels, called) == pytest.approx(mean)


def test_counts_of_draws_are_counts_of_the_groups_drawn() -> None:
    labels, called, index = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), np.array([0, 1, 0, 1, 1])
    drawn = decisions.GroupCounts(labels, called, index, 2).draw(np.array([[1, 1], [3, 0], [0, 2]]))
    assert np.array(drawn).T.tolist() == [[1, 1, 1, 2], [3, 0, 0, 3], [0, 2, 2, 2]]


def test_precision_without_a_positive_is_zero() -> None:
    assert decisions.precision(np.array([0, 1]), np.zeros(2)) == 0.0


def test_majority_baseline() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    assert decisions.majority_baseline(labels) == 0.6
    assert decisions.majority_baseline(1 - labels) == 0.6
    with pytest.raises(InputError, match="3 real and 0 fake"):
        decisions.majority_baseline(np.zeros(3, int))
