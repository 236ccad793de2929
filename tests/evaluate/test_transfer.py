"""What a threshold from elsewhere costs, by hand and by its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.errors import InputError
from evaluate.decisions import balanced_accuracy
from evaluate.transfer import transfer

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=30).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def test_hand_worked() -> None:
    labels, scores = np.array([0, 0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.6, 0.5, 0.7])
    found = transfer(labels, scores, 0.65)
    assert (found["fpr"], found["fnr"]) == (0, 0.5)  # one fake is missed
    assert found["best_threshold"] == pytest.approx(0.4)  # between 0.3 and 0.5: one real of four is flagged
    assert found["best_balanced_accuracy"] == pytest.approx(0.875)
    assert found["cost"]["value"] == pytest.approx(0.125)


@given(ROWS, st.integers(-1, 9))
def test_laws(rows: list[tuple[int, int]], threshold: int) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    found = transfer(labels, scores, threshold)
    reached = balanced_accuracy(labels, scores >= threshold)
    assert reached == pytest.approx(1 - (found["fpr"] + found["fnr"]) / 2)
    assert found["cost"]["value"] == pytest.approx(found["best_balanced_accuracy"] - reached)
    assert found["cost"]["value"] >= 0
    again = transfer(labels, scores, found["best_threshold"])
    assert again["cost"]["value"] == pytest.approx(0)
    assert again["best_balanced_accuracy"] == found["best_balanced_accuracy"]


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="2 real and 0 fake"):
        transfer(np.zeros(2, int), np.array([0.1, 0.9]), 0.5)
