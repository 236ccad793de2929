"""Points of many curves are found as they would be on each curve laid out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.curve import roc
from evaluate.drawn_curves import Curves, GroupRanks, caught_at

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=4, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def curves_of(rows: list[tuple[int, int]]) -> tuple[Curves, list[tuple[np.ndarray, np.ndarray]]]:
    """Three draws in which no row is missing, and the full ROC of each."""
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    times = np.random.default_rng(0).integers(1, 4, (3, len(labels)))
    curves = GroupRanks(labels, scores, np.arange(len(labels)), len(labels)).draw(times)
    return curves, [roc(labels, scores, weights)[:2] for weights in times]


@given(ROWS)
def test_rates_are_those_of_the_full_curve(rows: list[tuple[int, int]]) -> None:
    curves, full = curves_of(rows)
    every = np.arange(len(full[0][0]))[None]
    fpr, tpr = curves.rates(every)
    for at, (false, true) in enumerate(full):
        np.testing.assert_array_equal(fpr[at], false)
        np.testing.assert_array_equal(tpr[at], true)


@settings(max_examples=40)
@given(ROWS, st.floats(0, 1))
def test_the_first_point_that_fulfils_something(rows: list[tuple[int, int]], bound: float) -> None:
    curves, full = curves_of(rows)
    for condition in (lambda fpr, tpr: fpr > bound, lambda fpr, tpr: fpr + tpr >= 2 * bound):
        found = curves.first(condition)[:, 0]
        for at, (fpr, tpr) in zip(found, full, strict=True):
            hits = np.flatnonzero(condition(fpr, tpr))
            assert at == (hits[0] if len(hits) else len(fpr))


def test_a_rate_that_is_just_reached_is_allowed() -> None:
    """Of 20 reals the top one alone lies above the fakes: flagging it is FPR 5 %, and finds every fake."""
    labels = np.array([0] * 20 + [1] * 4)
    scores = np.concatenate([np.linspace(0.1, 0.2, 19), [0.9], np.linspace(0.5, 0.6, 4)])
    curves = GroupRanks(labels, scores, np.arange(24), 24).draw(np.ones((1, 24), int))
    assert caught_at(curves, 0.05).tolist() == [1.0]
    assert caught_at(curves, 0.0499).tolist() == [0.0]
