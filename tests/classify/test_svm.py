"""The SVM head: which solver, and that each finds what it should."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.svm import SVC

import classify.heads.svm as svm
from classify.heads.svm import SVM, kernel
from evaluate.metrics import auc


def moons(n: int = 300, seed: int = 0, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    X, y = make_moons(n, noise=0.25, random_state=seed)
    return (X + 5).astype(dtype), y


@pytest.fixture
def few_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "MAX_EXACT", 100)
    monkeypatch.setattr(svm, "MAX_INTEL", 100)
    monkeypatch.setattr(svm, "LANDMARKS", 60)
    monkeypatch.setattr(svm, "MAX_LANDMARKS", 60)


def spread(X: np.ndarray) -> float:
    return float(X.var(axis=0).sum())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows_are_fitted_as_libsvm_does(dtype: type) -> None:
    X, y = moons(dtype=dtype)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, len(y))
    centre = np.average(X, axis=0, weights=weights)
    gamma = 1 / np.average(((X - centre) ** 2).sum(axis=1), weights=weights)
    head = SVM(C=3.0, relative_gamma=1.0).fit(X, y, weights)
    machine = SVC(C=3.0, gamma=gamma).fit(X.astype(float), y, weights)
    assert head.decision_function(X) == pytest.approx(machine.decision_function(X.astype(float)), abs=0.01)
    assert head.solver_ == "libsvm, 300 rows"
    assert head.n_parameters_ == len(head.vectors_) + 1 == len(machine.support_) + 1


def test_only_rows_that_weigh_something_decide_the_solver(few_exact: None) -> None:
    X, y = moons()
    weights = (np.arange(300) < 100).astype(float)
    head = SVM().fit(X, 1 - y * (weights > 0), weights)  # the weightless rows lie
    assert head.solver_ == "libsvm, 100 rows"
    alone = SVM().fit(X[:100], 1 - y[:100])
    assert np.array_equal(head.decision_function(X), alone.decision_function(X))


def test_many_rows_are_fitted_on_landmarks(few_exact: None) -> None:
    X, y = moons(2000)
    X_test, y_test = moons(1000, seed=1)
    head = SVM(C=10.0, relative_gamma=1.0, random_state=0).fit(X, y)
    assert head.solver_ == "kernel approximation, 60 landmarks, squared hinge loss, 2000 rows"
    assert head.vectors_.shape == (60, 2) and head.n_parameters_ == 61 and head.converged_
    machine = SVC(C=10.0, gamma=1 / spread(X)).fit(X, y)
    exact = auc(y_test, machine.decision_function(X_test))
    assert auc(y_test, head.decision_function(X_test)) == pytest.approx(exact, abs=0.002)
    assert (head.predict(X_test) == machine.predict(X_test)).mean() > 0.98


def test_with_every_row_a_landmark_the_machine_is_the_exact_one_of_its_loss(
    few_exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the optimum, each row's coefficient is the slope of its loss: alpha = C w max(0, 1 - y f)."""
    monkeypatch.setattr(svm, "LANDMARKS", 150)
    monkeypatch.setattr(svm, "MAX_LANDMARKS", 150)
    monkeypatch.setattr(svm, "JITTER", 1e-9)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 8)), rng.integers(0, 2, 150)
    weights = rng.uniform(0.5, 1.5, 150)
    head = SVM(C=0.5, relative_gamma=3.0, random_state=0).fit(X, y, weights)
    signs = np.where(y == 1, 1.0, -1.0)
    slopes = 0.5 * weights * np.maximum(0, 1 - signs * head.decision_function(X)) * signs
    assert head.dual_coef_ == pytest.approx(slopes, abs=1e-4)
    assert slopes.sum() == pytest.approx(0, abs=1e-3), "the intercept costs nothing"


def test_rows_of_more_weight_are_more_often_landmarks(few_exact: None) -> None:
    X, y = moons(1000)
    weights = np.where(np.arange(1000) % 2, 1.9, 0.1)
    head = SVM(random_state=0).fit(X, y, weights)
    rows = {tuple(row) for row in np.round(X - head.centre_, 9)[weights > 1]}
    heavy = [tuple(row) in rows for row in np.round(head.vectors_, 9)]
    assert np.mean(heavy) > 0.8


