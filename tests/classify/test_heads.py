"""Heads: scikit-learn's own checks, and what is ours in them."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from classify.heads import HEADS, Head
from classify.heads.epochs import Validation
from classify.heads.mlp import MLP
from classify.normalize import Normalize

# scikit-learn lists the same check as failing for its SVC, and for what draws batches of rows
SAME_WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
WEIGHTS_ARE_NOT_REPEATS = {
    "SVM": {SAME_WEIGHTS: "as of scikit-learn's own estimator"},
    "Ensemble": {SAME_WEIGHTS: "as of its members"},
    "Contrastive": {SAME_WEIGHTS: "batches of repeated rows are other batches"},
}


# on arrays alone: heads that need prompts or the text tower have tests of their own
PLAIN = [name for name, head in HEADS.items() if not head.needs]
QUICK = {"linear_probe": {"epochs": 40, "lr": 0.1, "batch_size": 64}, "contrastive": {"hidden": 16, "dimension": 4}}
WITHOUT_GRID = [name for name, head in HEADS.items() if not head.GRID]


def make(name: str, seed: int = 0) -> Head:
    """A head whose published recipe, where it is for larger data, is changed so that it learns 120 rows."""
    return HEADS[name](**QUICK.get(name, {}), random_state=seed)


def expected_failures(estimator: object) -> dict[str, str]:
    return WEIGHTS_ARE_NOT_REPEATS.get(type(estimator).__name__, {})


@parametrize_with_checks([*(make(name) for name in PLAIN), Normalize()], expected_failed_checks=expected_failures)
def test_scikit_learn_accepts_it(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def clouds(n: int = 120, dimension: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.normal(size=(n, dimension)) + 1.5 * y[:, None]).astype(np.float32), y


@pytest.mark.parametrize("name", PLAIN)
def test_every_head_separates_clouds_and_counts_its_parameters(name: str) -> None:
    X, y = clouds()
    head = make(name).fit(X, y)
    assert (head.predict(X) == y).mean() > 0.9
    assert head.converged_
    assert 0 < head.n_parameters_ < 2000 or name == "knn"
    assert set(head.GRID) <= set(head.get_params())


@pytest.mark.parametrize(("name", "count"), [("logistic", 6), ("linear_svm", 6), ("mlp", 5 * 64 + 64 + 64 + 1)])
def test_parameters_by_hand(name: str, count: int) -> None:
    assert make(name).fit(*clouds()).n_parameters_ == count


@pytest.mark.parametrize("name", PLAIN)
def test_a_row_of_weight_zero_is_as_good_as_absent(name: str) -> None:
    X, y = clouds(200)
    keep = np.arange(200) < 120
    wrong = np.where(keep, y, 1 - y)  # the weightless rows say the contrary
    head = make(name).fit(X, wrong, sample_weight=keep.astype(float))
    assert (head.predict(X[~keep]) == y[~keep]).mean() > 0.85


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_fit_twice_is_the_same_bit_for_bit(name: str) -> None:
    X, y = clouds()
    first, second = (make(name, 3).fit(X, y).decision_function(X) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", PLAIN)
def test_a_class_of_no_weight_is_refused(name: str) -> None:
    X, y = clouds()
    with pytest.raises(ValueError, match="two classes, not of 1 class"):
        HEADS[name]().fit(X, y, sample_weight=(y == 1).astype(float))


def test_mlp_keeps_the_epoch_of_the_lowest_weighted_validation_loss() -> None:
    X, y = clouds(60, seed=1)
    X_held, y_held = clouds(60, seed=2)
    noisy = np.where(np.arange(60) % 3 == 0, 1 - y, y)  # labels that invite to overfit
    head = MLP(epochs=80, patience=None, lr=0.01, random_state=0).fit(X, noisy, validation=Validation(X_held, y_held))
    losses = head.history_["validation_loss"]
    assert head.history_["epoch"] == list(range(1, 81))
    assert head.best_epoch_ == 1 + int(np.argmin(losses)) < 80
    shorter = MLP(epochs=head.best_epoch_, lr=0.01, random_state=0).fit(X, noisy)
    assert np.array_equal(shorter.decision_function(X), head.decision_function(X)), "the refit is what was validated"
    probability = 1 / (1 + np.exp(-head.decision_function(X_held)))
    loss = -np.mean(np.where(y_held == 1, np.log(probability), np.log1p(-probability)))
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_mlp_validation_weights_count() -> None:
    X, y = clouds(60)
    X_held, y_held = clouds(60, seed=2)
    half = np.arange(60) < 30
    weighted = MLP(epochs=5, random_state=0).fit(X, y, validation=Validation(X_held, y_held, half.astype(float)))
    alone = MLP(epochs=5, random_state=0).fit(X, y, validation=Validation(X_held[half], y_held[half]))
    assert weighted.history_["validation_loss"] == pytest.approx(alone.history_["validation_loss"])


def test_mlp_shuffles_anew_in_every_epoch() -> None:
    """With the same batches each time, two steps from the same weights would equal one run of two epochs."""
    X, y = clouds(40)
    single = MLP(epochs=1, batch_size=8, random_state=0).fit(X, y)
    double = MLP(epochs=2, batch_size=8, random_state=0).fit(X, y)
    assert single.history_["train_loss"][0] == double.history_["train_loss"][0]
    from sklearn.neural_network import MLPClassifier

    same_order = MLPClassifier((64,), alpha=0.1, learning_rate_init=3e-3, batch_size=8, random_state=0)
    for _ in range(2):
        same_order.partial_fit(X, y, classes=[0, 1])
    assert not np.array_equal(same_order.coefs_[0], double.coefs_[0])


def test_a_head_is_an_estimator_with_a_grid() -> None:
    assert all(issubclass(head, Head) for head in HEADS.values())
