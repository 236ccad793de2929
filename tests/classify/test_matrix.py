"""Several trainings: each alone, all but each."""

import pytest

from cache.errors import InputError
from classify.matrix import all_but_each, one_each


def test_each_is_trained_on_alone_and_every_one_tested() -> None:
    assert one_each(["A", "B"], ["A", "B"]) == [("A", ["A"], ["A", "B"]), ("B", ["B"], ["A", "B"])]
    assert one_each(["A", "B"], ["Z"]) == [("A", ["A"], ["Z"]), ("B", ["B"], ["Z"])]


def test_each_is_left_out_once() -> None:
    assert all_but_each(["A", "B", "C"], ["A", "B", "C"]) == [
        ("all-but-A", ["B", "C"], ["A", "B", "C"]),
        ("all-but-B", ["A", "C"], ["A", "B", "C"]),
        ("all-but-C", ["A", "B"], ["A", "B", "C"]),
    ]


def test_one_manipulation_is_too_few() -> None:
    with pytest.raises(InputError, match="a matrix needs two manipulations or more, there is: A"):
        one_each(["A"], ["A"])
    with pytest.raises(InputError, match="leaving one out needs two manipulations or more, there is: none"):
        all_but_each([], [])
