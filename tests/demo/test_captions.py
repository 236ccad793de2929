"""Captions and the vocabulary that spells them."""

import gzip
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.captions import caption, facts, learn_merges, merge, words, write_vocabulary
from demo.identity import sample_identity
from demo.photo import QUALITIES
from demo.scene import sample_scene


def spell(word: str, merges: list[tuple[str, str]]) -> list[str]:
    """Byte-pair encoding as its definition has it: the earliest learned pair first, until none is left."""
    symbols = [*word[:-1], word[-1] + "</w>"]
    for pair in merges:
        symbols = merge(symbols, pair)
    return symbols


@given(st.lists(st.text("abcd", min_size=1, max_size=6), min_size=1, max_size=8, unique=True))
def test_every_learned_word_becomes_one_token(vocabulary: list[str]) -> None:
    merges = learn_merges(vocabulary)
    assert [spell(word, merges) for word in vocabulary] == [[word + "</w>"] for word in vocabulary]


def test_merges_worked_by_hand() -> None:
    assert learn_merges(["ab", "abc"]) == [("a", "b"), ("a", "b</w>"), ("ab", "c</w>")]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), quality=st.sampled_from(list(QUALITIES)))
def test_captions_use_known_words_only(seed: int, quality: str) -> None:
    rng = np.random.default_rng(seed)
    scene = sample_scene(rng)
    text = caption(quality, facts(sample_identity(rng), scene, scene.motion.at(30)), rng)
    assert set(text.replace(",", "").split()) <= set(words())
    assert quality in text.split(",")[0]


def test_captions_never_speak_of_fakes() -> None:
    spoken = set(words())
    assert not spoken & {"real", "fake", "deepfake", "manipulated", "synthetic", "authentic", "genuine", "swapped"}


def test_vocabulary_is_the_same_file_every_time(tmp_path: Path) -> None:
    size = write_vocabulary(tmp_path / "a.gz")
    write_vocabulary(tmp_path / "b.gz")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    lines = gzip.decompress((tmp_path / "a.gz").read_bytes()).decode().split("\n")
    assert size == 512 + len(lines) - 1 + 2
