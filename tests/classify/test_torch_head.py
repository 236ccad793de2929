"""What all heads trained in torch share: what moves and what does not, weights, seeds, the epoch kept."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cache.errors import InputError
from classify.heads import torch_head
from classify.heads.base import Prompts
from classify.heads.clip_adapter import CLIPAdapter
from classify.heads.contrastive import Contrastive
from classify.heads.epochs import Validation
from classify.heads.linear_probe import LinearProbe
from classify.heads.prompt_fusion import PromptFusion
from classify.heads.schedules import cosine, plateau
from classify.heads.torch_head import TorchHead

torch = pytest.importorskip("torch", reason="torch is not installed")

D = 16


def prompts(D: int = D, labels: tuple[int, ...] = (1, 0, 0, 1, 0)) -> Prompts:
    rows = np.random.default_rng(9).normal(size=(len(labels), D))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Prompts(tuple("abcdefgh"[: len(labels)]), np.array(labels), rows.astype(np.float32), 20.0)


Maker = Callable[..., Any]
HEADS: dict[str, Maker] = {  # name -> a head for rows of D numbers, given some of its parameters
    "linear_probe": lambda **given: LinearProbe(**{"random_state": 0, **given}),
    "one output": lambda **given: LinearProbe(**{"random_state": 0, "outputs": 1, **given}),
    "prompt_fusion": lambda **given: PromptFusion(**{"random_state": 0, "prompts": prompts(), **given}),
    "clip_adapter": lambda **given: CLIPAdapter(**{"random_state": 0, "prompts": prompts(), **given}),
    "contrastive": lambda **given: Contrastive(**{"random_state": 0, **given}),
}
every_head = pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)


def clouds(n: int = 60, seed: int = 0, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return (rng.normal(size=(n, D)) + gap * y[:, None]).astype(np.float32), y


class Toy(TorchHead):
    """A linear layer whose recipe a test sets."""

    def __init__(self, lr: Any = 0.1, epochs: int = 1, batch_size: int = 1000, random_state: int | None = 0) -> None:
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state

    patience = None

    def _build(self, D: int) -> Any:
        return torch.nn.Linear(D, 1)

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        return parts(X)[:, 0]


def toy(parameters: dict[str, Any] | None = None, **recipe: Any) -> Toy:
    head = Toy(**(parameters or {}))
    for name, value in recipe.items():
        setattr(head, name, value)
    return head


@every_head
def test_all_that_is_trained_moves_and_all_that_is_frozen_does_not(make: Maker) -> None:
    X, y = clouds()
    before = make(lr=[0.0], epochs=1).fit(X, y)
    after = make(lr=[0.01] * 3, epochs=3).fit(X, y)
    assert before.state_.keys() == after.state_.keys()
    for name, values in before.state_.items():
        moved = after.state_[name] != values
        assert moved.mean() > 0.5, f"{name} is not trained"
    svm = len(after.coef_) + 1 if isinstance(after, Contrastive) else 0
    assert after.n_parameters_ == before.n_parameters_ == sum(v.size for v in after.state_.values()) + svm
    fresh = make(lr=[0.0], epochs=1)._constants(D)
    assert after.frozen_.keys() == fresh.keys()
    assert all(np.array_equal(after.frozen_[name], values) for name, values in fresh.items())
    if "prompts" in after.needs:
        assert fresh
        assert np.array_equal(after.prompts.embeddings, prompts().embeddings), "training wrote into the cache's prompts"


@every_head
def test_a_fit_with_what_was_chosen_is_what_was_validated(make: Maker) -> None:
    X, y = clouds(gap=0.5)
    noisy = np.where(np.arange(60) % 3 == 0, 1 - y, y)  # labels that invite to overfit
    X_held, y_held = clouds(40, seed=1, gap=0.5)
    head = make(epochs=30, lr=0.03, batch_size=8).fit(X, noisy, validation=Validation(X_held, y_held))
    losses = head.history_["validation_loss"]
    assert len(losses) == 30
    assert head.best_epoch_ == 1 + int(np.argmin(losses)) < 30
    signs = np.where(y_held == 1, 1, -1)
    assert np.mean(np.logaddexp(0, -signs * head.decision_function(X_held))) == min(losses)
    again = make(**{"lr": 0.03, "batch_size": 8, **head.chosen_}).fit(X, noisy)
    assert again.best_epoch_ == head.best_epoch_
    assert all(np.array_equal(again.state_[name], values) for name, values in head.state_.items())
    assert np.array_equal(again.decision_function(X), head.decision_function(X))
    last = make(epochs=30, lr=0.03, batch_size=8).fit(X, noisy)
    assert not np.array_equal(last.decision_function(X), head.decision_function(X)), "the best epoch is not the last"


@every_head
def test_a_seed_says_it_all_and_torch_is_left_as_it_was(make: Maker) -> None:
    X, y = clouds()
    torch.manual_seed(5)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    first = make(lr=0.01, epochs=2).fit(X, y)
    assert torch.equal(torch.rand(3), drawn), "a fit drew from torch's own generator"
    second = make(lr=0.01, epochs=2).fit(X, y)
    assert np.array_equal(first.decision_function(X), second.decision_function(X))
    assert first.history_ == second.history_
    other = make(lr=0.01, epochs=2, random_state=1).fit(X, y)
    assert not np.array_equal(first.decision_function(X), other.decision_function(X))


def test_the_number_of_threads_is_as_it_was() -> None:
    seen: list[int] = []

    class Watched(Toy):
        def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
            seen.append(torch.get_num_threads())
            return super()._logits(parts, frozen, X)

    X, y = clouds()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        head = Watched().fit(X, y)
        assert torch.get_num_threads() == 2
        head.decision_function(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert seen == [1, 1]


@every_head
def test_a_row_of_weight_zero_is_absent(make: Maker) -> None:
    X, y = clouds()
    weights = np.where(np.arange(60) < 40, np.random.default_rng(3).uniform(0.5, 2, 60), 0.0)
    wrong = np.where(weights > 0, y, 1 - y)
    weighted = make(lr=0.01, epochs=2, batch_size=16).fit(X, wrong, sample_weight=weights)
    absent = make(lr=0.01, epochs=2, batch_size=16).fit(X[:40], y[:40], sample_weight=weights[:40])
    assert np.array_equal(weighted.decision_function(X), absent.decision_function(X))


@every_head
def test_weights_are_relative_and_weights_of_one_are_none(make: Maker) -> None:
    X, y = clouds()
    bare = make(lr=0.01, epochs=2).fit(X, y).decision_function(X)
    same = make(lr=0.01, epochs=2).fit(X, y, sample_weight=np.full(60, 3.0)).decision_function(X)
    assert same == pytest.approx(bare, abs=1e-6)


@pytest.mark.parametrize("name", sorted(HEADS.keys() - {"contrastive"}))  # whose loss has tests of its own
def test_a_heavy_class_draws_the_decisions(name: str) -> None:
    X, y = clouds()
    bare = HEADS[name](lr=0.01, epochs=2).fit(X, y).decision_function(X)
    tilted = HEADS[name](lr=0.01, epochs=2).fit(X, y, sample_weight=np.where(y == 1, 8.0, 1.0)).decision_function(X)
    assert tilted.mean() > bare.mean()


@pytest.mark.parametrize("name", ["linear_probe", "one output", "clip_adapter"])  # those without dropout
def test_a_row_of_weight_two_is_two_rows_in_the_loss(name: str) -> None:
    X, y = clouds()
    weights = 1.0 + np.arange(60) % 3
    twice = np.repeat(np.arange(60), weights.astype(int))
    whole = {"lr": [0.01] * 5, "epochs": 5, "batch_size": 1000}
    weighted = HEADS[name](**whole).fit(X, y, sample_weight=weights)
    repeated = HEADS[name](**whole).fit(X[twice], y[twice])
    assert weighted.decision_function(X) == pytest.approx(repeated.decision_function(X), abs=2e-4)
    assert weighted.history_["train_loss"] == pytest.approx(repeated.history_["train_loss"], rel=1e-5)


@pytest.mark.parametrize("name", ["linear_probe", "one output", "clip_adapter"])
def test_the_loss_is_the_weighted_cross_entropy(name: str) -> None:
    X, y = clouds()
    weights = 1.0 + np.arange(60) % 3
    head = HEADS[name](lr=[0.0], epochs=1, batch_size=60).fit(X, y, sample_weight=weights)
    losses = np.logaddexp(0, -np.where(y == 1, 1, -1) * head.decision_function(X))
    assert head.history_["train_loss"] == pytest.approx([np.average(losses, weights=weights)], rel=1e-5)


@every_head
def test_a_checkpoint_holds_the_weights_after_its_epoch(make: Maker) -> None:
    X, y = clouds()
    told: dict[int, dict[str, np.ndarray]] = {}
    make(lr=[0.01] * 3, epochs=3).fit(X, y, checkpoint=told.__setitem__)
    assert list(told) == [1, 2, 3]
    shorter = make(lr=[0.01] * 2, epochs=2).fit(X, y)
    assert told[2].keys() == shorter.state_.keys()
    assert all(np.array_equal(told[2][name], values) for name, values in shorter.state_.items())


RECIPES: dict[str, dict[str, Any]] = {
    "linear_probe": {
        "optimiser": "adamw", "weight_decay": 0.01, "lr": 1e-4, "schedule": "cosine", "lr_min": 0, "epochs": 3,
        "batch_size": 32, "outputs": 2, "clip_norm": None, "warmup_epochs": 0,
    },
    "prompt_fusion": {
        "optimiser": "adamw", "weight_decay": 1e-4, "lr": 1e-4, "schedule": "cosine", "lr_min": 0, "epochs": 15,
        "batch_size": 32, "clip_norm": 1, "warmup_epochs": 0,
    },
    "clip_adapter": {
        "optimiser": "sgd", "momentum": 0.9, "weight_decay": 5e-4, "lr": 0.002, "schedule": "cosine", "lr_min": 0,
        "epochs": 20, "batch_size": 16, "clip_norm": None, "warmup_epochs": 1, "warmup_lr": 1e-5, "ratio": 0.4,
    },
    "contrastive": {"optimiser": "adamw", "schedule": "constant", "temperature": 0.07, "epochs": 10, "batch_size": 128},
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_the_defaults_are_the_recipe(name: str) -> None:
    head = HEADS[name]()
    assert {key: getattr(head, key) for key in RECIPES[name]} == RECIPES[name]


def leaves(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    if inside is None:
        yield value
    else:
        for part in inside:
            yield from leaves(part)


@every_head
def test_what_is_saved_scores_the_same_without_prompts(make: Maker) -> None:
    X, y = clouds()
    head = make(lr=0.01, epochs=2).fit(X, y)
    fitted = {name: value for name, value in vars(head).items() if name.endswith("_")}
    kept = vars(head).keys() - fitted.keys() - head.get_params().keys()
    assert not kept, f"a fitted head keeps {kept}"
    known = (int, float, str, np.ndarray)
    assert all(isinstance(leaf, known) for leaf in leaves(fitted)), "only what a file can hold"
    read = type(head)(**{name: value for name, value in head.get_params().items() if name != "prompts"})
    for name, value in fitted.items():
        setattr(read, name, value)
    for values in [*read.state_.values(), *read.frozen_.values()]:
        values.flags.writeable = False  # as of a file that is mapped
    assert np.array_equal(read.decision_function(X), head.decision_function(X))


@every_head
def test_scores_do_not_depend_on_the_size_of_a_block(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = clouds()
    head = make(lr=0.01, epochs=2).fit(X, y)
    at_once = head.decision_function(X)
    for module in (torch_head, sys.modules[type(head).__module__]):
        monkeypatch.setattr(module, "BLOCK", 7, raising=False)
    assert head.decision_function(X) == pytest.approx(at_once, abs=1e-5)
    assert head.decision_function(np.asfortranarray(X)[::-1]) == pytest.approx(at_once[::-1], abs=1e-5)


@every_head
def test_four_rows_of_two_numbers_fit_in_one_epoch(make: Maker) -> None:
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 1, 1]
    given = {"prompts": prompts(2, (0, 1))} if "prompts" in make().get_params() else {}
    assert np.isfinite(make(epochs=1, **given).fit(X, y).decision_function(X)).all()


@every_head
def test_a_batch_of_a_single_row_is_no_harm(make: Maker) -> None:
    X, y = clouds(9)
    assert np.isfinite(make(lr=0.01, epochs=2, batch_size=4).fit(X, y).decision_function(X)).all()


@every_head
def test_without_torch_it_says_what_to_install(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    name = type(make()).__module__.rpartition(".")[2]
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=rf"the head {name} needs torch: pip install -e \.\[extract\]"):
        make().fit(*clouds())


@every_head
def test_bad_values_are_refused(make: Maker) -> None:
    X, y = clouds()
    with pytest.raises(ValueError, match="batch_size is 1 or more, not 0"):
        make(batch_size=0).fit(X, y)
    with pytest.raises(ValueError, match=r"lr=1e\+38 is too large"), np.errstate(all="ignore"):
        make(lr=[1e38] * 3, epochs=3).fit(1e10 * X, y)
    with pytest.raises(ValueError, match="lr has 2 values for 3 epochs"):
        make(lr=[0.1, 0.1], epochs=3).fit(X, y)


def test_unknown_names_in_a_recipe_list_the_known() -> None:
    with pytest.raises(ValueError, match="unknown schedule 'step'; known: constant, cosine, plateau"):
        toy(schedule="step").fit(*clouds())
    with pytest.raises(ValueError, match="unknown optimiser 'lion'; known: adamw, sgd"):
        toy(optimiser="lion").fit(*clouds())


def test_a_long_gradient_is_shortened_and_a_short_one_is_not() -> None:
    X, y = clouds()
    rows = 1000 * X, 1 - y

    def step(clip: float | None) -> float:
        recipe: dict[str, Any] = {"optimiser": "sgd", "momentum": 0.0, "clip_norm": clip}
        before, after = (toy({"lr": [rate]}, **recipe).fit(*rows).state_ for rate in (0.0, 0.1))
        return float(np.sqrt(sum(((after[name] - before[name]) ** 2).sum() for name in after)))

    free = step(None)
    assert free > 1
    assert step(0.5) == pytest.approx(0.1 * 0.5, rel=1e-3)
    assert step(1e9) == pytest.approx(free)


def test_weight_decay_of_both_optimisers_by_hand() -> None:
    """Rows of zeros give the weights no gradient, so that only the decay moves them."""
    X, y = np.zeros((4, D), np.float32), np.array([0, 0, 1, 1])
    start = toy({"lr": [0.0]}).fit(X, y).state_["weight"]
    for optimiser in ("adamw", "sgd"):
        end = toy({"lr": [0.1]}, optimiser=optimiser, weight_decay=0.5).fit(X, y).state_["weight"]
        assert end == pytest.approx(start * (1 - 0.1 * 0.5), rel=1e-5)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_steps_are_those_of_torch(optimiser: str) -> None:
    X, y = clouds()
    head = toy({"lr": [0.1, 0.05, 0.2], "epochs": 3}, optimiser=optimiser, weight_decay=0.1).fit(X, y)
    start = toy({"lr": [0.0]}).fit(X, y).state_
    layer = torch.nn.Linear(D, 1)
    layer.load_state_dict({name: torch.tensor(values) for name, values in start.items()})
    if optimiser == "adamw":
        steps: Any = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
    else:
        steps = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1, momentum=0.9)
    for lr in (0.1, 0.05, 0.2):
        steps.param_groups[0]["lr"] = lr
        steps.zero_grad()
        targets = torch.tensor(y, dtype=torch.float32)
        torch.nn.functional.binary_cross_entropy_with_logits(layer(torch.tensor(X))[:, 0], targets).backward()
        steps.step()
    assert head.state_["weight"] == pytest.approx(layer.weight.detach().numpy(), abs=1e-5)


def test_rows_are_shuffled_anew_in_every_epoch() -> None:
    seen: list[np.ndarray] = []

    class Watched(Toy):
        def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
            seen.append(X[:, 0].numpy().copy())
            return super()._logits(parts, frozen, X)

    X, y = clouds()
    Watched(epochs=2, batch_size=25).fit(X, y)
    assert [len(batch) for batch in seen] == [25, 25, 10, 25, 25, 10]
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), np.sort(X[:, 0])) and np.array_equal(np.sort(second), np.sort(X[:, 0]))


def test_dropout_is_for_training_alone() -> None:
    class Dropped(Toy):
        def _build(self, D: int) -> Any:
            return torch.nn.Sequential(torch.nn.Linear(D, 1), torch.nn.Dropout(0.5))

    X, y = clouds()
    head = Dropped(lr=[0.0, 0.0], epochs=2).fit(X, y)
    first, second = head.history_["train_loss"]
    assert abs(first - second) > 1e-3, "other numbers are dropped in every epoch"
    whole = X @ head.state_["0.weight"][0] + head.state_["0.bias"][0]
    assert head.decision_function(X) == pytest.approx(whole, abs=1e-5)


def test_the_cosine_is_that_of_torch() -> None:
    steps = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(steps, T_max=7, eta_min=0.01)
    for epoch in range(1, 8):
        assert cosine(epoch, 7, 0.3, 0.01) == pytest.approx(schedule.get_last_lr()[0])
        steps.step()
        schedule.step()


def test_warm_up_epochs_come_first() -> None:
    head = CLIPAdapter(prompts(), lr=0.002, epochs=4, random_state=0).fit(*clouds())
    assert head.history_["lr"] == pytest.approx([1e-5, *(cosine(epoch, 4, 0.002, 0) for epoch in (1, 2, 3))])
    assert toy({"epochs": 3}, warmup_epochs=2).fit(*clouds()).history_["lr"] == [1e-5, 1e-5, 0.1]


def test_a_plateau_falls_to_the_least_step_and_stays() -> None:
    falling = [1.0, 0.9, 0.8]
    assert plateau(falling, 1e-4, 1e-6) == 1e-4
    assert plateau([*falling, *[0.8] * 4], 1e-4, 1e-6) == 1e-4
    assert plateau([*falling, *[0.8] * 5], 1e-4, 1e-6) == pytest.approx(1e-5)
    assert plateau([*falling, *[0.8] * 5, 0.7, *[0.7] * 4], 1e-4, 1e-6) == pytest.approx(1e-5)
    assert plateau([*falling, *[0.8] * 10], 1e-4, 1e-6) == pytest.approx(1e-6)
    assert plateau([*falling, *[0.8] * 50], 1e-4, 1e-6) == 1e-6
    assert plateau([], 1e-7, 1e-6) == 1e-7, "a step below the least one is not lengthened"
