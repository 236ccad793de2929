"""A model on another cache: its scores, what it refuses, and a folder that can be measured."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cache import predictions
from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.schema import Space
from cache.store import write_cache
from cache.subset import subset
from classify.features import feature_matrix
from classify.fit import fit_head, scores
from classify.models import Model, load_model, save_model
from classify.predict import give_text_tower, predict_cache, write_predictions
from evaluate.calibration import apply
from evaluate.runs import evaluate_run

TRAINED = 12  # of 24 groups


@pytest.fixture
def whole(build_cache: Callable[..., Path]) -> Cache:
    return open_cache(build_cache(groups=24, frames=3, dimension=8))


@pytest.fixture
def unseen(whole: Cache, tmp_path: Path) -> Cache:
    """The groups that the models of these tests were not fitted on."""
    groups = sorted(whole.samples["group"].unique())[TRAINED:]
    subset(whole, tmp_path / "unseen.h5", [f"group={','.join(groups)}"])
    return open_cache(tmp_path / "unseen.h5")


def fitted_on(cache: Cache, folder: Path, features: tuple[str, ...] = ("embedding",), **stated: Any) -> Model:
    """A calibrated head on the first groups of a cache."""
    groups = sorted(cache.samples["group"].unique())[:TRAINED]
    rows = np.flatnonzero(cache.samples["group"].isin(groups))
    trained = cache.samples.iloc[rows]
    X, blocks = feature_matrix(cache, rows, features)
    columns = (trained[name].to_numpy() for name in ("label", "video_id", "group"))
    fitted = fit_head("mlp", X, *columns, blocks=blocks, parameters={"epochs": 20, "alpha": 0.1}, calibrate="platt")
    prompts = cache.prompts()
    meta = {
        "head": "mlp",
        "train": ["Deepfakes", "FaceSwap"],
        "trained_on": ["FF++/Deepfakes", "FF++/FaceSwap"],
        "train_groups": groups,
        "train_identities": sorted({name for names in trained["identities"] for name in names.split()}),
        "features": list(features),
        "blocks": blocks,
        "prompt_set": "pair",
        "prompts": {"texts": prompts.texts, "labels": prompts.labels.tolist()},
        "cache": {"path": str(cache.path), "provenance": asdict(cache.provenance())},
        "caveats": ["LEAK: 1 of 2 test groups were in training: of another test", "few videos"],
        "split": {"disjoint": "identity", "drop_crossing": False},
        **stated,
    }
    save_model(folder, fitted, meta)
    return load_model(folder)


@pytest.fixture
def model(whole: Cache, tmp_path: Path) -> Model:
    return fitted_on(whole, tmp_path / "model")


def rewritten(cache: Cache, path: Path, samples: pd.DataFrame | None = None, **changed: Any) -> Cache:
    """The cache with other samples, or made otherwise."""
    space = cache.space()
    made = replace(space.provenance, **{k: v for k, v in changed.items() if k in asdict(space.provenance)})
    prompts = changed.get("prompt_scores", space.prompts)
    write_cache(path, cache.samples if samples is None else samples, {"clean": Space(made, space.arrays, {}, prompts)})
    return open_cache(path)


@pytest.mark.parametrize("features", [("embedding",), ("prompts", "embedding")])
def test_frames_and_videos_are_scored_calibrated_and_decided(
    whole: Cache, unseen: Cache, tmp_path: Path, features: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classify.predict.ROWS", 50)  # more than one block
    model = fitted_on(whole, tmp_path / "model", features)
    frames, videos, told = predict_cache(model, unseen)
    assert tuple(frames) == predictions.COLUMNS and tuple(videos) == predictions.VIDEO_COLUMNS and told == []
    assert frames["sample_id"].tolist() == unseen.samples["sample_id"].tolist() and set(frames["split"]) == {"test"}
    X, _ = feature_matrix(unseen, np.arange(len(unseen)), features)
    raw = scores(model.pipeline, X)
    calibrated = apply(model.calibration("frame"), raw)
    assert frames["score"].tolist() == pytest.approx(calibrated.tolist(), rel=1e-6)
    assert not np.allclose(raw, calibrated)
    means = frames.groupby("video_id", sort=False)["score"].mean()
    assert videos["video_id"].tolist() == means.index.tolist() and set(videos["frames"]) == {3}
    assert np.array_equal(videos["score"], apply(model.calibration("video"), means.to_numpy()))
    for level, table in (("frame", frames), ("video", videos)):
        assert np.array_equal(table["predicted"], table["score"] >= model.threshold(level))
        assert set(table["predicted"]) == {0, 1}


def test_what_evaluate_measures(model: Model, unseen: Cache, tmp_path: Path) -> None:
    out = tmp_path / "a" / "predicted"
    assert write_predictions(model, unseen, out, command="the command") == []
    result = evaluate_run(out)
    assert set(result["by_manipulation"]) == {"Deepfakes", "FaceSwap"}
    assert all(cell["seen"] for cell in result["by_manipulation"].values())
    assert result["video"]["auc"]["value"] > 0.7 and result["frame"]["n"]["groups"] == 24 - TRAINED
    record = json.loads((out / "run.json").read_text())
    assert (record["kind"], record["command"], record["model"]) == ("prediction", "the command", model.fingerprint)
    assert record["test_cache"]["fingerprint"] == unseen.fingerprint
    assert record["thresholds"] == model.meta["thresholds"]
    assert "few videos" in record["caveats"]
    assert not [told for told in result["caveats"] if told.startswith("LEAK")], "that of another test is none here"
    assert [path.name for path in out.parent.iterdir()] == ["predicted"]
    with pytest.raises(InputError, match="exists already"):
        write_predictions(model, unseen, out)


def test_groups_of_the_training_are_a_leak(model: Model, whole: Cache, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"LEAK: 12 of 24 test groups were in training.*--allow-leak"):
        write_predictions(model, whole, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    told = write_predictions(model, whole, tmp_path / "out", allow_leak=True)
    assert told[0].startswith("LEAK: 12 of 24 test groups were in training: ")
    assert [line for line in evaluate_run(tmp_path / "out")["caveats"] if line.startswith("LEAK")] == [told[0]]


def test_the_group_of_a_row_is_what_the_split_kept_whole(whole: Cache, tmp_path: Path) -> None:
    scenes = [f"FF++/{number:03d}" for number in range(10)]
    split = {"disjoint": "scene", "drop_crossing": False}
    model = fitted_on(whole, tmp_path / "model", split=split, train_groups=scenes)
    frames = predict_cache(model, whole, allow_leak=True).frames
    assert frames["group"].tolist() == whole.samples["scene"].tolist()


def test_another_crop_or_view_is_to_be_named(model: Model, unseen: Cache, tmp_path: Path) -> None:
    other = rewritten(unseen, tmp_path / "other.h5", crop="face", view="flip", sampling="8 frames")
    with pytest.raises(InputError, match=r"crop is 'some crop' in training and 'face' here.*--differ crop,view"):
        predict_cache(model, other)
    with pytest.raises(InputError, match=r"^view is 'some view'.*--differ view"):
        predict_cache(model, other, differ=["crop"])
    told = write_predictions(model, other, tmp_path / "out", differ=["crop", "view"])
    assert [sentence.split()[0] for sentence in told] == ["crop", "view", "sampling"]
    caveats = evaluate_run(tmp_path / "out")["caveats"]
    assert sum("'face' here" in sentence for sentence in caveats) == 1


def test_samples_without_labels_are_scored_and_cannot_be_measured(model: Model, unseen: Cache, tmp_path: Path) -> None:
    unlabelled = unseen.samples.assign(label=-1, manipulation="unknown")
    other = rewritten(unseen, tmp_path / "other.h5", unlabelled)
    told = write_predictions(model, other, tmp_path / "out")
    assert len(told) == 1 and "rows without a label" in told[0]
    assert set(predictions.read(tmp_path / "out" / "predictions.csv")["predicted"]) == {0, 1}
    with pytest.raises(InputError, match="neither 0"):
        evaluate_run(tmp_path / "out")


def test_only_heads_that_score_by_a_text_tower_get_one(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("classify.text_tower.load_text_tower", lambda *words: asked.append(words) or "the tower")
    give_text_tower(model, "demo", None)
    assert not asked and not hasattr(model.head, "text_tower")
    monkeypatch.setattr(type(model.head), "needs_to_score", ("text_tower",), raising=False)
    give_text_tower(model, "ViT-B-32", "openai")
    assert model.head.text_tower == "the tower" and asked[0][1:] == ("ViT-B-32", "openai")
    assert asked[0][0].weights == "some weights"
