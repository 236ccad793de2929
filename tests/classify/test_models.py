"""Saved models: the same scores back, and nothing but what we saved."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import xxhash
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from cache.errors import InputError
from classify.fit import Fitted, fit_head, scores
from classify.heads import HEADS
from classify.models import load_model, save_model
from classify.normalize import Normalize

BLOCKS = (("embedding", 4), ("prompts", 2))


def some_fit(head: str = "logistic", normalize: str = "l2") -> tuple[Fitted, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 30)
    X = (rng.normal(size=(60, 6)) + y[:, None]).astype(np.float32)
    names = np.array([f"g{i // 2}" for i in range(60)], dtype=object)
    videos = np.array([f"v{i}" for i in range(60)], dtype=object)
    fixed = {"epochs": 3} if head == "mlp" else {}
    return fit_head(head, X, y, videos, names, blocks=BLOCKS, normalize=normalize, parameters=fixed), X


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("normalize", ["l2", "standard"])
def test_a_model_gives_the_same_scores_after_the_round_trip(tmp_path: Path, head: str, normalize: str) -> None:
    fitted, X = some_fit(head, normalize)
    save_model(tmp_path / "model", fitted, {"features": ["embedding", "prompts"], "blocks": BLOCKS})
    model = load_model(tmp_path / "model")
    assert np.array_equal(scores(model.pipeline, X), scores(fitted.estimator, X))
    assert model.meta["features"] == ["embedding", "prompts"]
    assert model.meta["thresholds"] == fitted.thresholds
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["meta.json", "model.skops"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path, some_fit()[0], {})
    return tmp_path


def replace_model(folder: Path, data: bytes) -> None:
    """What a forger would do: another model, and a hash that agrees with it."""
    (folder / "model.skops").write_bytes(data)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "hash": xxhash.xxh3_128_hexdigest(data)}))


def test_any_flipped_byte_is_found(folder: Path) -> None:
    data = (folder / "model.skops").read_bytes()
    for place in range(0, len(data), 997):
        (folder / "model.skops").write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(InputError, match="not the file that was saved"):
            load_model(folder)
    (folder / "model.skops").write_bytes(data)
    load_model(folder)


class Trap:
    """Opens a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def test_a_pickle_is_refused_and_never_run(folder: Path) -> None:
    replace_model(folder, pickle.dumps(Trap(folder / "sprung")))
    with pytest.raises(InputError, match="does not open"):
        load_model(folder)
    assert not (folder / "sprung").exists()


def spring(X: np.ndarray) -> np.ndarray:
    raise AssertionError("a foreign function ran")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Pipeline([("normalize", FunctionTransformer(spring)), ("head", LogisticRegression())]), "foreign types"),
        (Pipeline([("normalize", Normalize()), ("head", LogisticRegression())]), "no head of this program"),
        (Pipeline([("head", HEADS["svm"]())]), "no head of this program"),
        (LogisticRegression(), "no head of this program"),
        ({"a": 1}, "no head of this program"),
    ],
)
def test_models_of_others_are_refused(folder: Path, model: object, message: str) -> None:
    replace_model(folder, skops.io.dumps(model))
    with pytest.raises(InputError, match=message):
        load_model(folder)


def test_a_forged_schema_is_refused(folder: Path) -> None:
    """Our file with one class exchanged for another of Python's own."""
    with zipfile.ZipFile(folder / "model.skops") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    forged = contents["schema.json"].replace(b'"Logistic"', b'"system"').replace(b'"classify.heads.logistic"', b'"os"')
    assert forged != contents["schema.json"]
    with zipfile.ZipFile(folder / "forged.zip", "w") as archive:
        for name, data in {**contents, "schema.json": forged}.items():
            archive.writestr(name, data)
    replace_model(folder, (folder / "forged.zip").read_bytes())
    with pytest.raises(InputError, match=r"foreign types \(os\.system\)"):
        load_model(folder)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("{", "is damaged"),
        ("{}", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": 2, "hash": ""}', "has model format 2; this program reads 1"),
    ],
)
def test_other_meta_files_are_refused(folder: Path, meta: str, message: str) -> None:
    (folder / "meta.json").write_text(meta)
    with pytest.raises(InputError, match=message):
        load_model(folder)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no model"):
        load_model(tmp_path)
