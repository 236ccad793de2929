"""The small CLIP in the repository: its size, how it loads, and that it knows faces it has never seen."""

import json
from pathlib import Path

import numpy as np
import pytest

open_clip = pytest.importorskip("open_clip", reason="the encoder's packages are not installed")
import torch  # noqa: E402

from demo import train_clip  # noqa: E402
from demo.train_clip import MODEL, PEOPLE, PREPROCESS, VARIANTS, normalise, photograph  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "demo" / "clip"
DEFAULT_PROMPTS = (
    "a real human face",
    "a fake deepfake face",
    "an authentic person",
    "a manipulated face",
    "a genuine human",
    "a synthetic face",
    "AI-Generated face",
    "Authentic face",
)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return open_clip.create_model_and_transforms(f"local-dir:{FOLDER}")[0].eval()


@pytest.fixture(scope="module")
def tokenizer() -> "open_clip.SimpleTokenizer":
    text = json.loads((FOLDER / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    path = FOLDER / text["tokenizer_kwargs"]["bpe_path"]
    return open_clip.SimpleTokenizer(str(path), context_length=text["context_length"])


def test_folder_is_small_and_holds_what_it_names() -> None:
    sizes = {file.name: file.stat().st_size for file in FOLDER.iterdir()}
    assert set(sizes) == {"open_clip_config.json", "open_clip_model.safetensors", "vocab.txt.gz"}
    assert sum(sizes.values()) <= 6e6


def test_config_is_what_the_training_script_writes() -> None:
    config = json.loads((FOLDER / "open_clip_config.json").read_text())
    assert config["preprocess_cfg"] == PREPROCESS
    for tower in ("vision_cfg", "text_cfg"):
        assert MODEL[tower].items() <= config["model_cfg"][tower].items()


def test_embeds_pictures_and_texts_alike(model: torch.nn.Module, tokenizer: "open_clip.SimpleTokenizer") -> None:
    with torch.inference_mode():
        image = model.encode_image(torch.zeros(2, 3, 112, 112))
        text = model.encode_text(tokenizer(["a sharp photo of a face"]))
    assert image.shape == (2, 128) and text.shape == (1, 128)
    assert torch.isfinite(image).all() and torch.isfinite(text).all()


def test_prompts_with_unknown_words_tokenise(tokenizer: "open_clip.SimpleTokenizer") -> None:
    tokens = tokenizer([*DEFAULT_PROMPTS, "", "Ünknöwn ☃ 42"])
    assert tokens.max() < tokenizer.vocab_size
    # The default pooling takes the largest id, which has to be the end of the text.
    assert (tokens.max(dim=1).values == tokenizer.eot_token_id).all()
    assert len({tuple(row) for row in tokens.tolist()}) == len(DEFAULT_PROMPTS) + 2


def test_words_of_captions_are_single_tokens(tokenizer: "open_clip.SimpleTokenizer") -> None:
    assert len(tokenizer.encode("a blurry photo of a face, pale freckled skin")) == 10


def test_finds_the_caption_of_an_unseen_person(
    model: torch.nn.Module, tokenizer: "open_clip.SimpleTokenizer", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_clip, "SHOTS", 1)  # of each person one is shown
    pictures, texts = [], []
    for index in range(20):
        taken, told = photograph(PEOPLE + index)  # people after the last one trained on
        pictures.append(taken)
        texts += [", ".join([f"a {quality} photo of a face", *phrases]) for quality, phrases in told]
    assert len(texts) == 20 * VARIANTS
    with torch.inference_mode():
        image = torch.nn.functional.normalize(model.encode_image(normalise(np.concatenate(pictures))), dim=1)
        text = torch.nn.functional.normalize(model.encode_text(tokenizer(texts)), dim=1)
    hit = ((image @ text.T).argmax(dim=1) == torch.arange(len(texts))).float().mean().item()
    assert hit > 0.3  # chance is 1 of 80
