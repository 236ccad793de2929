"""Verdicts on what a user named: by the level's own threshold, and never a guess."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from cache.reader import Cache, open_cache
from cache.schema import Space
from cache.store import write_cache
from classify.features import feature_matrix
from classify.fit import fit_head, scores
from classify.models import Model, load_model, save_model
from classify.verdicts import judge, lines
from evaluate.calibration import apply
from extract.named import Unit

FACES = "FF++/c23/FaceSwap/000_001"
REAL = "FF++/c23/real/000"


@pytest.fixture
def cache(build_cache: Callable[..., Path]) -> Cache:
    return open_cache(build_cache(groups=12, frames=3, dimension=8))


@pytest.fixture
def model(cache: Cache, tmp_path: Path) -> Model:
    rows = np.arange(len(cache))
    X, blocks = feature_matrix(cache, rows)
    columns = (cache.samples[name].to_numpy() for name in ("label", "video_id", "group"))
    options = {"parameters": {"epochs": 20, "alpha": 0.1}, "calibrate": "platt"}
    fitted = fit_head("mlp", X, *columns, blocks=blocks, **options)
    stated = {"train": ["FaceSwap"], "train_groups": [], "train_identities": [], "caveats": [], "prompt_set": None}
    made = {"cache": {"provenance": asdict(cache.provenance())}}
    save_model(tmp_path / "model", fitted, {**stated, **made, "features": ["embedding"], "blocks": blocks})
    return load_model(tmp_path / "model")


def test_a_video_is_judged_as_a_video_and_a_picture_as_a_frame(model: Model, cache: Cache) -> None:
    units = [Unit("b.mp4", "video", FACES), Unit("a.png", "picture", REAL, note="")]
    thresholds = model.meta["thresholds"]
    video, picture = judge(model, cache, units)
    X, _ = feature_matrix(cache, np.flatnonzero(cache.samples["video_id"] == FACES))
    frames = apply(model.calibration("frame"), scores(model.pipeline, X))
    assert [one["score"] for one in video["frame_scores"]] == pytest.approx(frames.tolist())
    assert [one["frame"] for one in video["frame_scores"]] == [0, 1, 2]
    assert video["score"] == pytest.approx(float(apply(model.calibration("video"), np.array([frames.mean()]))[0]))
    assert video["score"] != pytest.approx(frames.mean(), abs=1e-3)
    assert video["threshold"] == thresholds["video"]["value"] and picture["threshold"] == thresholds["frame"]["value"]
    assert "frame_scores" not in picture and picture["score"] < video["score"]
    for level, value in (("video", video["score"]), ("frame", picture["score"])):
        for threshold, verdict in ((value, "fake"), (np.nextafter(value, 1), "real")):
            thresholds[level]["value"] = threshold
            assert judge(model, cache, units)[level == "frame"]["verdict"] == verdict


def test_what_failed_is_a_row_and_no_guess(model: Model, cache: Cache) -> None:
    units = [
        Unit("x.jpg", "picture", "not/in/the/cache", "unreadable", "truncated"),
        Unit("b.mp4", "video", FACES, note="2 frames: no face found"),
        Unit("notes.txt", "", failed="unreadable", note="neither a picture nor a video by its suffix"),
        Unit("hill.jpg", "picture", "not/in/it/either", "no face", "no face found"),
    ]
    records = judge(model, cache, units)
    assert [record["path"] for record in records] == ["x.jpg", "b.mp4", "notes.txt", "hill.jpg"]
    assert [record["verdict"] for record in records] == ["unreadable", "fake", "unreadable", "no face"]
    assert [record["frames"] for record in records] == [0, 3, 0, 0]
    assert all(record["score"] is None and record["threshold"] is None for record in records if not record["frames"])
    json.dumps(records, allow_nan=False)
    table = lines(records)
    assert table[0].split() == ["verdict", "score", "threshold", "frames", "path", "note"]
    assert table[2].split()[1:3] == [f"{records[1][name]:.4f}" for name in ("score", "threshold")]
    assert len(table) == 5 and table[4].split() == ["no", "face", "0", "hill.jpg", "no", "face", "found"]
    assert len({line.index(unit.path) for line, unit in zip(table[1:], units, strict=True)}) == 1, "columns are aligned"


def test_a_frame_without_a_face_that_was_taken_whole_is_not_scored(model: Model, cache: Cache, tmp_path: Path) -> None:
    """Of a model that was trained with such frames."""
    counts = np.ones(len(cache), np.int32)
    rows = np.flatnonzero(cache.samples["video_id"] == FACES)
    counts[rows[0]] = 0
    counts[cache.samples["video_id"] == REAL] = 0
    space = cache.space()
    write_cache(
        tmp_path / "faces.h5",
        cache.samples,
        {"clean": Space(space.provenance, {**space.arrays, "face/count": counts}, {}, {})},
    )
    units = [Unit("b.mp4", "video", FACES), Unit("a.png", "picture", REAL), Unit("a.mp4", "video", REAL)]
    records = judge(model, open_cache(tmp_path / "faces.h5"), units)
    assert [record["frames"] for record in records] == [2, 0, 0]
    assert [record["note"] for record in records] == ["1 frame: no face", "", "3 frames: no face"]
    assert [record["verdict"] for record in records][1:] == ["no face", "no face"]
    assert [one["frame"] for one in records[0]["frame_scores"]] == [1, 2]
    assert judge(model, cache, units)[0]["score"] != records[0]["score"]
