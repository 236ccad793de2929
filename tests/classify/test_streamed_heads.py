"""Heads on a stream: fitted and scored in blocks where they can be, and what they then find."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from classify.heads import HEADS, Head, pools
from classify.heads.base import Prompts
from classify.heads.epochs import Validation
from classify.heads.mlp import MLP, MLPClassifier
from classify.stream import Stream
from evaluate.metrics import auc

D = 8
PLAIN = [name for name, head in HEADS.items() if not head.needs and name != "ensemble"]  # its members are here
RECIPES: dict[str, dict[str, Any]] = {  # of heads with epochs: what learns some hundred rows
    "mlp": {"epochs": 12, "lr": 0.01, "hidden_layer_sizes": (8,)},
    "linear_probe": {"epochs": 4, "lr": 0.03},
    "prompt_fusion": {"epochs": 3, "lr": 3e-3, "batch_size": 64},
    "clip_adapter": {"epochs": 6, "lr": 0.05, "batch_size": 64},
}


def made(name: str, **given: Any) -> Any:
    if name != "mlp":
        pytest.importorskip("torch", reason="torch is not installed")
    if HEADS[name].needs:
        rows = np.random.default_rng(9).normal(size=(4, D))
        unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        given["prompts"] = Prompts(tuple("abcd"), np.array([0, 0, 1, 1]), unit, 20.0)
    return HEADS[name](**RECIPES.get(name, {}), random_state=0, **given)


def clouds(videos: int, seed: int = 0, frames: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Frames that differ little within a video; real videos first, as a cache holds them."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(videos) >= videos // 3, frames).astype(int)
    centres = np.repeat(rng.normal(size=(videos, D)), frames, axis=0)
    return (centres + 0.9 * y[:, None] + 0.3 * rng.normal(size=centres.shape)).astype(np.float32), y


def stream_of(X: np.ndarray) -> Stream:
    return Stream(lambda rows: X[rows], np.arange(len(X)), X.shape[1])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Small pools and blocks; notes how many rows become an array, or are scored, at a time."""
    monkeypatch.setattr(pools, "POOL", 256)
    monkeypatch.setattr(pools, "BLOCK", 4)
    monkeypatch.setattr("classify.stream.BLOCK", 64)
    held: list[int] = []
    array = Stream.__array__

    def noted(self: Stream, *given: Any, **named: Any) -> np.ndarray:
        held.append(len(self))
        return array(self, *given, **named)

    monkeypatch.setattr(Stream, "__array__", noted)
    return held


@pytest.mark.parametrize("name", PLAIN)
def test_a_short_stream_is_fitted_and_scored_as_the_array_is(name: str) -> None:
    X, y = clouds(24)
    of_stream, of_array = made(name).fit(stream_of(X), y), made(name).fit(X, y)
    assert np.array_equal(of_stream.decision_function(X), of_array.decision_function(X))
    assert np.array_equal(of_stream.decision_function(stream_of(X)), of_array.decision_function(X))


@pytest.mark.parametrize("name", RECIPES)
def test_a_long_stream_is_learned_as_well_as_the_array_a_pool_at_a_time(name: str, small: list[int]) -> None:
    X, y = clouds(180)
    X_new, y_new = clouds(100, seed=1)
    of_array = made(name).fit(X, y, validation=Validation(X_new, y_new))
    assert not small
    of_stream = made(name).fit(stream_of(X), y, validation=Validation(stream_of(X_new), y_new))
    decisions = of_stream.decision_function(stream_of(X_new))
    assert max(small) <= 256 + 4, "more rows than a pool were held at once"
    assert decisions.shape == y_new.shape
    assert decisions == pytest.approx(of_stream.decision_function(X_new), abs=1e-4)
    assert auc(y_new, decisions) == pytest.approx(auc(y_new, of_array.decision_function(X_new)), abs=0.02)
    lowest, of_all = (min(head.history_["validation_loss"]) for head in (of_stream, of_array))
    assert lowest == pytest.approx(of_all, rel=0.2)
    assert of_stream.history_["train_loss"][-1] == pytest.approx(of_array.history_["train_loss"][-1], rel=0.2)


