"""Attributes come back as they were written, and their texts lie outside the heap that has no checksums."""

from pathlib import Path

import h5py
import pytest

from cache.attributes import read_attributes, write_attributes
from cache.reader import open_cache


@pytest.mark.parametrize("text", ["", "a", "é 写真", "x" * 100_000])
def test_texts_come_back(tmp_path: Path, text: str) -> None:
    with h5py.File(tmp_path / "x.h5", "w", libver=("v108", "v108")) as file:
        write_attributes(file, {"text": text, "number": 2.5})
    with h5py.File(tmp_path / "x.h5") as file:
        assert read_attributes(file) == {"text": text, "number": 2.5}
        assert h5py.check_string_dtype(file.attrs.get_id("text").dtype).length is not None


def test_texts_of_varying_length_are_read_as_well(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["text"] = "written by h5py alone"
        assert read_attributes(file) == {"text": "written by h5py alone"}


def test_no_attribute_of_a_cache_is_of_varying_length(cache_path: Path) -> None:
    with h5py.File(cache_path) as file:
        for item in (file, file["features/clean"]):
            types = {name: h5py.check_string_dtype(item.attrs.get_id(name).dtype) for name in item.attrs}
            assert [name for name, kind in types.items() if kind is not None and kind.length is None] == []
    assert open_cache(cache_path).provenance().model == "some model"
