"""The zero-shot head: cosines to the classes as they are declared, and nothing learned."""

import sys

import numpy as np
import pytest

from classify.heads.base import Prompts
from classify.heads.zero_shot import ZeroShot, class_embeddings


def prompts(labels: tuple[int, ...] = (1, 0, 0), scale: float = 10.0) -> Prompts:
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    return Prompts(("a fake", "a real", "an original"), np.array(labels), rows, scale)


X = np.array([[2, 0, 0], [0, 3, 3], [1, 1, 0], [0, 0, 0]], np.float32)
Y = [1, 0, 1, 0]


def test_decisions_by_hand() -> None:
    """Cosines to fake: 1, 0, .707; to the mean of the two real prompts: 0, 1, .5. A picture of no length has none."""
    decisions = ZeroShot(prompts()).fit(X, Y).decision_function(X)
    assert decisions == pytest.approx([10.0, -10.0, 10 * (np.sqrt(0.5) - 0.5), 0.0], abs=1e-5)
    assert ZeroShot(prompts(scale=1.0)).fit(X, Y).decision_function(X) == pytest.approx(decisions / 10)


def test_a_class_is_the_normalised_mean_of_its_prompts() -> None:
    half = np.sqrt(0.5)
    assert class_embeddings(prompts()) == pytest.approx(np.array([[0, half, half], [1, 0, 0]]), abs=1e-6)


def test_the_score_is_the_softmax_over_both_classes() -> None:
    head = ZeroShot(prompts()).fit(X, Y)
    real, fake = class_embeddings(prompts())
    unit = X[:3] / np.linalg.norm(X[:3], axis=1, keepdims=True)
    logits = np.exp(10 * np.stack([unit @ real, unit @ fake], axis=1))
    score = 1 / (1 + np.exp(-head.decision_function(X[:3])))
    assert score == pytest.approx(logits[:, 1] / logits.sum(axis=1))


def test_classes_are_as_declared_and_not_by_order() -> None:
    head = ZeroShot(prompts()).fit(X, Y)
    swapped = ZeroShot(prompts((0, 1, 1))).fit(X, Y)
    assert swapped.decision_function(X) == pytest.approx(-head.decision_function(X))
    asked = prompts()
    order = [2, 0, 1]
    turned = Prompts(tuple(asked.texts[i] for i in order), asked.labels[order], asked.embeddings[order], 10.0)
    assert ZeroShot(turned).fit(X, Y).decision_function(X) == pytest.approx(head.decision_function(X))


def test_nothing_is_learned() -> None:
    head, other = ZeroShot(prompts()).fit(X, Y), ZeroShot(prompts()).fit(-X, [0, 1, 0, 1], sample_weight=[1, 2, 3, 4])
    assert head.n_parameters_ == 0 and head.converged_
    assert np.array_equal(head.decision_function(X), other.decision_function(X))
    assert head.predict(X[:2]).tolist() == [1, 0]


def test_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert ZeroShot(prompts()).fit(X, Y).decision_function(X).shape == (4,)


def test_a_fit_looks_at_its_rows() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ZeroShot(prompts()).fit(np.where(X == 2, np.nan, X), Y)
    with pytest.raises(ValueError, match="two classes, not of 1 class"):
        ZeroShot(prompts()).fit(X, Y, sample_weight=[1, 0, 1, 0])


def test_prompts_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="compares images with prompts, and was given none"):
        ZeroShot().fit(X, Y)
    with pytest.raises(ValueError, match=r"both; found labels \[1\]"):
        ZeroShot(prompts((1, 1, 1))).fit(X, Y)
    with pytest.raises(ValueError, match="prompts of 3 numbers cannot be compared with images of 2"):
        ZeroShot(prompts()).fit(X[:, :2], Y)
