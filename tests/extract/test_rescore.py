"""Prompts scored on a finished cache agree with those scored while it was extracted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import PromptScores, Space
from cache.store import write_cache
from extract.prompts import PromptSet, similarities
from extract.rescore import score_prompts

PROMPTS = PromptSet("new", real=("a",), fake=("b", "c"))


class Texts:
    """The part of an encoder that prompts need."""

    model_name = "some model"
    architecture = "some architecture"
    weights = "some weights"
    software = "numpy"

    def embed_prompts(self, prompts: PromptSet) -> np.ndarray:
        vectors = np.random.default_rng(len(prompts.texts)).normal(size=(len(prompts.texts), 16)).astype("f4")
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_similarities_are_those_of_the_extraction(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    exact = np.random.default_rng(0).normal(size=(len(samples), 16)).astype("f4")
    texts = Texts().embed_prompts(PROMPTS)
    known = PromptScores(list(PROMPTS.texts), PROMPTS.labels, texts, similarities(exact, texts))
    made = Space(space.provenance, {"embedding": exact.astype("f2")}, space.scalars, {"known": known})
    write_cache(tmp_path / "x.h5", samples, {"clean": made})
    score_prompts(tmp_path / "x.h5", tmp_path / "add.h5", [PROMPTS], Texts())
    cache = open_cache(tmp_path / "x.h5", [tmp_path / "add.h5"])
    assert np.abs(cache.similarity("new") - cache.similarity("known")).max() < 3e-4
    assert cache.prompts("new").labels.tolist() == [0, 1, 1]


def test_another_encoder_is_refused(cache_path: Path, tmp_path: Path) -> None:
    other = Texts()
    other.weights = "others"
    with pytest.raises(
        InputError, match=r"made by some model: its weights is 'some weights', that of some model 'others'"
    ):
        score_prompts(cache_path, tmp_path / "add.h5", [PROMPTS], other)
    assert not (tmp_path / "add.h5").exists()
