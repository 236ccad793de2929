"""CoOp, and what it shares with CoCoOp: prompts are learned through the tower, and nothing else is."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from classify.heads.cocoop import CoCoOp
from classify.heads.coop import CoOp, PromptLearner
from classify.heads.epochs import Validation
from classify.packing import pack_head, unpack_head
from extract.encoder import hash_weights
from extract.models import DEMO_FOLDER, Network, load_network
from extract.text_tower import TextTower

BOTH = pytest.mark.parametrize("kind", [CoOp, CoCoOp])
SEEN = ("a sharp photo of a face", "a blurry photo of a face")  # what the real and the fake pictures of the toy show


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("demo")


@pytest.fixture(scope="module")
def tower(network: Network) -> TextTower:
    return TextTower(network, torch.device("cpu"))


@pytest.fixture(scope="module")
def toy(tower: TextTower) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of 200 pictures, unnormalised: noise around the texts of what they show."""
    with torch.no_grad():
        rows = [tower.embed_tokens(text)[None] for text in SEEN]
        texts = np.concatenate([tower.encode(row[:, :1], [row[0, 1:]])[0].numpy() for row in rows])
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    return (texts[y] + 2 * texts.std() * rng.normal(size=(200, 128))).astype(np.float32), y


def make(kind: type[PromptLearner], tower: TextTower | None, **parameters: Any) -> PromptLearner:
    return kind(random_state=0, text_tower=tower, **{"epochs": 3, **parameters})  # type: ignore[call-arg]


