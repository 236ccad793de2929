"""The contrastive head: its loss by hand and by law, and the SVM on what it projects."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from classify.heads.contrastive import Contrastive, supervised_contrastive_loss
from classify.heads.epochs import Validation

torch = pytest.importorskip("torch", reason="torch is not installed")


def rings(n: int = 160, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One class inside, the other around it: no line parts them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, 4))
    X *= (1 + 2 * y)[:, None] / np.linalg.norm(X, axis=1, keepdims=True)
    return X.astype(np.float32), y


def loss(unit: list[list[float]], labels: list[int], weights: list[float], temperature: float = 0.5) -> float:
    rows, classes, heavy = (torch.tensor(values, dtype=torch.float32) for values in (unit, labels, weights))
    return float(supervised_contrastive_loss(torch, rows, classes, heavy, temperature))


def plain(unit: np.ndarray, labels: np.ndarray, weights: np.ndarray, temperature: float) -> float:
    """The same in loops."""
    total = 0.0
    for i in range(len(unit)):
        others = [j for j in range(len(unit)) if j != i]
        alike = [j for j in others if labels[j] == labels[i]]
        if alike:
            below = sum(weights[j] * np.exp(unit[i] @ unit[j] / temperature) for j in others)
            each = [np.log(np.exp(unit[i] @ unit[j] / temperature) / below) for j in alike]
            total -= weights[i] * np.average(each, weights=weights[alike])
    return total / len(unit)


def test_three_rows_by_hand() -> None:
    """Two alike at a right angle to a third: each of the two says -log(e^2 / (e^2 + 1)), the third nothing."""
    value = loss([[1, 0], [1, 0], [0, 1]], [1, 1, 0], [1, 1, 1])
    assert value == pytest.approx(2 / 3 * np.log1p(np.exp(-2)), rel=1e-5)


def test_it_is_the_plain_sum_over_pairs() -> None:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(9, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    labels, weights = rng.integers(0, 2, 9), rng.uniform(0.2, 3, 9)
    value = loss(unit.tolist(), labels.tolist(), weights.tolist(), 0.07)
    assert value == pytest.approx(plain(unit, labels, weights, 0.07), rel=1e-4)


def test_a_row_of_next_to_no_weight_is_next_to_absent() -> None:
    rng = np.random.default_rng(1)
    unit = rng.normal(size=(6, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    with_it = loss(unit.tolist(), [0, 0, 1, 1, 0, 1], [1, 1, 1, 1, 1, 1e-9]) * 6
    without = loss(unit[:5].tolist(), [0, 0, 1, 1, 0], [1] * 5) * 5
    assert with_it == pytest.approx(without, rel=1e-5)


def test_a_row_alone_has_a_gradient_of_zero() -> None:
    unit = torch.tensor([[0.6, 0.8]], requires_grad=True)
    value = supervised_contrastive_loss(torch, unit, torch.zeros(1), torch.ones(1), 0.07)
    value.backward()
    assert value.item() == 0 and torch.equal(unit.grad, torch.zeros(1, 2))


def test_training_draws_classes_together_and_the_svm_parts_what_no_line_could() -> None:
    X, y = rings()
    X_new, y_new = rings(seed=1)
    head = Contrastive(lr=0.01, epochs=20, random_state=0).fit(X, y)
    assert (LinearSVC().fit(X, y).predict(X_new) == y_new).mean() < 0.7
    assert (head.predict(X_new) == y_new).mean() > 0.95
    losses = head.history_["train_loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_the_svm_is_fitted_on_the_projection_as_it_comes_out_and_by_weight() -> None:
    X, y = rings()
    weights = np.where(y == 1, 4.0, 1.0) / 2.5  # mean 1
    head = Contrastive(epochs=2, C=0.5, random_state=0).fit(X, y, sample_weight=weights)
    hidden = np.maximum(X @ head.state_["0.weight"].T + head.state_["0.bias"], 0)
    projected = hidden @ head.state_["2.weight"].T + head.state_["2.bias"]
    assert not np.allclose(np.linalg.norm(projected, axis=1), 1)
    svm = LinearSVC(C=0.5, dual=False).fit(projected, y, weights)
    assert head.decision_function(X) == pytest.approx(svm.decision_function(projected), abs=1e-3)


def test_parameters_by_hand() -> None:
    X, y = rings()
    head = Contrastive(hidden=5, dimension=3, epochs=1, random_state=0).fit(X, y)
    assert head.n_parameters_ == (4 * 5 + 5) + (5 * 3 + 3) + (3 + 1)


def test_validation_goes_by_the_svm_of_each_epoch() -> None:
    X, y = rings()
    X_held, y_held = rings(seed=1)
    head = Contrastive(lr=0.01, epochs=4, random_state=0).fit(X, y, validation=Validation(X_held, y_held))
    for epoch in (1, 2, 3, 4):
        alone = Contrastive(lr=0.01, epochs=epoch, random_state=0).fit(X, y)
        signs = np.where(y_held == 1, 1, -1)
        expected = np.mean(np.logaddexp(0, -signs * alone.decision_function(X_held)))
        assert head.history_["validation_loss"][epoch - 1] == pytest.approx(expected)
