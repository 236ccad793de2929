"""Our path from a picture to its embedding against open_clip's own, and what stands beside the embedding."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from cache.errors import InputError
from extract.encoder import Encoder, hash_weights, load_encoder
from extract.images import read_image
from extract.prepare import Item, Preparation, prepare
from extract.prompts import PromptSet
from extract.square import square
from extract.video import Sampling

MODES = ("shortest", "longest", "squash")


@pytest.fixture(scope="module")
def encoder(tiny_clip: Path) -> Encoder:
    return load_encoder(str(tiny_clip), device="cpu", tokens=["cls"])


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)


def cosine_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(float), other.astype(float)
    return 1 - (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def open_clip_embeddings(folder: Path, paths: list[Path]) -> np.ndarray:
    """Embeddings by open_clip alone: its model, its preprocessing, its reading of pictures."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    with torch.no_grad():
        return model.eval().encode_image(torch.stack([transform(Image.open(path)) for path in paths])).numpy()


def save_pictures(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    sizes = [(64, 64), (65, 200), (333, 71), (480, 640), (20, 31), (1, 1)]
    for number, size in enumerate(sizes):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")
    Image.fromarray(rng.integers(0, 256, (90, 70), np.uint8)).save(folder / "grey.png")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("mode", MODES)
def test_embeddings_are_open_clips(make_clip: Callable[..., Path], tmp_path: Path, mode: str) -> None:
    folder = make_clip(
        f"clip_{mode}", preprocess_cfg={"resize_mode": mode, "interpolation": "bilinear", "fill_color": 9}
    )
    paths = save_pictures(tmp_path)
    encoder = load_encoder(str(folder), device="cpu")
    assert encoder.preprocessing.resize_mode == mode
    items = [Item(str(tmp_path), path.name, is_video=False, slot=0, frame=0) for path in paths]
    theirs = open_clip_embeddings(folder, paths)
    for resizer, tolerance in (("torch", 1e-2), ("pillow", 1e-4)):
        preparation = Preparation(replace(encoder.preprocessing, resizer=resizer), Sampling())
        squares = np.zeros(preparation.shape(len(items)), np.uint8)
        prepare(items, preparation, squares)
        ours = encoder.embed_images(squares[:, 0])["embedding"]
        assert cosine_distances(ours, theirs).max() <= 1e-6
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)  # lengths count too


def test_what_an_encoder_says_of_itself(encoder: Encoder, tiny_clip: Path) -> None:
    assert (encoder.model_name, encoder.embed_dim, encoder.device) == ("tiny_clip", 32, "cpu")
    assert (encoder.precision, encoder.tokens, encoder.logit_bias) == ("float32", ("cls",), None)
    assert encoder.logit_scale == pytest.approx(1 / 0.07)
    assert encoder.preprocessing.size == (64, 64)
    assert encoder.preprocessing.mean == (0.5, 0.4, 0.3) and encoder.preprocessing.std == (0.2, 0.3, 0.25)
    assert "torch" in encoder.software and "open_clip" in encoder.software
    again = load_encoder(str(tiny_clip), device="cpu")
    assert (again.architecture, again.weights) == (encoder.architecture, encoder.weights)


def test_class_token_is_what_the_projection_projects(encoder: Encoder, batch: np.ndarray) -> None:
    arrays = encoder.embed_images(batch)
    assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == {
        "embedding": ((5, 32), np.float32),
        "cls": ((5, 64), np.float32),
    }
    projection = encoder.module.visual.proj.detach().numpy()
    np.testing.assert_allclose(arrays["cls"] @ projection, arrays["embedding"], atol=1e-5)


def test_class_token_where_the_norm_comes_after_pooling(make_clip: Callable[..., Path], batch: np.ndarray) -> None:
    encoder = load_encoder(
        str(make_clip("late", vision_cfg={"final_ln_after_pool": True})), device="cpu", tokens=["cls"]
    )
    arrays = encoder.embed_images(batch)
    projection = encoder.module.visual.proj.detach().numpy()
    np.testing.assert_allclose(arrays["cls"] @ projection, arrays["embedding"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "vision"),
    [
        ("pooled", {"attentional_pool": True, "attn_pooler_heads": 2}),
        ("average", {"pool_type": "avg", "final_ln_after_pool": True}),
        ("resnet", {"layers": [1, 1, 1, 1], "width": 8, "head_width": 16}),
    ],
)
def test_towers_without_a_class_token_refuse(make_clip: Callable[..., Path], name: str, vision: dict) -> None:
    folder = str(make_clip(name, vision_cfg=vision))
    with pytest.raises(InputError, match="no class token"):
        load_encoder(folder, tokens=["cls"])
    assert load_encoder(folder, device="cpu").tokens == ()


