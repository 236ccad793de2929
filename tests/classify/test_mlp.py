"""The MLP head: single precision that stays fast, and batches that suit the number of rows."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from classify.heads.epochs import Validation
from classify.heads.mlp import MLP, TINY


def clouds(n: int = 120, dimension: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.normal(size=(n, dimension)) + 1.5 * y[:, None]).astype(np.float32), y


def on_its_way_to_zero(head: MLP) -> int:
    return sum(int(((array != 0) & (np.abs(array) < TINY)).sum()) for array in [*head.coefs_, *head.intercepts_])


def test_what_decays_is_set_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that no row excites: the penalty alone moves their weights, towards 0 and never there."""
    X, y = clouds()
    X = np.abs(X)
    settings = {"hidden_layer_sizes": (32,), "alpha": 30.0, "lr": 0.03, "batch_size": 8, "epochs": 90}
    head = MLP(**settings, random_state=0).fit(X, y)
    assert (head.coefs_[0] == 0).any() and on_its_way_to_zero(head) == 0
    monkeypatch.setattr(MLP, "_flush", lambda self: None)
    left_alone = MLP(**settings, random_state=0).fit(X, y)
    assert on_its_way_to_zero(left_alone) > 0, "else this test sees nothing"
    assert head.decision_function(X) == pytest.approx(left_alone.decision_function(X), abs=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_computes_in_the_precision_of_the_features(dtype: type) -> None:
    X, y = clouds()
    head = MLP(epochs=2, random_state=0).fit(X.astype(dtype), y)
    assert {array.dtype for array in [*head.coefs_, *head.intercepts_]} == {np.dtype(dtype)}


@pytest.mark.parametrize(("rows", "batch_size"), [(60, 60), (500, 100), (6400, 200), (32_000, 600)])
def test_the_batch_grows_with_the_rows(rows: int, batch_size: int) -> None:
    X, y = clouds(rows, 2)
    head = MLP(hidden_layer_sizes=(4,), epochs=1, random_state=0).fit(X, y)
    named = MLP(hidden_layer_sizes=(4,), epochs=1, batch_size=batch_size, random_state=0).fit(X, y)
    other = MLP(hidden_layer_sizes=(4,), epochs=1, batch_size=batch_size // 2, random_state=0).fit(X, y)
    assert np.array_equal(head.coefs_[0], named.coefs_[0])
    assert not np.array_equal(head.coefs_[0], other.coefs_[0])


def test_an_epoch_takes_the_steps_of_scikit_learn() -> None:
    X, y = clouds()
    weights = np.random.default_rng(1).uniform(0.5, 1.5, len(y))
    head = MLP(hidden_layer_sizes=(8,), alpha=0.01, lr=0.01, batch_size=30, epochs=1, random_state=0).fit(X, y, weights)
    network = MLPClassifier((8,), alpha=0.01, learning_rate_init=0.01, batch_size=30, max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(X, y, weights)
    probability = 1 / (1 + np.exp(-head.decision_function(X)))
    assert probability == pytest.approx(network.predict_proba(X)[:, 1], abs=1e-5)


def test_patience_ends_the_search() -> None:
    X, y = clouds(60, seed=1)
    noisy = np.where(np.arange(60) % 3 == 0, 1 - y, y)  # labels that invite to overfit
    head = MLP(epochs=100, lr=0.01, patience=4, random_state=0).fit(
        X, noisy, validation=Validation(*clouds(60, seed=2))
    )
    assert len(head.history_["epoch"]) == head.best_epoch_ + 4 < 100