@BOTH
def test_it_learns(kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = toy
    head = make(kind, tower, epochs=6).fit(X[:150], y[:150], validation=Validation(X[150:], y[150:]))
    assert roc_auc_score(y[150:], head.decision_function(X[150:])) > 0.8
    assert head.history_["train_loss"][-1] < 0.8 * head.history_["train_loss"][0]
    assert head.history_["validation_auc"][head.best_epoch_ - 1] > 0.8


@BOTH
def test_all_that_is_to_be_trained_moves_and_nothing_else(
    kind: type[PromptLearner], network: Network, tower: TextTower, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    weights = hash_weights(network.module.state_dict())
    file = (DEMO_FOLDER / "open_clip_model.safetensors").read_bytes()
    first: dict[str, np.ndarray] = {}
    head = make(kind, tower, lr=[1e-12, 0.02], epochs=2)
    head.fit(*toy, checkpoint=lambda epoch, state: first.update(state if epoch == 1 else {}))
    assert first.keys() == head.state_.keys()
    for name, values in head.state_.items():
        moved = values != first[name]  # units of the network that no picture wakes stay
        assert moved.mean() > 0.5, name
    assert sum(values.size for values in head.state_.values()) == head.n_parameters_
    assert hash_weights(network.module.state_dict()) == weights == tower.weights
    assert (DEMO_FOLDER / "open_clip_model.safetensors").read_bytes() == file
    assert all(values.grad is None for values in network.module.parameters())
    context = head.state_["words.context" if kind is CoCoOp else "context"]
    assert np.abs(head.frozen_["words"] - context).max() > 1e-4  # where it began is not carried along


@BOTH
def test_repeatable_and_the_chosen_epochs_are_the_same_steps(
    kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = toy
    held = Validation(X[150:], y[150:])
    rates = [0.02, 0.01, -0.1]  # the last uphill, so that the best epoch is not the last
    first, second = (make(kind, tower, lr=rates).fit(X[:150], y[:150], validation=held) for _ in range(2))
    assert first.best_epoch_ == 2
    again = make(kind, tower, **first.chosen_).fit(X[:150], y[:150])
    other = make(kind, tower).set_params(random_state=1).fit(X[:150], y[:150])
    decisions = [head.decision_function(X) for head in (first, second, again, other)]
    assert np.array_equal(decisions[0], decisions[1]) and np.array_equal(decisions[0], decisions[2])
    assert not np.array_equal(decisions[0], decisions[3])


@BOTH
def test_the_length_of_an_embedding_does_not_matter(
    kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = toy
    lengths = np.random.default_rng(0).uniform(0.1, 10, (len(X), 1)).astype(np.float32)
    head = make(kind, tower, epochs=1).fit(X, y)
    np.testing.assert_allclose(head.decision_function(lengths * X), head.decision_function(X), atol=1e-4)
    assert np.isfinite(head.decision_function(np.zeros((1, 128), np.float32))).all()


@BOTH
def test_classes_are_named(kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]) -> None:
    """Not yet trained, the decision goes by the names alone: exchanged names exchange its sign."""
    X, y = toy
    one = make(kind, tower, epochs=1, lr=[1e-12], real="a sharp face", fake="a blurry face").fit(X, y)
    other = make(kind, tower, epochs=1, lr=[1e-12], real="a blurry face", fake="a sharp face").fit(X, y)
    np.testing.assert_allclose(one.decision_function(X), -other.decision_function(X), atol=1e-4)
    assert roc_auc_score(y, one.decision_function(X)) > 0.8


@BOTH
def test_a_row_of_weight_zero_is_absent(
    kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = toy
    weights = (np.arange(200) < 150).astype(float)
    whole = make(kind, tower).fit(X, np.where(weights > 0, y, 1 - y), sample_weight=weights)
    part = make(kind, tower).fit(X[:150], y[:150])
    assert np.array_equal(whole.decision_function(X), part.decision_function(X))


@BOTH
def test_warm_up_then_a_cosine_from_its_top(
    kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    head = make(kind, tower, epochs=4, lr=0.5).set_params(**({"warmup_epochs": 1} if kind is CoCoOp else {}))
    head.fit(toy[0][:20], toy[1][:20])
    expected = [1e-5, 0.5, 0.25 * (1 + np.cos(np.pi / 4)), 0.25]
    np.testing.assert_allclose(head.history_["lr"], expected)


@BOTH
def test_a_saved_head_decides_the_same_bit_for_bit(
    kind: type[PromptLearner], tower: TextTower, toy: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = toy
    head = make(kind, tower, epochs=1).fit(X, y)
    arrays: dict[str, np.ndarray] = {}
    again: Any = unpack_head(pack_head(head, arrays), arrays)
    assert again.text_tower is None
    if kind is CoCoOp:
        with pytest.raises(ValueError, match="set text_tower"):
            again.decision_function(X)
        again.text_tower = tower
    assert np.array_equal(again.decision_function(X), head.decision_function(X))


def test_coop_scores_without_torch_and_as_its_prompts_do(
    tower: TextTower, toy: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = toy
    head = make(CoOp, tower).fit(X, y)
    begun = torch.from_numpy(np.concatenate([head.frozen_["start"], head.state_["context"]]))[None]
    with torch.no_grad():
        texts = tower.encode(begun, [torch.from_numpy(head.frozen_[name]) for name in ("real", "fake")])[0].numpy()
    units, texts = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (X, texts))
    np.testing.assert_allclose(head.class_embeddings_, texts, atol=1e-6)  # type: ignore[attr-defined]
    head.text_tower = None
    monkeypatch.setitem(sys.modules, "torch", None)
    by_hand = tower.logit_scale * (units @ texts[1] - units @ texts[0])
    np.testing.assert_allclose(head.decision_function(X), by_hand, atol=1e-4)


def test_parameters_by_hand(tower: TextTower, toy: tuple[np.ndarray, np.ndarray]) -> None:
    assert CoOp(text_tower=tower, epochs=1).fit(*toy).n_parameters_ == 16 * 96
    words = CoOp("a photo of a", text_tower=tower, epochs=1, lr=[1e-12]).fit(*toy)
    assert words.n_parameters_ == 4 * 96
    np.testing.assert_allclose(words.state_["context"], tower.embed_tokens("a photo of a")[1:-1].numpy(), atol=1e-6)
    drawn = CoOp(200 // 8, text_tower=tower, epochs=1, random_state=0).fit(*toy).frozen_["words"]
    assert drawn.shape == (25, 96) and abs(drawn.std() - 0.02) < 0.001


@BOTH
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"context": 0}, "context is a number of vectors, 1 or more, or words to start from, not 0"),
        ({"context": " "}, "context is a number of vectors"),
        ({"context": 60}, r"a prompt has \d+ tokens; demo takes 48 at most"),
        ({"real": ""}, "the name of a class is a text, not ''"),
        ({"fake": 3}, "the name of a class is a text, not 3"),
        ({"text_tower": None}, "set text_tower"),
    ],
)
def test_what_cannot_be_is_told(
    kind: type[PromptLearner],
    tower: TextTower,
    toy: tuple[np.ndarray, np.ndarray],
    wrong: dict[str, Any],
    sentence: str,
) -> None:
    with pytest.raises(ValueError, match=sentence):
        make(kind, tower).set_params(**wrong).fit(*toy)


@BOTH
def test_other_features_than_the_embedding_are_refused(kind: type[PromptLearner], tower: TextTower) -> None:
    with pytest.raises(ValueError, match="makes embeddings of 128 numbers, the features have 5"):
        make(kind, tower).fit(np.eye(10, 5), [0, 1] * 5)


@BOTH
def test_clones_share_the_tower(kind: type[PromptLearner], tower: TextTower) -> None:
    assert clone(make(kind, tower)).text_tower is tower
