"""Prompt sets with declared classes, and cosine similarity."""

from pathlib import Path

import numpy as np
import pytest

from cache.errors import InputError
from extract.prompts import PROMPT_SETS, PromptSet, load_prompts, similarities


@pytest.mark.parametrize("name", PROMPT_SETS)
def test_known_sets(name: str) -> None:
    prompts = load_prompts(name)
    assert prompts.name == name
    assert prompts.texts == prompts.real + prompts.fake
    assert prompts.labels.tolist() == [0] * len(prompts.real) + [1] * len(prompts.fake)
    assert prompts.labels.dtype == np.int8
    assert all(prompts.templates)


def test_polarity_of_the_published_sets() -> None:
    assert PROMPT_SETS["seed_000"].fake == ("a fake deepfake face", "a manipulated face", "a synthetic face")
    assert len(PROMPT_SETS["seed_000"].real) == 3
    assert (PROMPT_SETS["seed_004_v1"].real, PROMPT_SETS["seed_004_v1"].fake) == (("Authentic",), ("AI-Generated",))
    assert PROMPT_SETS["seed_004_v2"].fake == ("AI-Generated face",)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('fake = ["blurry ä"]\nreal = ["sharp", "{crisp}"]\ntemplates = ["a {} photo", "{}"]\n', "utf-8")
    prompts = load_prompts(str(path))
    assert prompts == PromptSet("mine", ("sharp", "{crisp}"), ("blurry ä",), ("a {} photo", "{}"))
    assert prompts.labels.tolist() == [0, 0, 1]
    assert prompts.filled()[1] == ["a {crisp} photo", "{crisp}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('real = ["a"]', "'fake' is missing"),
        ('real = ["a"]\nfake = []', "no text in 'fake'"),
        ('real = ["a", " "]\nfake = ["b"]', "no text in 'real'"),
        ('real = "a"\nfake = ["b"]', "'real' is 'a'; it must be a list of texts"),
        ('real = [1]\nfake = ["b"]', "must be a list of texts"),
        ('real = ["a"]\nfake = ["b"]\ntemplates = ["photo"]', "has no {} where the text goes"),
        ('real = ["a"]\nfake = ["b"]\nclasses = 2', "has classes; a prompt set has real, fake and templates"),
        ("real: [a]", "cannot read prompts"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "wrong.toml").write_text(content)
    with pytest.raises(InputError) as error:
        load_prompts(str(tmp_path / "wrong.toml"))
    assert message in str(error.value)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(InputError, match=r"unknown prompt set 'sed_000'; known: .*seed_000"):
        load_prompts("sed_000")


def test_fingerprint_tells_texts_classes_and_templates_apart() -> None:
    one = PromptSet("one", ("a", "b"), ("c",))
    assert one.fingerprint() == PromptSet("renamed", ("a", "b"), ("c",)).fingerprint()
    others = [
        PromptSet("one", ("a",), ("b", "c")),
        PromptSet("one", ("c",), ("a", "b")),
        PromptSet("one", ("a", "b"), ("d",)),
        PromptSet("one", ("a", "b"), ("c",), ("a photo of {}",)),
    ]
    assert len({one.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_similarities_are_cosines() -> None:
    images = np.array([[3, 4], [0, -2], [0, 0]], np.float32)
    texts = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    found = similarities(images, texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.6, 0.8, 1.0], [0, -1, -0.8], [0, 0, 0]], atol=1e-7)
    np.testing.assert_allclose(similarities(images * 1e3, texts), found, atol=1e-6)
