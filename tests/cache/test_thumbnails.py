"""Thumbnails: what goes in comes out, of any rows, and lengths that do not add up are told."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.errors import InputError
from cache.reader import open_cache
from cache.store import write_cache
from cache.thumbnails import Thumbnails, write_thumbnails


@given(pictures=st.lists(st.binary(max_size=20), max_size=12), data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_rows_come_back(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[bytes], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.integers(0, len(pictures) - 1), max_size=12)) if pictures else []
    with h5py.File(tmp_path_factory.mktemp("thumbnails") / "a.h5", "w") as file:
        write_thumbnails(file, pictures, np.array(rows, int))
        read = Thumbnails(file["thumbnails/length"][:], file["thumbnails/data"][:])
    assert read[:] == [pictures[row] for row in rows]
    assert list(read) == read[:]
    assert len(read) == len(rows)


def test_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(InputError, match="damaged: 5 bytes"):
        Thumbnails(np.array([2, 3]), np.zeros(6, "u1"))
    with pytest.raises(InputError, match="damaged"):
        Thumbnails(np.array([-1, 3]), np.zeros(2, "u1"))


def test_a_cache_holds_them(tmp_path: Path, samples: pd.DataFrame, cache_path: Path) -> None:
    pictures = [b"jpeg %d" % row for row in range(len(samples))]
    write_cache(tmp_path / "a.h5", samples, {}, thumbnails=pictures)
    cache = open_cache(tmp_path / "a.h5")
    assert cache.has_thumbnails
    assert cache.thumbnail(0) == b"jpeg 0"
    assert cache.thumbnail(100) == b"jpeg 100"
    with pytest.raises(InputError, match="no thumbnails"):
        open_cache(cache_path).thumbnail(0)
    with pytest.raises(InputError, match="thumbnails has 3 rows"):
        write_cache(tmp_path / "b.h5", samples, {}, thumbnails=pictures[:3])
