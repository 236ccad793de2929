"""A subset holds the rows asked for, with all that is aligned with them, and says where it comes from."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from cache.attributes import read_attributes
from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import Space
from cache.sealed import read_block
from cache.store import write_addition
from cache.subset import subset

Write = Callable[..., Path]
WHERE = ["manipulation=real,FaceSwap", "frame=0,2"]


def test_everything_aligned_follows(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    path = write_rows("a.h5", attributes={"plan": "a plan", "settings": "{}"})
    cache = open_cache(path)
    wanted = cache.samples["manipulation"].isin(["real", "FaceSwap"]) & cache.samples["frame"].isin([0, 2])
    rows = np.flatnonzero(wanted)
    assert subset(cache, tmp_path / "some.h5", WHERE) == len(rows) == 2 * 24 * 2
    some = open_cache(tmp_path / "some.h5")
    pd.testing.assert_frame_equal(some.samples, cache.samples[wanted].reset_index(drop=True))
    assert set(some.arrays()) == {"embedding", "face/box", "face/landmarks", "face/score"}
    for name in some.arrays():
        assert np.array_equal(some.array(name), full_space.arrays[name][rows])
        assert some.array(name).dtype == full_space.arrays[name].dtype
    assert np.array_equal(some.similarity(), cache.similarity(rows=rows))
    assert some.prompts().texts == cache.prompts().texts
    assert some.thumbnails[:] == [cache.thumbnail(row) for row in rows]
    assert some.provenance() == cache.provenance()
    assert some.scalars() == cache.scalars()
    assert some.table_hash != cache.table_hash
    assert some.plan == "", "an extraction must not take it for its finished file"


def test_it_says_where_it_comes_from(write_rows: Write, tmp_path: Path) -> None:
    cache = open_cache(write_rows("a.h5"))
    subset(cache, tmp_path / "some.h5", WHERE)
    with h5py.File(tmp_path / "some.h5") as file:
        assert read_attributes(file)["subset_of"] == cache.fingerprint
        assert json.loads(file.attrs["where"]) == WHERE


def test_failures_of_the_manipulations_kept(write_rows: Write, tmp_path: Path) -> None:
    cache = open_cache(write_rows("a.h5"))
    subset(cache, tmp_path / "real.h5", ["manipulation=real"])
    assert open_cache(tmp_path / "real.h5").failures["path"].tolist() == ["real/x.png"]


def test_additions_go_along(write_rows: Write, tmp_path: Path, full_space: Space) -> None:
    path = write_rows("a.h5")
    provenance = replace(full_space.provenance, prompts="mine:1", tokens="none")
    write_addition(tmp_path / "e.h5", path, {"clean": Space(provenance, {}, {}, {"mine": full_space.prompts["pair"]})})
    cache = open_cache(path, [tmp_path / "e.h5"])
    subset(cache, tmp_path / "some.h5", WHERE)
    some = open_cache(tmp_path / "some.h5")
    assert set(some.prompt_sets()) == {"pair", "mine"}
    assert np.array_equal(some.similarity("mine"), some.similarity("pair"))
    assert some.provenance().prompts == "some prompts mine:1"
    with h5py.File(tmp_path / "some.h5") as file:
        assert json.loads(file.attrs["merged_of"]) == [cache.fingerprint, read_block(tmp_path / "e.h5")[1]]


def test_refusals(write_rows: Write, tmp_path: Path) -> None:
    cache = open_cache(write_rows("a.h5"))
    there = sorted(tmp_path.iterdir())
    for where, message in (([], "needs a condition"), (["manipulation=X"], "there is: Deepfakes, FaceSwap, real")):
        with pytest.raises(InputError, match=message):
            subset(cache, tmp_path / "some.h5", where)
    with pytest.raises(InputError, match="never overwritten"):
        subset(cache, tmp_path / "a.h5", WHERE)
    assert sorted(tmp_path.iterdir()) == there
