"""The feature matrix: blocks side by side, in the order asked for, or a plain refusal."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import classify.features as features
import classify.stream as stream
from cache.errors import InputError
from cache.reader import open_cache
from cache.schema import Space
from cache.store import write_cache
from classify.features import feature_matrix
from classify.stream import Stream


def test_blocks_stand_side_by_side(cache_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK", 4)  # so that parts meet
    rows = np.array([5, 3, 3, 100, 0, 7])
    X, blocks = feature_matrix(open_cache(cache_path), rows, ["prompts", "embedding"])
    assert blocks == (("prompts", 2), ("embedding", 16))
    assert isinstance(X, np.ndarray) and X.dtype == np.float32
    assert np.array_equal(X[:, 2:], space.arrays["embedding"][rows].astype(np.float32))
    assert np.array_equal(X[:, :2], space.prompts["pair"].similarity[rows].astype(np.float32))


def test_a_large_matrix_is_a_stream_of_the_same_numbers(cache_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, rows, names = open_cache(cache_path), np.array([5, 3, 3, 100, 0, 7]), ["prompts", "embedding"]
    whole, blocks = feature_matrix(cache, rows, names)
    assert isinstance(whole, np.ndarray)
    monkeypatch.setattr(features, "LARGE", whole.nbytes)
    assert isinstance(feature_matrix(cache, rows, names)[0], np.ndarray), "just small enough"
    monkeypatch.setattr(features, "LARGE", whole.nbytes - 1)
    X, same_blocks = feature_matrix(cache, rows, names)
    assert isinstance(X, Stream) and X.shape == whole.shape and same_blocks == blocks
    assert np.array_equal(np.asarray(X), whole)


@pytest.mark.parametrize(
    ("names", "prompt_set", "message"),
    [
        (["cls"], None, r"has no 'cls' in this space; it has: embedding"),
        (["pixels"], None, "unknown feature 'pixels'; known: embedding, cls, prompts"),
        (["embedding", "embedding"], None, "name each feature once"),
        ([], None, "name each feature once, not none"),
        (["prompts"], "other", "unknown prompt set"),
    ],
)
def test_what_the_cache_does_not_hold_is_refused(
    cache_path: Path, names: list[str], prompt_set: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        feature_matrix(open_cache(cache_path), np.arange(3), names, prompt_set)


def test_prompts_of_a_cache_without_any_are_refused(tmp_path: Path, samples: pd.DataFrame, space: Space) -> None:
    space.prompts.clear()
    write_cache(tmp_path / "bare.h5", samples, {"clean": space})
    with pytest.raises(InputError, match="holds no prompt similarities"):
        feature_matrix(open_cache(tmp_path / "bare.h5"), np.arange(3), ["embedding", "prompts"])


@pytest.mark.parametrize("large", [2**30, 0])
def test_values_that_are_not_finite_are_refused_by_name(
    tmp_path: Path, samples: pd.DataFrame, space: Space, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "LARGE", large)
    space.arrays["embedding"][9, 2] = np.inf
    write_cache(tmp_path / "bad.h5", samples, {"clean": space})
    cache = open_cache(tmp_path / "bad.h5")
    with pytest.raises(InputError, match=re.escape(f"features of {samples['sample_id'][9]} are not finite")):
        feature_matrix(cache, np.array([3, 9, 4]))
    with pytest.raises(InputError, match=re.escape(str(samples["sample_id"][9]))):
        feature_matrix(cache, np.array([3, 4, 9]), ["embedding", "prompts"])
    assert np.isfinite(np.asarray(feature_matrix(cache, np.array([3, 4]))[0])).all()
