"""Rows in memory: what the memory map holds, as a copy of one's own, as stored or in float32."""

from pathlib import Path

import numpy as np
import pytest

from cache.errors import InputError
from cache.mapped import in_memory
from cache.reader import open_cache
from cache.schema import Space

ROWS = np.array([7, 2, 2, 100])


@pytest.mark.parametrize("dtype", [None, np.float16, np.float32, "float32"])
@pytest.mark.parametrize("rows", [None, ROWS], ids=["whole", "rows"])
def test_reading_gives_a_copy_of_what_is_stored(
    cache_path: Path, space: Space, rows: np.ndarray | None, dtype: str | None
) -> None:
    found = open_cache(cache_path).read("embedding", rows, dtype=dtype)
    stored = space.arrays["embedding"] if rows is None else space.arrays["embedding"][rows]
    assert found.dtype == (dtype or np.float16) and np.array_equal(found, stored)
    assert not isinstance(found, np.memmap) and found.flags.writeable and found.flags.c_contiguous


def test_an_array_that_is_no_map_is_copied() -> None:
    held = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = in_memory(held)
    assert np.array_equal(found, held) and not np.shares_memory(found, held)
    assert in_memory(np.empty((0, 2), np.float16), dtype=np.float32).shape == (0, 2)


def test_other_types_are_refused(cache_path: Path) -> None:
    with pytest.raises(InputError, match="float16 is read as it is or as float32, not as float64"):
        open_cache(cache_path).read("embedding", dtype=np.float64)
    with pytest.raises(InputError, match="it has: embedding"):
        open_cache(cache_path).read("cls")