@pytest.mark.parametrize(("rows", "landmarks"), [(150, 60), (800, 100), (2000, 120)])
def test_landmarks_grow_with_the_rows_within_bounds(
    few_exact: None, monkeypatch: pytest.MonkeyPatch, rows: int, landmarks: int
) -> None:
    monkeypatch.setattr(svm, "MAX_LANDMARKS", 120)
    assert len(SVM(random_state=0).fit(*moons(rows)).vectors_) == landmarks


def test_a_map_too_large_to_keep_gives_the_same(few_exact: None, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = moons(500, dtype=np.float32)
    kept = SVM(random_state=0).fit(X, y)
    monkeypatch.setattr(svm, "MAX_MAPPED", 200)
    streamed = SVM(random_state=0).fit(X, y)
    assert streamed.decision_function(X) == pytest.approx(kept.decision_function(X), abs=1e-3)


def test_the_random_state_draws_the_landmarks(few_exact: None) -> None:
    X, y = moons(500)
    one, again, other = (SVM(random_state=seed).fit(X, y) for seed in (0, 0, 1))
    assert np.array_equal(one.decision_function(X), again.decision_function(X))
    assert not np.array_equal(one.vectors_, other.vectors_)


@pytest.mark.parametrize("rows", [90, 400])
def test_candidates_fitted_together_are_those_fitted_alone(few_exact: None, rows: int) -> None:
    X, y = moons(rows)
    candidates: list[dict[str, Any]] = [
        {"C": C, "relative_gamma": gamma, "random_state": 0} for C in (1.0, 10.0) for gamma in (0.1, 1.0)
    ]
    together = SVM.fit_each(candidates, X, y)
    for head, candidate in zip(together, candidates, strict=True):
        alone = SVM(**candidate).fit(X, y)
        assert {name: head.get_params()[name] for name in candidate} == candidate
        assert head.decision_function(X) == pytest.approx(alone.decision_function(X), abs=1e-4)


def test_candidates_of_one_gamma_share_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(svm, "kernel", lambda *given: calls.append(given[2]) or kernel(*given))
    X, y = moons(50)
    SVM.fit_each([{"C": C, "relative_gamma": gamma} for gamma in (0.1, 1.0) for C in (1.0, 10.0, 100.0)], X, y)
    assert len(calls) == 2 and calls[1] == pytest.approx(10 * calls[0])


def test_scikit_learn_intelex_takes_the_middle_where_it_is_installed(
    few_exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in: the head needs of it what scikit-learn's own machine has."""
    monkeypatch.setattr(svm, "MAX_INTEL", 300)
    package, module = ModuleType("sklearnex"), ModuleType("sklearnex.svm")
    module.SVC, package.svm = SVC, module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearnex", package)
    monkeypatch.setitem(sys.modules, "sklearnex.svm", module)
    X, y = moons()
    head = SVM(relative_gamma=1.0).fit(X, y)
    assert head.solver_ == "scikit-learn-intelex, 300 rows"
    machine = SVC(C=10.0, gamma=1 / spread(X)).fit(X - X.mean(axis=0), y)
    assert head.decision_function(X) == pytest.approx(machine.decision_function(X - X.mean(axis=0)), abs=1e-6)
    assert SVM(random_state=0).fit(*moons(301)).solver_.startswith("kernel approximation")
    assert SVM().fit(*moons(100)).solver_.startswith("libsvm")


def test_where_it_is_missing_landmarks_take_the_middle(few_exact: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "MAX_INTEL", 300)
    monkeypatch.setitem(sys.modules, "sklearnex", None)
    assert SVM(random_state=0).fit(*moons()).solver_.startswith("kernel approximation")


@pytest.mark.parametrize("rows", [90, 400])
def test_only_plain_values_stay_in_the_head(few_exact: None, rows: int) -> None:
    head = SVM(random_state=0).fit(*moons(rows, dtype=np.float32))
    fitted = {name: value for name, value in vars(head).items() if name.endswith("_")}
    assert all(isinstance(value, np.ndarray | float | int | str) for value in fitted.values()), fitted
    assert head.vectors_.dtype == np.float32


def test_the_kernel_of_far_features_is_not_lost_in_rounding() -> None:
    """float32 features far from the origin: their differences alone count."""
    X, y = moons(200, dtype=np.float32)
    near, far = SVM(relative_gamma=1.0).fit(X, y), SVM(relative_gamma=1.0).fit(X + 1024, y)
    assert far.decision_function(X + 1024) == pytest.approx(near.decision_function(X), abs=0.05)
