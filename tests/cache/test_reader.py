"""The reader: any rows by any sample column, and a sentence for every bad file."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.mapped import file_kind
from cache.reader import open_cache
from cache.schema import Space
from cache.store import write_addition, write_cache
from cache.table import select


def test_rows_come_in_the_order_asked_for(cache_path: Path, space: Space) -> None:
    rows = np.array([7, 2, 2, 100])
    cache = open_cache(cache_path)
    assert np.array_equal(cache.array("embedding", rows), space.arrays["embedding"][rows])
    assert np.array_equal(cache.similarity(rows=rows), space.prompts["pair"].similarity[rows].astype("f4"))
    assert cache.array("embedding").dtype == np.float16


def test_select_by_columns(samples: pd.DataFrame) -> None:
    rows = select(samples, ["manipulation=FaceSwap,Deepfakes", "frame=0"])
    assert set(samples["manipulation"][rows]) == {"FaceSwap", "Deepfakes"}
    assert set(samples["frame"][rows]) == {0}
    assert len(rows) == 2 * 24


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("manipulation", "column=value"),
        ("colour=red", "unknown sample column 'colour'"),
        ("manipulation=Facswap", "there is: Deepfakes, FaceSwap, real"),
    ],
)
def test_bad_conditions(samples: pd.DataFrame, where: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(samples, [where])
    with pytest.raises(InputError, match="together"):
        select(samples, ["scene=FF++/000", "group=FF++/002"])


def test_unknown_names_list_the_known(cache_path: Path) -> None:
    cache = open_cache(cache_path)
    with pytest.raises(InputError, match="it has: embedding"):
        cache.array("cls")
    with pytest.raises(InputError, match="known: pair"):
        cache.similarity("pear")
    with pytest.raises(InputError, match="known: clean"):
        cache.provenance("jpeg-50")


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.h5"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a feature cache"):
        open_cache(path)
    with pytest.raises(InputError, match="cannot read"):
        open_cache(tmp_path / "missing.h5")
    with pytest.raises(InputError, match="cannot read"):
        open_cache(tmp_path)


def test_nested_arrays_go_by_their_path(write_rows: Callable[..., Path], full_space: Space) -> None:
    cache = open_cache(write_rows("a.h5"))
    assert cache.arrays() == ("embedding", "face/box", "face/landmarks", "face/score")
    assert np.array_equal(cache.array("face/box", np.array([3])), full_space.arrays["face/box"][[3]])
    assert {name: len(array) for name, array in cache.space().arrays.items()} == dict.fromkeys(cache.arrays(), 216)


def test_an_addition_may_bring_a_nested_array(
    cache_path: Path, space: Space, samples: pd.DataFrame, tmp_path: Path
) -> None:
    box = Space(space.provenance, {"face/box": np.ones((len(samples), 4), "f4")})
    write_addition(tmp_path / "box.h5", cache_path, {"clean": box})
    cache = open_cache(cache_path, [tmp_path / "box.h5"])
    assert cache.arrays() == ("embedding", "face/box")
    assert [one.path.name for one in cache.additions] == ["box.h5"]
    with pytest.raises(InputError, match="already has face/box"):
        open_cache(cache_path, [tmp_path / "box.h5", tmp_path / "box.h5"])


def test_a_column_alone(cache_path: Path, samples: pd.DataFrame) -> None:
    assert open_cache(cache_path).column("group").tolist() == samples["group"].tolist()


def test_the_kind_of_a_file(cache_path: Path, samples: pd.DataFrame, space: Space, tmp_path: Path) -> None:
    write_addition(tmp_path / "addition.h5", cache_path, {"new": space})
    write_cache(tmp_path / "part.h5", samples, {}, kind="part")
    names = ("addition.h5", "part.h5", cache_path.name)
    assert [file_kind(tmp_path / name) for name in names] == ["addition", "part", "cache"]
    with pytest.raises(InputError, match="cannot read"):
        file_kind(tmp_path / "none.h5")


def test_a_plain_hdf5_file_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["features"] = np.zeros(3)
    with pytest.raises(InputError, match="not a feature cache"):
        open_cache(tmp_path / "x.h5")


def test_damage_never_crashes_the_reader_otherwise(cache_path: Path) -> None:
    """Whatever byte is flipped, opening and reading give our error or an answer: no other exception."""
    whole = cache_path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path = cache_path.with_name("damaged.h5")
        path.write_bytes(damaged)
        try:
            cache = open_cache(path)
            cache.samples, cache.failures, cache.prompts(), cache.array("embedding", np.array([1]))
        except InputError:
            continue
