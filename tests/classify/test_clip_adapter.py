"""CLIP-Adapter: the residual mixture by hand, and its frozen prompts."""

from typing import Any

import numpy as np
import pytest

from classify.heads.base import Prompts
from classify.heads.clip_adapter import CLIPAdapter
from classify.heads.zero_shot import ZeroShot

pytest.importorskip("torch", reason="torch is not installed")

D = 16


def prompts(labels: tuple[int, ...] = (0, 0, 1, 1), D: int = D) -> Prompts:
    rows = np.random.default_rng(9).normal(size=(len(labels), D))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Prompts(("a", "b", "c", "d"), np.array(labels), rows.astype(np.float32), 20.0)


def clouds(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.normal(size=(n, D)) + y[:, None]).astype(np.float32), y


def test_parameters_by_hand() -> None:
    X, y = np.random.default_rng(0).normal(size=(4, 768)), [0, 1, 0, 1]
    head = CLIPAdapter(prompts(D=768), epochs=1, random_state=0).fit(X, y)
    assert head.n_parameters_ == 2 * 768 * 384 == 589_824


def test_decisions_by_hand() -> None:
    X, y = clouds()
    head = CLIPAdapter(prompts(), epochs=3, lr=0.05, random_state=0).fit(X, y)
    down, up = head.state_["0.weight"], head.state_["2.weight"]
    assert down.shape == (8, D) and up.shape == (D, 8)
    bent = 0.4 * np.maximum(np.maximum(X @ down.T, 0) @ up.T, 0) + 0.6 * X
    bent /= np.linalg.norm(bent, axis=1, keepdims=True)
    means = [prompts().embeddings[:2].mean(axis=0), prompts().embeddings[2:].mean(axis=0)]
    real, fake = (mean / np.linalg.norm(mean) for mean in means)
    assert head.decision_function(X) == pytest.approx(20 * (bent @ fake - bent @ real), abs=1e-4)


def test_without_a_share_for_the_adapter_it_is_zero_shot() -> None:
    X, y = clouds()
    head = CLIPAdapter(prompts(), ratio=0, epochs=1, random_state=0).fit(X, y)
    assert head.decision_function(X) == pytest.approx(ZeroShot(prompts()).fit(X, y).decision_function(X), abs=1e-4)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    X, y = clouds()
    head = CLIPAdapter(prompts(), epochs=2, random_state=0).fit(X, y)
    lengths = np.random.default_rng(1).uniform(0.1, 10, (len(X), 1)).astype(np.float32)
    assert head.decision_function(X * lengths) == pytest.approx(head.decision_function(X), abs=1e-4)


def test_swapped_classes_swap_the_decision_before_training() -> None:
    X, y = clouds()
    untrained: dict[str, Any] = {"lr": [0.0], "epochs": 1, "random_state": 0}
    as_said = CLIPAdapter(prompts(), **untrained).fit(X, y).decision_function(X)
    swapped = CLIPAdapter(prompts((1, 1, 0, 0)), **untrained).fit(X, y).decision_function(X)
    assert swapped == pytest.approx(-as_said, abs=1e-5)
    assert np.abs(as_said).max() > 1


def test_it_learns_even_against_its_prompts() -> None:
    X, y = clouds()
    X_new, y_new = clouds(seed=1)
    zero_shot = (ZeroShot(prompts()).fit(X, y).predict(X_new) == y_new).mean()
    head = CLIPAdapter(prompts(), lr=0.02, epochs=20, random_state=0).fit(X, y)
    assert (head.predict(X_new) == y_new).mean() > max(0.85, zero_shot)


def test_what_cannot_be_used_is_refused() -> None:
    X, y = clouds()
    with pytest.raises(ValueError, match="was given none"):
        CLIPAdapter().fit(X, y)
    with pytest.raises(ValueError, match=r"ratio is a share, from 0 to 1, not 1.5"):
        CLIPAdapter(prompts(), ratio=1.5).fit(X, y)
