"""Prompt fusion: the six numbers by hand, the size of the network, and classes as declared."""

import numpy as np
import pytest

from classify.heads.base import Prompts
from classify.heads.prompt_fusion import PromptFusion, prompt_statistics

torch = pytest.importorskip("torch", reason="torch is not installed")

D = 16


def prompts(labels: tuple[int, ...] = (0, 1, 0, 1, 0, 1), D: int = D) -> Prompts:
    rows = np.random.default_rng(9).normal(size=(len(labels), D))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Prompts(tuple("abcdef"[: len(labels)]), np.array(labels), rows.astype(np.float32), 20.0)


LAYERS = ("adapter.0", "adapter.3", "fusion.0", "fusion.3", "fusion.6")
EMBEDDINGS = prompts().embeddings


def clouds(n: int = 120, seed: int = 0, D: int = D) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.normal(size=(n, D)) + y[:, None]).astype(np.float32), y


def test_parameters_by_hand() -> None:
    adapter = 512 * 256 + 256 + 256 * 128 + 128
    fusion = 134 * 256 + 256 + 256 * 64 + 64 + 64 * 2 + 2
    X, y = clouds(4, D=512)
    y[:2] = 0, 1
    head = PromptFusion(prompts(D=512), epochs=1, random_state=0).fit(X, y)
    assert head.n_parameters_ == adapter + fusion == 215_362
    few = PromptFusion(prompts((0, 1), D=512), epochs=1, random_state=0).fit(X, y)
    assert few.n_parameters_ == 215_362, "the number of prompts does not matter"


def test_six_numbers_by_hand() -> None:
    cosines = torch.tensor([[0.1, 0.5, 0.3, 0.9], [0.0, -0.2, 0.0, -0.4]])
    told = prompt_statistics(torch, cosines, torch.tensor([0.0, 1.0, 0.0, 1.0])).numpy()
    spread = [np.std(row, ddof=1) for row in cosines.numpy()]
    expected = [[0.2, 0.7, 0.45, -0.5, spread[0], 0.9], [0.0, -0.3, -0.15, 0.3, spread[1], 0.0]]
    assert told == pytest.approx(np.array(expected), abs=1e-6)


def test_decisions_by_hand() -> None:
    X, y = clouds()
    head = PromptFusion(prompts(), lr=1e-3, random_state=0).fit(X, y)
    layers = {name: (head.state_[f"{name}.weight"], head.state_[f"{name}.bias"]) for name in LAYERS}
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosines, labels = (torch.tensor(values, dtype=torch.float32) for values in (unit @ EMBEDDINGS.T, prompts().labels))
    seen = unit
    for name in ("adapter.0", "adapter.3"):
        seen = np.maximum(seen @ layers[name][0].T + layers[name][1], 0)
    both = np.hstack([seen, prompt_statistics(torch, cosines, labels).numpy()])
    for name in ("fusion.0", "fusion.3"):
        both = np.maximum(both @ layers[name][0].T + layers[name][1], 0)
    both = both @ layers["fusion.6"][0].T + layers["fusion.6"][1]
    assert head.decision_function(X) == pytest.approx(both[:, 1] - both[:, 0], abs=1e-4)


def test_dropout_is_as_published() -> None:
    parts = PromptFusion(prompts())._build(512)
    rates = [part.p for part in parts.modules() if isinstance(part, torch.nn.Dropout)]
    assert rates == [0.1, 0.2, 0.1]


def test_classes_of_other_sizes() -> None:
    told = prompt_statistics(torch, torch.tensor([[0.1, 0.2, 0.6]]), torch.tensor([1.0, 0.0, 0.0])).numpy()
    assert told[0, :4] == pytest.approx([0.4, 0.1, 0.3, 0.3], abs=1e-6)


def test_swapped_classes_turn_real_less_fake() -> None:
    cosines = torch.tensor(np.random.default_rng(0).uniform(-1, 1, (9, 6)), dtype=torch.float32)
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    real, fake, every, difference, spread, most = prompt_statistics(torch, cosines, labels).T
    swapped = prompt_statistics(torch, cosines, 1 - labels).T
    for ours, theirs in zip(swapped, (fake, real, every, -difference, spread, most), strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), abs=1e-6)


def test_the_order_of_the_prompts_does_not_matter() -> None:
    X, y = clouds()
    asked, order = prompts(), [5, 0, 3, 2, 1, 4]
    turned = Prompts(tuple(asked.texts[i] for i in order), asked.labels[order], asked.embeddings[order], 20.0)
    first, second = (PromptFusion(p, random_state=0).fit(X, y).decision_function(X) for p in (asked, turned))
    assert first == pytest.approx(second, abs=1e-3)
    relabelled = asked._replace(labels=asked.labels[order])
    third = PromptFusion(relabelled, random_state=0).fit(X, y).decision_function(X)
    assert not np.allclose(first, third, atol=1e-2)


def test_the_length_of_an_embedding_does_not_matter() -> None:
    X, y = clouds()
    head = PromptFusion(prompts(), random_state=0).fit(X, y)
    assert head.decision_function(7 * X) == pytest.approx(head.decision_function(X), abs=1e-5)


def test_a_positive_decision_is_the_second_class() -> None:
    X, y = clouds()
    X_new, y_new = clouds(seed=1)
    head = PromptFusion(prompts(), lr=1e-3, random_state=0).fit(X, y)
    assert (head.predict(X_new) == y_new).mean() > 0.85
    assert head.history_["train_loss"][-1] < head.history_["train_loss"][0]


def test_without_prompts_it_says_so() -> None:
    with pytest.raises(ValueError, match="was given none"):
        PromptFusion().fit(*clouds())
