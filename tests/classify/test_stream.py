"""The stream: the same numbers as the array, and no more rows at a time than a block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import classify.stream as stream
from classify.stream import Stream, blocks_of

WHOLE = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float16)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK", 8)


def made(asked: list[int] | None = None) -> Stream:
    """A stream of all rows but the first ten, which notes how many rows are read at a time."""

    def read(rows: np.ndarray) -> np.ndarray:
        if asked is not None:
            asked.append(len(rows))
        return WHOLE[rows].astype(np.float32)

    return Stream(read, np.arange(10, 50), 3)


def test_it_has_the_shape_and_the_numbers_of_the_array() -> None:
    found = made()
    assert (len(found), found.shape, found.dtype) == (40, (40, 3), np.float32)
    assert np.asarray(found).dtype == np.float32
    assert np.array_equal(np.asarray(found), WHOLE[10:].astype(np.float32))
    assert np.asarray(found, float).dtype == float
    with pytest.raises(ValueError, match="by a copy only"):
        np.asarray(found, copy=False)


@given(st.lists(st.integers(0, 39)))
def test_rows_taken_are_the_rows_of_the_array(rows: list[int]) -> None:
    some = np.array(rows, int)
    assert np.array_equal(np.asarray(made().take(some)), np.asarray(made())[some])
    assert np.array_equal(np.asarray(made().take(some).take(some < 20)), np.asarray(made())[some[some < 20]])


def test_taking_and_mapping_read_nothing_and_blocks_are_small() -> None:
    asked: list[int] = []
    doubled = made(asked).take(np.arange(0, 40, 2)).map(lambda block: 2 * block)
    assert asked == []
    assert np.array_equal(np.asarray(doubled), 2 * WHOLE[10::2].astype(np.float32))
    assert asked == [8, 8, 4]


def test_maps_follow_one_another_and_leave_the_first_stream_as_it_was() -> None:
    first = made()
    second = first.map(lambda block: block + 1).map(lambda block: block * 2)
    assert np.array_equal(np.asarray(second), 2 * (np.asarray(first) + 1))
    assert np.array_equal(np.asarray(first), WHOLE[10:].astype(np.float32))


@pytest.mark.parametrize("rows", [0, 1, 8, 9])
def test_blocks_cover_each_row_once(rows: int) -> None:
    whole = WHOLE[:rows]
    blocks = list(blocks_of(whole))
    assert [row for part, _ in blocks for row in range(rows)[part]] == list(range(rows))
    for part, block in blocks:
        assert np.shares_memory(block, whole) and np.array_equal(block, whole[part])
    assert [len(block) for _, block in blocks_of(made().take(np.arange(rows)))] == [len(block) for _, block in blocks]
