"""DeLong's test by midranks is DeLong's test by counting every pair, and has an answer or none, never NaN."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from cache.errors import InputError
from evaluate.delong import delong
from evaluate.metrics import auc

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 6)), min_size=6, max_size=40).filter(
    lambda rows: 2 <= sum(label for label, *_ in rows) <= len(rows) - 2
)


def arrays(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, first, second = (np.array(column) for column in zip(*rows, strict=True))
    return labels, first, second


def by_pairs(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Difference of the AUCs and its variance, from the full table of fakes against reals, as DeLong et al. have it."""
    wins = []
    for scores in (first, second):
        fakes, reals = scores[labels == 1], scores[labels == 0]
        table = [[(fake > real) + 0.5 * (fake == real) for real in reals] for fake in fakes]
        wins.append(np.array(table))
    more = wins[1] - wins[0]
    of_fakes, of_reals = more.mean(axis=1), more.mean(axis=0)
    return more.mean(), of_fakes.var(ddof=1) / len(of_fakes) + of_reals.var(ddof=1) / len(of_reals)


@settings(max_examples=40)
@given(ROWS)
def test_midranks_are_the_count_over_all_pairs(rows: list[tuple[int, int, int]]) -> None:
    labels, first, second = arrays(rows)
    difference, variance = by_pairs(labels, first, second)
    assert difference == pytest.approx(auc(labels, second) - auc(labels, first), abs=1e-12)
    p = delong(labels, first, second)
    if variance < 1e-12:
        assert p == (1.0 if abs(difference) < 1e-12 else None)
    else:
        assert p == pytest.approx(2 * norm.sf(abs(difference) / variance**0.5), abs=1e-9)


@settings(max_examples=40)
@given(ROWS)
def test_order_of_the_two_and_monotone_maps_change_nothing(rows: list[tuple[int, int, int]]) -> None:
    labels, first, second = arrays(rows)
    p = delong(labels, first, second)
    for other in (
        delong(labels, second, first),
        delong(labels, np.exp(first), second**3),
        delong(1 - labels, *(-first, -second)),
    ):
        assert other == pytest.approx(p, abs=1e-9)


def test_hand_worked() -> None:
    """Two fakes, two reals: the first score ranks all four pairs right, the second three of them."""
    labels = np.array([1, 1, 0, 0])
    first, second = np.array([3, 4, 1, 2]), np.array([2, 4, 1, 3])
    # Less by 1/2 for one fake of two, and for one real of two: variance 1/8 each, over 2: 1/16 + 1/16.
    assert delong(labels, first, second) == pytest.approx(2 * norm.sf(0.25 / 0.125**0.5))


def test_without_variance() -> None:
    labels = np.array([0, 0, 1, 1])
    apart = np.array([1, 2, 3, 4])
    assert delong(labels, apart, apart * 10) == 1.0  # both perfect
    assert delong(labels, apart, -apart) is None  # one always right, one always wrong
    assert delong(np.array([0, 1, 1]), np.array([1, 2, 3]), np.array([2, 1, 3])) is None  # a class of one row


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="0 real and 3 fake"):
        delong(np.ones(3, int), np.arange(3), np.arange(3))


def test_it_rejects_as_often_as_it_says() -> None:
    """Scores of equal merit that share most of their noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    found = []
    for _, lift in product(range(200), (0.0, 0.8)):
        common = labels + rng.normal(size=120)
        first, second = (common + rng.normal(scale=0.5, size=120) for _ in range(2))
        found.append((lift, delong(labels, first, second + lift * labels) or 0.0))
    shares = {lift: np.mean([p < 0.05 for at, p in found if at == lift]) for lift in (0.0, 0.8)}
    assert 0.02 <= shares[0.0] <= 0.09 and shares[0.8] > 0.8
