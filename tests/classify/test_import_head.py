"""A published layer as a model: the same numbers, bound to its encoder, and nothing executed of a foreign file."""

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from cache.errors import InputError
from cache.reader import Cache, open_cache
from cache.schema import Provenance, Space
from cache.store import write_cache
from classify.acceptance import check_provenance
from classify.import_head import import_head, read_layer
from classify.models import load_model
from classify.predict import predict_cache

WIDTH = 768
MADE = Provenance(**{name: f"some {name}" for name in Provenance.__dataclass_fields__})
VIT_L14 = replace(MADE, model="ViT-L-14, openai", adapter="none", crop="none", view="clean")


def a_cache(path: Path, samples: Any, made: Provenance = VIT_L14, width: int = WIDTH) -> Cache:
    embedding = np.random.default_rng(0).normal(size=(len(samples), width)).astype("f2")
    write_cache(path, samples, {"clean": Space(made, {"embedding": embedding})})
    return open_cache(path)


@pytest.fixture
def cache(tmp_path: Path, samples: Any) -> Cache:
    return a_cache(tmp_path / "l14.h5", samples[:30])


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"weight": rng.normal(size=(1, WIDTH)).astype("f4") / 28, "bias": np.array([-0.5], "f4")}


@pytest.mark.parametrize("form", ["pth", "safetensors"])
def test_a_layer_scores_as_it_is_written(
    cache: Cache, tensors: dict[str, np.ndarray], tmp_path: Path, form: str
) -> None:
    weights = tmp_path / f"weights.{form}"
    if form == "pth":
        torch.save({f"fc.{name}": torch.from_numpy(array) for name, array in tensors.items()}, weights)
    else:
        save_file(tensors, weights)
    caveats = import_head(weights, cache, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert caveats == model.meta["caveats"] and "from elsewhere" in caveats[0]
    frames, _, told = predict_cache(model, cache)
    embedding = cache.array("embedding").astype(float)
    logits = embedding @ tensors["weight"][0].astype(float) - 0.5
    assert frames["score"].tolist() == pytest.approx((1 / (1 + np.exp(-logits))).tolist(), abs=1e-5)
    assert frames["predicted"].tolist() == (logits >= 0).astype(int).tolist() and 0 < frames["predicted"].sum() < 30
    assert told == [], "what is not known of the training is not compared"
    assert (model.threshold("frame"), model.threshold("video")) == (0.5, 0.5) and model.calibration("video") is None
    assert model.meta["head"] == "linear_probe" and model.meta["train"] == ["unknown"]
    assert model.head.n_parameters_ == WIDTH + 1
    with pytest.raises(InputError, match="exists already"):
        import_head(weights, cache, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l14.h5", "model", weights.name]


def test_the_published_layer(cache: Cache, tmp_path: Path, real_data: Path, samples: Any) -> None:
    caveats = import_head(real_data / "weights" / "ufd_vitl14_fc_weights.pth", cache, tmp_path / "model")
    assert "UniversalFakeDetect" in caveats[0] and "224 pixels" in caveats[1]
    model = load_model(tmp_path / "model")
    assert model.meta["train"] == ["progan"] and model.head.intercept_ == pytest.approx(-0.5166999)
    assert predict_cache(model, cache).told == []
    faces = a_cache(tmp_path / "faces.h5", samples[:6], replace(VIT_L14, crop="face 1: ..."))
    with pytest.raises(InputError, match=r"crop is 'none' in training and 'face 1: ...' here.*--differ crop"):
        predict_cache(model, faces)
    import_head(real_data / "weights" / "ufd_vitl14_fc_weights.pth", faces, tmp_path / "again")
    assert load_model(tmp_path / "again").meta["cache"]["provenance"]["crop"] == "none", "whatever the cache shows"


def test_other_weights_of_that_name_are_another_encoder(cache: Cache, tensors: Any, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "fc.safetensors")
    import_head(tmp_path / "fc.safetensors", cache, tmp_path / "model")
    with pytest.raises(InputError, match="weights is 'some weights' in training and 'tuned' here"):
        check_provenance(load_model(tmp_path / "model"), replace(VIT_L14, weights="tuned"))


@pytest.mark.parametrize(
    "name",
    ["ViT-L-14, openai", "ViT-L/14, openai", "ViT-L-14-quickgelu, openai", "openai/clip-vit-large-patch14, openai",
     "hf-hub:openai/clip-vit-large-patch14, openai"],
)  # fmt: skip
def test_names_of_the_encoder(tmp_path: Path, samples: Any, tensors: Any, name: str) -> None:
    save_file(tensors, tmp_path / "fc.safetensors")
    cache = a_cache(tmp_path / "x.h5", samples[:3], replace(VIT_L14, model=name))
    import_head(tmp_path / "fc.safetensors", cache, tmp_path / "model")
    assert (tmp_path / "model" / "model.json").exists()


@pytest.mark.parametrize(
    ("changed", "width"),
    [
        ({"model": "ViT-L-14, laion2b_s32b_b82k"}, WIDTH),
        ({"model": "ViT-L-14-336, openai"}, WIDTH),
        ({"model": "ViT-B-32, openai"}, WIDTH),
        ({"model": "demo"}, 128),
        ({}, 512),
        ({"adapter": "0f3a"}, WIDTH),
    ],
)
def test_other_encoders_are_refused(
    tmp_path: Path, samples: Any, tensors: Any, changed: dict[str, str], width: int
) -> None:
    save_file(tensors, tmp_path / "fc.safetensors")
    cache = a_cache(tmp_path / "x.h5", samples[:3], replace(VIT_L14, **changed), width)
    with pytest.raises(InputError, match=r"OpenAI's CLIP ViT-L/14 \(768 numbers\); .* was made by"):
        import_head(tmp_path / "fc.safetensors", cache, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weight": np.ones((1, 512), "f4")}, r"weight \(1, 512\).*a weight \(1, 768\)"),
        ({"weight": np.ones((2, WIDTH), "f4"), "bias": np.ones(2, "f4")}, r"weight \(2, 768\)"),
        ({"weight": np.ones(WIDTH, "f4")}, r"weight \(768,\)"),
        ({"weight": np.full((1, WIDTH), np.nan, "f4")}, "not finite"),
        ({"bias": np.array([np.inf], "f4")}, "not finite"),
        ({"more": np.ones(1, "f4")}, "not the weight and the bias of one layer"),
        ({"bias": None}, "not the weight and the bias of one layer"),
    ],
)
def test_other_tensors_are_refused(tmp_path: Path, tensors: Any, changed: dict[str, Any], message: str) -> None:
    path = tmp_path / "fc.pth"
    held = {name: array for name, array in {**tensors, **changed}.items() if array is not None}
    torch.save({name: torch.from_numpy(array) for name, array in held.items()}, path)
    with pytest.raises(InputError, match=message):
        read_layer(path)
    save_file(held, tmp_path / "fc.safetensors")
    with pytest.raises(InputError, match=message):
        read_layer(tmp_path / "fc.safetensors")


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "bin", ""])
def test_a_pickle_that_would_execute_is_refused_and_never_run(tmp_path: Path, suffix: str) -> None:
    path, sprung = tmp_path / f"weights.{suffix}", tmp_path / "sprung"
    for write in (
        lambda: path.write_bytes(pickle.dumps(Trap(sprung))),
        lambda: torch.save({"weight": torch.ones(1, WIDTH), "bias": Trap(sprung)}, path),
        lambda: torch.save(torch.nn.Linear(WIDTH, 1), path),
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"\x80\x02garbage"),
        lambda: torch.save([torch.ones(3)], path),
    ):
        write()
        with pytest.raises(InputError, match=r"is not opened|cannot be read as safetensors"):
            read_layer(path)
        assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists(), "the trap works"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file"):
        read_layer(tmp_path / "none.pth")
