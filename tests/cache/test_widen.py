"""float16 to float32: bit for bit what numpy's cast gives, whatever the values, shapes, strides and rows."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cache.widen
from cache.widen import all_finite, widen

EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
FINITE = EVERY[np.isfinite(EVERY)]


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache.widen, "ELEMENTS", 8)
        yield


def widened(values: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, bool]:
    out = np.full((len(values) if rows is None else len(rows), *values.shape[1:]), 7, np.float32)
    finite = widen(values, out, rows)
    return out, finite


@pytest.mark.parametrize(("values", "finite"), [(EVERY, False), (FINITE, True)], ids=["every", "finite"])
def test_every_value_there_is(values: np.ndarray, finite: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.widen, "ELEMENTS", 1000)
    out, told = widened(values)
    assert told is finite
    assert np.array_equal(out.view(np.uint32), values.astype(np.float32).view(np.uint32)), "signs of zeros included"


@pytest.mark.parametrize("value", EVERY[~np.isfinite(EVERY)][[0, 1, 1023, 1024, 1025, 2047]])
@pytest.mark.parametrize("place", [0, 7, 8, 16])
def test_one_value_that_is_not_finite_is_seen_wherever_it_stands(value: np.float16, place: int) -> None:
    values = np.zeros(17, np.float16)
    assert all_finite(values) and widened(values)[1]
    values[place] = value
    assert not all_finite(values)
    out, finite = widened(values)
    assert not finite and np.array_equal(out, values.astype(np.float32), equal_nan=True)


@given(st.integers(0, 20), st.integers(0, 5), st.data())
def test_rows_come_in_the_order_asked_for(rows: int, columns: int, data: st.DataObject) -> None:
    values = np.random.default_rng(rows).permutation(FINITE)[: rows * columns].reshape(rows, columns)
    chosen = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=30)) if rows else [], int)
    assert np.array_equal(widened(values, chosen)[0], values[chosen].astype(np.float32))
    assert np.array_equal(widened(values)[0], values.astype(np.float32))


def test_strides_and_further_axes() -> None:
    values = FINITE[:600].reshape(50, 3, 4)
    assert np.array_equal(widened(values)[0], values.astype(np.float32))
    beside = np.zeros((25, 9), np.float32)
    assert widen(values[::2, 1], beside[:, 3:7])
    assert np.array_equal(beside[:, 3:7], values[::2, 1].astype(np.float32))
    assert not beside[:, :3].any() and not beside[:, 7:].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_other_types_are_cast(dtype: type) -> None:
    values: np.ndarray = np.arange(30, dtype=dtype).reshape(10, 3)
    out, finite = widened(values)
    assert finite and out.dtype == np.float32 and np.array_equal(out, values)
    if dtype != np.int32:
        values[4, 1] = np.nan
        assert not widened(values)[1]


def test_nothing_is_finite() -> None:
    assert all_finite(np.empty((0, 3), np.float16)) and all_finite(np.empty((3, 0), np.float16))
    assert widened(np.empty((3, 0), np.float16))[1]
