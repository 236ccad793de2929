"""Other views of a cache: which there are, and what a fitted head says of its test rows in each."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import classify.features as features_module
import classify.predict as predict_module
from cache import predictions
from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.schema import Space
from cache.store import write_addition, write_cache
from cache.subset import subset
from classify.features import feature_matrix
from classify.fit import scores
from classify.models import load_model
from classify.predict import write_predictions
from classify.runs import classify
from classify.views import other_views
from evaluate.calibration import apply
from evaluate.view_scores import FILE, read_views

NOISE = {"jpeg-30": 0.5, "blur-2": 3.0}  # how far the features of a view lie from the clean ones


def view_of(cache: Cache, view: str, noise: float = 0.0, **changed: Any) -> Space:
    """The clean space of a cache, moved, as another view, or made otherwise."""
    clean = cache.space()
    embedding = clean.arrays["embedding"] + np.random.default_rng(7).normal(
        scale=noise, size=clean.arrays["embedding"].shape
    )
    made = replace(clean.provenance, view=view, **{k: v for k, v in changed.items() if k != "prompt_scores"})
    moved = {name: replace(one, similarity=one.similarity + np.float32(noise)) for name, one in clean.prompts.items()}
    prompts = changed.get("prompt_scores", moved)
    return Space(made, {"embedding": embedding.astype("f2")}, clean.scalars, prompts)


def rewritten(cache: Cache, path: Path, **spaces: Space) -> Path:
    """A cache with further spaces."""
    write_cache(path, cache.samples, {"clean": cache.space(), **spaces})
    return path


@pytest.fixture
def clean(build_cache: Callable[..., Path]) -> Cache:
    return open_cache(build_cache(groups=24, frames=2, dimension=8))


@pytest.fixture
def cache(clean: Cache, tmp_path: Path) -> Path:
    """Clean, the same once more as "flip", and two views that lie apart."""
    noisy = {name: view_of(clean, name, noise) for name, noise in NOISE.items()}
    return rewritten(clean, tmp_path / "views.h5", flip=view_of(clean, "flip"), **noisy)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


def rows_of(folder: Path, split: str = "test") -> pd.DataFrame:
    table = predictions.read(folder / "predictions.csv")
    return table[table["split"] == split]


def views_of(folder: Path) -> dict[str, pd.Series]:
    """Scores by sample, of each view that run.json names, as `evaluate` reads them."""
    table = read_views(folder, rows_of(folder), record(folder)["views"])
    assert table is not None and set(table["view"]) == set(record(folder)["views"])
    return dict(iter(table.set_index("sample_id").groupby("view")["score"]))


def expected(folder: Path, cache: Cache, view: str) -> list[float]:
    """What the saved model says of the test rows in a view."""
    model = load_model(folder / "model")
    places = pd.Index(cache.samples["sample_id"]).get_indexer(rows_of(folder)["sample_id"])
    X, _ = feature_matrix(cache, places, model.meta["features"], model.meta["prompt_set"], view)
    return apply(model.calibration("frame"), scores(model.pipeline, X)).tolist()


def test_a_view_is_made_as_the_default_space_in_all_else(clean: Cache, tmp_path: Path) -> None:
    path = rewritten(
        clean,
        tmp_path / "spaces.h5",
        flip=view_of(clean, "flip", software="newer", prompts="others", tokens="more"),
        tuned=view_of(clean, "jpeg-30", adapter="another"),
        whole=view_of(clean, "jpeg-50", crop="none"),
        background=view_of(clean, "background"),
        again=view_of(clean, clean.provenance().view),
    )
    assert other_views(open_cache(path)) == ["flip"]


def test_all_features_are_those_of_the_view(cache: Path) -> None:
    opened, rows = open_cache(cache), np.array([5, 3, 40])
    X = np.asarray(feature_matrix(opened, rows, ["prompts", "embedding"], "pair", "blur-2")[0])
    space = opened.space("blur-2")
    assert np.array_equal(X[:, :2], space.prompts["pair"].similarity[rows])
    assert np.array_equal(X[:, 2:], space.arrays["embedding"][rows].astype("f4"))
    clean = np.asarray(feature_matrix(opened, rows, ["prompts", "embedding"], "pair")[0])
    assert (clean != X).all()


@pytest.mark.parametrize("calibrate", [None, "platt"])
def test_a_run_holds_the_scores_of_its_test_rows_in_every_view(
    cache: Path, tmp_path: Path, calibrate: str | None
) -> None:
    for folder in classify(
        cache, tmp_path / "out", train=["FaceSwap"], heads=["logistic", "knn"], calibrate=calibrate,
        features=["embedding", "prompts"],
    ):  # fmt: skip
        found = views_of(folder)
        assert sorted(found) == record(folder)["views"] == ["blur-2", "flip", "jpeg-30"]
        tested = rows_of(folder)
        assert found["flip"].index.tolist() == tested["sample_id"].tolist()
        assert found["flip"].tolist() == tested["score"].tolist(), "the same features have the same score, bit for bit"
        for view in NOISE:
            assert found[view].tolist() == expected(folder, open_cache(cache), view)
            assert found[view].tolist() != found["flip"].tolist()
        assert record(folder)["caveats"] == [] and record(folder)["timings"]["views"] > 0


def test_other_views_change_nothing_else(cache: Path, clean: Cache, tmp_path: Path) -> None:
    (bare,) = classify(clean.path, tmp_path / "bare", train=["FaceSwap"])
    (folder,) = classify(cache, tmp_path / "out", train=["FaceSwap"])
    assert record(bare)["views"] == [] and not (bare / FILE).exists()
    for name in ("predictions.csv", "video_predictions.csv", "model/model.safetensors"):
        assert (bare / name).read_bytes() == (folder / name).read_bytes()
    written = (folder / FILE).stat().st_mtime_ns
    said: list[str] = []
    classify(cache, tmp_path / "out", train=["FaceSwap"], say=said.append)
    assert said == [f"{folder}: already there"] and (folder / FILE).stat().st_mtime_ns == written


def test_selected_rows_alone_are_scored_and_large_matrices_are_streamed(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"train": ["FaceSwap"], "where": ["frame=1"]}
    (whole,) = classify(cache, tmp_path / "whole", **options)
    assert all(name.endswith("/1") for name in views_of(whole)["jpeg-30"].index)
    assert views_of(whole)["jpeg-30"].tolist() == expected(whole, open_cache(cache), "jpeg-30")
    monkeypatch.setattr(features_module, "LARGE", 0)
    (streamed,) = classify(cache, tmp_path / "streamed", **options)
    for view, found in views_of(streamed).items():
        assert found.tolist() == pytest.approx(views_of(whole)[view].tolist(), rel=1e-9)


def test_an_addition_may_bring_a_view(clean: Cache, tmp_path: Path) -> None:
    write_addition(tmp_path / "more.h5", clean.path, {"jpeg-30": view_of(clean, "jpeg-30", 0.5, software="newer")})
    (folder,) = classify(clean.path, tmp_path / "out", train=["FaceSwap"], additions=[tmp_path / "more.h5"])
    joined = open_cache(clean.path, [tmp_path / "more.h5"])
    assert views_of(folder)["jpeg-30"].tolist() == expected(folder, joined, "jpeg-30")
    with pytest.raises(InputError, match="additions is"):
        classify(clean.path, tmp_path / "out", train=["FaceSwap"])


def test_of_two_caches_the_test_cache_gives_the_views(cache: Path, clean: Cache, tmp_path: Path) -> None:
    groups = sorted(clean.samples["group"].unique())
    subset(clean, tmp_path / "train.h5", [f"group={','.join(groups[:12])}"])
    subset(open_cache(cache), tmp_path / "test.h5", [f"group={','.join(groups[12:])}"])
    (folder,) = classify(tmp_path / "train.h5", tmp_path / "out", test_cache=tmp_path / "test.h5", train=["FaceSwap"])
    tested = open_cache(tmp_path / "test.h5")
    for view in NOISE:
        assert views_of(folder)[view].tolist() == expected(folder, tested, view)
    (other,) = classify(tmp_path / "test.h5", tmp_path / "turned", test_cache=tmp_path / "train.h5", train=["FaceSwap"])
    assert record(other)["views"] == [], "views of the training side say nothing of the test"


def test_a_view_that_cannot_be_scored_is_told(clean: Cache, tmp_path: Path) -> None:
    pair = clean.prompts()
    other = {"pair": replace(pair, texts=["a photo", "a drawing"])}
    broken = view_of(clean, "blur-9")
    broken.arrays["embedding"][:, 0] = np.nan
    path = rewritten(
        clean,
        tmp_path / "partly.h5",
        **{
            "flip": view_of(clean, "flip"),
            "blur-9": broken,
            "jpeg-10": view_of(clean, "jpeg-10", prompt_scores={}),
            "jpeg-20": view_of(clean, "jpeg-20", prompt_scores=other),
        },
    )
    (folder,) = classify(path, tmp_path / "out", train=["FaceSwap"], features=["embedding", "prompts"])
    assert list(views_of(folder)) == ["flip"]
    blurred, bare, renamed = record(folder)["caveats"]
    assert blurred.startswith("no robustness in view blur-9: ") and "are not finite" in blurred
    assert bare.startswith("no robustness in view jpeg-10: ") and "holds no prompt similarities" in bare
    assert renamed.endswith("'pair' are a photo; a drawing there, else a real face; a fake face")
    (embedded,) = classify(path, tmp_path / "embedded", train=["FaceSwap"])
    assert record(embedded)["views"] == ["flip", "jpeg-10", "jpeg-20"], "prompts that are not taken need not be there"


def test_predictions_of_a_model_hold_the_views_of_the_cache(
    cache: Path, clean: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = sorted(clean.samples["group"].unique())
    subset(clean, tmp_path / "train.h5", [f"group={','.join(groups[:12])}"])
    subset(open_cache(cache), tmp_path / "test.h5", [f"group={','.join(groups[12:])}"])
    (run,) = classify(
        tmp_path / "train.h5", tmp_path / "runs", train=["FaceSwap"], features=["embedding", "prompts"],
        calibrate="platt",
    )  # fmt: skip
    monkeypatch.setattr(predict_module, "ROWS", 50)  # so that parts meet
    tested = open_cache(tmp_path / "test.h5")
    model = load_model(run)
    assert write_predictions(model, tested, tmp_path / "predicted") == []
    found = views_of(tmp_path / "predicted")
    assert found["flip"].tolist() == rows_of(tmp_path / "predicted")["score"].tolist()
    for view in NOISE:
        X, _ = feature_matrix(tested, np.arange(len(tested)), ["embedding", "prompts"], "pair", view)
        expected = apply(model.calibration("frame"), scores(model.pipeline, X))
        assert found[view].tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    write_predictions(model, open_cache(tmp_path / "train.h5"), tmp_path / "bare", allow_leak=True)
    assert record(tmp_path / "bare")["views"] == [] and not (tmp_path / "bare" / FILE).exists()


def test_predictions_tell_of_a_view_that_cannot_be_scored(clean: Cache, tmp_path: Path) -> None:
    groups = sorted(clean.samples["group"].unique())
    subset(clean, tmp_path / "train.h5", [f"group={','.join(groups[:12])}"])
    (run,) = classify(tmp_path / "train.h5", tmp_path / "runs", train=["FaceSwap"], features=["prompts"])
    path = rewritten(clean, tmp_path / "bare.h5", flip=view_of(clean, "flip", prompt_scores={}))
    said = write_predictions(load_model(run), open_cache(path), tmp_path / "predicted", allow_leak=True)
    for told in (said, record(tmp_path / "predicted")["caveats"]):
        assert any(line.startswith("no robustness in view flip: ") for line in told)
