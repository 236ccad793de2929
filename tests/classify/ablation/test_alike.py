"""Caches that cells are compared over: which differences are refused, and what is said of them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cache.errors import InputError
from cache.schema import SAMPLE_COLUMNS, Space
from cache.store import write_cache
from classify.ablation.alike import check_samples_match
from classify.ablation.grid import Grid, GridCell
from classify.ablation.sections import CacheFiles

VIDEO = "FF++/c23/Deepfakes/000_001"


def written(folder: Path, space: Space, **tables: pd.DataFrame) -> dict[str, CacheFiles]:
    """Caches of these samples."""
    for name, table in tables.items():
        part = Space(space.provenance, {"embedding": space.arrays["embedding"][table.index]}, space.scalars)
        write_cache(folder / f"{name}.h5", table.reset_index(drop=True), {"clean": part})
    return {name: CacheFiles(folder / f"{name}.h5") for name in tables}


def check(caches: dict[str, CacheFiles], *options: dict[str, Any]) -> None:
    """Check cells of these options."""
    cells = [GridCell({}, {"head": "knn", **one}) for one in options]
    check_samples_match(Grid(Path("grid.toml"), caches, (), cells, 0))


def regrouped(samples: pd.DataFrame) -> pd.DataFrame:
    """The same, but that one video is of another group."""
    return samples.assign(group=samples["group"].mask(samples["video_id"] == VIDEO, "FF++/999"))


def test_a_video_of_another_group_is_refused(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    caches = written(tmp_path, space, left=samples, right=regrouped(samples))
    with pytest.raises(InputError) as refused:
        check(caches, {"cache": "left"}, {"cache": "right"})
    told = "the caches left and right differ in the group of 1 videos: {} is FF++/000 in one and FF++/999 in the other"
    assert str(refused.value) == told.format(VIDEO)


def test_test_caches_are_compared_with_each_other(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    caches = written(tmp_path, space, home=samples, left=samples, right=regrouped(samples))
    left, right = ({"cache": "home", "test_cache": name} for name in ("left", "right"))
    with pytest.raises(InputError, match=f"left and right differ in the group of 1 videos: {VIDEO.replace('+', '.')}"):
        check(caches, left, right)
    check(caches, left, {"cache": "left", "test_cache": "left"})
    check(caches, right)  # what is trained on and what is tested on may differ


def test_a_missing_video_is_named_from_either_side(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    caches = written(tmp_path, space, whole=samples, part=samples[samples["video_id"] != VIDEO])
    for names in (("whole", "part"), ("part", "whole")):
        with pytest.raises(InputError, match=r"hold the same videos of FF\+\+: 1 are in whole alone") as refused:
            check(caches, *({"cache": name} for name in names))
        assert VIDEO in str(refused.value) and f"the caches {names[0]} and {names[1]} " in str(refused.value)


def test_other_data_sets_and_other_frames_are_no_difference(
    tmp_path: Path, samples: pd.DataFrame, space: Space
) -> None:
    texts = [name for name, column in SAMPLE_COLUMNS.items() if column.dtype == "str"]
    foreign = samples.copy()
    foreign[texts] = foreign[texts].apply(lambda column: column.str.replace("FF++", "Celeb", regex=False))
    fewer = samples[(samples["frame"] > 0) | (samples["video_id"] != VIDEO)]
    assert len(fewer) == len(samples) - 1
    theirs = foreign[foreign["group"] > "Celeb/010"]
    caches = written(tmp_path, space, ours=samples, theirs=theirs, fewer=fewer)
    check(caches, *({"cache": name} for name in caches))
