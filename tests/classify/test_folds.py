"""Weights and folds: the laws that choosing rests on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classify.folds import FOLDS, few_groups, grouped_folds, row_weights

CLASSES_OF_A_GROUP = st.sampled_from([(0,), (1,), (0, 1)])
GROUPS = st.lists(st.tuples(CLASSES_OF_A_GROUP, st.integers(1, 6)), min_size=2, max_size=40)


def rows_of(groups: list[tuple[tuple[int, ...], int]]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups of rows: each group has so many rows of each of its classes."""
    y = [label for classes, size in groups for label in classes for _ in range(size)]
    group = [f"g{i}" for i, (classes, size) in enumerate(groups) for _ in range(size * len(classes))]
    return np.array(y), np.array(group, dtype=object)


@given(GROUPS, st.integers(0, 5))
@settings(deadline=None)
def test_a_fold_never_cuts_a_group(groups: list, seed: int) -> None:
    y, group = rows_of(groups)
    folds = grouped_folds(y, group, seed)
    assert all(len(set(folds[group == name])) == 1 for name in set(group))


@given(GROUPS, st.integers(0, 5))
@settings(deadline=None)
def test_with_enough_groups_every_fold_holds_both_classes(groups: list, seed: int) -> None:
    y, group = rows_of(groups)
    if len(set(y)) < 2 or few_groups(y, group):
        return
    folds = grouped_folds(y, group, seed)
    for fold in range(FOLDS):
        assert set(y[folds == fold]) == {0, 1}
    for label in (0, 1):
        held = [len(set(group[(folds == fold) & (y == label)])) for fold in range(FOLDS)]
        assert max(held) - min(held) <= 2


@given(GROUPS, st.integers(0, 5), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_folds_do_not_depend_on_the_order_of_rows(groups: list, seed: int, random: object) -> None:
    y, group = rows_of(groups)
    order = list(range(len(y)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert np.array_equal(grouped_folds(y, group, seed)[order], grouped_folds(y[order], group[order], seed))


def test_the_seed_changes_the_folds() -> None:
    y, group = rows_of([((0, 1), 2)] * 30)
    assert not np.array_equal(grouped_folds(y, group, 0), grouped_folds(y, group, 1))


@given(GROUPS)
def test_weights_even_out_videos_and_classes(groups: list) -> None:
    y, video = rows_of([(classes[:1], size) for classes, size in groups])
    if len(set(y)) < 2:
        return
    weights = row_weights(y, video)
    assert weights.mean() == pytest.approx(1)
    assert weights[y == 0].sum() == pytest.approx(weights[y == 1].sum())
    for label in (0, 1):
        sums = [weights[video == name].sum() for name in set(video[y == label])]
        assert sums == pytest.approx([sums[0]] * len(sums))


@pytest.mark.parametrize(
    ("groups", "few"),
    [
        ([((0, 1), 1)] * 9, "9 training groups (9 with reals, 9 with fakes)"),
        ([((0, 1), 1)] * 10, None),
        ([((0,), 1)] * 4 + [((1,), 1)] * 20, "24 training groups (4 with reals, 20 with fakes)"),
        ([((0,), 1)] * 5 + [((1,), 1)] * 5, None),
    ],
)
def test_few_groups_are_said(groups: list, few: str | None) -> None:
    said = few_groups(*rows_of(groups))
    assert said is None if few is None else said is not None and few in said and "threshold 0.5" in said