def test_only_what_is_asked_for(tiny_clip: Path, batch: np.ndarray, encoder: Encoder) -> None:
    arrays = load_encoder(str(tiny_clip), device="cpu").embed_images(batch)
    assert list(arrays) == ["embedding"]
    assert np.array_equal(arrays["embedding"], encoder.embed_images(batch)["embedding"])


def test_same_batch_same_bits(encoder: Encoder, batch: np.ndarray) -> None:
    before = batch.copy()
    first, again = encoder.embed_images(batch), encoder.embed_images(np.asfortranarray(batch))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert np.array_equal(batch, before)


def test_texts_are_open_clips(encoder: Encoder, tiny_clip: Path) -> None:
    model = open_clip.create_model(f"local-dir:{tiny_clip}").eval()
    texts = ["a real human face", "Authentic", "an authentic person"] * 100  # more than one block
    with torch.no_grad():
        theirs = model.encode_text(open_clip.tokenize(texts)).numpy()
    np.testing.assert_allclose(encoder.embed_texts(texts), theirs, atol=1e-5)


def test_prompt_embeddings_are_means_over_templates_of_unit_length(encoder: Encoder) -> None:
    plain = PromptSet("plain", ("a face", "a person"), ("a mask",))
    units = encoder.embed_texts(plain.texts)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.embed_prompts(plain), units, atol=1e-6)
    photos = encoder.embed_texts([f"a photo of {text}" for text in plain.texts])
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    means = (units + photos) / np.linalg.norm(units + photos, axis=1, keepdims=True)
    both = PromptSet("both", plain.real, plain.fake, ("{}", "a photo of {}"))
    np.testing.assert_allclose(encoder.embed_prompts(both), means, atol=1e-6)
    assert encoder.embed_prompts(both).dtype == np.float32


def test_fingerprints_tell_models_apart(tiny_clip: Path, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    tensors = load_file(tiny_clip / "open_clip_model.safetensors")
    changed = {**tensors, "visual.proj": tensors["visual.proj"].clone()}
    changed["visual.proj"][3, 4] += 1e-6
    save_file(changed, tmp_path / "changed.safetensors")
    one, other = (
        load_encoder(str(tiny_clip), device="cpu"),
        load_encoder(str(tiny_clip), str(tmp_path / "changed.safetensors"), "cpu"),
    )
    assert one.architecture == other.architecture and one.weights != other.weights
    wider = load_encoder(str(make_clip("mlp", vision_cfg={"mlp_ratio": 2.0})), device="cpu")
    assert wider.architecture != one.architecture


def test_weights_hash_counts_names_dtypes_and_shapes() -> None:
    zeros = torch.zeros(4)
    variants = [{"a": zeros}, {"b": zeros}, {"a": zeros.reshape(2, 2)}, {"a": zeros.int()}]
    assert len({hash_weights(one) for one in variants}) == 4
    assert hash_weights({"a": zeros, "b": torch.tensor(1.0)}) == hash_weights({"b": torch.tensor(1.0), "a": zeros})


def test_logit_bias_of_models_that_have_one(make_clip: Callable[..., Path]) -> None:
    folder = make_clip("biased")
    config = (folder / "open_clip_config.json").read_text()
    config = config.replace('"embed_dim": 32', '"embed_dim": 32, "init_logit_bias": -10')
    (folder / "open_clip_config.json").write_text(config)
    assert load_encoder(str(folder), device="cpu").logit_bias == 0.0  # open_clip's choice for weights without one


def test_wrong_devices_and_tokens_are_refused(tiny_clip: Path) -> None:
    with pytest.raises(InputError, match="no device 'gpu' here; there is: auto, cpu"):
        load_encoder(str(tiny_clip), device="gpu")
    with pytest.raises(InputError, match="unknown token 'patch'; known: cls"):
        load_encoder(str(tiny_clip), tokens=["patch"])


def test_importing_the_encoder_imports_no_torch() -> None:
    code = "import sys, extract.encoder; sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_real_crops_embed_as_by_open_clip(real_data: Path, tiny_clip: Path, encoder: Encoder) -> None:
    paths = sorted((real_data / "ffpp_crops").rglob("*.png"))
    pixels = np.stack([square(read_image(path).pixels, encoder.preprocessing) for path in paths])
    ours = encoder.embed_images(pixels)["embedding"]
    assert cosine_distances(ours, open_clip_embeddings(tiny_clip, paths)).max() <= 1e-6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu(tiny_clip: Path, encoder: Encoder, batch: np.ndarray) -> None:
    on_cuda = load_encoder(str(tiny_clip), device="cuda", tokens=["cls"])
    assert on_cuda.precision == "float16-autocast"
    for name, array in on_cuda.embed_images(batch).items():
        assert cosine_distances(array, encoder.embed_images(batch)[name]).max() <= 1e-4
    np.testing.assert_allclose(on_cuda.embed_texts(["a face"]), encoder.embed_texts(["a face"]), atol=1e-4)