@pytest.mark.parametrize("name", ["mlp", "linear_probe"])
def test_a_long_stream_is_fitted_the_same_way_twice(name: str, small: list[int]) -> None:
    X, y = clouds(120)
    first, second = (made(name).fit(stream_of(X), y).decision_function(X) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, made(name).fit(X, y).decision_function(X)), "the stream was one pool"


def test_rows_of_weight_zero_are_not_read_by_torch(small: list[int]) -> None:
    X, y = clouds(120)
    used = np.arange(len(X)) % 4 > 0
    read: list[np.ndarray] = []

    def noted(rows: np.ndarray) -> np.ndarray:
        read.append(rows)
        return X[rows]

    watched = Stream(noted, np.arange(len(X)), D)
    head = made("linear_probe").fit(watched, y, sample_weight=used.astype(float))
    assert np.array_equal(np.unique(np.concatenate(read)), np.flatnonzero(used))
    alone = made("linear_probe").fit(stream_of(X[used]), y[used])
    assert np.array_equal(head.decision_function(X), alone.decision_function(X))


@pytest.mark.parametrize("name", ["mlp", "linear_probe"])
def test_the_rows_of_a_pool_keep_their_labels_and_weights(
    name: str, small: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first column is the number of the row, which says what its label and its weight are."""
    _, y = clouds(120)
    numbers = np.arange(len(y))
    X, weights = np.zeros((len(y), D), np.float32), 1.0 + numbers
    X[:, 0] = numbers
    head = made(name)
    told: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def noted(*given: Any, sample_weight: Any = None, **named: Any) -> Any:
        of = (*given[1:], sample_weight) if name == "mlp" else given[-3:]  # self, or parts and frozen, come before
        told.append(tuple(np.array(one, dtype=float) for one in of))  # type: ignore[arg-type]
        return original(*given, **({"sample_weight": sample_weight} if name == "mlp" else {}), **named)

    where = MLPClassifier if name == "mlp" else type(head)
    method = "partial_fit" if name == "mlp" else "_loss"
    original = getattr(where, method)
    monkeypatch.setattr(where, method, noted)
    head.set_params(epochs=1).fit(stream_of(X), y, sample_weight=weights)
    rows = np.concatenate([features[:, 0] for features, _, _ in told]).astype(int)
    assert len(told) > 2 and np.array_equal(np.sort(rows), numbers)
    assert np.array_equal(np.concatenate([labels for _, labels, _ in told]), y[rows])
    shares = np.concatenate([of for *_, of in told]) / weights[rows]
    assert shares == pytest.approx(np.full(len(y), shares[0]), rel=1e-5)


def test_the_batches_of_a_pool_are_alike(small: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """300 rows in two pools: batches of 100 would leave some of 50, whose penalty is twice as strong."""
    X, y = clouds(60)
    taken: list[int] = []
    backprop: Callable[..., Any] = MLPClassifier._backprop

    def noted(self: Any, X: np.ndarray, *rest: Any) -> Any:
        taken.append(len(X))
        return backprop(self, X, *rest)

    monkeypatch.setattr(MLPClassifier, "_backprop", noted)
    MLP(epochs=1, batch_size=100, random_state=0).fit(stream_of(X), y)
    assert sum(taken) == 300 and len(taken) == 4 and np.ptp(taken) <= 4
    taken.clear()
    MLP(epochs=1, batch_size=100, random_state=0).fit(X[:150], np.arange(150) % 2)
    assert taken == [100, 50], "an array is cut as ever"


@pytest.mark.parametrize("name", PLAIN)
def test_a_stream_of_other_columns_is_refused(name: str) -> None:
    X, y = clouds(24)
    head: Head = made(name).fit(X, y)
    with pytest.raises(ValueError, match=f"X has 3 features, but {type(head).__name__} knows {D}"):
        head.decision_function(stream_of(X[:, :3]))


@pytest.mark.parametrize("name", ["mlp", "logistic"])
def test_a_stream_and_labels_that_do_not_agree_are_refused(name: str) -> None:
    X, y = clouds(24)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        made(name).fit(stream_of(X), y[:-1])
