"""Tables: the texts that were written, decoded once for each run; and rows by conditions."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cache.table as table
from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import SAMPLE_COLUMNS
from cache.table import _decode, parse, read_table

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)


@given(st.lists(st.tuples(TEXTS, st.integers(1, 4)), min_size=1, max_size=8))
def test_decoding_gives_back_what_was_encoded(runs: list[tuple[str, int]]) -> None:
    texts = [text for text, length in runs for _ in range(length)]
    encoded = np.array([text.encode() for text in texts])
    assert _decode(encoded if encoded.dtype.itemsize else encoded.astype("S1")).tolist() == texts


def test_what_repeats_is_one_object_and_what_does_not_is_a_text_of_pandas(
    cache_path: Path, samples: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROWS", 50)  # so that parts meet
    found = open_cache(cache_path).samples
    assert list(found) == list(SAMPLE_COLUMNS) and found.index.equals(pd.RangeIndex(len(samples)))
    for name, column in SAMPLE_COLUMNS.items():
        assert found[name].tolist() == samples[name].tolist(), name
        if column.dtype != "str":
            assert found[name].dtype == column.dtype, name
    assert found["manipulation"].dtype == object and found["sample_id"].dtype == pd.Series(["a"], dtype="str").dtype
    assert len({id(text) for text in found["dataset"]}) == -(-len(samples) // 50), "one object of each part"


def test_columns_and_rows_alone(cache_path: Path, samples: pd.DataFrame) -> None:
    cache, rows = open_cache(cache_path), np.array([7, 2, 2, 100])
    found = cache.table(["label", "video_id"], rows)
    assert list(found) == ["label", "video_id"] and found.index.tolist() == [0, 1, 2, 3]
    assert found["video_id"].tolist() == samples["video_id"].iloc[rows].tolist()
    assert found["label"].tolist() == samples["label"].iloc[rows].tolist()
    assert cache.column("sample_id", rows).tolist() == samples["sample_id"].iloc[rows].tolist()
    assert cache.table([]).empty and len(cache.table(["group", "sample_id"], rows[:0])) == 0
    with pytest.raises(InputError, match="unknown sample column 'colour'; known: byte_size, compression"):
        cache.table(["label", "colour"])


def test_a_table_without_rows(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["path"], file["frames"] = np.empty(0, "S1"), np.empty(0, "i4")
        found = read_table(file["/"], ["path", "frames"])
    assert found.shape == (0, 2) and found["frames"].dtype == np.int32


def test_a_condition_names_a_column_and_values() -> None:
    assert parse("compression=c23,c40") == ("compression", ["c23", "c40"])
    with pytest.raises(InputError, match="column=value"):
        parse("compression")
