"""The gallery shows the worst errors and the surest hits, one frame a video, with what is known of each."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cache.errors import InputError
from cache.reader import open_cache
from cache.store import write_cache
from evaluate.folders import Run
from evaluate.gallery import KINDS, choose, gallery, missing_pictures

FRAMES = [
    # video, frame, label, score
    ("a", 0, 0, 0.90), ("a", 1, 0, 0.95), ("a", 2, 0, 0.01),
    ("b", 0, 0, 0.70), ("b", 1, 0, 0.70),
    ("c", 0, 1, 0.20), ("d", 0, 1, 0.99), ("e", 0, 1, 0.50),
    ("f", 0, 0, 0.10), ("g", 0, 0, 0.30),
]  # fmt: skip


def table_of(frames: list[tuple[str, int, int, float]]) -> pd.DataFrame:
    table = pd.DataFrame(frames, columns=["video_id", "frame", "label", "score"])
    return table.assign(sample_id=table["video_id"] + "/" + table["frame"].astype(str)).drop(columns="frame")


def test_by_hand() -> None:
    chosen = choose(table_of(FRAMES), 0.5)
    assert list(zip(chosen["kind"], chosen["sample_id"], strict=True)) == [
        ("false_positive", "a/1"),  # the worst of its three frames; the sure hit a/2 is not shown beside it
        ("false_positive", "b/0"),  # of equal frames the first by name
        ("false_negative", "c/0"),
        ("true_positive", "d/0"),
        ("true_positive", "e/0"),  # at the threshold means fake
        ("true_negative", "f/0"),
        ("true_negative", "g/0"),
    ]
    assert list(choose(table_of(FRAMES), 0.5, 1)["sample_id"]) == ["a/1", "c/0", "d/0", "f/0"]
    assert list(chosen.columns) == ["video_id", "label", "score", "sample_id", "kind"]


def test_without_frames_of_a_kind_there_are_none_of_it() -> None:
    reals = table_of([frame for frame in FRAMES if not frame[2]])
    assert set(choose(reals, 2.0)["kind"]) == {"true_negative"}
    empty = choose(reals[:0], 0.5)
    assert len(empty) == 0 and "kind" in empty


videos = st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
frames = st.lists(videos, unique_by=lambda one: one[:2], max_size=16)


@settings(max_examples=40, deadline=None)
@given(frames, st.sampled_from([0.25, 0.5, 0.6]), st.integers(1, 3), st.randoms(use_true_random=False))
def test_laws(drawn: list[tuple[str, int, float]], threshold: float, count: int, random: Any) -> None:
    rows = [(video, frame, int(video > "c"), score) for video, frame, score in drawn]
    table = table_of(rows)
    chosen = choose(table, threshold, count)
    random.shuffle(rows)
    pd.testing.assert_frame_equal(chosen, choose(table_of(rows), threshold, count))
    assert not chosen["video_id"].duplicated().any()
    margin = (table["score"] - threshold).abs()
    shown: set[str] = set()
    for kind, (label, called) in KINDS.items():
        mine = chosen[chosen["kind"] == kind]
        of_kind = table[(table["label"] == label) & ((table["score"] >= threshold) == called)]
        best = margin[of_kind.index].groupby(of_kind["video_id"]).max()
        best = best[~best.index.isin(shown)].sort_values(ascending=False)
        assert np.array_equal((mine["score"] - threshold).abs(), best.head(count))
        shown |= set(mine["video_id"])


@pytest.fixture
def cached(tmp_path: Path, samples: pd.DataFrame, space: Any) -> Path:
    """A cache whose thumbnail of a sample is a JPEG only by its first bytes, then its name."""
    thumbnails = [b"\xff\xd8" + name.encode() for name in samples["sample_id"]]
    write_cache(tmp_path / "small.h5", samples, {"clean": space}, thumbnails=thumbnails)
    return tmp_path / "small.h5"


@pytest.fixture
def run(cached: Path, samples: pd.DataFrame) -> Run:
    """A run on all samples of the cache, with scores at random."""
    scores = np.random.default_rng(0).random(len(samples))
    table = samples.assign(split="test", score=scores, predicted=0)
    config = {"head": "mlp", "train": [], "cache": {"path": str(cached), "table": open_cache(cached).table_hash}}
    return Run(Path("run"), config, table)


def test_what_is_told_of_each_frame(run: Run, cached: Path) -> None:
    rows = gallery(run)
    json.dumps(rows, allow_nan=False)
    assert [row["kind"] for row in rows] == [kind for kind in KINDS for _ in range(6)]
    assert [row["sample_id"] for row in rows] == list(choose(run.table, 0.5)["sample_id"])
    assert missing_pictures(rows) == ""
    cache = open_cache(cached)
    for row in rows:
        at = list(run.table["sample_id"]).index(row["sample_id"])
        assert row["score"] == run.table["score"][at] and row["label"] == run.table["label"][at]
        assert row["picture"].startswith("data:image/jpeg;base64,") and row["note"] is None
        real, fake = row["prompts"]
        assert real[:2] == ["a real face", "real"] and fake[:2] == ["a fake face", "fake"]
        assert [real[2], fake[2]] == cache.similarity("pair")[at].tolist()


def test_the_runs_own_threshold_of_frames_decides(run: Run) -> None:
    thresholds = {"frame": {"value": 2.0, "source": "fixed"}, "video": {"value": 0.0, "source": "fixed"}}
    kinds = {row["kind"] for row in gallery(replace(run, config=run.config | {"thresholds": thresholds}))}
    assert kinds == {"false_negative", "true_negative"}


def test_the_test_cache_comes_first(run: Run, build_cache: Callable[..., Path]) -> None:
    other = build_cache(groups=1)
    config = run.config | {"test_cache": {"path": str(other), "table": open_cache(other).table_hash}}
    rows = gallery(replace(run, config=config))
    assert {row["picture"] for row in rows} == {None}
    assert any("holds no thumbnails: extract with --thumbnails 96" in row["note"] for row in rows)


def test_without_a_cache_it_has_no_pictures_and_says_so(run: Run) -> None:
    rows = gallery(replace(run, config={"head": "theirs", "train": []}))
    assert len(rows) == 24 and all(row["picture"] is None and row["prompts"] == [] for row in rows)
    expected = (
        "No sample has a picture: there is no cache behind these scores: name the folder of the pictures with --root."
    )
    assert missing_pictures(rows) == expected
    some = [*gallery(run)[:5], *rows[:2]]
    assert missing_pictures(some).startswith("2 of 7 have no picture: there is no cache")


def test_scores_of_others_take_their_pictures_from_the_data_set(run: Run, tmp_path: Path) -> None:
    theirs = replace(run, config={"head": "theirs", "train": []})
    first, second, *_ = choose(run.table, 0.5)["sample_id"]
    (tmp_path / first).parent.mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(tmp_path / first, "PNG")
    rows = gallery(theirs, root=tmp_path)
    assert rows[0]["picture"].startswith("data:image/jpeg;base64,")
    assert rows[1]["note"] == f"there is no file {tmp_path / second}"


def test_prompts_of_a_set_that_is_not_in_the_cache_are_left_out(run: Run) -> None:
    rows = gallery(replace(run, config=run.config | {"prompt_set": "of an addition"}))
    assert all(row["prompts"] == [] and row["picture"] for row in rows)


def test_a_cache_of_other_samples_is_refused(run: Run, build_cache: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"built\.h5 holds another sample table than the run was made with"):
        gallery(run, build_cache(groups=1))
