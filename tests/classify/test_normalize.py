"""Normalisation: what each method does to each block, by hand and by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classify.normalize import Normalize
from classify.stream import Stream

BLOCKS = (("embedding", 3), ("prompts", 4))


def features(n: int = 50, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 7)) * [5, 1, 2, 0.01, 0.02, 0.03, 0.04] + 0.3).astype(np.float32)


def test_l2_makes_embeddings_unit_and_prompts_weigh_the_same() -> None:
    X = features(400)
    scaled = np.asarray(Normalize("l2", BLOCKS).fit_transform(X))
    assert scaled.dtype == np.float32
    assert np.linalg.norm(scaled[:, :3], axis=1) == pytest.approx(1, abs=1e-6)
    assert scaled[:, :3] == pytest.approx(X[:, :3] / np.linalg.norm(X[:, :3], axis=1, keepdims=True), abs=1e-6)
    assert scaled[:, 3:].mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert (scaled[:, 3:] ** 2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4), "in the mean as long as an embedding"


def test_each_block_of_tokens_is_made_unit_by_itself() -> None:
    scaled = Normalize("l2", (("embedding", 3), ("cls", 4))).fit_transform(features())
    assert np.linalg.norm(scaled[:, :3], axis=1) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(scaled[:, 3:], axis=1) == pytest.approx(1, abs=1e-6)


@given(arrays(np.float64, (6, 7), elements=st.floats(-1e3, 1e3).map(lambda x: round(x, 6))), st.floats(0.01, 100))
def test_l2_ignores_the_length_of_an_embedding(X: np.ndarray, factor: float) -> None:
    normalizer = Normalize("l2", BLOCKS).fit(X)
    longer = X.copy()
    longer[:, :3] *= factor
    short, long = (np.asarray(normalizer.transform(some)) for some in (X, longer))
    assert long[:, :3] == pytest.approx(short[:, :3], abs=1e-6)


def test_standard_by_hand_with_weights() -> None:
    X = np.array([[0.0], [2.0], [8.0]])
    scaled = Normalize("standard").fit(X, sample_weight=[2, 2, 0]).transform(X)  # mean 1, deviation 1
    assert np.ravel(scaled).tolist() == [-1, 1, 7]


def test_none_changes_nothing() -> None:
    X = features()
    assert np.array_equal(Normalize("none", BLOCKS).fit_transform(X), X)


def test_a_constant_column_and_a_row_of_zeros_stay_finite() -> None:
    X = np.zeros((4, 7), np.float32)
    for method in ("l2", "standard"):
        assert not Normalize(method, BLOCKS).fit_transform(X).any()


def test_what_other_rows_hold_does_not_matter_after_fit() -> None:
    X = features()
    normalizer = Normalize("l2", BLOCKS).fit(X)
    alone = normalizer.transform(X[:1])
    assert np.array_equal(alone, np.asarray(normalizer.transform(X))[:1])


def test_unknown_methods_and_wrong_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown normalisation 'max'; known: l2, standard, none"):
        Normalize("max").fit(features())
    with pytest.raises(ValueError, match="hold 6 columns where X has 7"):
        Normalize("l2", (("embedding", 6),)).fit(features())


@pytest.mark.parametrize("method", ["l2", "standard", "none"])
def test_a_stream_is_scaled_as_the_array_is(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classify.stream.BLOCK", 16)
    X = features()
    weights = np.arange(50) % 4 * (np.arange(50) >= 16)  # a whole block weighs nothing
    stream = Stream(lambda rows: X[rows], np.arange(50), 7)
    normalizer, of_array = (Normalize(method, BLOCKS).fit(some, sample_weight=weights) for some in (stream, X))
    scaled = normalizer.transform(stream)
    assert isinstance(scaled, Stream) and scaled.shape == (50, 7)
    assert np.array_equal(np.asarray(scaled), of_array.transform(X))
    assert np.array_equal(np.asarray(scaled.take(np.arange(5))), of_array.transform(X[:5]))
    with pytest.raises(ValueError, match="X has 2 features where 7 were fitted"):
        normalizer.transform(Stream(lambda rows: X[rows, :2], np.arange(50), 2))


def test_the_scale_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    X = features() + 100
    whole = Normalize("standard").fit(X, sample_weight=np.arange(50))
    assert whole.center_ == pytest.approx(np.average(X, axis=0, weights=np.arange(50)), rel=1e-6)
    monkeypatch.setattr("classify.stream.BLOCK", 7)
    blocked = Normalize("standard").fit(X, sample_weight=np.arange(50))
    assert blocked.center_ == pytest.approx(whole.center_, rel=1e-6)
    assert blocked.scale_ == pytest.approx(whole.scale_, rel=1e-4)
