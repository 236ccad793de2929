"""The linear probe: its two recipes, and scores without torch."""

import sys
from typing import Any

import numpy as np
import pytest

from classify.heads.epochs import Validation
from classify.heads.linear_probe import LinearProbe

pytest.importorskip("torch", reason="torch is not installed")

UFD: dict[str, Any] = {
    "outputs": 1,
    "batch_size": 256,
    "weight_decay": 0,
    "schedule": "plateau",
    "lr_min": 1e-6,
    "patience": 15,
}


def clouds(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return (rng.normal(size=(n, 8)) + 1.2 * y[:, None]).astype(np.float32), y


def test_parameters_by_hand() -> None:
    X = np.random.default_rng(0).normal(size=(8, 512))
    y = np.arange(8) % 2
    assert LinearProbe(random_state=0).fit(X, y).n_parameters_ == 2 * 512 + 2 == 1026
    assert LinearProbe(outputs=1, random_state=0).fit(X, y).n_parameters_ == 513


def test_it_learns_where_the_step_is_long_enough() -> None:
    X, y = clouds()
    for outputs in (1, 2):
        head = LinearProbe(outputs, lr=0.1, epochs=10, random_state=0).fit(X, y)
        X_new, y_new = clouds(seed=1)
        assert (head.predict(X_new) == y_new).mean() > 0.9


def test_two_logits_are_one_with_twice_the_step_and_half_the_decay() -> None:
    X, y = clouds()
    two = LinearProbe(2, lr=0.01, weight_decay=0.1, epochs=5, random_state=0).fit(X, y)
    first = LinearProbe(2, lr=[0.0], epochs=1, random_state=0).fit(X, y)

    class SameStart(LinearProbe):
        def _build(self, D: int) -> Any:
            import torch

            layer = super()._build(D)
            if not torch.empty(0).is_meta:
                layer.load_state_dict({
                    "weight": torch.tensor(first.coef_[None], dtype=torch.float32),
                    "bias": torch.tensor([first.intercept_], dtype=torch.float32),
                })  # fmt: skip
                torch.rand(first.state_["weight"].size // 2 + 1)  # as many draws as the other start took
            return layer

    one = SameStart(1, lr=0.02, weight_decay=0.05, epochs=5, random_state=0).fit(X, y)
    assert two.history_["train_loss"] == pytest.approx(one.history_["train_loss"], rel=1e-3)
    assert two.decision_function(X) == pytest.approx(one.decision_function(X), abs=2e-3)


def test_decision_is_linear_in_float64() -> None:
    X, y = clouds()
    head = LinearProbe(lr=0.1, random_state=0).fit(X, y)
    assert head.coef_.shape == (8,)
    assert head.decision_function(X) == pytest.approx(X.astype(float) @ head.coef_ + head.intercept_, abs=1e-12)
    assert head.coef_ == pytest.approx(head.state_["weight"][1] - head.state_["weight"][0])


def test_scores_need_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = clouds()
    head = LinearProbe(random_state=0).fit(X, y)
    before = head.decision_function(X)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert np.array_equal(head.decision_function(X), before)


def test_the_plateau_recipe_shortens_its_step_and_ends_after_three_waits() -> None:
    X, y = clouds()
    X_held, y_held = clouds(seed=1)
    wrong = Validation(X_held, 1 - y_held)  # every step is for the worse, so the first epoch stays the best
    head = LinearProbe(**UFD, lr=0.01, epochs=100, random_state=0).fit(X, y, validation=wrong)
    rates = head.history_["lr"]
    assert head.best_epoch_ == 1
    assert rates == pytest.approx([0.01] * 6 + [0.001] * 5 + [0.0001] * 5)
    assert head.chosen_ == {"epochs": 1}


def test_a_refit_takes_the_steps_of_the_plateau() -> None:
    X, y = clouds()
    erratic = {**UFD, "lr": 5.0, "batch_size": 8, "epochs": 30}  # only shorter steps settle
    head = LinearProbe(**erratic, random_state=0).fit(X, y, validation=Validation(*clouds(seed=1)))
    rates = head.chosen_["lr"]
    assert head.best_epoch_ == len(rates) > 6 and rates[-1] < rates[0]
    again = LinearProbe(**{**erratic, **head.chosen_}, random_state=0).fit(X, y)
    assert np.array_equal(again.coef_, head.coef_)


def test_other_numbers_of_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="outputs is 1 or 2, not 3"):
        LinearProbe(3).fit(*clouds())
