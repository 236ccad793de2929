"""Exports: other programs read back what the cache holds; an export is whole or not there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cache.export as module
from cache.errors import InputError
from cache.export import export
from cache.reader import Cache, open_cache
from cache.schema import Space

Write = Callable[..., Path]


@pytest.fixture
def cache(write_rows: Write, samples: pd.DataFrame) -> Cache:
    return open_cache(write_rows("a.h5", table=samples.assign(root="/data", identities='a "b", c')))


def test_the_layout_of_clip_retrieval(cache: Cache, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    export(cache, tmp_path / "deep" / "out")
    files = sorted(path.relative_to(tmp_path / "deep").as_posix() for path in tmp_path.glob("deep/**/*.*"))
    assert files == ["out/img_emb/img_emb_0.npy", "out/metadata/metadata_0.parquet"]
    embedding = np.load(tmp_path / "deep/out/img_emb/img_emb_0.npy")
    assert np.array_equal(embedding, cache.array("embedding"))
    assert embedding.dtype == np.float16
    table = pd.read_parquet(tmp_path / "deep/out/metadata/metadata_0.parquet")
    assert table.columns[0] == "image_path"
    assert table["image_path"][5] == f"/data/{cache.samples['path'][5]}"
    read = table[list(cache.samples)]
    pd.testing.assert_frame_equal(read.astype(object), cache.samples.astype(object))
    assert np.array_equal(table[["similarity_pair_0", "similarity_pair_1"]], cache.similarity())


@pytest.mark.parametrize("rows", [50, 4096])
def test_csv_reads_back_to_the_bits(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(module, "CSV_ROWS", rows)
    export(cache, tmp_path / "out.csv", "csv")
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert table["identities"].tolist() == cache.samples["identities"].tolist()
    assert table["sample_id"].tolist() == cache.samples["sample_id"].tolist()
    numbers = table[[f"emb_{index}" for index in range(16)]].to_numpy(np.float16)
    assert np.array_equal(numbers, cache.array("embedding"))
    similarity = table[["similarity_pair_0", "similarity_pair_1"]].to_numpy(np.float32)
    assert np.array_equal(similarity, cache.similarity())
    assert len(table.columns) == len(cache.samples.columns) + 2 + 16


def test_five_digits_tell_all_float16_apart(tmp_path: Path, write_rows: Write, samples: pd.DataFrame) -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)]
    every = np.resize(every, (216, -(-len(every) // 216)))
    space = Space(open_cache(write_rows("a.h5")).provenance(), {"embedding": every})
    export(open_cache(write_rows("b.h5", spaces={"clean": space})), tmp_path / "out.csv", "csv")
    read = pd.read_csv(tmp_path / "out.csv").filter(regex="^emb_").to_numpy(np.float16)
    assert np.array_equal(read.view(np.uint16), every.view(np.uint16)), "the sign of zero included"


def test_another_space(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    other = Space(full_space.provenance, {"embedding": -full_space.arrays["embedding"]})
    maps = Space(full_space.provenance, {"maps": full_space.arrays["face/box"]})
    cache = open_cache(write_rows("a.h5", spaces={"clean": full_space, "flip": other, "lare": maps}))
    export(cache, tmp_path / "out", space="flip")
    assert np.array_equal(np.load(tmp_path / "out/img_emb/img_emb_0.npy"), other.arrays["embedding"])
    for space, message in (("lare", "it has: maps"), ("blur", "known: clean, flip, lare")):
        with pytest.raises(InputError, match=message):
            export(cache, tmp_path / "none", space=space)


def test_refusals(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown export format 'xlsx'; known: csv, npy"):
        export(cache, tmp_path / "out", "xlsx")
    for form in ("npy", "csv"):
        with pytest.raises(InputError, match="never overwritten"):
            export(cache, tmp_path / "a.h5", form)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        export(cache, tmp_path / "out")


@pytest.mark.parametrize("form", ["npy", "csv"])
@pytest.mark.parametrize(
    ("place", "call"),
    [
        (os, "fsync"),
        (os, "rename"),
        (os, "link"),
        (np.lib.format, "open_memmap"),
        (pd.DataFrame, "to_csv"),
        (pd.DataFrame, "to_parquet"),
    ],
)
def test_a_fault_leaves_nothing_or_the_whole(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, place: Any, call: str
) -> None:
    there = sorted(tmp_path.iterdir())
    original = getattr(place, call)
    faults = 0
    for turn in range(6):
        calls = 0

        def faulty(*arguments: Any, turn: int = turn, **options: Any) -> Any:
            nonlocal calls, faults
            calls += 1
            if calls == turn + 1:
                faults += 1
                raise OSError(28, "No space left on device")
            return original(*arguments, **options)

        out = tmp_path / f"out{turn}"
        monkeypatch.setattr(place, call, faulty)
        try:
            export(cache, out, form)
        except OSError:
            left = sorted(set(tmp_path.iterdir()) - {tmp_path / f"out{one}" for one in range(6)})
            assert left == there
        monkeypatch.undo()
        if out.is_dir():
            assert len(np.load(out / "img_emb/img_emb_0.npy")) == len(pd.read_parquet(out / "metadata")) == 216
        elif out.exists():
            assert len(pd.read_csv(out)) == 216
    used = {"fsync": "npy csv", "rename": "npy", "link": "csv", "open_memmap": "npy", "to_csv": "csv"}
    assert faults or form not in used.get(call, "npy")
